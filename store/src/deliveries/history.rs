//! Deliveries as their owner sees them, with every step.

use chrono::{DateTime, Utc};
use domain::{DeliveryState, Operation, PairId, UserId};
use sqlx::PgConnection;

use crate::StoreError;

/// One delivery as the API shows it.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its place in the pair's order.
    pub seq: i64,
    /// What it does at the destination.
    pub operation: Operation,
    /// The delivery that it changes, or with which it travels as part of an album.
    pub root_seq: Option<i64>,
    /// The source platform's id of the message.
    pub source_message_id: i64,
    /// Its state.
    pub state: DeliveryState,
    /// Stable code of why.
    pub reason_code: Option<String>,
    /// Why, for people.
    pub reason: Option<String>,
    /// Claims so far.
    pub attempts: i32,
    /// When we had it.
    pub received_at: DateTime<Utc>,
    /// When it may be sent.
    pub due_at: DateTime<Utc>,
    /// When it was sent, skipped or given up.
    pub settled_at: Option<DateTime<Utc>>,
    /// What stands at the destination.
    pub destination_message_ids: Vec<i64>,
    /// Its history, oldest first.
    pub steps: Vec<Step>,
}

/// One step of a delivery's history.
#[derive(Clone, Debug)]
pub struct Step {
    /// When.
    pub at: DateTime<Utc>,
    /// `received`, `edit_received`, `delete_received`, `joined`, `folded`, `waiting`, `sent`, `edited`, `deleted`,
    /// `skipped`, `dead`.
    pub kind: String,
    /// For people.
    pub detail: Option<String>,
}

/// Which deliveries of a pair to list.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Only numbers below this one.
    pub before: Option<i64>,
    /// In this state only.
    pub state: Option<DeliveryState>,
    /// Of these numbers only.
    pub seqs: Option<Vec<i64>>,
}

/// The deliveries of the tenant's pair that `page` asks for, newest first.
pub async fn list(
    connection: &mut PgConnection,
    user: UserId,
    pair: PairId,
    page: &Page,
    limit: i64,
) -> Result<Vec<Delivery>, StoreError> {
    let rows = sqlx::query!(
        "SELECT d.seq, d.operation, d.root_seq, s.message_id, d.state, d.reason_code, d.reason, d.attempts,
                s.received_at, d.due_at, d.settled_at
         FROM deliveries d JOIN source_messages s ON s.id = d.source_message_id JOIN pairs p ON p.id = d.pair_id
         WHERE p.user_id = $1 AND d.pair_id = $2 AND ($3::bigint IS NULL OR d.seq < $3)
           AND ($5::delivery_state IS NULL OR d.state = $5) AND ($6::bigint[] IS NULL OR d.seq = ANY($6))
         ORDER BY d.seq DESC LIMIT $4",
        user as UserId,
        pair as PairId,
        page.before,
        limit,
        page.state as Option<DeliveryState>,
        page.seqs.as_deref()
    )
    .fetch_all(&mut *connection)
    .await?;
    let seqs: Vec<i64> = rows.iter().map(|row| row.seq).collect();
    let parts = sqlx::query!(
        "SELECT seq, message_id FROM destination_messages WHERE pair_id = $1 AND seq = ANY($2) ORDER BY seq, part, item",
        pair as PairId,
        &seqs
    )
    .fetch_all(&mut *connection)
    .await?;
    let events = sqlx::query!(
        "SELECT seq, at, kind, detail FROM delivery_events WHERE pair_id = $1 AND seq = ANY($2) ORDER BY seq, id",
        pair as PairId,
        &seqs
    )
    .fetch_all(connection)
    .await?;
    let deliveries = rows.into_iter().map(|row| Delivery {
        seq: row.seq,
        operation: row.operation,
        root_seq: row.root_seq,
        source_message_id: row.message_id,
        state: row.state,
        reason_code: row.reason_code,
        reason: row.reason,
        attempts: row.attempts,
        received_at: row.received_at,
        due_at: row.due_at,
        settled_at: row.settled_at,
        destination_message_ids: parts.iter().filter(|part| part.seq == row.seq).map(|part| part.message_id).collect(),
        steps: events
            .iter()
            .filter(|event| event.seq == row.seq)
            .map(|event| Step { at: event.at, kind: event.kind.clone(), detail: event.detail.clone() })
            .collect(),
    });
    Ok(deliveries.collect())
}
