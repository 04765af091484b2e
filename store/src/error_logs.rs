//! What went wrong for a user, kept for a while.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{AccountId, PairId, UserId};
use sqlx::PgConnection;

use crate::StoreError;

/// The same trouble within this time of its first occurrence is counted instead of written again.
const SAME_WITHIN: TimeDelta = TimeDelta::hours(1);

/// Trouble of an account, counted when it is the same as a moment ago.
pub async fn record_account(
    connection: &mut PgConnection,
    account: AccountId,
    code: &str,
    detail: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "WITH owner AS (SELECT user_id FROM accounts WHERE id = $1),
           counted AS (
             UPDATE error_logs SET count = count + 1, last_at = $4, detail = $3
             WHERE id = (SELECT max(e.id) FROM error_logs e JOIN owner o ON o.user_id = e.user_id
                         WHERE e.account_id = $1 AND e.pair_id IS NULL AND e.code = $2 AND e.first_at > $5)
             RETURNING id)
         INSERT INTO error_logs (user_id, account_id, code, detail, first_at, last_at)
         SELECT user_id, $1, $2, $3, $4, $4 FROM owner WHERE NOT EXISTS (SELECT FROM counted)",
        account as AccountId,
        code,
        detail,
        now,
        now - SAME_WITHIN
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Trouble of a pair, counted when it is the same as a moment ago.
pub async fn record_pair(
    connection: &mut PgConnection,
    pair: PairId,
    code: &str,
    detail: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "WITH owner AS (SELECT user_id, destination_account_id FROM pairs WHERE id = $1),
           counted AS (
             UPDATE error_logs SET count = count + 1, last_at = $4, detail = $3
             WHERE id = (SELECT max(e.id) FROM error_logs e JOIN owner o ON o.user_id = e.user_id
                         WHERE e.pair_id = $1 AND e.code = $2 AND e.first_at > $5)
             RETURNING id)
         INSERT INTO error_logs (user_id, account_id, pair_id, code, detail, first_at, last_at)
         SELECT user_id, destination_account_id, $1, $2, $3, $4, $4 FROM owner WHERE NOT EXISTS (SELECT FROM counted)",
        pair as PairId,
        code,
        detail,
        now,
        now - SAME_WITHIN
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// One trouble as its user sees it.
#[derive(Clone, Debug)]
pub struct ErrorLog {
    /// Its number; pages go down from it.
    pub id: i64,
    /// The account that it happened to.
    pub account_id: Option<AccountId>,
    /// The pair that it happened to.
    pub pair_id: Option<PairId>,
    /// Stable code.
    pub code: String,
    /// For people, as said the last time.
    pub detail: String,
    /// When it was first seen.
    pub first_at: DateTime<Utc>,
    /// When it was last seen.
    pub last_at: DateTime<Utc>,
    /// How often.
    pub count: i64,
}

/// Which troubles to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// Of this account only.
    pub account: Option<AccountId>,
    /// Of this pair only.
    pub pair: Option<PairId>,
    /// Only numbers below this one.
    pub before: Option<i64>,
}

/// The tenant's troubles, newest first.
pub async fn list(
    connection: &mut PgConnection,
    user: UserId,
    filter: Filter,
    limit: i64,
) -> Result<Vec<ErrorLog>, StoreError> {
    let logs = sqlx::query_as!(
        ErrorLog,
        r#"SELECT id, account_id AS "account_id: AccountId", pair_id AS "pair_id: PairId", code, detail, first_at, last_at, count
           FROM error_logs
           WHERE user_id = $1 AND ($2::uuid IS NULL OR account_id = $2) AND ($3::uuid IS NULL OR pair_id = $3)
             AND ($4::bigint IS NULL OR id < $4)
           ORDER BY id DESC LIMIT $5"#,
        user as UserId,
        filter.account as Option<AccountId>,
        filter.pair as Option<PairId>,
        filter.before,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(logs)
}

/// Forgets troubles that were last seen before `before`, at most `limit`.
pub async fn prune(connection: &mut PgConnection, before: DateTime<Utc>, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM error_logs WHERE id IN (SELECT id FROM error_logs WHERE last_at < $1 ORDER BY last_at LIMIT $2)",
        before,
        limit
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
