//! What happens around every request: its id, its log line, its measurement, its time limit, its last-resort error.

mod cors;
mod headers;

use std::time::{Duration, Instant};

use salvo::{http::HeaderValue, prelude::*};
use tracing::Instrument as _;

pub(crate) use self::{cors::Cors, headers::Headers};
use crate::{
    error::{ApiError, Problem},
    state::AppState,
    token::random_hex,
};

/// No request may take longer. Above the longest wait for a platform, below the patience of usual clients.
const REQUEST_MAX: Duration = Duration::from_secs(55);
/// The longest request id that is taken over from a caller.
const REQUEST_ID_CHARS_MAX: usize = 64;
const REQUEST_ID_HEADER: &str = "x-request-id";

/// Names one request in logs, answers and errors.
#[derive(Clone)]
pub(crate) struct RequestId(String);

impl RequestId {
    /// The id of the request under way.
    pub(crate) fn of(depot: &Depot) -> String {
        depot.get_typed::<Self>().map(|id| id.0.clone()).unwrap_or_default()
    }

    /// The caller's id when it is harmless, else a new one.
    fn choose(req: &Request) -> Self {
        let given = req.headers().get(REQUEST_ID_HEADER).and_then(|value| value.to_str().ok());
        let harmless = |id: &&str| {
            !id.is_empty()
                && id.len() <= REQUEST_ID_CHARS_MAX
                && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        };
        Self(given.filter(harmless).map_or_else(|| random_hex().unwrap_or_default(), str::to_owned))
    }
}

/// The outermost hoop.
#[handler]
pub(crate) async fn observe(req: &mut Request, depot: &mut Depot, res: &mut Response, ctrl: &mut FlowCtrl) {
    let started = Instant::now();
    let under_way = AppState::of(depot).ok().map(|app| app.connections.begin(req.remote_addr(), req.version()));
    let id = RequestId::choose(req);
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        res.headers_mut().insert(REQUEST_ID_HEADER, value);
    }
    let span = tracing::info_span!("request", request.id = id.0);
    depot.insert_typed(id);
    async {
        let done = tokio::time::timeout(REQUEST_MAX, ctrl.call_next(req, depot, res)).await;
        if done.is_err() {
            ApiError::TimedOut.write(req, depot, res).await;
        }
        let route = match req.matched_path() {
            "" => "unmatched".to_owned(),
            route => format!("/{route}"),
        };
        let (method, status) = (req.method().as_str(), res.status_code.unwrap_or(StatusCode::NOT_FOUND).as_u16());
        let took = started.elapsed();
        if let Ok(app) = AppState::of(depot) {
            app.metrics.observe(&route, method, status, took);
        }
        let took_ms = took.as_secs_f64() * 1e3;
        if route.starts_with("/health") || route == "/metrics" {
            tracing::debug!(http.route = route, http.method = method, http.status = status, took_ms, "Answered.");
        } else {
            tracing::info!(http.route = route, http.method = method, http.status = status, took_ms, "Answered.");
        }
    }
    .instrument(span)
    .await;
    drop(under_way);
}

/// Gives the framework's own errors the form of ours.
pub(crate) struct LastResort;

#[async_trait]
impl Handler for LastResort {
    async fn handle(&self, req: &mut Request, depot: &mut Depot, res: &mut Response, _ctrl: &mut FlowCtrl) {
        let status = res.status_code.unwrap_or(StatusCode::NOT_FOUND);
        if (status.is_client_error() || status.is_server_error()) && (res.body.is_none() || res.body.is_error()) {
            Problem::of_status(status, req, depot).render(res);
        }
    }
}
