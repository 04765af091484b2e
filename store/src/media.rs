//! Attachments: fetched by the source's host once the message is durable, kept until nobody needs them.

use chrono::{DateTime, Utc};
use domain::{AccountId, Clock, Limits, Media, MediaId, PairId, Platform, SourceMessageId};
use sqlx::PgConnection;

use crate::{StoreError, content, seal::Sealer};

pub mod chunks;
pub mod links;

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

/// Attachments of an account that are due to be fetched, oldest first, but for the `busy` ones.
pub async fn pending(
    connection: &mut PgConnection,
    sealer: &Sealer,
    account: AccountId,
    now: DateTime<Utc>,
    busy: &[MediaId],
    limit: i64,
) -> Result<Vec<PendingMedia>, StoreError> {
    let rows = sqlx::query!(
        "SELECT m.id, m.source_message_id, m.position, m.attempts, s.content, s.sealed_content
         FROM media m JOIN source_messages s ON s.id = m.source_message_id
         WHERE m.account_id = $1 AND m.state = 'pending' AND m.fetch_after <= $2
           AND NOT m.id = ANY($4)
         ORDER BY m.source_message_id, m.position LIMIT $3",
        account as AccountId,
        now,
        limit,
        &busy.iter().map(MediaId::as_uuid).collect::<Vec<_>>()
    )
    .fetch_all(connection)
    .await?;
    let mut pending = Vec::with_capacity(rows.len());
    for row in rows {
        let message = content::message(sealer, row.source_message_id, row.sealed_content.as_deref(), row.content)?;
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

/// Gives up: the reason is shown in the notice that is sent instead. What has come of the bytes goes with the next sweep.
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
    /// The row.
    pub id: MediaId,
    /// Its place in the message.
    pub position: i32,
    /// Whether the bytes are here.
    pub state: MediaState,
    /// Why not.
    pub reason: Option<String>,
    /// How many bytes it has, once all have come.
    pub size_bytes: Option<i64>,
    /// How many of them are here: fewer when nobody needed them any more.
    pub stored_bytes: i64,
    /// Until when a link to it is promised.
    pub link_until: Option<DateTime<Utc>>,
}

/// The attachments of a message, in order.
pub async fn of_message(
    connection: &mut PgConnection,
    message: SourceMessageId,
) -> Result<Vec<StoredMedia>, StoreError> {
    let media = sqlx::query_as!(
        StoredMedia,
        "SELECT id, position, state, reason, size_bytes, stored_bytes, link_until FROM media
         WHERE source_message_id = $1 ORDER BY position",
        message as SourceMessageId
    )
    .fetch_all(connection)
    .await?;
    Ok(media)
}

/// Asks for the attachments of a message that no pair has needed so far: it has `count` of them.
pub async fn fetch_first(
    connection: &mut PgConnection,
    clock: &dyn Clock,
    message: SourceMessageId,
    count: usize,
) -> Result<(), StoreError> {
    let places: Vec<i32> = (0..i32::try_from(count).unwrap_or(i32::MAX)).collect();
    let ids: Vec<_> = places.iter().map(|_| MediaId::new(clock).as_uuid()).collect();
    sqlx::query!(
        "INSERT INTO media (id, source_message_id, account_id, position, state, fetch_after)
         SELECT m.id, s.id, s.account_id, m.position, 'pending', $2
         FROM unnest($3::uuid[], $4::integer[]) AS m(id, position) JOIN source_messages s ON s.id = $1
         ON CONFLICT ON CONSTRAINT media_position_key DO NOTHING",
        message as SourceMessageId,
        clock.now(),
        &ids,
        &places
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Asks for attachments whose bytes were dropped once more. Returns how many of them are being fetched: fewer when the
/// source did not give one again.
pub async fn fetch_again(
    connection: &mut PgConnection,
    media: &[MediaId],
    now: DateTime<Utc>,
) -> Result<usize, StoreError> {
    let asked = sqlx::query!(
        "UPDATE media SET state = 'pending', attempts = 0, reason = NULL, fetch_after = $2
         WHERE id = ANY($1) AND (state = 'pending' OR (state = 'ready' AND stored_bytes < size_bytes))",
        &media.iter().map(MediaId::as_uuid).collect::<Vec<_>>(),
        now
    )
    .execute(connection)
    .await?;
    Ok(usize::try_from(asked.rows_affected()).unwrap_or(usize::MAX))
}

/// The pairs that wait for a message's attachments, or for those of an album that it is in; their drains are to be woken.
pub async fn waiting_pairs(connection: &mut PgConnection, message: SourceMessageId) -> Result<Vec<PairId>, StoreError> {
    let pairs = sqlx::query_scalar!(
        "SELECT DISTINCT d.pair_id FROM source_messages s JOIN deliveries d ON d.source_message_id = s.id
         WHERE (d.state IN ('pending', 'sending') OR EXISTS (
             SELECT FROM deliveries a WHERE a.pair_id = d.pair_id AND a.state IN ('pending', 'sending')
               AND (a.seq = d.root_seq OR a.root_seq = coalesce(d.root_seq, d.seq))))
           AND (s.account_id, s.chat_id, s.message_id) = (
             SELECT o.account_id, o.chat_id, o.message_id FROM source_messages o WHERE o.id = $1)
         ORDER BY 1",
        message as SourceMessageId
    )
    .fetch_all(connection)
    .await?;
    Ok(pairs)
}

/// What the destinations of these pairs take.
pub async fn destinations(connection: &mut PgConnection, pairs: &[PairId]) -> Result<Vec<Limits>, StoreError> {
    let destinations = sqlx::query!(
        r#"SELECT DISTINCT a.platform AS "platform: Platform", c.file_bytes_max AS "file_bytes_max?"
           FROM pairs p JOIN accounts a ON a.id = p.destination_account_id
           LEFT JOIN chats c ON c.account_id = p.destination_account_id AND c.chat_id = p.destination_chat_id
           WHERE p.id = ANY($1)"#,
        &pairs.iter().map(PairId::as_uuid).collect::<Vec<_>>()
    )
    .fetch_all(connection)
    .await?;
    Ok(destinations.into_iter().map(|row| Limits::of(row.platform).with_files_of(row.file_bytes_max)).collect())
}

/// Forgets the bytes of a message that no open delivery needs any more, unless a link to them is promised.
pub async fn forget_settled(connection: &mut PgConnection, message: SourceMessageId) -> Result<(), StoreError> {
    sqlx::query!(
        "WITH settled AS (
           UPDATE media SET stored_bytes = 0
           WHERE source_message_id = $1 AND stored_bytes > 0 AND state <> 'pending' AND link_until IS NULL
           AND NOT EXISTS (
             SELECT FROM source_messages o
             JOIN source_messages s ON s.account_id = o.account_id AND s.chat_id = o.chat_id
                                       AND s.message_id = o.message_id
             JOIN deliveries d ON d.source_message_id = s.id
             WHERE o.id = $1 AND (d.state IN ('pending', 'sending') OR EXISTS (
               SELECT FROM deliveries a WHERE a.pair_id = d.pair_id AND a.state IN ('pending', 'sending')
                 AND (a.seq = d.root_seq OR a.root_seq = coalesce(d.root_seq, d.seq)))))
           RETURNING id)
         DELETE FROM media_chunks c USING settled WHERE c.media_id = settled.id",
        message as SourceMessageId
    )
    .execute(connection)
    .await?;
    Ok(())
}
