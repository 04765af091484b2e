//! Closing the gap after a time without connection: the history of every source chat after the last durable message,
//! and the newest of the durable ones again, for what was changed meanwhile.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use domain::{ChatId, Message, Platform, Update, message::Deletion};
use store::{StoreError, chats::Source as Chat};
use temporalio_client::Client;

use crate::{
    context::Context,
    ingest::{Source, ingest},
    platform::{Connection, PlatformError},
};

/// Messages asked for at once; both platforms give at most 100.
const PAGE: usize = 100;
/// Older messages are not looked at again: edits after two days are rare, and Telegram forbids most of them.
const REVIEW_AGE_MAX: TimeDelta = TimeDelta::hours(48);
/// The platform's clock may be behind ours by so much: what was written in threads is looked for from so much earlier.
const CLOCK_SKEW: TimeDelta = TimeDelta::seconds(10);
/// First wait after a failed page; doubled up to [`RETRY_MAX`].
const RETRY_FIRST: Duration = Duration::from_millis(500);
/// Longest wait. The live stream is not read meanwhile, so that no message overtakes the gap.
const RETRY_MAX: Duration = Duration::from_secs(30);

/// Reads every source chat up to its end. Returns only when the gap is closed, or with an error that ends the hosting:
/// messages ingested after an open gap would move the cursor past it.
pub(crate) async fn catch_up(
    context: &Arc<Context>,
    client: &Client,
    source: Source,
    connection: &dyn Connection,
) -> Result<usize, PlatformError> {
    let chats = sources(context, source).await;
    let mut found = 0;
    for chat in &chats {
        found += catch_up_chat(context, client, source, connection, *chat).await?;
    }
    found += catch_up_threads(context, client, source, connection, &chats).await?;
    if found > 0 {
        tracing::info!(account.id = %source.account, messages = found, "Fetched what came while the account was away.");
    }
    Ok(found)
}

async fn sources(context: &Context, source: Source) -> Vec<Chat> {
    persist("read the source chats", || async {
        let mut database = context.database().await?;
        store::chats::sources(&mut database, source.account).await
    })
    .await
}

/// Threads that were opened while nobody listened are unknown: the platform is asked for them. Only then is it on
/// record that nothing is missing below a channel.
async fn catch_up_threads(
    context: &Arc<Context>,
    client: &Client,
    source: Source,
    connection: &dyn Connection,
    known: &[Chat],
) -> Result<usize, PlatformError> {
    if source.platform == Platform::Telegram {
        // Its topics are part of the forum's own history.
        return Ok(0);
    }
    let above = persist("read the channels that may have threads", || async {
        let mut database = context.database().await?;
        store::chats::above_threads(&mut database, source.account).await
    })
    .await;
    let mut found = 0;
    for above in above {
        let asked_at = context.clock.now() - CLOCK_SKEW;
        let listed = patiently(source, above.chat, || connection.threads(above.chat, above.since)).await?;
        let unknown = listed.unwrap_or_default().into_iter();
        for thread in unknown.filter(|thread| known.iter().all(|known| known.chat != thread.chat)) {
            let thread = Chat { chat: thread.chat, cursor: thread.after };
            found += catch_up_chat(context, client, source, connection, thread).await?;
        }
        persist("record that threads were read", || async {
            let mut database = context.database().await?;
            store::chats::set_threads_read(&mut database, source.account, above.chat, asked_at).await
        })
        .await;
    }
    Ok(found)
}

async fn catch_up_chat(
    context: &Arc<Context>,
    client: &Client,
    source: Source,
    connection: &dyn Connection,
    chat: Chat,
) -> Result<usize, PlatformError> {
    let (mut cursor, mut found) = (chat.cursor, 0);
    while let Some(page) = history(source, connection, chat.chat, cursor).await? {
        let Some(newest) = page.iter().map(|message| message.message_id).max() else { break };
        let page: Vec<Update> = page.into_iter().map(Update::Posted).collect();
        persist("record history", || ingest(context, client, source, &page)).await;
        found += page.len();
        cursor = newest;
    }
    Ok(found)
}

/// Reads again what the ledger has of the newest messages of every source chat: edits and deletions that happened while
/// nobody listened are no gap in the numbers. The ledger itself finds what has changed.
pub(crate) async fn review(
    context: &Arc<Context>,
    client: &Client,
    source: Source,
    connection: &dyn Connection,
) -> Result<(), PlatformError> {
    for chat in sources(context, source).await {
        let known = persist("read the newest messages", || async {
            let since = context.clock.now() - REVIEW_AGE_MAX;
            let mut database = context.database().await?;
            let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
            store::chats::newest_messages(&mut database, source.account, chat.chat, since, limit).await
        })
        .await;
        let Some(oldest) = known.first() else { continue };
        let Some(page) = history(source, connection, chat.chat, oldest - 1).await? else { continue };
        let Some(last) = page.last().map(|message| message.message_id) else { continue };
        let mut absent: Vec<i64> =
            known.iter().copied().filter(|id| page.iter().all(|message| message.message_id != *id)).collect();
        if absent.iter().any(|id| *id > last) {
            // Beyond the page nothing is known, unless the page was the last one.
            let ended = history(source, connection, chat.chat, last).await?.is_some_and(|rest| rest.is_empty());
            absent.retain(|id| *id < last || ended);
        }
        let mut updates: Vec<Update> =
            page.into_iter().filter(|message| known.contains(&message.message_id)).map(Update::Edited).collect();
        if !absent.is_empty() {
            updates.push(Update::Deleted(Deletion { chat: Some(chat.chat), message_ids: absent }));
        }
        persist("record missed changes", || ingest(context, client, source, &updates)).await;
    }
    Ok(())
}

/// One page of a chat's history, however often it takes; `None` when the chat is closed to the account.
async fn history(
    source: Source,
    connection: &dyn Connection,
    chat: ChatId,
    after: i64,
) -> Result<Option<Vec<Message>>, PlatformError> {
    patiently(source, chat, || connection.history_after(chat, after, PAGE)).await
}

/// Asks the platform about a chat, however often it takes; `None` when the chat is closed to the account.
async fn patiently<T, F, Fut>(source: Source, chat: ChatId, mut ask: F) -> Result<Option<T>, PlatformError>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, PlatformError>>,
{
    let mut wait = RETRY_FIRST;
    loop {
        match ask().await {
            Ok(answer) => return Ok(Some(answer)),
            Err(PlatformError::Wait { wait, .. }) => tokio::time::sleep(wait).await,
            Err(PlatformError::Retryable { code, .. }) => {
                tracing::warn!(account.id = %source.account, chat.id = %chat, code, "A chat could not be read; trying again.");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(RETRY_MAX);
            }
            Err(
                PlatformError::Chat { code, .. }
                | PlatformError::Message { code, .. }
                | PlatformError::Input { code, .. },
            ) => {
                // The account cannot see the chat any more, so nothing of it can come live either.
                tracing::warn!(account.id = %source.account, chat.id = %chat, code, "A source chat is closed to the account.");
                return Ok(None);
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
