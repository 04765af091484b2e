//! Is it alive, is it ready, how is it doing?

use std::time::Duration;

use salvo::{
    http::header::{CONTENT_TYPE, HeaderValue},
    prelude::*,
};
use serde::Serialize;

use crate::{error::ApiError, state::AppState};

/// A part that has not answered by then is away: who asks has little patience.
const PART_MAX: Duration = Duration::from_secs(2);

/// Alive.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Live))]
pub(crate) struct LiveOut {
    /// Always true.
    ok: bool,
}

/// Each part that the API needs.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Ready))]
pub(crate) struct ReadyOut {
    /// Requests can be served: the database and Temporal answer.
    ok: bool,
    /// PostgreSQL answers.
    database: bool,
    /// Temporal answers.
    temporal: bool,
    /// Workers that host accounts; without one, messages and logins wait. Null when Temporal is away.
    hosts: Option<usize>,
}

/// The process runs.
#[endpoint(operation_id = "health_live", tags("operation"))]
pub(crate) async fn live() -> Json<LiveOut> {
    Json(LiveOut { ok: true })
}

/// The process and what it needs are ready; 503 with the same body otherwise.
#[endpoint(
    operation_id = "health_ready",
    tags("operation"),
    responses((status_code = 503, description = "The database or Temporal is away.", body = ReadyOut))
)]
pub(crate) async fn ready(app: AppState, res: &mut Response) -> Json<ReadyOut> {
    let database = tokio::time::timeout(PART_MAX, store::ping(&app.pool));
    let (database, hosts) = tokio::join!(database, tokio::time::timeout(PART_MAX, app.temporal.hosts()));
    let (database, hosts) = (matches!(database, Ok(Ok(()))), hosts.ok().and_then(Result::ok));
    let ok = database && hosts.is_some();
    if !ok {
        res.status_code(StatusCode::SERVICE_UNAVAILABLE);
    }
    Json(ReadyOut { ok, database, temporal: hosts.is_some(), hosts })
}

/// Prometheus metrics.
#[endpoint(
    operation_id = "metrics",
    tags("operation"),
    responses((
        status_code = 200,
        description = "Metrics in Prometheus' text format.",
        body = String,
        content_type = "text/plain"
    ))
)]
pub(crate) async fn metrics(app: AppState, res: &mut Response) -> Result<(), ApiError> {
    res.body(app.metrics.text().map_err(ApiError::internal)?);
    res.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
    res.status_code(StatusCode::OK);
    Ok(())
}
