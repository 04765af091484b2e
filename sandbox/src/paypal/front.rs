//! What stands before every request of the service: faults, keys that are under way, the merchant's token.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use salvo::{
    conn::ConnCtrl,
    http::{Method, header},
    prelude::{Depot, FlowCtrl, Request, Response, Writer, handler},
};
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    error::{ApiError, Reply},
    faults::{Fault, Kind},
    server::Sandbox,
};

/// The longest body, in bytes.
const BODY_BYTES_MAX: usize = 1 << 20;

/// The header with the merchant's key of a request.
const REQUEST_ID: &str = "paypal-request-id";

/// The longest key, in characters.
const REQUEST_ID_CHARS_MAX: usize = 108;

/// Lets faults strike.
#[handler]
pub async fn faults(request: &mut Request, depot: &mut Depot, response: &mut Response, ctrl: &mut FlowCtrl) {
    let Ok(sandbox) = sandbox(depot) else { return };
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let dice = || u8::try_from(sandbox.postman.random() % 100).unwrap_or(0);
    let struck = sandbox.faults().strike(|fault| fault.fits(method.as_str(), &path, dice));
    for fault in &struck {
        match fault.kind {
            Kind::Delay => tokio::time::sleep(Duration::from_millis(fault.ms.unwrap_or(1_000))).await,
            Kind::Refuse => {
                ctrl.skip_rest();
                return abort(request);
            }
            Kind::ServerError | Kind::RateLimit | Kind::Unauthorized => {
                ctrl.skip_rest();
                return refuse(fault, request, depot, response).await;
            }
            Kind::FailAfter | Kind::LoseAnswer => {}
        }
    }
    ctrl.call_next(request, depot, response).await;
    for fault in &struck {
        match fault.kind {
            Kind::LoseAnswer => return abort(request),
            Kind::FailAfter => {
                response.replace_body(salvo::http::ResBody::None);
                return refuse(fault, request, depot, response).await;
            }
            Kind::ServerError | Kind::RateLimit | Kind::Delay | Kind::Refuse | Kind::Unauthorized => {}
        }
    }
}

async fn refuse(fault: &Fault, request: &mut Request, depot: &mut Depot, response: &mut Response) {
    let error = match fault.kind {
        Kind::RateLimit => {
            if let Some(value) = fault.retry_after {
                response.headers_mut().insert(header::RETRY_AFTER, value.into());
            }
            ApiError::new(429, "RATE_LIMIT_REACHED", "Too many requests. Blocked due to rate limiting.")
        }
        Kind::Unauthorized => unauthorized(),
        _ => {
            let status = fault.status.unwrap_or(500);
            ApiError::new(status, "INTERNAL_SERVER_ERROR", "An internal server error has occurred.")
        }
    };
    error.write(request, depot, response).await;
}

/// Ends the connection before a byte of an answer.
fn abort(request: &Request) {
    if let Some(connection) = request.extensions().get::<ConnCtrl>() {
        connection.abort();
    }
}

/// Lets in who shows a token that has not ended.
#[handler]
pub async fn merchant(request: &mut Request, depot: &mut Depot, response: &mut Response, ctrl: &mut FlowCtrl) {
    let Ok(sandbox) = sandbox(depot) else { return };
    let shown = request.header::<String>("authorization");
    let good = shown.as_deref().and_then(|shown| shown.strip_prefix("Bearer ")).is_some_and(|token| {
        let world = sandbox.world();
        world.tokens.get(token).is_some_and(|ends| super::clock::now() < *ends)
    });
    if !good {
        ctrl.skip_rest();
        return unauthorized().write(request, depot, response).await;
    }
    let is_json = request.content_type().is_some_and(|kind| kind.essence_str() == "application/json");
    if request.method() == Method::POST && !is_json {
        ctrl.skip_rest();
        let text = "The server does not support the request payload's media type.";
        return ApiError::new(415, "UNSUPPORTED_MEDIA_TYPE", text).write(request, depot, response).await;
    }
    ctrl.call_next(request, depot, response).await;
}

/// Refuses a request whose twin is being answered, and a key that is none.
#[handler]
pub async fn keys(request: &mut Request, depot: &mut Depot, response: &mut Response, ctrl: &mut FlowCtrl) {
    let Ok(sandbox) = sandbox(depot) else { return };
    let under_way = match request_id(request) {
        Some(key) if key.is_empty() || key.chars().count() > REQUEST_ID_CHARS_MAX => {
            let text = "The PayPal-Request-Id has 1 to 108 characters.";
            Err(ApiError::invalid("PayPal-Request-Id", "INVALID_STRING_LENGTH", text))
        }
        Some(key) => sandbox.begin(format!("{} {key}", request.uri().path())).map(Some),
        None => Ok(None),
    };
    match under_way {
        Ok(_until_answered) => {
            ctrl.call_next(request, depot, response).await;
        }
        Err(error) => {
            ctrl.skip_rest();
            error.write(request, depot, response).await;
        }
    }
}

fn unauthorized() -> ApiError {
    let text = "Authentication failed due to invalid authentication credentials or a missing Authorization header.";
    ApiError::new(401, "AUTHENTICATION_FAILURE", text)
}

/// The server.
///
/// # Errors
/// Never, once it is running.
pub fn sandbox(depot: &Depot) -> Result<Arc<Sandbox>, ApiError> {
    let missing = |_| ApiError::new(500, "INTERNAL_SERVER_ERROR", "The server is not ready.");
    depot.get_typed::<Arc<Sandbox>>().cloned().map_err(missing)
}

/// The merchant's key of a request.
#[must_use]
pub fn request_id(request: &Request) -> Option<String> {
    request.header::<String>(REQUEST_ID)
}

/// Whether the whole resource is asked for, not the little that is answered otherwise.
#[must_use]
pub fn wants_whole(request: &Request) -> bool {
    request.header::<String>("prefer").is_some_and(|prefer| prefer.contains("return=representation"))
}

/// A part of the path.
///
/// # Errors
/// When it is not there.
pub fn param(request: &Request, name: &str) -> Result<String, ApiError> {
    request.params().get(name).cloned().ok_or_else(ApiError::not_found)
}

/// The bytes of the body.
///
/// # Errors
/// When it is too long, or breaks off.
pub async fn body(request: &mut Request) -> Result<Bytes, ApiError> {
    let read = request.payload_with_max_size(BODY_BYTES_MAX).await;
    read.cloned().map_err(|_| malformed())
}

/// The body as JSON; an empty one is an empty object.
///
/// # Errors
/// When it is not JSON of this shape.
pub fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(if body.is_empty() { b"{}" } else { body }).map_err(|error| {
        tracing::debug!(%error, "A request cannot be read");
        malformed()
    })
}

fn malformed() -> ApiError {
    ApiError::invalid("/", "MALFORMED_REQUEST_JSON", "The request JSON is not well formed.")
}

/// An answer that was made under a key before is 200, a new one `status`.
#[must_use]
pub fn made(replayed: bool, status: u16, body: serde_json::Value) -> Reply {
    Reply::new(if replayed { 200 } else { status }, body)
}

/// As [`json`], with parts of the body as they stand there.
///
/// # Errors
/// When it is not JSON of this shape.
pub fn json_borrowed<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|_| malformed())
}
