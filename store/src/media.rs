//! Attachments: fetched by the source's host once the message is durable, kept until nobody needs them.

use chrono::{DateTime, Utc};
use domain::{AccountId, Media, MediaId, Message, PairId, SourceMessageId};
use sqlx::PgConnection;

use crate::StoreError;

/// Whether an attachment's bytes are here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "media_state", rename_all = "snake_case")]
pub enum MediaState {
    /// Still to be fetched; deliveries of the message wait.
    Pending,
    /// The bytes are here.
    Ready,
    /// They cannot be had; deliveries carry a notice.
    Failed,
}

/// An attachment to fetch.
#[derive(Clone, Debug)]
pub struct PendingMedia {
    /// The row.
    pub id: MediaId,
    /// The message it belongs to.
    pub source_message_id: SourceMessageId,
    /// How to find the bytes.
    pub media: Media,
    /// Tries so far.
    pub attempts: i32,
}

/// Attachments of an account that are due to be fetched, oldest first.
pub async fn pending(
    connection: &mut PgConnection,
    account: AccountId,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<PendingMedia>, StoreError> {
    let rows = sqlx::query!(
        "SELECT m.id, m.source_message_id, m.position, m.attempts, s.content
         FROM media m JOIN source_messages s ON s.id = m.source_message_id
         WHERE m.account_id = $1 AND m.state = 'pending' AND m.fetch_after <= $2
         ORDER BY m.source_message_id, m.position LIMIT $3",
        account as AccountId,
        now,
        limit
    )
    .fetch_all(connection)
    .await?;
    let mut pending = Vec::with_capacity(rows.len());
    for row in rows {
        let message: Message = serde_json::from_value(row.content)?;
        let position = usize::try_from(row.position).unwrap_or(usize::MAX);
        if let Some(media) = message.media.into_iter().nth(position) {
            pending.push(PendingMedia {
                id: row.id,
                source_message_id: row.source_message_id,
                media,
                attempts: row.attempts,
            });
        }
    }
    Ok(pending)
}

/// Keeps the bytes. Doing it twice is the same as once.
pub async fn keep(connection: &mut PgConnection, id: MediaId, bytes: &[u8]) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE media SET state = 'ready', bytes = $2, reason = NULL WHERE id = $1 AND state = 'pending'",
        id as MediaId,
        bytes
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Gives up: the reason is shown in the notice that is sent instead.
pub async fn fail(connection: &mut PgConnection, id: MediaId, reason: &str) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE media SET state = 'failed', reason = $2 WHERE id = $1 AND state = 'pending'",
        id as MediaId,
        reason
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Tries again later.
pub async fn postpone(
    connection: &mut PgConnection,
    id: MediaId,
    reason: &str,
    fetch_after: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE media SET attempts = attempts + 1, reason = $2, fetch_after = $3 WHERE id = $1 AND state = 'pending'",
        id as MediaId,
        reason,
        fetch_after
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// One attachment as a drain finds it.
#[derive(Clone, Debug)]
pub struct StoredMedia {
    /// Its place in the message.
    pub position: i32,
    /// Whether the bytes are here.
    pub state: MediaState,
    /// Why not.
    pub reason: Option<String>,
    /// The bytes.
    pub bytes: Option<Vec<u8>>,
}

/// The attachments of a message, in order.
pub async fn of_message(
    connection: &mut PgConnection,
    message: SourceMessageId,
) -> Result<Vec<StoredMedia>, StoreError> {
    let media = sqlx::query_as!(
        StoredMedia,
        "SELECT position, state, reason, bytes FROM media WHERE source_message_id = $1 ORDER BY position",
        message as SourceMessageId
    )
    .fetch_all(connection)
    .await?;
    Ok(media)
}

/// The pairs that wait for a message's attachments; their drains are to be woken.
pub async fn waiting_pairs(connection: &mut PgConnection, message: SourceMessageId) -> Result<Vec<PairId>, StoreError> {
    let pairs = sqlx::query_scalar!(
        "SELECT pair_id FROM deliveries WHERE source_message_id = $1 AND state IN ('pending', 'sending')
         ORDER BY pair_id",
        message as SourceMessageId
    )
    .fetch_all(connection)
    .await?;
    Ok(pairs)
}

/// Forgets the bytes of a message that no open delivery needs any more.
pub async fn forget_settled(connection: &mut PgConnection, message: SourceMessageId) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE media SET bytes = NULL WHERE source_message_id = $1 AND bytes IS NOT NULL
           AND NOT EXISTS (SELECT FROM deliveries d WHERE d.source_message_id = $1
                                                     AND d.state IN ('pending', 'sending'))",
        message as SourceMessageId
    )
    .execute(connection)
    .await?;
    Ok(())
}
