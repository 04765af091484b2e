//! The plans that there are.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::{
    Plan, PlanId,
    plan::{Features, Limits},
};
use sqlx::PgConnection;

use super::{bytes_column, column, plan_in, whole};
use crate::StoreError;

/// The constraint that a second plan of the same code violates.
pub const PLAN_CODE: &str = "plans_code_key";

/// Every plan, the lowest first.
pub async fn catalogue(connection: &mut PgConnection) -> Result<Vec<Plan>, StoreError> {
    let rows = sqlx::query!(
        "SELECT id, code, name, position, is_public, pairs_max, telegram_accounts_max, discord_accounts_max,
                messages_per_minute, messages_per_day, requests_per_minute, media_bytes_max, copy_mode,
                chain_forwarding, discord_forwarding, webhook_identity, filters, reports, priority, fairness_weight
         FROM plans ORDER BY position, code"
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| plan_in!(row)).collect())
}

/// Every plan, the lowest first, with the number of users who are on it.
pub async fn census(connection: &mut PgConnection) -> Result<Vec<(Plan, i64)>, StoreError> {
    let rows = sqlx::query!(r#"SELECT plan_id, count(*) AS "users!" FROM users GROUP BY plan_id"#)
        .fetch_all(&mut *connection)
        .await?;
    let users: HashMap<PlanId, i64> = rows.into_iter().map(|row| (row.plan_id, row.users)).collect();
    let counted = |plan: Plan| {
        let users = users.get(&plan.id).copied().unwrap_or(0);
        (plan, users)
    };
    Ok(catalogue(connection).await?.into_iter().map(counted).collect())
}

/// The plan with this code.
pub async fn find(connection: &mut PgConnection, code: &str) -> Result<Option<Plan>, StoreError> {
    Ok(catalogue(connection).await?.into_iter().find(|plan| plan.code == code))
}

/// Adds a plan that passes [`Plan::validate`]. [`StoreError::Conflict`] of [`PLAN_CODE`] when there is one with its code.
pub async fn insert(connection: &mut PgConnection, plan: &Plan, now: DateTime<Utc>) -> Result<(), StoreError> {
    let Plan { limits, features, .. } = plan;
    sqlx::query!(
        "INSERT INTO plans (id, code, name, position, is_public, pairs_max, telegram_accounts_max,
                            discord_accounts_max, messages_per_minute, messages_per_day, requests_per_minute,
                            media_bytes_max, copy_mode, chain_forwarding, discord_forwarding, webhook_identity, filters,
                            reports, priority, fairness_weight, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $21)",
        plan.id as PlanId,
        plan.code,
        plan.name,
        plan.position,
        plan.is_public,
        column(limits.pairs_max),
        column(limits.telegram_accounts_max),
        column(limits.discord_accounts_max),
        column(limits.messages_per_minute),
        column(limits.messages_per_day),
        column(limits.requests_per_minute),
        bytes_column(limits.media_bytes_max),
        features.copy_mode,
        features.chain_forwarding,
        features.discord_forwarding,
        features.webhook_identity,
        features.filters,
        features.reports,
        column(Some(plan.priority_key)),
        plan.fairness_weight,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Changes everything of a plan but its id and its code. Its tenants with accounts are marked as stale: the sweep
/// settles them, and new actions are judged by the new figures at once. False when there is no such plan.
pub async fn update(connection: &mut PgConnection, plan: &Plan, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let Plan { limits, features, .. } = plan;
    let done = sqlx::query!(
        "WITH changed AS (
           UPDATE plans SET name = $2, position = $3, is_public = $4, pairs_max = $5, telegram_accounts_max = $6,
                  discord_accounts_max = $7, messages_per_minute = $8, messages_per_day = $9, requests_per_minute = $10,
                  media_bytes_max = $11, copy_mode = $12, chain_forwarding = $13, discord_forwarding = $14,
                  webhook_identity = $15, filters = $16, reports = $17, priority = $18, fairness_weight = $19,
                  updated_at = $20
           WHERE id = $1 RETURNING id),
         stale AS (
           UPDATE users u SET plan_stale_since = coalesce(u.plan_stale_since, $20) FROM changed
           WHERE u.plan_id = changed.id AND EXISTS (SELECT FROM accounts a WHERE a.user_id = u.id))
         SELECT id FROM changed",
        plan.id as PlanId,
        plan.name,
        plan.position,
        plan.is_public,
        column(limits.pairs_max),
        column(limits.telegram_accounts_max),
        column(limits.discord_accounts_max),
        column(limits.messages_per_minute),
        column(limits.messages_per_day),
        column(limits.requests_per_minute),
        bytes_column(limits.media_bytes_max),
        features.copy_mode,
        features.chain_forwarding,
        features.discord_forwarding,
        features.webhook_identity,
        features.filters,
        features.reports,
        column(Some(plan.priority_key)),
        plan.fairness_weight,
        now
    )
    .fetch_optional(connection)
    .await?;
    Ok(done.is_some())
}
