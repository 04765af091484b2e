//! Linked platform accounts.

mod chats;
mod discord;
mod manage;
mod pace;
mod phone;
mod telegram;
mod why;

pub(crate) use chats::{ask as ask_chats, list as list_chats, list_guilds};
pub(crate) use discord::add as add_discord;
pub(crate) use manage::{list, log_out, pause, read, reconnect, resume};
pub(crate) use pace::{read_pace, update};
pub(crate) use telegram::{add as add_telegram, resend, submit_code, submit_password};
pub(crate) use why::trace as trace_message;

use chrono::{DateTime, Utc};
use domain::{AccountId, AccountStatus, Platform};
use salvo::prelude::*;
use serde::Serialize;
use store::accounts::Account;
use workflows::account::{AccountView, LoginReply, Refusal};

use crate::{
    auth::Actor,
    error::{ApiError, Thing},
    state::AppState,
};

/// A linked account, as the database has it.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Account))]
pub(crate) struct AccountOut {
    /// `acc_…`.
    #[salvo(schema(value_type = String))]
    id: AccountId,
    /// `telegram` or `discord`.
    #[salvo(schema(value_type = crate::wire::PlatformDoc))]
    platform: Platform,
    /// `new`, `awaiting_code`, `awaiting_password`, `connecting`, `online`, `reconnecting`, `paused`, `limited`,
    /// `revoked`, `banned` or `logged_out`.
    #[salvo(schema(value_type = crate::wire::AccountStatusDoc))]
    status: AccountStatus,
    /// Stable code of why.
    reason_code: Option<String>,
    /// Why, for people.
    reason: Option<String>,
    /// The name on the platform, once it is known.
    display_name: Option<String>,
    /// The platform's id of the account, once it is known.
    external_id: Option<String>,
    /// The phone number (Telegram).
    phone: Option<String>,
    /// The worker that hosts it.
    host: Option<String>,
    /// Since when.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    hosted_at: Option<DateTime<Utc>>,
    /// The platform wants silence until then.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    cooldown_until: Option<DateTime<Utc>>,
    /// At least so many milliseconds between two messages that the account writes.
    send_interval_ms: i32,
    /// When the last health check passed.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    health_checked_at: Option<DateTime<Utc>>,
    /// When it was added.
    #[salvo(schema(value_type = String, format = DateTime))]
    created_at: DateTime<Utc>,
    /// When its state last changed.
    #[salvo(schema(value_type = String, format = DateTime))]
    updated_at: DateTime<Utc>,
}

impl From<Account> for AccountOut {
    fn from(account: Account) -> Self {
        Self {
            id: account.id,
            platform: account.platform,
            status: account.status,
            reason_code: account.reason_code,
            reason: account.reason,
            display_name: account.display_name,
            external_id: account.external_id.map(|id| id.to_string()),
            phone: account.phone,
            host: account.host,
            hosted_at: account.hosted_at,
            cooldown_until: account.cooldown_until,
            send_interval_ms: account.send_interval_ms,
            health_checked_at: account.health_checked_at,
            created_at: account.created_at,
            updated_at: account.updated_at,
        }
    }
}

/// All of the tenant's accounts.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Accounts))]
pub(crate) struct AccountsOut {
    /// Oldest first, without those that were logged out.
    accounts: Vec<AccountOut>,
}

/// What an account's workflow says of itself just now.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = AccountLive))]
pub(crate) struct LiveOut {
    /// The state, as far as the workflow knows.
    #[salvo(schema(value_type = crate::wire::AccountStatusDoc))]
    status: AccountStatus,
    /// A hosting is running or waiting for a worker.
    hosting: bool,
    /// Hostings that ended badly, in a row.
    failures: u32,
    /// Health checks that passed lately.
    health_checks: u32,
}

impl From<AccountView> for LiveOut {
    fn from(view: AccountView) -> Self {
        Self { status: view.status, hosting: view.hosting, failures: view.failures, health_checks: view.health_checks }
    }
}

/// A linked account with what its workflow says.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = AccountDetail))]
pub(crate) struct DetailOut {
    /// As the database has it.
    #[serde(flatten)]
    account: AccountOut,
    /// As the workflow has it; null when it cannot be asked.
    live: Option<LiveOut>,
    /// Why `live` is null: `temporal_unavailable`, `worker_unavailable` or `not_started`.
    live_reason: Option<&'static str>,
}

/// The tenant's account. One that was logged out is gone.
async fn find(app: &AppState, actor: Actor, id: AccountId) -> Result<Account, ApiError> {
    store::accounts::find(&mut *app.database().await?, actor.user, id)
        .await?
        .filter(|account| account.status != AccountStatus::LoggedOut)
        .ok_or(ApiError::NotFound(Thing::Account))
}

/// What to answer after a login step: the account as it is now, or the refusal.
async fn settled(
    app: &AppState,
    actor: Actor,
    id: AccountId,
    reply: LoginReply,
    field: &'static str,
) -> Result<AccountOut, ApiError> {
    match reply.refusal {
        Some(refusal) => Err(refused(refusal, field)),
        None => {
            let account = find(app, actor, id).await?;
            // The row may be a step behind: the workflow's answer is newer, and a host may have moved on since.
            let status = if account.status == AccountStatus::New { reply.status } else { account.status };
            Ok(Account { status, ..account }.into())
        }
    }
}

/// Names the field only where the code speaks of it: a flood wait is not the code's fault.
fn refused(refusal: Refusal, field: &'static str) -> ApiError {
    let field = refusal.code.starts_with(field).then_some(field);
    ApiError::Refused { refusal, field }
}
