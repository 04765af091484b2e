//! Refusals in the service's shape, and the answers beside them.

use salvo::{
    Scribe,
    http::{HeaderValue, StatusCode, header::HeaderName},
    prelude::{Depot, Json, Request, Response, Writer, async_trait},
};
use serde_json::{Value, json};

use super::id;

/// The header with the id of a request.
pub const DEBUG_ID: HeaderName = HeaderName::from_static("paypal-debug-id");

/// An answer that says no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    name: &'static str,
    message: String,
    detail: Option<Detail>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Detail {
    issue: String,
    description: String,
    field: Option<String>,
}

impl ApiError {
    /// Any refusal.
    #[must_use]
    pub fn new(status: u16, name: &'static str, message: impl Into<String>) -> Self {
        Self { status, name, message: message.into(), detail: None }
    }

    /// 400: the request breaks the schema at `field`.
    #[must_use]
    pub fn invalid(field: &str, issue: &str, description: &str) -> Self {
        let message = "Request is not well-formed, syntactically incorrect, or violates schema.";
        Self::new(400, "INVALID_REQUEST", message).with(issue, description).at(field)
    }

    /// 400: a field that must be there is not.
    #[must_use]
    pub fn missing(field: &str) -> Self {
        Self::invalid(field, "MISSING_REQUIRED_PARAMETER", "A required field is missing.")
    }

    /// 404: no such resource.
    #[must_use]
    pub fn not_found() -> Self {
        let description = "Specified resource ID does not exist. Please check the resource ID and try again.";
        Self::new(404, "RESOURCE_NOT_FOUND", "The specified resource does not exist.")
            .with("INVALID_RESOURCE_ID", description)
    }

    /// 409: the same request is being answered.
    #[must_use]
    pub fn in_progress() -> Self {
        let description = "A previous request on this resource is currently in progress. Please wait for some time.";
        Self::new(409, "RESOURCE_CONFLICT", "The server has detected a conflict while processing this request.")
            .with("PREVIOUS_REQUEST_IN_PROGRESS", description)
    }

    /// 422: understood, and not to be done.
    #[must_use]
    pub fn unprocessable(issue: &str, description: &str) -> Self {
        let message =
            "The requested action could not be performed, semantically incorrect, or failed business validation.";
        Self::new(422, "UNPROCESSABLE_ENTITY", message).with(issue, description)
    }

    /// With what exactly is wrong.
    #[must_use]
    pub fn with(mut self, issue: &str, description: &str) -> Self {
        self.detail = Some(Detail { issue: issue.to_owned(), description: description.to_owned(), field: None });
        self
    }

    /// With where it is wrong.
    #[must_use]
    pub fn at(mut self, field: &str) -> Self {
        if let Some(detail) = &mut self.detail {
            detail.field = Some(field.to_owned());
        }
        self
    }

    /// What exactly is wrong; empty when it is not said.
    #[must_use]
    pub fn issue(&self) -> &str {
        self.detail.as_ref().map_or("", |detail| &detail.issue)
    }

    fn body(&self, debug_id: &str) -> Value {
        let details: Vec<Value> = self.detail.iter().map(Detail::wire).collect();
        json!({
            "name": self.name,
            "message": self.message,
            "debug_id": debug_id,
            "details": details,
            "links": [{
                "href": format!("https://developer.paypal.com/api/rest/reference/orders/v2/errors/#{}", self.issue()),
                "rel": "information_link",
                "method": "GET",
            }],
        })
    }
}

impl Detail {
    fn wire(&self) -> Value {
        let mut wire = json!({ "issue": self.issue, "description": self.description });
        if let Some(field) = &self.field {
            wire["field"] = json!(field);
            wire["location"] = json!("body");
        }
        wire
    }
}

#[async_trait]
impl Writer for ApiError {
    async fn write(self, _: &mut Request, _: &mut Depot, response: &mut Response) {
        let debug_id = id::debug();
        let body = self.body(&debug_id);
        Reply { status: self.status, body, debug_id }.put(response);
    }
}

/// An answer that is not a refusal.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    body: Value,
    debug_id: String,
}

impl Reply {
    /// JSON under a status; `null` is written as nothing.
    #[must_use]
    pub fn new(status: u16, body: Value) -> Self {
        Self { status, body, debug_id: id::debug() }
    }

    /// 200.
    #[must_use]
    pub fn ok(body: Value) -> Self {
        Self::new(200, body)
    }

    /// 204.
    #[must_use]
    pub fn empty() -> Self {
        Self::new(204, Value::Null)
    }

    /// Writes it.
    pub fn put(self, response: &mut Response) {
        response.status_code(StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
        if !self.body.is_null() {
            Json(self.body).render(&mut *response);
        }
        if let Ok(id) = HeaderValue::from_str(&self.debug_id) {
            response.headers_mut().insert(DEBUG_ID, id);
        }
    }
}

#[async_trait]
impl Writer for Reply {
    async fn write(self, _: &mut Request, _: &mut Depot, response: &mut Response) {
        self.put(response);
    }
}

/// What a handler of the service returns.
pub type Answer = Result<Reply, ApiError>;
