//! What went wrong lately.

use chrono::{DateTime, Utc};
use domain::{AccountId, PairId};
use salvo::prelude::*;
use serde::Serialize;
use store::error_logs::{ErrorLog, Filter};

use super::pairs::number;
use crate::{auth::Actor, error::ApiError, state::AppState};

/// Entries on one page unless asked for otherwise.
const PAGE_DEFAULT: i64 = 50;
/// The longest page.
const PAGE_MAX: i64 = 200;

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
    let limit = number(req, "limit", "`limit` is a number from 1 to 200")?.unwrap_or(PAGE_DEFAULT);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(ApiError::Query { field: "limit", detail: "`limit` is a number from 1 to 200" });
    }
    let filter = Filter {
        account: id(req, "account", "`account` is an account's id")?,
        pair: id(req, "pair", "`pair` is a pair's id")?,
        before: number(req, "before", "`before` is the `next` of the page before")?,
    };
    let logs = store::error_logs::list(&mut *app.database().await?, actor.user, filter, limit + 1).await?;
    let mut errors: Vec<ErrorLogOut> = logs.into_iter().map(ErrorLogOut::from).collect();
    let page = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = errors.len() > page;
    errors.truncate(page);
    let next = errors.last().filter(|_| more).map(|log| log.id);
    Ok(Json(ErrorLogsOut { errors, next }))
}

fn id<T: std::str::FromStr>(req: &Request, field: &'static str, detail: &'static str) -> Result<Option<T>, ApiError> {
    let text: Option<String> = req.query(field);
    text.map(|text| text.parse().map_err(|_| ApiError::Query { field, detail })).transpose()
}
