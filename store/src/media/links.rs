//! Attachments that are served by link, and the time for which they are kept.

use chrono::{DateTime, Utc};
use domain::{Media, MediaId, SourceMessageId};
use sqlx::PgConnection;

use crate::{StoreError, content, seal::Sealer};

/// An attachment that a link leads to.
#[derive(Clone, Debug)]
pub struct Linked {
    /// Its name at the source.
    pub file_name: String,
    /// Its MIME type at the source.
    pub mime: String,
    /// How many bytes it has.
    pub size_bytes: i64,
    /// All of them are here.
    pub kept: bool,
}

/// The attachment behind a link whose signature was found good: the signature stands for the tenant, so none is asked.
pub async fn linked(connection: &mut PgConnection, sealer: &Sealer, id: MediaId) -> Result<Option<Linked>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT s.id, s.content, s.sealed_content, m.position, coalesce(m.size_bytes, 0) AS "size_bytes!",
                  (m.state = 'ready' AND m.stored_bytes = m.size_bytes) AS "kept!"
           FROM media m JOIN source_messages s ON s.id = m.source_message_id WHERE m.id = $1"#,
        id as MediaId
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let message = content::message(sealer, row.id, row.sealed_content.as_deref(), row.content)?;
    let position = usize::try_from(row.position).unwrap_or(usize::MAX);
    let (file_name, mime) = match message.media.into_iter().nth(position) {
        Some(Media { file_name, mime, .. }) => (file_name, mime),
        None => ("file".to_owned(), "application/octet-stream".to_owned()),
    };
    Ok(Some(Linked { file_name, mime, size_bytes: row.size_bytes, kept: row.kept }))
}

/// Promises links until `until` to the attachments of these messages that are larger than `above` bytes and are here,
/// where none is promised yet.
pub async fn promise(
    connection: &mut PgConnection,
    messages: &[SourceMessageId],
    above: i64,
    until: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE media SET link_until = $3
         WHERE source_message_id = ANY($1) AND stored_bytes > $2 AND state = 'ready' AND link_until IS NULL",
        &messages.iter().map(SourceMessageId::as_uuid).collect::<Vec<_>>(),
        above,
        until
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Promises links until `until` where less than that is promised, `before` at the most, and a delivery is still open: the
/// link of a message that waits must not be old when it is sent. Returns how many.
pub async fn renew(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
    until: DateTime<Utc>,
    limit: i64,
) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "UPDATE media SET link_until = $2 WHERE id IN (
           SELECT m.id FROM media m JOIN source_messages o ON o.id = m.source_message_id
           JOIN source_messages s ON s.account_id = o.account_id AND s.chat_id = o.chat_id
                                     AND s.message_id = o.message_id
           JOIN deliveries d ON d.source_message_id = s.id
           WHERE m.link_until < $1 AND m.stored_bytes > 0 AND d.state IN ('pending', 'sending') LIMIT $3)",
        before,
        until,
        limit
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Forgets bytes that no open delivery and no link needs any more: links that have ended, fetches that failed, pairs
/// that were deleted. Returns how many attachments. Doing it twice is the same as once.
pub async fn forget_unneeded(connection: &mut PgConnection, now: DateTime<Utc>, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "WITH unneeded AS (
           UPDATE media SET stored_bytes = 0 WHERE id IN (
             SELECT m.id FROM media m
             WHERE m.stored_bytes > 0 AND m.state <> 'pending' AND (m.link_until IS NULL OR m.link_until <= $1)
               AND NOT EXISTS (
                 SELECT FROM source_messages o
                 JOIN source_messages s ON s.account_id = o.account_id AND s.chat_id = o.chat_id
                                           AND s.message_id = o.message_id
                 JOIN deliveries d ON d.source_message_id = s.id
                 JOIN pairs p ON p.id = d.pair_id AND p.deleted_at IS NULL
                 WHERE o.id = m.source_message_id AND (d.state IN ('pending', 'sending') OR EXISTS (
                   SELECT FROM deliveries a WHERE a.pair_id = d.pair_id AND a.state IN ('pending', 'sending')
                     AND (a.seq = d.root_seq OR a.root_seq = coalesce(d.root_seq, d.seq)))))
             LIMIT $2)
           RETURNING id)
         DELETE FROM media_chunks c USING unneeded WHERE c.media_id = unneeded.id",
        now,
        limit
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
