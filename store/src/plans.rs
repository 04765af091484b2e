//! Plans: the catalogue, what tenants have and use, and what becomes of pairs and accounts when that changes.
//!
//! Limits hold under concurrency because whoever counts takes the tenant's lock first, and keeps it until what was
//! counted on is committed: [`lock_user`], [`tenancy`], [`used`], the gate of `domain`, the insert. A tenant whose plan
//! or exceptions change is settled in the same transaction by [`apply`]. Who may have been changed without that is
//! marked with [`mark_stale`] and settled by the sweep.

use chrono::{DateTime, Utc};
use domain::{
    AccountId, Plan, UserId,
    gate::SUSPENDED,
    plan::{Exception, Features, Limits, Tenancy},
};
use sqlx::PgConnection;

use crate::StoreError;

mod apply;
mod catalogue;
mod change;
mod hosting;
mod told;
mod used;

pub use domain::gate::PLAN_LIMIT;

pub use apply::{Applied, apply, give_room};
pub use catalogue::{PLAN_CODE, catalogue, census, find, insert, update};
pub(crate) use change::end_grant;
pub use change::{Made, end_exception, expire, follow, granted, mark_stale, set, set_exception, stale};
pub use hosting::{Hostable, end_hold, hold, hostable};
pub use told::{Untold, account_told, pair_told, untold_accounts, untold_pairs};
pub use used::{Chain, chain, used};

/// The codes of what is held back: it is resumed when nothing is in its way any more.
pub(crate) const HELD: [&str; 2] = [PLAN_LIMIT, SUSPENDED];

/// Makes others who count for this tenant wait until the transaction ends. False when there is no such tenant.
/// Whatever else a transaction locks, it locks this first.
pub async fn lock_user(connection: &mut PgConnection, user: UserId) -> Result<bool, StoreError> {
    // Not the key: rows that refer to the tenant are still written by others.
    let found = sqlx::query_scalar!("SELECT id FROM users WHERE id = $1 FOR NO KEY UPDATE", user as UserId)
        .fetch_optional(connection)
        .await?;
    Ok(found.is_some())
}

/// Whose account it is.
pub async fn owner_of(connection: &mut PgConnection, account: AccountId) -> Result<Option<UserId>, StoreError> {
    let owner = sqlx::query_scalar!("SELECT user_id FROM accounts WHERE id = $1", account as AccountId)
        .fetch_optional(connection)
        .await?;
    Ok(owner)
}

/// The plan in a row that has its columns.
macro_rules! plan_in {
    ($row:expr) => {
        Plan {
            id: $row.id,
            code: $row.code,
            name: $row.name,
            position: $row.position,
            is_public: $row.is_public,
            limits: Limits {
                pairs_max: whole($row.pairs_max),
                telegram_accounts_max: whole($row.telegram_accounts_max),
                discord_accounts_max: whole($row.discord_accounts_max),
                messages_per_minute: whole($row.messages_per_minute),
                messages_per_day: whole($row.messages_per_day),
                requests_per_minute: whole($row.requests_per_minute),
                media_bytes_max: $row.media_bytes_max.and_then(|bytes| u64::try_from(bytes).ok()),
            },
            features: Features {
                copy_mode: $row.copy_mode,
                chain_forwarding: $row.chain_forwarding,
                discord_forwarding: $row.discord_forwarding,
                webhook_identity: $row.webhook_identity,
                filters: $row.filters,
                reports: $row.reports,
            },
            priority_key: u32::try_from($row.priority).unwrap_or(0),
            fairness_weight: $row.fairness_weight,
        }
    };
}
use plan_in;

/// The tenant's plan and the exceptions made for them; `None` when there is no such tenant. What has expired holds
/// until [`expire`] finds it.
pub async fn tenancy(connection: &mut PgConnection, user: UserId) -> Result<Option<Tenancy>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT u.suspended_at IS NOT NULL AS "suspended!", l.id, l.code, l.name, l.position, l.is_public, l.pairs_max, l.telegram_accounts_max,
                l.discord_accounts_max, l.messages_per_minute, l.messages_per_day, l.requests_per_minute,
                l.media_bytes_max, l.copy_mode, l.chain_forwarding, l.discord_forwarding, l.webhook_identity,
                l.filters, l.reports, l.priority, l.fairness_weight, u.plan_expires_at, u.plan_reason,
                x.pairs_max AS x_pairs_max, x.telegram_accounts_max AS x_telegram_accounts_max,
                x.discord_accounts_max AS x_discord_accounts_max, x.messages_per_minute AS x_messages_per_minute,
                x.messages_per_day AS x_messages_per_day, x.requests_per_minute AS x_requests_per_minute,
                x.media_bytes_max AS x_media_bytes_max, x.copy_mode AS x_copy_mode,
                x.chain_forwarding AS x_chain_forwarding, x.discord_forwarding AS x_discord_forwarding,
                x.webhook_identity AS x_webhook_identity, x.filters AS x_filters, x.reports AS x_reports,
                x.expires_at AS x_expires_at
         FROM users u JOIN plans l ON l.id = u.plan_id LEFT JOIN user_limits x ON x.user_id = u.id WHERE u.id = $1"#,
        user as UserId
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let exception = Exception {
        limits: Limits {
            pairs_max: whole(row.x_pairs_max),
            telegram_accounts_max: whole(row.x_telegram_accounts_max),
            discord_accounts_max: whole(row.x_discord_accounts_max),
            messages_per_minute: whole(row.x_messages_per_minute),
            messages_per_day: whole(row.x_messages_per_day),
            requests_per_minute: whole(row.x_requests_per_minute),
            media_bytes_max: row.x_media_bytes_max.and_then(|bytes| u64::try_from(bytes).ok()),
        },
        copy_mode: row.x_copy_mode,
        chain_forwarding: row.x_chain_forwarding,
        discord_forwarding: row.x_discord_forwarding,
        webhook_identity: row.x_webhook_identity,
        filters: row.x_filters,
        reports: row.x_reports,
    };
    let (plan_expires_at, exception_expires_at): (Option<DateTime<Utc>>, _) = (row.plan_expires_at, row.x_expires_at);
    let plan_reason = row.plan_reason.clone();
    let suspended = row.suspended;
    let plan = plan_in!(row);
    Ok(Some(Tenancy { suspended, plan, plan_expires_at, plan_reason, exception, exception_expires_at }))
}

/// A limit as its column has it.
fn whole(limit: Option<i32>) -> Option<u32> {
    limit.and_then(|limit| u32::try_from(limit).ok())
}

/// A limit for its column.
fn column(limit: Option<u32>) -> Option<i32> {
    limit.map(|limit| i32::try_from(limit).unwrap_or(i32::MAX))
}

/// A limit in bytes for its column.
fn bytes_column(limit: Option<u64>) -> Option<i64> {
    limit.map(|limit| i64::try_from(limit).unwrap_or(i64::MAX))
}
