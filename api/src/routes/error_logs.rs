//! What went wrong lately.

use chrono::{DateTime, Utc};
use domain::{AccountId, PairId};
use salvo::prelude::*;
use serde::Serialize;
use store::error_logs::{ErrorLog, Filter};

use super::page;
use crate::{auth::Actor, error::ApiError, state::AppState};

/// Something that went wrong; the same within an hour is one entry.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = ErrorLog))]
pub(crate) struct ErrorLogOut {
    /// Its number; `before` takes it.
    id: i64,
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

impl From<ErrorLog> for ErrorLogOut {
    fn from(log: ErrorLog) -> Self {
        Self {
            id: log.id,
            account: log.account_id,
            pair: log.pair_id,
            code: log.code,
            detail: log.detail,
            first_at: log.first_at,
            last_at: log.last_at,
            count: log.count,
        }
    }
}

/// A page of what went wrong.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = ErrorLogs))]
pub(crate) struct ErrorLogsOut {
    /// Newest first.
    errors: Vec<ErrorLogOut>,
    /// What to pass as `before` for the next page; null on the last one.
    next: Option<i64>,
}

/// Lists what went wrong in the last 30 days, newest first.
#[endpoint(
    operation_id = "list_errors",
    tags("status"),
    parameters(
        ("account" = Option<crate::wire::AccountIdDoc>, Query, description = "Only what happened to this account."),
        ("pair" = Option<crate::wire::PairIdDoc>, Query, description = "Only what happened to this pair."),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 200, description = "Entries on a page: 1 to 200, 50 unless given."),
        ("before" = Option<i64>, Query, description = "Only entries below this `id`.")
    )
)]
pub(crate) async fn list(actor: Actor, app: AppState, req: &mut Request) -> Result<Json<ErrorLogsOut>, ApiError> {
    let limit = page::size(req)?;
    let filter = Filter {
        account: page::asked(req, "account", "`account` is an account's id")?,
        pair: page::asked(req, "pair", "`pair` is a pair's id")?,
        before: page::before(req)?,
    };
    let logs = store::error_logs::list(&mut *app.database().await?, actor.user, filter, limit + 1).await?;
    let (logs, next) = page::cut(logs, limit, |log| log.id);
    Ok(Json(ErrorLogsOut { errors: logs.into_iter().map(ErrorLogOut::from).collect(), next }))
}
