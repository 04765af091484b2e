//! The accounts of all users, live, and connecting one anew.

use chrono::{DateTime, Utc};
use domain::{AccountId, AccountStatus, Platform, UserId};
use salvo::prelude::*;
use serde::Serialize;
use serde_json::json;
use store::admin::{AccountFilter, AccountRow};
use workflows::account::AccountSession;

use super::{
    LastErrorOut, ReasonIn,
    act::{Acting, Deed},
    page,
};
use crate::{
    auth::{PathId, Staff},
    body::JsonBody,
    error::{ApiError, Thing},
    routes::{Accepted, accounts::AccountOut},
    state::AppState,
};

/// One account's health.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = AdminAccount))]
pub(crate) struct AdminAccountOut {
    /// `acc_…`.
    #[salvo(schema(value_type = String))]
    id: AccountId,
    /// Whose: `user_…`.
    #[salvo(schema(value_type = String))]
    user: UserId,
    /// Their address.
    user_email: String,
    /// `telegram` or `discord`.
    #[salvo(schema(value_type = String))]
    platform: Platform,
    /// The name on the platform.
    display_name: Option<String>,
    /// Its state, as in `GET /api/accounts/{id}`.
    #[salvo(schema(value_type = String))]
    status: AccountStatus,
    /// Stable code of why.
    reason_code: Option<String>,
    /// Why, for people.
    reason: Option<String>,
    /// The worker that hosts it.
    host: Option<String>,
    /// Since when.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    hosted_at: Option<DateTime<Utc>>,
    /// When the last health check passed.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    health_checked_at: Option<DateTime<Utc>>,
    /// The platform wants silence until then.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    cooldown_until: Option<DateTime<Utc>>,
    /// Pairs that write through it.
    pairs: i64,
    /// Messages that wait to be sent by it, of each pair at most 10,000.
    open: i64,
    /// When the oldest of them could have been sent.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    oldest_due_at: Option<DateTime<Utc>>,
    /// For how long the oldest of them could have been sent, in seconds; 0 when none is due.
    lag_seconds: f64,
    /// Its latest trouble.
    last_error: Option<LastErrorOut>,
}

impl AdminAccountOut {
    pub(super) fn new(row: AccountRow, now: DateTime<Utc>) -> Self {
        Self {
            id: row.id,
            user: row.user_id,
            user_email: row.user_email,
            platform: row.platform,
            display_name: row.display_name,
            status: row.status,
            reason_code: row.reason_code,
            reason: row.reason,
            host: row.host,
            hosted_at: row.hosted_at,
            health_checked_at: row.health_checked_at,
            cooldown_until: row.cooldown_until.filter(|until| *until > now),
            pairs: row.pairs,
            open: row.open,
            oldest_due_at: row.oldest_due_at,
            lag_seconds: page::lag_seconds(row.oldest_due_at, now),
            last_error: row.last_error.map(LastErrorOut::from),
        }
    }
}

/// A page of accounts.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = AdminAccounts))]
pub(crate) struct AdminAccountsOut {
    /// Newest first.
    accounts: Vec<AdminAccountOut>,
    /// What to pass as `before` for the next page; null on the last one.
    #[salvo(schema(value_type = Option<String>))]
    next: Option<AccountId>,
}

/// Lists the accounts of all users with their queues, the newest first.
#[endpoint(
    operation_id = "admin_list_accounts",
    tags("admin"),
    parameters(
        ("state" = Option<String>, Query, description = "Only those in this state, such as `reconnecting`."),
        ("platform" = Option<String>, Query, description = "`telegram` or `discord`."),
        ("host" = Option<String>, Query, description = "Only those that this worker hosts."),
        ("user" = Option<String>, Query, description = "Only those of this user."),
        ("min_lag_seconds" = Option<i64>, Query, description = "Only those whose oldest message could have been sent for so long."),
        ("limit" = Option<i64>, Query, description = "Entries on a page: 1 to 200, 50 unless given."),
        ("before" = Option<String>, Query, description = "Only those below this `id`.")
    )
)]
pub(crate) async fn list(_staff: Staff, app: AppState, req: &mut Request) -> Result<Json<AdminAccountsOut>, ApiError> {
    let (limit, now) = (page::limit(req)?, app.clock.now());
    let host = page::text(req, "host")?;
    let filter = AccountFilter {
        status: page::named(req, "state", "this is a state of an account, such as `online`")?,
        platform: page::named(req, "platform", "this is `telegram` or `discord`")?,
        host: host.as_deref(),
        user: page::parsed(req, "user", "`user` is a user's id")?,
        due_before: page::due_before(req, now)?,
        before: page::parsed(req, "before", "`before` is the `next` of the page before")?,
    };
    let rows = store::admin::accounts(&mut *app.database().await?, &filter, limit + 1).await?;
    let (rows, next) = page::cut(rows, limit, |row| row.id);
    let accounts = rows.into_iter().map(|row| AdminAccountOut::new(row, now)).collect();
    Ok(Json(AdminAccountsOut { accounts, next }))
}

/// Connects an account anew, also one that has no session any more. `409 wrong_state` when it never had one, or is
/// paused: that is for its user, or for their plan, to end.
#[endpoint(operation_id = "admin_reconnect_account", tags("admin"))]
pub(crate) async fn reconnect(
    acting: Acting,
    app: AppState,
    id: PathId<AccountId>,
    body: JsonBody<ReasonIn>,
) -> Result<Accepted<AccountOut>, ApiError> {
    let reason = page::reason(&body.0.reason)?;
    let missing = || ApiError::NotFound(Thing::Account);
    let mut act = acting.begin(&app).await?;
    let owner = store::plans::owner_of(&mut act, id.0).await?.ok_or_else(missing)?;
    store::plans::lock_user(&mut act, owner).await?;
    let user = store::users::find(&mut act, owner).await?.ok_or_else(missing)?;
    let account = store::accounts::load(&mut act, id.0).await?.ok_or_else(missing)?;
    if user.suspended_at.is_some() {
        return Err(ApiError::UserSuspended);
    }
    let held = store::plans::hostable(&mut act, id.0).await?.is_some_and(|account| account.held);
    if held || account.status == AccountStatus::Paused || !account.status.is_linked() {
        return Err(ApiError::WrongState(account.status));
    }
    // The host ends by itself when it next looks; the workflow has it hosted anew.
    store::leases::revoke(&mut act, id.0).await?;
    let deed = Deed {
        action: "account.reconnect",
        subject: id.0.to_string(),
        user: Some(owner),
        before: Some(json!({ "status": account.status, "host": account.host })),
        after: None,
        reason: Some(reason),
    };
    act.commit(deed).await?;
    let plan = app.plan_code(user.plan).await?;
    app.temporal.signal_account(&account, &plan, AccountSession::reconnect).await?;
    Ok(Accepted(account.into()))
}
