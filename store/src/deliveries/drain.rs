//! One drain of a pair at a time: fences, and the attempts that a killed worker leaves behind.

use domain::{
    AccountId, PairId,
    plan::{Features, Limits, Terms},
};
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

/// A drain that has begun.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Begun {
    /// Its right to claim.
    pub fence: Fence,
    /// What holds for the pair's owner. Of the limits, those that a drain asks for: files.
    pub terms: Terms,
}

/// Begins a drain: older ones can claim nothing from now on. `None` when the pair is deleted, or its destination
/// account is not hosted under `epoch`.
pub async fn begin_drain(
    connection: &mut PgConnection,
    pair: PairId,
    account: AccountId,
    epoch: i64,
    drainer: Drainer<'_>,
) -> Result<Option<Begun>, StoreError> {
    let row = sqlx::query!(
        r#"UPDATE pairs p SET drain_fence = p.drain_fence + 1, drain_host = $4, drain_task_token = $5
         FROM users u JOIN plans l ON l.id = u.plan_id LEFT JOIN user_limits x ON x.user_id = u.id
         WHERE p.id = $1 AND u.id = p.user_id AND p.deleted_at IS NULL AND p.destination_account_id = $2
           AND EXISTS (SELECT FROM accounts WHERE id = $2 AND lease_epoch = $3)
         RETURNING p.drain_fence AS drain, u.suspended_at IS NOT NULL AS "suspended!", l.priority, l.fairness_weight,
                   coalesce(x.media_bytes_max, l.media_bytes_max) AS media_bytes_max,
                   coalesce(x.copy_mode, l.copy_mode) AS "copy_mode!",
                   coalesce(x.chain_forwarding, l.chain_forwarding) AS "chain_forwarding!",
                   coalesce(x.discord_forwarding, l.discord_forwarding) AS "discord_forwarding!",
                   coalesce(x.webhook_identity, l.webhook_identity) AS "webhook_identity!",
                   coalesce(x.filters, l.filters) AS "filters!", coalesce(x.reports, l.reports) AS "reports!""#,
        pair as PairId,
        account as AccountId,
        epoch,
        drainer.host,
        drainer.task_token
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| Begun {
        fence: Fence { pair, drain: row.drain, account, epoch },
        terms: Terms {
            suspended: row.suspended,
            limits: Limits {
                media_bytes_max: row.media_bytes_max.and_then(|bytes| u64::try_from(bytes).ok()),
                ..Limits::default()
            },
            features: Features {
                copy_mode: row.copy_mode,
                chain_forwarding: row.chain_forwarding,
                discord_forwarding: row.discord_forwarding,
                webhook_identity: row.webhook_identity,
                filters: row.filters,
                reports: row.reports,
            },
            priority_key: u32::try_from(row.priority).unwrap_or(0),
            fairness_weight: row.fairness_weight,
        },
    }))
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
