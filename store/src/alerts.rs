//! Alerts: what is wrong with tenants' accounts, pairs and limits, or with the installation's books, and what was told of it. Cross-tenant: it serves the
//! machinery that looks after all.

use chrono::{DateTime, Utc};
use domain::{
    UserId,
    alert::{Alert, AlertKind, Comparison, Side, Told},
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::StoreError;

mod present;

pub use present::present;

/// Names the lock that whoever compares takes: two comparisons at once would open the same alert twice.
const COMPARE_LOCK: i64 = 0x_616c_6572_7473;
/// Alerts looked at in one comparison: far more than can be told of.
const UNSETTLED_MAX: i64 = 50_000;

/// Waits until nobody else compares, for the rest of the transaction.
pub async fn lock(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query_scalar!("SELECT pg_advisory_xact_lock($1)::text", COMPARE_LOCK).fetch_one(connection).await?;
    Ok(())
}

/// The alerts of which there is still something to tell, or that are still open.
pub async fn unsettled(connection: &mut PgConnection) -> Result<Vec<Alert>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT id, user_id, kind, subject, label, detail, opened_at, closed_at, told_at, times_told,
                  settled_at IS NOT NULL AS "settled!", operator_told_at, operator_times_told,
                  operator_settled_at IS NOT NULL AS "operator_settled!"
           FROM alerts WHERE settled_at IS NULL OR operator_settled_at IS NULL ORDER BY user_id, id LIMIT $1"#,
        UNSETTLED_MAX
    )
    .fetch_all(connection)
    .await?;
    let times = |times: i16| u16::try_from(times).unwrap_or(0);
    let alerts = rows.into_iter().map(|row| Alert {
        id: row.id,
        user: row.user_id,
        kind: row.kind,
        subject: row.subject,
        label: row.label,
        detail: row.detail,
        opened_at: row.opened_at,
        closed_at: row.closed_at,
        user_told: Told { at: row.told_at, times: times(row.times_told), settled: row.settled },
        operator_told: Told {
            at: row.operator_told_at,
            times: times(row.operator_times_told),
            settled: row.operator_settled,
        },
    });
    Ok(alerts.collect())
}

/// Records how what is wrong has changed.
pub async fn apply(
    connection: &mut PgConnection,
    comparison: &Comparison,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let Comparison { opened, reopened, closed } = comparison;
    for one in closed {
        sqlx::query!(
            "UPDATE alerts SET closed_at = $2, settled_at = CASE WHEN $3 THEN $2::timestamptz END,
                    operator_settled_at = CASE WHEN $4 THEN coalesce(operator_settled_at, $2::timestamptz)
                                               ELSE operator_settled_at END
             WHERE id = $1 AND closed_at IS NULL",
            one.id,
            now,
            one.user_settled,
            one.operator_settled
        )
        .execute(&mut *connection)
        .await?;
    }
    sqlx::query!("UPDATE alerts SET closed_at = NULL WHERE id = ANY ($1) AND settled_at IS NULL", reopened)
        .execute(&mut *connection)
        .await?;
    for one in opened {
        sqlx::query!(
            "INSERT INTO alerts (user_id, kind, subject, label, detail, opened_at, operator_settled_at)
             VALUES ($1, $2, $3, $4, $5, $6, CASE WHEN $7 THEN NULL ELSE $6::timestamptz END)
             ON CONFLICT (user_id, kind, subject) WHERE closed_at IS NULL DO NOTHING",
            one.user as Option<UserId>,
            one.kind as AlertKind,
            one.subject,
            one.label,
            one.detail,
            now,
            one.kind.concerns_operator()
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Somebody was told of these.
pub async fn set_told(
    connection: &mut PgConnection,
    side: Side,
    alerts: &[i64],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    match side {
        Side::User => {
            sqlx::query!("UPDATE alerts SET told_at = $2, times_told = times_told + 1 WHERE id = ANY ($1)", alerts, now)
        }
        Side::Operator => sqlx::query!(
            "UPDATE alerts SET operator_told_at = $2, operator_times_told = operator_times_told + 1
             WHERE id = ANY ($1)",
            alerts,
            now
        ),
    }
    .execute(connection)
    .await?;
    Ok(())
}

/// There is no more to tell somebody of these, which are over.
pub async fn settle(
    connection: &mut PgConnection,
    side: Side,
    alerts: &[i64],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    match side {
        Side::User => {
            sqlx::query!("UPDATE alerts SET settled_at = $2 WHERE id = ANY ($1) AND closed_at IS NOT NULL", alerts, now)
        }
        Side::Operator => sqlx::query!(
            "UPDATE alerts SET operator_settled_at = $2 WHERE id = ANY ($1) AND closed_at IS NOT NULL",
            alerts,
            now
        ),
    }
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets alerts that were over before `before`, at most `limit`; how many.
pub async fn prune(connection: &mut PgConnection, before: DateTime<Utc>, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM alerts WHERE id IN (
             SELECT id FROM alerts
             WHERE settled_at IS NOT NULL AND operator_settled_at IS NOT NULL AND closed_at < $1
             ORDER BY closed_at LIMIT $2)",
        before,
        limit
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// The tenant's open alerts, oldest first: kind and subject.
pub async fn open(connection: &mut PgConnection, user: UserId) -> Result<Vec<(AlertKind, Uuid)>, StoreError> {
    let rows = sqlx::query!(
        "SELECT kind, subject FROM alerts WHERE user_id = $1 AND closed_at IS NULL ORDER BY id",
        user as UserId
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.kind, row.subject)).collect())
}
