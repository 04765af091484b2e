//! Deliveries: claimed in order by one drain at a time, settled one by one, each change with a row of history.

use chrono::{DateTime, Utc};
use domain::{AccountId, ChatId, DeliveryState, Message, PairId, SourceMessageId};
use sqlx::PgConnection;

use crate::StoreError;

mod dead;
mod drain;
mod history;

pub use dead::{DeadLetters, Decision, dead_letters, decide};
pub use drain::{Drainer, Fence, begin_drain, drains_left_by, end_drain};
pub use history::{Delivery, Page, Step, list};

/// A delivery that was claimed.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Its place in the pair's order.
    pub seq: i64,
    /// The source message.
    pub source_message_id: SourceMessageId,
    /// Its content.
    pub message: Message,
    /// When it could be sent at the earliest.
    pub ready_at: DateTime<Utc>,
    /// When a send may first have happened, if this is not the first claim.
    pub first_attempt_at: Option<DateTime<Utc>>,
    /// Claims so far, this one included.
    pub attempts: i32,
    /// Parts that stand at the destination already: (part, message id).
    pub sent_parts: Vec<(i32, i64)>,
}

/// What a claim found.
#[derive(Clone, Debug)]
pub enum Claim {
    /// Deliveries to send, in order.
    Rows(Vec<Claimed>),
    /// Nothing open.
    Empty,
    /// The head is due later, and its successors wait for it.
    NotDue(DateTime<Utc>),
    /// The head waits for its attachments.
    WaitingForMedia,
    /// Another drain has begun, the account has moved, or the pair was paused or deleted: stop.
    Lost,
}

/// Claims the next due deliveries of the pair, in order, without overtaking.
pub async fn claim(
    connection: &mut PgConnection,
    fence: Fence,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Claim, StoreError> {
    let open = sqlx::query!(
        r#"SELECT d.seq, d.due_at, EXISTS (SELECT FROM media m WHERE m.source_message_id = d.source_message_id
                                             AND m.state = 'pending') AS "waiting!"
           FROM deliveries d WHERE d.pair_id = $1 AND d.state IN ('pending', 'sending') ORDER BY d.seq LIMIT $2"#,
        fence.pair as PairId,
        limit
    )
    .fetch_all(&mut *connection)
    .await?;
    let ready: Vec<i64> = open.iter().take_while(|row| row.due_at <= now && !row.waiting).map(|row| row.seq).collect();
    match open.first() {
        None => Ok(Claim::Empty),
        Some(head) if head.due_at > now => Ok(Claim::NotDue(head.due_at)),
        Some(head) if head.waiting => Ok(Claim::WaitingForMedia),
        Some(_) => {
            let mut rows = claim_rows(connection, fence, &ready, now).await?;
            if rows.is_empty() {
                return Ok(Claim::Lost);
            }
            rows.sort_by_key(|row| row.seq);
            attach_sent_parts(connection, fence.pair, &mut rows).await?;
            Ok(Claim::Rows(rows))
        }
    }
}

async fn claim_rows(
    connection: &mut PgConnection,
    fence: Fence,
    seqs: &[i64],
    now: DateTime<Utc>,
) -> Result<Vec<Claimed>, StoreError> {
    let rows = sqlx::query!(
        r#"UPDATE deliveries d SET state = 'sending', attempts = d.attempts + 1
           FROM source_messages s
           WHERE d.pair_id = $1 AND d.seq = ANY($2) AND s.id = d.source_message_id
             AND d.state IN ('pending', 'sending')
             AND EXISTS (SELECT FROM pairs p WHERE p.id = $1 AND p.drain_fence = $3 AND p.status <> 'paused'
                                               AND p.deleted_at IS NULL)
             AND EXISTS (SELECT FROM accounts a WHERE a.id = $4 AND a.lease_epoch = $5)
           RETURNING d.seq, d.source_message_id, s.content, d.due_at, d.first_attempt_at, d.attempts"#,
        fence.pair as PairId,
        seqs,
        fence.drain,
        fence.account as AccountId,
        fence.epoch
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut claimed = Vec::with_capacity(rows.len());
    for row in rows {
        claimed.push(Claimed {
            seq: row.seq,
            source_message_id: row.source_message_id,
            message: serde_json::from_value(row.content)?,
            ready_at: row.due_at,
            first_attempt_at: row.first_attempt_at,
            attempts: row.attempts,
            sent_parts: Vec::new(),
        });
    }
    sqlx::query!(
        "UPDATE deliveries SET first_attempt_at = $3 WHERE pair_id = $1 AND seq = ANY($2) AND state = 'sending'
           AND first_attempt_at IS NULL",
        fence.pair as PairId,
        &claimed.iter().map(|row| row.seq).collect::<Vec<_>>(),
        now
    )
    .execute(connection)
    .await?;
    Ok(claimed)
}

async fn attach_sent_parts(
    connection: &mut PgConnection,
    pair: PairId,
    rows: &mut [Claimed],
) -> Result<(), StoreError> {
    let retried: Vec<i64> = rows.iter().filter(|row| row.attempts > 1).map(|row| row.seq).collect();
    if retried.is_empty() {
        return Ok(());
    }
    let parts = sqlx::query!(
        "SELECT seq, part, message_id FROM destination_messages WHERE pair_id = $1 AND seq = ANY($2) ORDER BY seq, part",
        pair as PairId,
        &retried
    )
    .fetch_all(connection)
    .await?;
    for part in parts {
        if let Some(row) = rows.iter_mut().find(|row| row.seq == part.seq) {
            row.sent_parts.push((part.part, part.message_id));
        }
    }
    Ok(())
}

/// One part that stands at the destination.
#[derive(Clone, Copy, Debug)]
pub struct SentPart {
    /// Its number within the delivery.
    pub part: i32,
    /// The account that wrote it.
    pub account: AccountId,
    /// Where.
    pub chat: ChatId,
    /// Its id there.
    pub message_id: i64,
}

/// Records a part that was sent; the same part twice is the same as once.
pub async fn record_part(
    connection: &mut PgConnection,
    pair: PairId,
    seq: i64,
    sent: SentPart,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO destination_messages (pair_id, seq, part, account_id, chat_id, message_id, sent_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT ON CONSTRAINT destination_messages_pkey DO NOTHING",
        pair as PairId,
        seq,
        sent.part,
        sent.account as AccountId,
        sent.chat as ChatId,
        sent.message_id,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// True when a message at the destination is on record as a part of some delivery: it cannot be the one that is
/// looked for.
pub async fn is_recorded(
    connection: &mut PgConnection,
    account: AccountId,
    chat: ChatId,
    message_id: i64,
) -> Result<bool, StoreError> {
    let recorded = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM destination_messages
                          WHERE chat_id = $1 AND message_id = $2 AND account_id = $3) AS "recorded!""#,
        chat as ChatId,
        message_id,
        account as AccountId
    )
    .fetch_one(connection)
    .await?;
    Ok(recorded)
}

/// How a delivery ended.
#[derive(Clone, Copy, Debug)]
pub enum Settlement<'a> {
    /// Every part stands at the destination; the last one is recorded with it.
    Sent(Option<SentPart>),
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
    pair: PairId,
    seq: i64,
    settlement: Settlement<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (state, code, text, part) = match settlement {
        Settlement::Sent(part) => (DeliveryState::Sent, None, None, part),
        Settlement::Skipped { code, text } => (DeliveryState::Skipped, Some(code), Some(text), None),
        Settlement::Dead { code, text } => (DeliveryState::Dead, Some(code), Some(text), None),
    };
    let kind = match state {
        DeliveryState::Sent => "sent",
        DeliveryState::Skipped => "skipped",
        DeliveryState::Dead => "dead",
        DeliveryState::Pending | DeliveryState::Sending => "open",
    };
    sqlx::query!(
        r#"WITH settled AS (
             UPDATE deliveries SET state = $3, reason_code = $4, reason = $5, settled_at = $6
             WHERE pair_id = $1 AND seq = $2 AND state IN ('pending', 'sending') RETURNING pair_id, seq),
           part AS (
             INSERT INTO destination_messages (pair_id, seq, part, account_id, chat_id, message_id, sent_at)
             SELECT pair_id, seq, $8, $9, $10, $11, $6 FROM settled WHERE $8::integer IS NOT NULL
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
        part.map(|part| part.part),
        part.map(|part| part.account) as Option<AccountId>,
        part.map(|part| part.chat) as Option<ChatId>,
        part.map(|part| part.message_id)
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

/// The destination message that stands for a message of the pair's source, for replies. The first part is answered.
pub async fn counterpart(
    connection: &mut PgConnection,
    pair: PairId,
    source_message_id: i64,
) -> Result<Option<i64>, StoreError> {
    let id = sqlx::query_scalar!(
        "SELECT m.message_id FROM pairs p
         JOIN source_messages s ON s.account_id = p.source_account_id AND s.chat_id = p.source_chat_id
         JOIN deliveries d ON d.pair_id = p.id AND d.source_message_id = s.id
         JOIN destination_messages m ON m.pair_id = d.pair_id AND m.seq = d.seq
         WHERE p.id = $1 AND s.message_id = $2 ORDER BY s.revision, m.part LIMIT 1",
        pair as PairId,
        source_message_id
    )
    .fetch_optional(connection)
    .await?;
    Ok(id)
}
