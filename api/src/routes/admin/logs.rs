//! The audit log and the troubles of all users, page by page.

use chrono::{DateTime, Utc};
use domain::{AccountId, PairId, Role, UserId};
use salvo::prelude::*;
use serde::Serialize;
use serde_json::Value;
use store::{
    admin::{ErrorFilter, ErrorRow},
    audit::{Entry, Filter},
};

use super::page;
use crate::{auth::Staff, error::ApiError, state::AppState};

/// One line of the audit log.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = AuditEntry))]
pub(crate) struct EntryOut {
    /// Its number; `before` takes it.
    id: i64,
    /// When.
    #[salvo(schema(value_type = String, format = DateTime))]
    at: DateTime<Utc>,
    /// Who; null: the operator, or the machinery.
    #[salvo(schema(value_type = Option<String>))]
    actor: Option<UserId>,
    /// As what.
    #[salvo(schema(value_type = Option<String>))]
    role: Option<Role>,
    /// What, such as `user.suspend`.
    action: String,
    /// Whom or what it was done to.
    subject: Option<String>,
    /// Whose data it was done to.
    #[salvo(schema(value_type = Option<String>))]
    user: Option<UserId>,
    /// What was there before.
    #[salvo(schema(value_type = Option<Object>))]
    old: Option<Value>,
    /// What is there now.
    #[salvo(schema(value_type = Option<Object>))]
    new: Option<Value>,
    /// Why.
    reason: Option<String>,
    /// From where.
    address: Option<String>,
    /// In which request.
    request_id: Option<String>,
}

impl From<Entry> for EntryOut {
    fn from(entry: Entry) -> Self {
        Self {
            id: entry.id,
            at: entry.at,
            actor: entry.actor_id,
            role: entry.actor_role,
            action: entry.action,
            subject: entry.subject,
            user: entry.user_id,
            old: entry.before,
            new: entry.after,
            reason: entry.reason,
            address: entry.address,
            request_id: entry.request_id,
        }
    }
}

/// A page of the audit log.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = AuditLog))]
pub(crate) struct AuditOut {
    /// Newest first.
    entries: Vec<EntryOut>,
    /// What to pass as `before` for the next page; null on the last one.
    next: Option<i64>,
}

/// Lists what was done by staff, the operator and the machinery, the newest first.
#[endpoint(
    operation_id = "admin_list_audit",
    tags("admin"),
    parameters(
        ("actor" = Option<String>, Query, description = "Only what this user did."),
        ("user" = Option<String>, Query, description = "Only what was done to this user's data."),
        ("action" = Option<String>, Query, description = "Only this action, or all that begin with it where it ends in a dot: `user.`."),
        ("from" = Option<String>, Query, description = "Done since this time."),
        ("until" = Option<String>, Query, description = "Done before this time."),
        ("limit" = Option<i64>, Query, description = "Entries on a page: 1 to 200, 50 unless given."),
        ("before" = Option<i64>, Query, description = "Only entries below this `id`.")
    )
)]
pub(crate) async fn audit(_staff: Staff, app: AppState, req: &mut Request) -> Result<Json<AuditOut>, ApiError> {
    let limit = page::limit(req)?;
    let action = page::text(req, "action")?;
    let filter = Filter {
        actor: page::parsed(req, "actor", "`actor` is a user's id")?,
        user: page::parsed(req, "user", "`user` is a user's id")?,
        action: action.as_deref(),
        from: page::time(req, "from")?,
        until: page::time(req, "until")?,
        before: page::parsed(req, "before", "`before` is the `next` of the page before")?,
    };
    let entries = store::audit::list(&mut *app.database().await?, &filter, limit + 1).await?;
    let (entries, next) = page::cut(entries, limit, |entry| entry.id);
    Ok(Json(AuditOut { entries: entries.into_iter().map(EntryOut::from).collect(), next }))
}

/// Something that went wrong, and for whom.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = AdminErrorLog))]
pub(crate) struct AdminErrorOut {
    /// Its number; `before` takes it.
    id: i64,
    /// For whom.
    #[salvo(schema(value_type = String))]
    user: UserId,
    /// The account that it happened to.
    #[salvo(schema(value_type = Option<String>))]
    account: Option<AccountId>,
    /// The pair that it happened to.
    #[salvo(schema(value_type = Option<String>))]
    pair: Option<PairId>,
    /// Stable code.
    code: String,
    /// For people, as said the last time.
    detail: String,
    /// When it was first seen.
    #[salvo(schema(value_type = String, format = DateTime))]
    first_at: DateTime<Utc>,
    /// When it was last seen.
    #[salvo(schema(value_type = String, format = DateTime))]
    last_at: DateTime<Utc>,
    /// How often.
    count: i64,
}

impl From<ErrorRow> for AdminErrorOut {
    fn from(row: ErrorRow) -> Self {
        Self {
            id: row.id,
            user: row.user_id,
            account: row.account_id,
            pair: row.pair_id,
            code: row.code,
            detail: row.detail,
            first_at: row.first_at,
            last_at: row.last_at,
            count: row.count,
        }
    }
}

/// A page of what went wrong.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = AdminErrorLogs))]
pub(crate) struct AdminErrorsOut {
    /// Newest first.
    errors: Vec<AdminErrorOut>,
    /// What to pass as `before` for the next page; null on the last one.
    next: Option<i64>,
}

/// Lists what went wrong for all users in the last 30 days, the newest first.
#[endpoint(
    operation_id = "admin_list_errors",
    tags("admin"),
    parameters(
        ("user" = Option<String>, Query, description = "Only what happened to this user."),
        ("account" = Option<String>, Query, description = "Only what happened to this account."),
        ("pair" = Option<String>, Query, description = "Only what happened to this pair."),
        ("code" = Option<String>, Query, description = "Only what has this code."),
        ("from" = Option<String>, Query, description = "Last seen since this time."),
        ("until" = Option<String>, Query, description = "First seen before this time."),
        ("limit" = Option<i64>, Query, description = "Entries on a page: 1 to 200, 50 unless given."),
        ("before" = Option<i64>, Query, description = "Only entries below this `id`.")
    )
)]
pub(crate) async fn errors(_staff: Staff, app: AppState, req: &mut Request) -> Result<Json<AdminErrorsOut>, ApiError> {
    let limit = page::limit(req)?;
    let code = page::text(req, "code")?;
    let filter = ErrorFilter {
        user: page::parsed(req, "user", "`user` is a user's id")?,
        account: page::parsed(req, "account", "`account` is an account's id")?,
        pair: page::parsed(req, "pair", "`pair` is a pair's id")?,
        code: code.as_deref(),
        from: page::time(req, "from")?,
        until: page::time(req, "until")?,
        before: page::parsed(req, "before", "`before` is the `next` of the page before")?,
    };
    let rows = store::admin::errors(&mut *app.database().await?, &filter, limit + 1).await?;
    let (rows, next) = page::cut(rows, limit, |row| row.id);
    Ok(Json(AdminErrorsOut { errors: rows.into_iter().map(AdminErrorOut::from).collect(), next }))
}
