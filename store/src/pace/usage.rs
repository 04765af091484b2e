//! What tenants have written.

use domain::{
    UserId,
    plan::{Allowance, Usage},
};
use sqlx::PgConnection;

use crate::StoreError;

/// Adds to what a tenant has used, and returns what all workers have counted together. `used` may be negative where
/// messages were counted that were not written.
pub async fn add_usage(
    connection: &mut PgConnection,
    user: UserId,
    used: Usage,
    limits: Allowance,
) -> Result<Usage, StoreError> {
    let whole = |limit: Option<u32>| limit.map(|limit| i32::try_from(limit).unwrap_or(i32::MAX));
    let row = sqlx::query!(
        "INSERT INTO plan_usage AS p (user_id, minute, minute_used, minute_limit, day, day_used, day_limit)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT ON CONSTRAINT plan_usage_pkey DO UPDATE SET
             minute_used = CASE WHEN p.minute = excluded.minute THEN greatest(p.minute_used + excluded.minute_used, 0)
                                WHEN p.minute > excluded.minute THEN p.minute_used
                                ELSE greatest(excluded.minute_used, 0) END,
             minute = greatest(p.minute, excluded.minute),
             day_used = CASE WHEN p.day = excluded.day THEN greatest(p.day_used + excluded.day_used, 0)
                             WHEN p.day > excluded.day THEN p.day_used
                             ELSE greatest(excluded.day_used, 0) END,
             day = greatest(p.day, excluded.day),
             minute_limit = excluded.minute_limit, day_limit = excluded.day_limit
         RETURNING minute, minute_used, day, day_used",
        user as UserId,
        used.minute,
        used.minute_used,
        whole(limits.per_minute),
        used.day,
        used.day_used,
        whole(limits.per_day)
    )
    .fetch_one(connection)
    .await?;
    Ok(Usage { minute: row.minute, minute_used: row.minute_used, day: row.day, day_used: row.day_used })
}

/// What a tenant has used, with the limits that were in force when it was counted.
pub async fn usage(connection: &mut PgConnection, user: UserId) -> Result<Option<(Usage, Allowance)>, StoreError> {
    let row = sqlx::query!(
        "SELECT minute, minute_used, minute_limit, day, day_used, day_limit FROM plan_usage WHERE user_id = $1",
        user as UserId
    )
    .fetch_optional(connection)
    .await?;
    let positive = |limit: Option<i32>| limit.and_then(|limit| u32::try_from(limit).ok());
    Ok(row.map(|row| {
        let used = Usage { minute: row.minute, minute_used: row.minute_used, day: row.day, day_used: row.day_used };
        (used, Allowance { per_minute: positive(row.minute_limit), per_day: positive(row.day_limit) })
    }))
}
