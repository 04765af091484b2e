//! Reconciliations: what the history of a pair's source holds, compared with the ledger.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{AccountId, Clock, PairId, ReconciliationId, UserId};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::StoreError;

mod compare;

pub use compare::{
    Known, Tally, Thread, Work, advance, durable_up_to, enter, forget_undelivered, known, repaired, work,
};

/// Messages that are older are not compared: both ends have long been looked at by people.
pub const WINDOW: TimeDelta = TimeDelta::days(7);
/// So many missing messages are listed in a report; all are counted.
pub const LISTED_MAX: usize = 100;

/// What the ledger may lack of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lack {
    /// The message itself.
    #[default]
    Message,
    /// Its last edit.
    Edit,
    /// That it was deleted.
    Deletion,
}

/// Something of the source that the ledger did not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// What.
    #[serde(default)]
    pub kind: Lack,
    /// Of which message: the source platform's id.
    pub message_id: i64,
    /// When it was written.
    pub sent_at: DateTime<Utc>,
}

/// What a reconciliation found so far.
#[derive(Clone, Debug)]
pub struct Report {
    /// Which one.
    pub id: ReconciliationId,
    /// `running`, `done` or `failed`.
    pub state: String,
    /// What is missing is ingested.
    pub repair: bool,
    /// Messages compared.
    pub checked: i64,
    /// Of these, not in the ledger.
    pub missing: i64,
    /// Of these, in the ledger without their last edit.
    pub missing_edits: i64,
    /// Messages that were deleted at the source, which the ledger does not know.
    pub missing_deletions: i64,
    /// Of all that was missing, ingested by it.
    pub repaired: i64,
    /// The first of what was missing, at most [`LISTED_MAX`].
    pub listed: Vec<Missing>,
    /// Why it ended early, as a stable code.
    pub reason_code: Option<String>,
    /// Why, for people.
    pub reason: Option<String>,
    /// When it was asked for.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

/// A reconciliation whose workflow has to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Which one.
    pub id: ReconciliationId,
    /// Its pair.
    pub pair: PairId,
    /// The account that reads the source.
    pub account: AccountId,
}

/// Asks for a reconciliation of the tenant's pair, of messages of the last [`WINDOW`]. While one runs, it is that
/// one.
/// `None` when the pair is not the tenant's.
pub async fn begin(
    connection: &mut PgConnection,
    user: UserId,
    (pair, repair): (PairId, bool),
    clock: &dyn Clock,
) -> Result<Option<Begun>, StoreError> {
    // Ids are numbers, not times: the newest message that the ledger has from before stands for the time.
    sqlx::query!(
        "INSERT INTO reconciliations (id, pair_id, state, repair, chat_id, cursor, started_at)
         SELECT $1, p.id, 'running', $4, p.source_chat_id, greatest(p.source_start_id, (
                  SELECT max(s.message_id) FROM source_messages s
                  WHERE s.account_id = p.source_account_id AND s.chat_id = p.source_chat_id AND s.sent_at < $5)), $6
         FROM pairs p WHERE p.id = $2 AND p.user_id = $3 AND p.deleted_at IS NULL
         ON CONFLICT (pair_id) WHERE state = 'running' DO NOTHING",
        ReconciliationId::new(clock) as ReconciliationId,
        pair as PairId,
        user as UserId,
        repair,
        clock.now() - WINDOW,
        clock.now()
    )
    .execute(&mut *connection)
    .await?;
    let begun = sqlx::query_as!(
        Begun,
        "SELECT r.id, r.pair_id AS pair, p.source_account_id AS account
         FROM reconciliations r JOIN pairs p ON p.id = r.pair_id
         WHERE r.pair_id = $1 AND r.state = 'running' AND p.user_id = $2 AND p.deleted_at IS NULL",
        pair as PairId,
        user as UserId
    )
    .fetch_optional(connection)
    .await?;
    Ok(begun)
}

/// Asks for a reconciliation of each of at most `limit` pairs that have had none since `before` and have none running:
/// first of those that have had none at all, then of those whose last one is oldest.
pub async fn begin_due(
    connection: &mut PgConnection,
    clock: &dyn Clock,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Begun>, StoreError> {
    let due = sqlx::query!(
        "SELECT p.id, p.user_id FROM pairs p WHERE p.deleted_at IS NULL AND p.created_at < $1
           AND NOT EXISTS (SELECT FROM reconciliations r
                           WHERE r.pair_id = p.id AND (r.started_at >= $1 OR r.state = 'running'))
         ORDER BY (SELECT max(r.started_at) FROM reconciliations r WHERE r.pair_id = p.id) NULLS FIRST, p.id LIMIT $2",
        before,
        limit
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut begun = Vec::with_capacity(due.len());
    for pair in due {
        begun.extend(begin(connection, pair.user_id, (pair.id, false), clock).await?);
    }
    Ok(begun)
}

/// Reconciliations that were asked for before `before` and have not ended: their workflow may not have been started.
pub async fn left_running(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Begun>, StoreError> {
    let left = sqlx::query_as!(
        Begun,
        "SELECT r.id, r.pair_id AS pair, p.source_account_id AS account
         FROM reconciliations r JOIN pairs p ON p.id = r.pair_id
         WHERE r.state = 'running' AND r.started_at < $1 ORDER BY r.started_at LIMIT $2",
        before,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(left)
}

/// Ends a reconciliation that runs: in order, or with a code and a reason for people.
pub async fn finish(
    connection: &mut PgConnection,
    id: ReconciliationId,
    failed: Option<(&str, &str)>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE reconciliations SET state = CASE WHEN $2::text IS NULL THEN 'done' ELSE 'failed' END,
                reason_code = $2, reason = $3, finished_at = $4
         WHERE id = $1 AND state = 'running'",
        id as ReconciliationId,
        failed.map(|(code, _)| code),
        failed.map(|(_, reason)| reason),
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets reconciliations that were asked for before `before` and have ended, at most `limit`; the newest of each pair
/// stays.
pub async fn prune(connection: &mut PgConnection, before: DateTime<Utc>, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM reconciliations WHERE id IN (
             SELECT r.id FROM reconciliations r
             WHERE r.started_at < $1 AND r.state <> 'running' AND EXISTS (
                 SELECT FROM reconciliations n
                 WHERE n.pair_id = r.pair_id AND (n.started_at, n.id) > (r.started_at, r.id))
             ORDER BY r.started_at LIMIT $2)",
        before,
        limit
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// The newest reconciliations of the tenant's pair, newest first.
pub async fn list(
    connection: &mut PgConnection,
    user: UserId,
    pair: PairId,
    limit: i64,
) -> Result<Vec<Report>, StoreError> {
    let rows = sqlx::query!(
        "SELECT r.id, r.state, r.repair, r.checked, r.missing, r.missing_edits, r.missing_deletions, r.repaired,
                r.listed, r.reason_code, r.reason, r.started_at, r.finished_at
         FROM reconciliations r JOIN pairs p ON p.id = r.pair_id
         WHERE p.id = $1 AND p.user_id = $2 AND p.deleted_at IS NULL ORDER BY r.started_at DESC, r.id DESC LIMIT $3",
        pair as PairId,
        user as UserId,
        limit
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Report {
                id: row.id,
                state: row.state,
                repair: row.repair,
                checked: row.checked,
                missing: row.missing,
                missing_edits: row.missing_edits,
                missing_deletions: row.missing_deletions,
                repaired: row.repaired,
                listed: serde_json::from_value(row.listed)?,
                reason_code: row.reason_code,
                reason: row.reason,
                started_at: row.started_at,
                finished_at: row.finished_at,
            })
        })
        .collect()
}
