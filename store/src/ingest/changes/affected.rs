//! The deliveries that a change meets, locked until it is in.

use std::collections::HashMap;

use domain::{ChatId, DeliveryState, PairId, change::Known};
use sqlx::PgConnection;

use crate::{StoreError, ingest::Ingest};

/// A delivery of a changed message.
pub(super) struct Row {
    pub pair: PairId,
    pub chat: ChatId,
    pub message_id: i64,
    pub known: Known,
    pub elsewhere: bool,
    pub album: Option<i64>,
    pub travels: bool,
    /// Telegram forwards by itself on the pair: no attachment is needed.
    pub native: bool,
}

/// The deliveries of these messages, locked together with those that they travel with: no drain claims them before the
/// change is in.
pub(super) async fn deliveries(
    connection: &mut PgConnection,
    ingest: &Ingest<'_>,
    keys: &[(ChatId, i64)],
) -> Result<Vec<Row>, StoreError> {
    let found = sqlx::query!(
        r#"SELECT d.pair_id AS pair, d.seq, s.chat_id AS chat, s.message_id,
                  d.operation, coalesce(d.root_seq, d.seq) AS "root_seq!", d.album,
                  coalesce(d.reason_code = 'album', false) AS "travels!", a.host, a.platform,
                  p.mode, p.destination_account_id AS writer
           FROM unnest($2::bigint[], $3::bigint[]) AS asked(chat, message)
           JOIN source_messages s ON s.account_id = $1 AND s.chat_id = asked.chat AND s.message_id = asked.message
           JOIN deliveries d ON d.source_message_id = s.id
           JOIN pairs p ON p.id = d.pair_id AND p.deleted_at IS NULL
           JOIN accounts a ON a.id = p.destination_account_id
           ORDER BY d.pair_id, d.seq"#,
        ingest.reader.account as domain::AccountId,
        &keys.iter().map(|(chat, _)| chat.get()).collect::<Vec<_>>(),
        &keys.iter().map(|(_, message)| *message).collect::<Vec<_>>()
    )
    .fetch_all(&mut *connection)
    .await?;
    let wanted = found.iter().flat_map(|row| [(row.pair, row.seq), (row.pair, row.root_seq)]);
    let (pairs, seqs): (Vec<_>, Vec<_>) = wanted.map(|(pair, seq)| (pair.as_uuid(), seq)).unzip();
    let locked = sqlx::query!(
        r#"SELECT d.pair_id AS pair, d.seq, d.state,
                  (d.state = 'dead' OR d.state = 'pending' AND d.first_attempt_at IS NULL)
                    AND NOT EXISTS (SELECT FROM destination_messages m WHERE m.pair_id = d.pair_id AND m.seq = d.seq)
                    AS "untouched!"
           FROM deliveries d WHERE (d.pair_id, d.seq) IN (SELECT * FROM unnest($1::uuid[], $2::bigint[]))
           ORDER BY d.pair_id, d.seq FOR UPDATE"#,
        &pairs,
        &seqs
    )
    .fetch_all(connection)
    .await?;
    let states: HashMap<(PairId, i64), (DeliveryState, bool)> =
        locked.into_iter().map(|row| ((row.pair, row.seq), (row.state, row.untouched))).collect();
    let rows = found.into_iter().filter_map(|row| {
        // An item of an album is where the delivery is that it travels with.
        let carrier = if row.travels { row.root_seq } else { row.seq };
        let (state, untouched) = *states.get(&(row.pair, carrier))?;
        let known = Known {
            seq: row.seq,
            operation: row.operation,
            state,
            untouched,
            root_seq: row.root_seq,
            album: row.album.is_some(),
        };
        Some(Row {
            pair: row.pair,
            chat: row.chat,
            message_id: row.message_id,
            known,
            elsewhere: ingest.is_elsewhere(row.host.as_deref()),
            album: row.album,
            travels: row.travels,
            native: row.mode.is_native(ingest.reader.account, row.writer, row.platform),
        })
    });
    Ok(rows.collect())
}
