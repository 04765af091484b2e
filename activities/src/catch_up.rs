//! Closing the gap after a time without connection: the history of every source chat after the last durable message,
//! and the durable ones again, for what was changed meanwhile.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use domain::{ChatId, Message, Platform, Update};
use store::{StoreError, chats::Source as Chat};
use temporalio_client::Client;

use crate::{
    context::Context,
    ingest::{Source, ingest},
    platform::{Connection, PlatformError},
};

mod closed;
mod review;

pub(crate) use closed::Closed;

/// Messages asked for at once; both platforms give at most 100.
const PAGE: usize = 100;
/// The platform's clock may be behind ours by so much: what was written in threads is looked for from so much earlier.
const CLOCK_SKEW: TimeDelta = TimeDelta::seconds(10);
/// First wait after a failed page; doubled up to [`RETRY_MAX`].
const RETRY_FIRST: Duration = Duration::from_millis(500);
/// Longest wait. The live stream is not read meanwhile, so that no message overtakes the gap.
const RETRY_MAX: Duration = Duration::from_secs(30);

/// One account's look at what it has missed.
pub(crate) struct CatchUp<'a> {
    pub context: &'a Arc<Context>,
    pub client: &'a Client,
    pub source: Source,
    pub connection: &'a dyn Connection,
    /// Chats that could not be read.
    pub closed: &'a Closed,
}

impl CatchUp<'_> {
    /// Reads every source chat up to its end and reviews what was there before. Returns only when every gap is closed
    /// or noted as one that cannot be read now, or with an error that ends the hosting: messages ingested after an open
    /// gap would move the cursor past it.
    pub async fn run(&self) -> Result<(), PlatformError> {
        // As it is before anything is read: what is read now needs no review.
        let chats = self.sources().await;
        self.closed.clear();
        self.read(&chats, &chats).await?;
        self.review(&chats).await
    }

    /// Closes the gaps of the chats that could not be read and that the account may read again.
    pub async fn look_again(&self) -> Result<(), PlatformError> {
        let mut opened = Vec::new();
        for chat in self.closed.all() {
            if self.connection.chat(chat).await.is_ok_and(|facts| facts.can_read) {
                self.closed.remove(chat);
                opened.push(chat);
            }
        }
        if opened.is_empty() {
            return Ok(());
        }
        let known = self.sources().await;
        let chats: Vec<Chat> = known.iter().copied().filter(|known| opened.contains(&known.chat)).collect();
        self.read(&chats, &known).await?;
        self.review(&chats).await
    }

    async fn sources(&self) -> Vec<Chat> {
        persist("read the source chats", || async {
            let mut database = self.context.database().await?;
            store::chats::sources(&mut database, self.source.account).await
        })
        .await
    }

    /// Reads what came in `chats` and in the threads that are not `known`.
    async fn read(&self, chats: &[Chat], known: &[Chat]) -> Result<(), PlatformError> {
        let mut found = 0;
        for chat in chats {
            found += self.read_chat(chat.chat, chat.cursor).await?;
        }
        found += self.read_threads(known).await?;
        if found > 0 {
            tracing::info!(account.id = %self.source.account, messages = found, "Fetched what came while the account was away.");
        }
        Ok(())
    }

    /// Threads that were opened while nobody listened are unknown: the platform is asked for them. Only then is it on
    /// record that nothing is missing below a channel.
    async fn read_threads(&self, known: &[Chat]) -> Result<usize, PlatformError> {
        if self.source.platform == Platform::Telegram {
            // Its topics are part of the forum's own history.
            return Ok(0);
        }
        let (account, connection) = (self.source.account, self.connection);
        let above = persist("read the channels that may have threads", || async {
            let mut database = self.context.database().await?;
            store::chats::above_threads(&mut database, account).await
        })
        .await;
        let mut found = 0;
        for above in above {
            let asked_at = self.context.clock.now() - CLOCK_SKEW;
            let listed = patiently(self.source, above.chat, || connection.threads(above.chat, above.since)).await?;
            let listed = match listed {
                Ok(listed) => listed,
                Err(refusal) => {
                    self.leave_open(above.chat, &refusal).await;
                    continue;
                }
            };
            let mut is_whole = true;
            for thread in listed.into_iter().filter(|thread| known.iter().all(|known| known.chat != thread.chat)) {
                found += self.read_chat(thread.chat, thread.after).await?;
                is_whole &= !self.closed.contains(thread.chat);
            }
            if !is_whole {
                continue;
            }
            persist("record that threads were read", || async {
                let mut database = self.context.database().await?;
                store::chats::set_threads_read(&mut database, account, above.chat, asked_at).await
            })
            .await;
        }
        Ok(found)
    }

    /// Reads what came above `cursor`.
    async fn read_chat(&self, chat: ChatId, mut cursor: i64) -> Result<usize, PlatformError> {
        let mut found = 0;
        loop {
            let page = match self.history(chat, cursor).await? {
                Ok(page) => page,
                Err(refusal) => {
                    self.leave_open(chat, &refusal).await;
                    break;
                }
            };
            let Some(newest) = page.iter().map(|message| message.message_id).max() else { break };
            let page: Vec<Update> = page.into_iter().map(Update::Posted).collect();
            persist("record history", || ingest(self.context, self.client, self.source, &page)).await;
            found += page.len();
            cursor = newest;
        }
        Ok(found)
    }

    /// The chat's gap stays: what comes live does not move its cursor, and the user can see why.
    async fn leave_open(&self, chat: ChatId, refusal: &PlatformError) {
        self.closed.add(chat);
        let (code, detail) = crate::hosting::reason(refusal);
        let detail = format!("what came in chat {chat} while the account was away cannot be read: {detail}");
        persist("record that a chat is closed", || async {
            let mut database = self.context.database().await?;
            let now = self.context.clock.now();
            store::error_logs::record_account(&mut database, self.source.account, &code, &detail, now).await
        })
        .await;
    }

    /// One page of a chat's history, however often it takes; the inner error when the chat is closed to the account.
    async fn history(&self, chat: ChatId, after: i64) -> Result<Result<Vec<Message>, PlatformError>, PlatformError> {
        let connection = self.connection;
        patiently(self.source, chat, || connection.history_after(chat, after, PAGE)).await
    }
}

/// Asks the platform about a chat, however often it takes; the inner error when the chat is closed to the account.
async fn patiently<T, F, Fut>(
    source: Source,
    chat: ChatId,
    mut ask: F,
) -> Result<Result<T, PlatformError>, PlatformError>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, PlatformError>>,
{
    let mut wait = RETRY_FIRST;
    loop {
        match ask().await {
            Ok(answer) => return Ok(Ok(answer)),
            Err(PlatformError::Wait { wait, .. }) => tokio::time::sleep(wait).await,
            Err(PlatformError::Retryable { code, .. }) => {
                tracing::warn!(account.id = %source.account, chat.id = %chat, code, "A chat could not be read; trying again.");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(RETRY_MAX);
            }
            Err(
                refusal @ (PlatformError::Chat { .. } | PlatformError::Message { .. } | PlatformError::Input { .. }),
            ) => {
                tracing::warn!(account.id = %source.account, chat.id = %chat, %refusal, "A source chat is closed to the account.");
                return Ok(Err(refusal));
            }
            Err(
                gone @ (PlatformError::Flooded { .. } | PlatformError::Revoked { .. } | PlatformError::Banned { .. }),
            ) => return Err(gone),
        }
    }
}

/// Does it until the database has taken it.
pub(crate) async fn persist<T, F, Fut>(what: &str, mut attempt: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, StoreError>>,
{
    let mut wait = RETRY_FIRST;
    loop {
        match attempt().await {
            Ok(value) => return value,
            Err(error) => {
                tracing::warn!(error = %crate::chain(&error), "Could not {what}; trying again.");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(RETRY_MAX);
            }
        }
    }
}
