//! One drain of a pair at a time: fences, and the attempts that a killed worker leaves behind.

use domain::{AccountId, PairId};
use sqlx::PgConnection;

use crate::StoreError;

/// A drain's right to claim: valid while no younger drain of the pair has begun and the account has not moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The pair.
    pub pair: PairId,
    /// The drain's number.
    pub drain: i64,
    /// The destination account.
    pub account: AccountId,
    /// The lease epoch under which that account is hosted here.
    pub epoch: i64,
}

/// Who drains: an ingest of the same worker knows what it has sent, and the worker, started anew, can report the attempt
/// as failed.
#[derive(Clone, Copy, Debug)]
pub struct Drainer<'a> {
    /// The worker.
    pub host: &'a str,
    /// The activity attempt; `None` for a drain that Temporal does not know of.
    pub task_token: Option<&'a [u8]>,
}

/// Begins a drain: older ones can claim nothing from now on. `None` when the pair is deleted, or its destination
/// account is not hosted under `epoch`.
pub async fn begin_drain(
    connection: &mut PgConnection,
    pair: PairId,
    account: AccountId,
    epoch: i64,
    drainer: Drainer<'_>,
) -> Result<Option<Fence>, StoreError> {
    let drain = sqlx::query_scalar!(
        "UPDATE pairs SET drain_fence = drain_fence + 1, drain_host = $4, drain_task_token = $5
         WHERE id = $1 AND deleted_at IS NULL AND destination_account_id = $2
           AND EXISTS (SELECT FROM accounts WHERE id = $2 AND lease_epoch = $3)
         RETURNING drain_fence",
        pair as PairId,
        account as AccountId,
        epoch,
        drainer.host,
        drainer.task_token
    )
    .fetch_optional(connection)
    .await?;
    Ok(drain.map(|drain| Fence { pair, drain, account, epoch }))
}

/// Forgets which attempt drains the pair, unless a younger one has begun, and counts what was (sent, dead).
pub async fn end_drain(
    connection: &mut PgConnection,
    fence: Fence,
    (sent, dead): (u64, u64),
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE pairs SET drain_host = CASE WHEN drain_fence = $2 THEN NULL ELSE drain_host END,
                drain_task_token = CASE WHEN drain_fence = $2 THEN NULL ELSE drain_task_token END,
                sent_total = sent_total + $3, dead_total = dead_total + $4
         WHERE id = $1",
        fence.pair as PairId,
        fence.drain,
        i64::try_from(sent).unwrap_or(i64::MAX),
        i64::try_from(dead).unwrap_or(i64::MAX)
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The task tokens of drains that a former process of this worker left behind; all of its drains are forgotten here.
pub async fn drains_left_by(connection: &mut PgConnection, host: &str) -> Result<Vec<Vec<u8>>, StoreError> {
    let tokens = sqlx::query_scalar!(
        r#"UPDATE pairs p SET drain_host = NULL, drain_task_token = NULL
           FROM (SELECT id, drain_task_token FROM pairs WHERE drain_host = $1 FOR UPDATE) old
           WHERE p.id = old.id RETURNING old.drain_task_token AS "token?""#,
        host
    )
    .fetch_all(connection)
    .await?;
    Ok(tokens.into_iter().flatten().collect())
}

/// Messages that the pair has sent and given up since it was made, up to the end of the latest drain.
pub async fn totals(connection: &mut PgConnection, pair: PairId) -> Result<(u64, u64), StoreError> {
    let row = sqlx::query!("SELECT sent_total, dead_total FROM pairs WHERE id = $1", pair as PairId)
        .fetch_optional(connection)
        .await?;
    let count = |total: i64| u64::try_from(total).unwrap_or(0);
    Ok(row.map_or((0, 0), |row| (count(row.sent_total), count(row.dead_total))))
}
