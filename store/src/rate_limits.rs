//! Permits that replicas of the API have leased: [`domain::rate::Ledger`] in one statement.

use chrono::{DateTime, Utc};
use domain::rate::{Ask, Grant};
use sqlx::PgConnection;

use crate::StoreError;

/// Leases permits of a window to one replica. Whether it spends them or dies, nobody else gets them.
pub async fn lease(connection: &mut PgConnection, caller: &str, ask: &Ask) -> Result<Grant, StoreError> {
    let row = sqlx::query!(
        r#"INSERT INTO rate_limits AS r (caller, window_start, leased, granted)
           SELECT $1, $2, $5::bigint + fresh.granted, fresh.granted
           FROM (SELECT least($4::bigint, (greatest($3::bigint - $5::bigint, 0) + 3) / 4) AS granted) fresh
           ON CONFLICT ON CONSTRAINT rate_limits_pkey DO UPDATE SET
               window_start = greatest(r.window_start, excluded.window_start),
               (leased, granted) = (
                   SELECT known.leased + given.granted, given.granted
                   FROM (SELECT $5::bigint + CASE WHEN r.window_start > excluded.window_start THEN r.leased
                                                  WHEN r.window_start = excluded.window_start
                                                  THEN greatest(r.leased - $6::bigint, 0)
                                                  ELSE 0 END AS leased) known,
                        LATERAL (SELECT least($4::bigint, (greatest($3::bigint - known.leased, 0) + 3) / 4)
                                 AS granted) given)
           RETURNING window_start, leased, granted"#,
        caller,
        ask.window,
        i64::from(ask.limit),
        i64::from(ask.wish),
        i64::from(ask.owed),
        i64::from(ask.returned)
    )
    .fetch_one(connection)
    .await?;
    Ok(Grant {
        window: row.window_start,
        granted: u32::try_from(row.granted).unwrap_or(0),
        leased: u64::try_from(row.leased).unwrap_or(u64::MAX),
        booked: ask.owed,
        returned: ask.returned,
    })
}

/// Forgets callers that have not asked since `before`, at most `limit` of them; returns how many. A forgotten window must
/// be over everywhere.
pub async fn prune(connection: &mut PgConnection, before: DateTime<Utc>, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM rate_limits WHERE caller IN (
             SELECT caller FROM rate_limits WHERE window_start < $1 ORDER BY window_start
             LIMIT $2 FOR UPDATE SKIP LOCKED) AND window_start < $1",
        before,
        limit
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
