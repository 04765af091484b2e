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

/// Gives the tenant a plan, whatever they subscribe to, and settles their pairs and accounts: see [`apply`]. Free without
/// an end takes back what was given: what they subscribe to holds again. `None` when there is no such tenant. To be called
/// within a transaction; the workflows are told after its commit.
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
    let granted = plan != PlanId::FREE || made.until.is_some();
    let plan = if granted { plan } else { subscribed(connection, user).await? };
    sqlx::query!(
        "UPDATE users SET plan_id = $2, plan_reason = $3, plan_expires_at = $4, plan_granted = $5 WHERE id = $1",
        user as UserId,
        plan as PlanId,
        made.reason,
        made.until,
        granted
    )
    .execute(&mut *connection)
    .await?;
    apply(connection, user, now).await.map(Some)
}

/// Gives the tenant the plan that they subscribe to, or Free, unless staff has given them one, and settles their pairs and
/// accounts. To be called within a transaction, with the tenant locked; the workflows are told after its commit.
pub async fn follow(connection: &mut PgConnection, user: UserId, now: DateTime<Utc>) -> Result<Applied, StoreError> {
    let plan = subscribed(connection, user).await?;
    let done = sqlx::query!(
        "UPDATE users SET plan_id = $2, plan_reason = 'by subscription', plan_expires_at = NULL
         WHERE id = $1 AND NOT plan_granted AND plan_id <> $2",
        user as UserId,
        plan as PlanId
    )
    .execute(&mut *connection)
    .await?;
    if done.rows_affected() == 0 { Ok(Applied::default()) } else { apply(connection, user, now).await }
}

/// The plan that staff has given the tenant, if there is one, with its position in the list.
pub async fn granted(connection: &mut PgConnection, user: UserId) -> Result<Option<(PlanId, i32)>, StoreError> {
    let row = sqlx::query!(
        "SELECT l.id, l.position FROM users u JOIN plans l ON l.id = u.plan_id WHERE u.id = $1 AND u.plan_granted",
        user as UserId
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| (row.id, row.position)))
}

/// Takes back what staff has given: the tenant has bought more. [`follow`] does the rest.
pub(crate) async fn end_grant(connection: &mut PgConnection, user: UserId) -> Result<(), StoreError> {
    sqlx::query!("UPDATE users SET plan_granted = false, plan_expires_at = NULL WHERE id = $1", user as UserId)
        .execute(connection)
        .await?;
    Ok(())
}

/// The plan that the tenant subscribes to; Free for others.
async fn subscribed(connection: &mut PgConnection, user: UserId) -> Result<PlanId, StoreError> {
    let plan = sqlx::query_scalar!(
        "SELECT plan_id FROM subscriptions
         WHERE user_id = $1 AND status IN ('trialing', 'active', 'past_due', 'grace')",
        user as UserId
    )
    .fetch_optional(connection)
    .await?;
    Ok(plan.unwrap_or(PlanId::FREE))
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
/// tenant whose plan ends is on what they subscribe to from then on, or on Free. Says how many ended.
pub async fn expire(connection: &mut PgConnection, now: DateTime<Utc>, limit: i64) -> Result<u64, StoreError> {
    let plans = sqlx::query!(
        "UPDATE users SET plan_expires_at = NULL, plan_reason = 'the plan has expired', plan_granted = false,
                plan_id = coalesce((SELECT s.plan_id FROM subscriptions s WHERE s.user_id = users.id
                                    AND s.status IN ('trialing', 'active', 'past_due', 'grace')), $3),
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
