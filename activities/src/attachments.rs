//! Fetching attachments: after the message is durable, before its deliveries are due to be sent.

use std::{sync::Arc, time::Duration};

use bytes::BytesMut;
use chrono::TimeDelta;
use domain::AccountId;
use store::{StoreError, media::PendingMedia};
use temporalio_client::Client;
use tokio::sync::Notify;

use crate::{
    context::Context,
    platform::{Connection, PlatformError},
    wake,
};

/// Larger attachments are not carried, because their bytes stand in PostgreSQL until they are sent (ADR 0001). It is
/// above the 10 MiB that a Discord bot may upload without boosts, so that larger files still pass to Telegram.
pub(crate) const ATTACHMENT_BYTES_MAX: u64 = 25 * 1024 * 1024;
/// Attachments looked up at once.
const BATCH: i64 = 8;
/// Tries before a notice is sent instead.
const ATTEMPTS_MAX: i32 = 6;
/// How often to look without being told.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Fetches an account's attachments for as long as it is hosted.
pub(crate) async fn fetch_loop(
    context: Arc<Context>,
    client: Client,
    account: AccountId,
    connection: Arc<dyn Connection>,
    told: Arc<Notify>,
) {
    loop {
        match fetch_due(&context, &client, account, connection.as_ref()).await {
            Ok(true) => continue,
            Ok(false) => (),
            Err(error) => {
                tracing::warn!(account.id = %account, error = %crate::chain(&error), "Attachments could not be looked up; trying again.");
            }
        }
        tokio::select! {
            () = told.notified() => (),
            () = tokio::time::sleep(LOOK_EVERY) => (),
        }
    }
}

/// Fetches what is due. True when there may be more.
async fn fetch_due(
    context: &Context,
    client: &Client,
    account: AccountId,
    connection: &dyn Connection,
) -> Result<bool, StoreError> {
    let due = {
        let mut database = context.database().await?;
        store::media::pending(&mut database, account, context.clock.now(), BATCH).await?
    };
    for pending in &due {
        fetch(context, connection, pending).await?;
        wake_waiting(context, client, pending).await?;
    }
    Ok(!due.is_empty())
}

async fn fetch(context: &Context, connection: &dyn Connection, pending: &PendingMedia) -> Result<(), StoreError> {
    let fetched = if pending.media.size_bytes > ATTACHMENT_BYTES_MAX {
        Err(PlatformError::Message { code: "media_too_large".into(), detail: "too large to carry".into() })
    } else {
        let mut bytes = BytesMut::new();
        let fetched = connection.download(&pending.media, ATTACHMENT_BYTES_MAX, &mut bytes).await;
        fetched.map(|_| bytes.freeze())
    };
    let mut database = context.database().await?;
    match fetched {
        Ok(bytes) => store::media::keep(&mut database, pending.id, &bytes).await,
        Err(
            PlatformError::Message { code, .. } | PlatformError::Chat { code, .. } | PlatformError::Input { code, .. },
        ) => store::media::fail(&mut database, pending.id, &code).await,
        Err(PlatformError::Retryable { code, .. }) if pending.attempts >= ATTEMPTS_MAX => {
            store::media::fail(&mut database, pending.id, &code).await
        }
        Err(error) => {
            let wait = match &error {
                PlatformError::Wait { wait, .. } => TimeDelta::from_std(*wait).unwrap_or(TimeDelta::minutes(1)),
                PlatformError::Retryable { .. }
                | PlatformError::Message { .. }
                | PlatformError::Chat { .. }
                | PlatformError::Flooded { .. }
                | PlatformError::Revoked { .. }
                | PlatformError::Banned { .. }
                | PlatformError::Input { .. } => TimeDelta::seconds(1 << pending.attempts.clamp(0, 6)),
            };
            let after = context.clock.now() + wait;
            store::media::postpone(&mut database, pending.id, &error.to_string(), after).await
        }
    }
}

/// Deliveries that waited for the attachment can go on.
async fn wake_waiting(context: &Context, client: &Client, pending: &PendingMedia) -> Result<(), StoreError> {
    let waiting = {
        let mut database = context.database().await?;
        store::media::waiting_pairs(&mut database, pending.source_message_id).await?
    };
    for pair in waiting {
        context.wakeups.wake(pair);
        let client = client.clone();
        tokio::spawn(async move { wake::rouse_pair(&client, pair).await });
    }
    Ok(())
}
