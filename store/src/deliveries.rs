//! Deliveries: claimed in order by one drain at a time, settled one by one, each change with a row of history.

use chrono::{DateTime, Utc};
use domain::{DeliveryState, PairId};
use sqlx::PgConnection;

use crate::{StoreError, seal::Sealer};

mod claim;
mod counterpart;
mod dead;
mod drain;
mod history;
mod items;
mod parts;
mod settle;
mod shown;

pub use claim::{Claim, Claimed, claim};
pub use counterpart::{Counterpart, counterpart};
pub use dead::{DeadLetters, Decision, dead_letters, decide};
pub use drain::{Begun, Drainer, Fence, begin_drain, drains_left_by, end_drain, totals};
pub use history::{Delivery, Page, Step, list};
pub use items::{Item, items};
pub use parts::{SentPart, Standing, is_recorded, record_gone, record_parts, record_shown, standing};
pub use settle::{SentDelivery, settle_sent};
pub(crate) use shown::Shown;

/// How a delivery ended.
#[derive(Clone, Copy, Debug)]
pub enum Settlement<'a> {
    /// Every part stands at the destination; what the last send left is recorded with it.
    Sent(&'a [SentPart]),
    /// What was written reads as the source does now, or is deleted.
    Changed {
        /// What it was: `edited` or `deleted`.
        step: &'a str,
    },
    /// Not carried, by a rule.
    Skipped {
        /// Stable code of the rule.
        code: &'a str,
        /// For people.
        text: &'a str,
    },
    /// The destination refuses the message for good.
    Dead {
        /// Stable code.
        code: &'a str,
        /// For people.
        text: &'a str,
    },
}

/// Ends a delivery, with its history. Settling a settled delivery changes nothing.
pub async fn settle(
    connection: &mut PgConnection,
    sealer: &Sealer,
    pair: PairId,
    seq: i64,
    settlement: Settlement<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (state, kind, code, text, parts) = match settlement {
        Settlement::Sent(parts) => (DeliveryState::Sent, "sent", None, None, parts),
        Settlement::Changed { step } => (DeliveryState::Sent, step, None, None, &[][..]),
        Settlement::Skipped { code, text } => (DeliveryState::Skipped, "skipped", Some(code), Some(text), &[][..]),
        Settlement::Dead { code, text } => (DeliveryState::Dead, "dead", Some(code), Some(text), &[][..]),
    };
    let shown = shown::seal(sealer, pair, parts.iter().map(|part| (seq, part)))?;
    sqlx::query!(
        r#"WITH settled AS (
             UPDATE deliveries SET state = $3, reason_code = $4, reason = $5, settled_at = $6
             WHERE pair_id = $1 AND seq = $2 AND state IN ('pending', 'sending') RETURNING pair_id, seq),
           part AS (
             INSERT INTO destination_messages (pair_id, seq, part, item, account_id, chat_id, message_id, sent_at,
                                               carries, thread, by_webhook, shown)
             SELECT d.pair_id, d.seq, s.part, s.item, s.account, s.chat, s.message, $6, s.carries, s.thread,
                    s.by_webhook, s.shown
             FROM settled d,
                  unnest($8::integer[], $9::integer[], $10::uuid[], $11::bigint[], $12::bigint[], $13::bigint[],
                         $14::bigint[], $15::boolean[], $16::bytea[])
                  AS s(part, item, account, chat, message, carries, thread, by_webhook, shown)
             ON CONFLICT ON CONSTRAINT destination_messages_pkey DO NOTHING)
           INSERT INTO delivery_events (pair_id, seq, at, kind, detail)
           SELECT pair_id, seq, $6, $7, $5 FROM settled"#,
        pair as PairId,
        seq,
        state as DeliveryState,
        code,
        text,
        now,
        kind,
        &parts.iter().map(|part| part.part).collect::<Vec<_>>(),
        &parts.iter().map(|part| part.item).collect::<Vec<_>>(),
        &parts.iter().map(|part| part.account.as_uuid()).collect::<Vec<_>>(),
        &parts.iter().map(|part| part.chat.get()).collect::<Vec<_>>(),
        &parts.iter().map(|part| part.message_id).collect::<Vec<_>>(),
        &parts.iter().map(|part| part.carries).collect::<Vec<_>>(),
        &parts.iter().map(|part| part.thread).collect::<Vec<_>>() as &[Option<i64>],
        &parts.iter().map(|part| part.by_webhook).collect::<Vec<_>>(),
        &shown as &[Option<Vec<u8>>]
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts a claimed delivery back, with the reason in its history. `untouched` says that nothing can have been sent,
/// so that the next claim need not look for it at the destination.
pub async fn put_back(
    connection: &mut PgConnection,
    pair: PairId,
    seq: i64,
    untouched: bool,
    reason: (&str, &str),
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (code, text) = reason;
    sqlx::query!(
        "WITH back AS (
           UPDATE deliveries SET state = CASE WHEN $3 THEN 'pending' ELSE 'sending' END::delivery_state,
                  first_attempt_at = CASE WHEN $3 AND attempts <= 1 THEN NULL ELSE first_attempt_at END,
                  reason_code = $4, reason = $5
           WHERE pair_id = $1 AND seq = $2 AND state IN ('pending', 'sending')
           RETURNING pair_id, seq)
         INSERT INTO delivery_events (pair_id, seq, at, kind, detail)
         SELECT pair_id, seq, $6, 'waiting', $5 FROM back",
        pair as PairId,
        seq,
        untouched,
        code,
        text,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts back a claimed delivery that was not begun: the claim does not count. The reason is shown; its history has it
/// once, however often the wait is renewed.
pub async fn hold(
    connection: &mut PgConnection,
    pair: PairId,
    seq: i64,
    reason: (&str, &str),
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (code, text) = reason;
    sqlx::query!(
        "WITH former AS (
           SELECT pair_id, seq, reason_code FROM deliveries WHERE pair_id = $1 AND seq = $2 FOR UPDATE),
         held AS (
           UPDATE deliveries d SET attempts = d.attempts - 1,
                  state = CASE WHEN d.attempts <= 1 THEN 'pending' ELSE d.state END,
                  first_attempt_at = CASE WHEN d.attempts <= 1 THEN NULL ELSE d.first_attempt_at END,
                  reason_code = $3, reason = $4
           FROM former f WHERE d.pair_id = f.pair_id AND d.seq = f.seq AND d.state = 'sending'
           RETURNING d.pair_id, d.seq, f.reason_code AS former)
         INSERT INTO delivery_events (pair_id, seq, at, kind, detail)
         SELECT pair_id, seq, $5, 'waiting', $4 FROM held WHERE former IS DISTINCT FROM $3",
        pair as PairId,
        seq,
        code,
        text,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Returns claimed deliveries that were not begun to their former state.
pub async fn unclaim(connection: &mut PgConnection, pair: PairId, seqs: &[i64]) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE deliveries SET attempts = attempts - 1,
                state = CASE WHEN attempts <= 1 THEN 'pending' ELSE state END,
                first_attempt_at = CASE WHEN attempts <= 1 THEN NULL ELSE first_attempt_at END
         WHERE pair_id = $1 AND seq = ANY($2) AND state = 'sending'",
        pair as PairId,
        seqs
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Clears the wake flag: rows committed from now on cause a new signal. One more claim must follow.
pub async fn acknowledge_wake(connection: &mut PgConnection, pair: PairId) -> Result<(), StoreError> {
    sqlx::query!("UPDATE pairs SET wake_pending = false WHERE id = $1 AND wake_pending", pair as PairId)
        .execute(connection)
        .await?;
    Ok(())
}

/// How far a delivery is; `None` when there is none of that number.
pub async fn state(connection: &mut PgConnection, pair: PairId, seq: i64) -> Result<Option<DeliveryState>, StoreError> {
    let state =
        sqlx::query_scalar!("SELECT state FROM deliveries WHERE pair_id = $1 AND seq = $2", pair as PairId, seq)
            .fetch_optional(connection)
            .await?;
    Ok(state)
}
