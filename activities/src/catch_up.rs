//! Closing the gap after a time without connection: the history of every source chat after the last durable message.

use std::time::Duration;

use store::{StoreError, chats::Source as Chat};
use temporalio_client::Client;

use crate::{
    context::Context,
    ingest::{Source, ingest},
    platform::{Connection, PlatformError},
};

/// Messages asked for at once; both platforms give at most 100.
const PAGE: usize = 100;
/// First wait after a failed page; doubled up to [`RETRY_MAX`].
const RETRY_FIRST: Duration = Duration::from_millis(500);
/// Longest wait. The live stream is not read meanwhile, so that no message overtakes the gap.
const RETRY_MAX: Duration = Duration::from_secs(30);

/// Reads every source chat up to its end. Returns only when the gap is closed, or with an error that ends the hosting:
/// messages ingested after an open gap would move the cursor past it.
pub(crate) async fn catch_up(
    context: &Context,
    client: &Client,
    source: Source,
    connection: &dyn Connection,
) -> Result<usize, PlatformError> {
    let chats = sources(context, source).await;
    let mut found = 0;
    for chat in chats {
        found += catch_up_chat(context, client, source, connection, chat).await?;
    }
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

async fn catch_up_chat(
    context: &Context,
    client: &Client,
    source: Source,
    connection: &dyn Connection,
    chat: Chat,
) -> Result<usize, PlatformError> {
    let (mut cursor, mut found, mut wait) = (chat.cursor, 0, RETRY_FIRST);
    loop {
        let page = match connection.history_after(chat.chat, cursor, PAGE).await {
            Ok(page) => page,
            Err(PlatformError::Wait { wait, .. }) => {
                tokio::time::sleep(wait).await;
                continue;
            }
            Err(PlatformError::Retryable { code, .. }) => {
                tracing::warn!(account.id = %source.account, chat.id = %chat.chat, code, "A history page failed; trying again.");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(RETRY_MAX);
                continue;
            }
            Err(
                PlatformError::Chat { code, .. }
                | PlatformError::Message { code, .. }
                | PlatformError::Input { code, .. },
            ) => {
                // The account cannot see the chat any more, so nothing of it can come live either.
                tracing::warn!(account.id = %source.account, chat.id = %chat.chat, code, "A source chat is closed to the account.");
                return Ok(found);
            }
            Err(
                gone @ (PlatformError::Flooded { .. } | PlatformError::Revoked { .. } | PlatformError::Banned { .. }),
            ) => return Err(gone),
        };
        wait = RETRY_FIRST;
        let Some(newest) = page.iter().map(|message| message.message_id).max() else { return Ok(found) };
        persist("record history", || ingest(context, client, source, &page)).await;
        found += page.len();
        cursor = newest;
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
