//! The messages of an album, as they are now: one delivery carries them together.

use domain::{Message, PairId, SourceMessageId};
use sqlx::PgConnection;

use crate::{StoreError, content, seal::Sealer};

/// One message of those that a delivery carries together.
#[derive(Clone, Debug)]
pub struct Item {
    /// The revision.
    pub source_message_id: SourceMessageId,
    /// Whose rows in `media` hold its attachments.
    pub media_message_id: SourceMessageId,
    /// Its content.
    pub message: Message,
}

/// The messages that the album of delivery `root_seq` consists of, as they are now: the newest revision of each that is
/// not deleted, in the source's order.
pub async fn items(
    connection: &mut PgConnection,
    sealer: &Sealer,
    pair: PairId,
    root_seq: i64,
) -> Result<Vec<Item>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT n.id, n.content, n.sealed_content, coalesce(n.media_from, n.id) AS "media!: SourceMessageId"
           FROM deliveries i JOIN source_messages s ON s.id = i.source_message_id
           CROSS JOIN LATERAL (
             SELECT r.id, r.content, r.sealed_content, r.media_from, r.deleted FROM source_messages r
             WHERE r.account_id = s.account_id AND r.chat_id = s.chat_id AND r.message_id = s.message_id
             ORDER BY r.revision DESC LIMIT 1) n
           WHERE i.pair_id = $1 AND i.operation = 'post' AND NOT n.deleted
             AND (i.seq = $2 OR (i.root_seq = $2 AND i.reason_code = 'album'))
           ORDER BY s.message_id"#,
        pair as PairId,
        root_seq
    )
    .fetch_all(connection)
    .await?;
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        let message = content::message(sealer, row.id, row.sealed_content.as_deref(), row.content)?;
        items.push(Item { source_message_id: row.id, media_message_id: row.media, message });
    }
    Ok(items)
}
