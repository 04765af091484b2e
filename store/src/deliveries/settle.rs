//! Settling many deliveries at once: what a drain has sent while the database was writing what it had sent before.

use chrono::{DateTime, Utc};
use domain::PairId;
use sqlx::PgConnection;

use super::{SentPart, shown};
use crate::{StoreError, seal::Sealer};

/// A delivery whose every part stands at the destination.
#[derive(Clone, Debug)]
pub struct SentDelivery {
    /// Its place in the pair's order.
    pub seq: i64,
    /// When it stood there.
    pub at: DateTime<Utc>,
    /// What the last send left; earlier ones are on record.
    pub parts: Vec<SentPart>,
}

/// Ends deliveries of a pair as sent, with their history, in one statement. Those that are settled already stay as
/// they are.
pub async fn settle_sent(
    connection: &mut PgConnection,
    sealer: &Sealer,
    pair: PairId,
    sent: &[SentDelivery],
) -> Result<(), StoreError> {
    let parts: Vec<(i64, &SentPart)> =
        sent.iter().flat_map(|one| one.parts.iter().map(move |part| (one.seq, part))).collect();
    let shown = shown::seal(sealer, pair, parts.iter().copied())?;
    sqlx::query!(
        r#"WITH settled AS (
             UPDATE deliveries d SET state = 'sent', reason_code = NULL, reason = NULL, settled_at = s.at
             FROM unnest($2::bigint[], $3::timestamptz[]) AS s(seq, at)
             WHERE d.pair_id = $1 AND d.seq = s.seq AND d.state IN ('pending', 'sending')
             RETURNING d.pair_id, d.seq, d.settled_at),
           part AS (
             INSERT INTO destination_messages (pair_id, seq, part, item, account_id, chat_id, message_id, sent_at,
                                               carries, thread, by_webhook, shown)
             SELECT d.pair_id, d.seq, s.part, s.item, s.account, s.chat, s.message, d.settled_at, s.carries, s.thread,
                    s.by_webhook, s.shown
             FROM settled d
             JOIN unnest($4::bigint[], $5::integer[], $6::integer[], $7::uuid[], $8::bigint[], $9::bigint[],
                         $10::bigint[], $11::bigint[], $12::boolean[], $13::bytea[])
                  AS s(seq, part, item, account, chat, message, carries, thread, by_webhook, shown)
               ON s.seq = d.seq
             ON CONFLICT ON CONSTRAINT destination_messages_pkey DO NOTHING)
           INSERT INTO delivery_events (pair_id, seq, at, kind)
           SELECT pair_id, seq, settled_at, 'sent' FROM settled"#,
        pair as PairId,
        &sent.iter().map(|one| one.seq).collect::<Vec<_>>(),
        &sent.iter().map(|one| one.at).collect::<Vec<_>>(),
        &parts.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(),
        &parts.iter().map(|(_, part)| part.part).collect::<Vec<_>>(),
        &parts.iter().map(|(_, part)| part.item).collect::<Vec<_>>(),
        &parts.iter().map(|(_, part)| part.account.as_uuid()).collect::<Vec<_>>(),
        &parts.iter().map(|(_, part)| part.chat.get()).collect::<Vec<_>>(),
        &parts.iter().map(|(_, part)| part.message_id).collect::<Vec<_>>(),
        &parts.iter().map(|(_, part)| part.carries).collect::<Vec<_>>(),
        &parts.iter().map(|(_, part)| part.thread).collect::<Vec<_>>() as &[Option<i64>],
        &parts.iter().map(|(_, part)| part.by_webhook).collect::<Vec<_>>(),
        &shown as &[Option<Vec<u8>>]
    )
    .execute(connection)
    .await?;
    Ok(())
}
