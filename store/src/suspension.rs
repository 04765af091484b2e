//! Suspension: nothing of a tenant's is hosted, carried or begun until it is lifted.
//!
//! The tenant's row says so, and the gate of `domain` refuses everything from then on. In the same transaction what runs is
//! held back as by a plan that allows nothing: leases and claims are void at its commit, and hosts and workflows that
//! are not told of it find it in the rows. What the tenant had paused is not touched, so it stays paused afterwards.

use chrono::{DateTime, Utc};
use domain::{
    UserId,
    gate::{PLAN_LIMIT, SUSPENDED},
};
use sqlx::PgConnection;

use crate::{
    StoreError,
    plans::{Applied, apply, lock_user},
};

/// A tenant who is suspended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspension {
    /// Since when.
    pub since: DateTime<Utc>,
    /// Why, in the words of who did it.
    pub reason: Option<String>,
}

/// What a change has done.
#[derive(Clone, Debug)]
pub struct Changed {
    /// What was there before.
    pub before: Option<Suspension>,
    /// What is paused or resumed; the workflows are told after the commit.
    pub applied: Applied,
}

/// The tenant's suspension, if they are suspended.
pub async fn find(connection: &mut PgConnection, user: UserId) -> Result<Option<Suspension>, StoreError> {
    let row = sqlx::query!("SELECT suspended_at, suspended_reason FROM users WHERE id = $1", user as UserId)
        .fetch_optional(connection)
        .await?;
    Ok(row.and_then(|row| Some(Suspension { since: row.suspended_at?, reason: row.suspended_reason })))
}

/// Suspends the tenant; one who is suspended has another reason from now on. `None` when there is no such tenant. To be
/// called within a transaction.
pub async fn suspend(
    connection: &mut PgConnection,
    user: UserId,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<Option<Changed>, StoreError> {
    if !lock_user(connection, user).await? {
        return Ok(None);
    }
    let before = find(connection, user).await?;
    sqlx::query!(
        "UPDATE users SET suspended_at = coalesce(suspended_at, $3), suspended_reason = $2 WHERE id = $1",
        user as UserId,
        reason,
        now
    )
    .execute(&mut *connection)
    .await?;
    let applied = apply(connection, user, now).await?;
    Ok(Some(Changed { before, applied }))
}

/// Lifts the tenant's suspension: what it held back is resumed, as far as the plan has room. Twice is the same as once.
/// `None` when there is no such tenant. To be called within a transaction.
pub async fn lift(
    connection: &mut PgConnection,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<Option<Changed>, StoreError> {
    if !lock_user(connection, user).await? {
        return Ok(None);
    }
    let before = find(connection, user).await?;
    sqlx::query!("UPDATE users SET suspended_at = NULL, suspended_reason = NULL WHERE id = $1", user as UserId)
        .execute(&mut *connection)
        .await?;
    leave_to_the_plan(connection, user).await?;
    let applied = apply(connection, user, now).await?;
    Ok(Some(Changed { before, applied }))
}

/// What is still held after this is held by the plan, which may have changed meanwhile.
async fn leave_to_the_plan(connection: &mut PgConnection, user: UserId) -> Result<(), StoreError> {
    let reason = "the plan has no room for it";
    sqlx::query!(
        "UPDATE accounts SET reason_code = $2, reason = $3
         WHERE user_id = $1 AND plan_held_since IS NOT NULL AND reason_code = $4",
        user as UserId,
        PLAN_LIMIT,
        reason,
        SUSPENDED
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE pairs SET reason_code = $2, reason = $3
         WHERE id IN (SELECT id FROM pairs WHERE user_id = $1 AND deleted_at IS NULL AND status = 'paused'
                                            AND reason_code = $4 ORDER BY id FOR UPDATE)",
        user as UserId,
        PLAN_LIMIT,
        reason,
        SUSPENDED
    )
    .execute(connection)
    .await?;
    Ok(())
}
