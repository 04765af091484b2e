//! The users: searched, filtered, page by page.

use chrono::{DateTime, Utc};
use domain::{Role, UserId};
use salvo::prelude::*;
use serde::Serialize;
use store::admin::{UserFilter, UserRow};

use super::page;
use crate::{auth::Staff, error::ApiError, state::AppState};

/// One user with their plan and what they have.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = AdminUser))]
pub(crate) struct AdminUserOut {
    /// `user_…`.
    #[salvo(schema(value_type = String))]
    id: UserId,
    /// The address, lower-cased.
    email: String,
    /// When they have proven that the address is theirs.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    email_verified_at: Option<DateTime<Utc>>,
    /// `user`, `support` or `admin`.
    #[salvo(schema(value_type = String))]
    role: Role,
    /// The plan's code.
    plan: String,
    /// When it ends.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    plan_expires_at: Option<DateTime<Utc>>,
    /// Why they have it.
    plan_reason: Option<String>,
    /// Something else was settled for them than what the plan says.
    has_exceptions: bool,
    /// Since when they are suspended; null: they are not.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    suspended_at: Option<DateTime<Utc>>,
    /// Why.
    suspended_reason: Option<String>,
    /// When they registered.
    #[salvo(schema(value_type = String, format = DateTime))]
    created_at: DateTime<Utc>,
    /// When they were last seen signed in, to the minute.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    last_seen_at: Option<DateTime<Utc>>,
    /// Accounts that are not logged out.
    accounts: i64,
    /// Those of them that are online.
    accounts_online: i64,
    /// Pairs that are not deleted.
    pairs: i64,
    /// Those of them that are active.
    pairs_active: i64,
    /// Those of them that are blocked.
    pairs_blocked: i64,
}

impl From<UserRow> for AdminUserOut {
    fn from(row: UserRow) -> Self {
        Self {
            id: row.id,
            email: row.email,
            email_verified_at: row.email_verified_at,
            role: row.role,
            plan: row.plan,
            plan_expires_at: row.plan_expires_at,
            plan_reason: row.plan_reason,
            has_exceptions: row.has_exceptions,
            suspended_at: row.suspended_at,
            suspended_reason: row.suspended_reason,
            created_at: row.created_at,
            last_seen_at: row.last_seen_at,
            accounts: row.accounts,
            accounts_online: row.accounts_online,
            pairs: row.pairs,
            pairs_active: row.pairs_active,
            pairs_blocked: row.pairs_blocked,
        }
    }
}

/// A page of users.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = AdminUsers))]
pub(crate) struct AdminUsersOut {
    /// Newest first.
    users: Vec<AdminUserOut>,
    /// What to pass as `before` for the next page; null on the last one.
    #[salvo(schema(value_type = Option<String>))]
    next: Option<UserId>,
}

/// Lists users, the newest first.
#[endpoint(
    operation_id = "admin_list_users",
    tags("admin"),
    parameters(
        ("q" = Option<String>, Query, description = "A part of the address, or a user's id."),
        ("plan" = Option<String>, Query, description = "Only those on this plan, by its code."),
        ("role" = Option<String>, Query, description = "`user`, `support` or `admin`."),
        ("suspended" = Option<bool>, Query, description = "Only those who are suspended, or are not."),
        ("verified" = Option<bool>, Query, description = "Only those with a proven address, or without."),
        ("trouble" = Option<bool>, Query, description = "Only those with an account that is out, a pair that is blocked or dead letters, or without any."),
        ("from" = Option<String>, Query, description = "Registered since this time."),
        ("until" = Option<String>, Query, description = "Registered before this time."),
        ("limit" = Option<i64>, Query, description = "Entries on a page: 1 to 200, 50 unless given."),
        ("before" = Option<String>, Query, description = "Only those below this `id`.")
    )
)]
pub(crate) async fn list(_staff: Staff, app: AppState, req: &mut Request) -> Result<Json<AdminUsersOut>, ApiError> {
    let limit = page::limit(req)?;
    let searched = page::text(req, "q")?.map(|text| text.to_lowercase());
    let id = searched.as_deref().and_then(|text| text.parse().ok());
    let plan = page::text(req, "plan")?;
    let filter = UserFilter {
        email_part: searched.as_deref().filter(|_| id.is_none()),
        id,
        plan: plan.as_deref(),
        role: page::parsed(req, "role", "this is `user`, `support` or `admin`")?,
        suspended: page::flag(req, "suspended")?,
        verified: page::flag(req, "verified")?,
        troubled: page::flag(req, "trouble")?,
        from: page::time(req, "from")?,
        until: page::time(req, "until")?,
        before: page::parsed(req, "before", "`before` is the `next` of the page before")?,
    };
    let rows = store::admin::users(&mut *app.database().await?, &filter, limit + 1).await?;
    let (rows, next) = page::cut(rows, limit, |row| row.id);
    Ok(Json(AdminUsersOut { users: rows.into_iter().map(AdminUserOut::from).collect(), next }))
}
