//! Changes of a pair that is there: by its user, and by what its destination says.

use chrono::{DateTime, Utc};
use domain::{CopyMode, PairId, PairStatus, UserId};
use sqlx::PgConnection;

use crate::StoreError;

/// What a user may change of a pair; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct PairChange<'a> {
    /// The user's name for it.
    pub name: Option<&'a str>,
    /// Copy or forward.
    pub mode: Option<CopyMode>,
    /// Seconds between receipt and delivery; for messages that come from now on.
    pub delay_seconds: Option<i32>,
    /// No notification sound.
    pub silent: Option<bool>,
    /// All of its options.
    pub options: Option<&'a serde_json::Value>,
}

/// Changes the tenant's pair. False when there is none. A drain that knows other options claims
/// nothing any more.
pub async fn update(
    connection: &mut PgConnection,
    user: UserId,
    id: PairId,
    change: &PairChange<'_>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE pairs SET name = coalesce($3, name), mode = coalesce($4, mode),
                delay_seconds = coalesce($5, delay_seconds), silent = coalesce($6, silent),
                options = coalesce($7, options), drain_fence = drain_fence + CASE WHEN $7::jsonb IS NULL THEN 0 ELSE 1 END,
                updated_at = $8
         WHERE id = $2 AND user_id = $1 AND deleted_at IS NULL",
        user as UserId,
        id as PairId,
        change.name,
        change.mode as Option<CopyMode>,
        change.delay_seconds,
        change.silent,
        change.options,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Pauses or resumes the tenant's pair; twice is the same as once. False when there is none.
pub async fn set_paused(
    connection: &mut PgConnection,
    user: UserId,
    id: PairId,
    paused: bool,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let status = if paused { PairStatus::Paused } else { PairStatus::Active };
    let done = sqlx::query!(
        "UPDATE pairs SET status = $3, reason_code = NULL, reason = NULL, updated_at = $4
         WHERE id = $2 AND user_id = $1 AND deleted_at IS NULL",
        user as UserId,
        id as PairId,
        status as PairStatus,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Records that the destination refuses us (`Some`) or takes messages again (`None`). A paused pair stays paused.
pub async fn set_blocked(
    connection: &mut PgConnection,
    id: PairId,
    reason: Option<(&str, &str)>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (status, code, text) = match reason {
        Some((code, text)) => (PairStatus::Blocked, Some(code), Some(text)),
        None => (PairStatus::Active, None, None),
    };
    sqlx::query!(
        "UPDATE pairs SET status = $2, reason_code = $3, reason = $4, updated_at = $5
         WHERE id = $1 AND deleted_at IS NULL AND status <> 'paused' AND (status <> $2 OR reason_code IS DISTINCT FROM $3)",
        id as PairId,
        status as PairStatus,
        code,
        text,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes the tenant's pair; its history stays. False when there is none.
pub async fn delete(
    connection: &mut PgConnection,
    user: UserId,
    id: PairId,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE pairs SET deleted_at = $3, updated_at = $3 WHERE id = $2 AND user_id = $1 AND deleted_at IS NULL",
        user as UserId,
        id as PairId,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Has the pair of whatever tenant begin anew: it is not blocked any more, what drains it now claims nothing from now on,
/// and the next sweep rouses it, should nobody else. False when there is none, or it is paused.
pub async fn restart(connection: &mut PgConnection, id: PairId, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE pairs SET status = 'active', reason_code = NULL, reason = NULL, drain_fence = drain_fence + 1,
                wake_pending = false, swept_at = NULL, updated_at = $2
         WHERE id = $1 AND deleted_at IS NULL AND status <> 'paused'",
        id as PairId,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}
