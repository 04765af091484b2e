//! Changes of what a tenant may have: another plan, an exception, the end of either.

use chrono::{DateTime, Utc};
use domain::{PlanId, UserId, plan::Exception};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Applied, apply, bytes_column, column, lock_user};
use crate::StoreError;

/// Why something is changed, and until when.
#[derive(Clone, Copy, Debug)]
pub struct Made<'a> {
    /// In the words of who does it.
    pub reason: &'a str,
    /// When it ends by itself; `None`: never.
    pub until: Option<DateTime<Utc>>,
}

/// Gives the tenant a plan, and settles their pairs and accounts: see [`apply`]. `None` when there is no such tenant.
/// To be called within a transaction; the workflows are told after its commit.
pub async fn set(
    connection: &mut PgConnection,
    user: UserId,
    plan: PlanId,
    made: Made<'_>,
    now: DateTime<Utc>,
) -> Result<Option<Applied>, StoreError> {
    if !lock_user(connection, user).await? {
        return Ok(None);
    }
    sqlx::query!(
        "UPDATE users SET plan_id = $2, plan_reason = $3, plan_expires_at = $4 WHERE id = $1",
        user as UserId,
        plan as PlanId,
        made.reason,
        made.until
    )
    .execute(&mut *connection)
    .await?;
    apply(connection, user, now).await.map(Some)
}

/// Makes an exception for the tenant, instead of the one that there may be, and settles their pairs and accounts. `None`
/// when there is no such tenant. To be called within a transaction; the workflows are told after its commit.
pub async fn set_exception(
    connection: &mut PgConnection,
    user: UserId,
    exception: &Exception,
    made: Made<'_>,
    now: DateTime<Utc>,
) -> Result<Option<Applied>, StoreError> {
    if !lock_user(connection, user).await? {
        return Ok(None);
    }
    let Exception { limits, .. } = exception;
    sqlx::query!(
        "INSERT INTO user_limits (user_id, pairs_max, telegram_accounts_max, discord_accounts_max, messages_per_minute,
                                  messages_per_day, requests_per_minute, media_bytes_max, copy_mode, chain_forwarding,
                                  discord_forwarding, webhook_identity, filters, reports, reason, expires_at,
                                  created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17)
         ON CONFLICT ON CONSTRAINT user_limits_pkey DO UPDATE SET
             pairs_max = excluded.pairs_max, telegram_accounts_max = excluded.telegram_accounts_max,
             discord_accounts_max = excluded.discord_accounts_max, messages_per_minute = excluded.messages_per_minute,
             messages_per_day = excluded.messages_per_day, requests_per_minute = excluded.requests_per_minute,
             media_bytes_max = excluded.media_bytes_max, copy_mode = excluded.copy_mode,
             chain_forwarding = excluded.chain_forwarding, discord_forwarding = excluded.discord_forwarding,
             webhook_identity = excluded.webhook_identity, filters = excluded.filters, reports = excluded.reports,
             reason = excluded.reason, expires_at = excluded.expires_at, updated_at = excluded.updated_at",
        user as UserId,
        column(limits.pairs_max),
        column(limits.telegram_accounts_max),
        column(limits.discord_accounts_max),
        column(limits.messages_per_minute),
        column(limits.messages_per_day),
        column(limits.requests_per_minute),
        bytes_column(limits.media_bytes_max),
        exception.copy_mode,
        exception.chain_forwarding,
        exception.discord_forwarding,
        exception.webhook_identity,
        exception.filters,
        exception.reports,
        made.reason,
        made.until,
        now
    )
    .execute(&mut *connection)
    .await?;
    apply(connection, user, now).await.map(Some)
}

/// Ends the exception that was made for the tenant, if there is one, and settles their pairs and accounts. `None` when
/// there is no such tenant. To be called within a transaction; the workflows are told after its commit.
pub async fn end_exception(
    connection: &mut PgConnection,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<Option<Applied>, StoreError> {
    if !lock_user(connection, user).await? {
        return Ok(None);
    }
    sqlx::query!("DELETE FROM user_limits WHERE user_id = $1", user as UserId).execute(&mut *connection).await?;
    apply(connection, user, now).await.map(Some)
}

/// Something has changed that [`apply`] has to look at, where it cannot be called at once: the sweep does it.
pub async fn mark_stale(connection: &mut PgConnection, user: UserId, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE users SET plan_stale_since = coalesce(plan_stale_since, $2) WHERE id = $1",
        user as UserId,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends plans and exceptions whose time is over, of at most `limit` tenants each, and marks these tenants as stale. A
/// tenant whose plan ends is on Free from then on. Says how many ended.
pub async fn expire(connection: &mut PgConnection, now: DateTime<Utc>, limit: i64) -> Result<u64, StoreError> {
    let plans = sqlx::query!(
        "UPDATE users SET plan_id = $3, plan_expires_at = NULL, plan_reason = 'the plan has expired',
                plan_stale_since = coalesce(plan_stale_since, $1)
         WHERE id IN (SELECT id FROM users WHERE plan_expires_at <= $1 ORDER BY plan_expires_at LIMIT $2
                      FOR NO KEY UPDATE SKIP LOCKED)",
        now,
        limit,
        PlanId::FREE as PlanId
    )
    .execute(&mut *connection)
    .await?;
    // The tenant first, as everywhere.
    let users = sqlx::query_scalar!(
        "UPDATE users SET plan_stale_since = coalesce(plan_stale_since, $1)
         WHERE id IN (SELECT user_id FROM user_limits WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)
         RETURNING id",
        now,
        limit
    )
    .fetch_all(&mut *connection)
    .await?;
    let users: Vec<Uuid> = users.iter().map(UserId::as_uuid).collect();
    let exceptions = sqlx::query!("DELETE FROM user_limits WHERE user_id = ANY($1) AND expires_at <= $2", &users, now)
        .execute(connection)
        .await?;
    Ok(plans.rows_affected() + exceptions.rows_affected())
}

/// Tenants who are marked as stale, those first that were marked first.
pub async fn stale(connection: &mut PgConnection, limit: i64) -> Result<Vec<UserId>, StoreError> {
    let users = sqlx::query_scalar!(
        "SELECT id FROM users WHERE plan_stale_since IS NOT NULL ORDER BY plan_stale_since, id LIMIT $1",
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(users)
}
