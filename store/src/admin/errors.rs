//! What went wrong for all tenants.

use chrono::{DateTime, Utc};
use domain::{AccountId, PairId, UserId};
use sqlx::PgConnection;

use crate::StoreError;

/// Which troubles; everything that is given must fit.
#[derive(Clone, Copy, Debug, Default)]
pub struct ErrorFilter<'a> {
    /// Of this tenant.
    pub user: Option<UserId>,
    /// Of this account.
    pub account: Option<AccountId>,
    /// Of this pair.
    pub pair: Option<PairId>,
    /// With this code.
    pub code: Option<&'a str>,
    /// Last seen since then.
    pub from: Option<DateTime<Utc>>,
    /// First seen before then.
    pub until: Option<DateTime<Utc>>,
    /// Only numbers below this one.
    pub before: Option<i64>,
}

/// One trouble, and whose.
#[derive(Clone, Debug)]
pub struct ErrorRow {
    /// Its number; pages go down from it.
    pub id: i64,
    /// Whose.
    pub user_id: UserId,
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

/// The troubles that fit, the newest first.
pub async fn errors(
    connection: &mut PgConnection,
    filter: &ErrorFilter<'_>,
    limit: i64,
) -> Result<Vec<ErrorRow>, StoreError> {
    let rows = sqlx::query_as!(
        ErrorRow,
        r#"SELECT id, user_id AS "user_id: UserId", account_id AS "account_id: AccountId",
                  pair_id AS "pair_id: PairId", code, detail, first_at, last_at, count
           FROM error_logs
           WHERE ($1::uuid IS NULL OR user_id = $1) AND ($2::uuid IS NULL OR account_id = $2)
             AND ($3::uuid IS NULL OR pair_id = $3) AND ($4::text IS NULL OR code = $4)
             AND ($5::timestamptz IS NULL OR last_at >= $5) AND ($6::timestamptz IS NULL OR first_at < $6)
             AND ($7::bigint IS NULL OR id < $7)
           ORDER BY id DESC LIMIT $8"#,
        filter.user.map(|user| user.as_uuid()),
        filter.account.map(|account| account.as_uuid()),
        filter.pair.map(|pair| pair.as_uuid()),
        filter.code,
        filter.from,
        filter.until,
        filter.before,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}
