//! One request after it was read, one answer before it is written, and refusals in the provider's shape.

use std::{collections::HashMap, fmt::Display};

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::json::{Json, Spelling, Style};

/// A request whose body is in memory.
#[derive(Debug)]
pub struct Call {
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// Query parameters.
    pub query: HashMap<String, String>,
    /// The header `x-api-key`.
    pub api_key: Option<String>,
    /// The token of the header `Authorization`.
    pub bearer: Option<String>,
    /// The body.
    pub body: Bytes,
}

impl Call {
    /// The parts of the path.
    #[must_use]
    pub fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|part| !part.is_empty()).collect()
    }

    /// A value of the query, read.
    ///
    /// # Errors
    /// 400 when it cannot be read.
    pub fn query<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Refusal> {
        let Some(text) = self.query.get(name).filter(|text| !text.is_empty()) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| Refusal::invalid(format!("{name} is wrong")))
    }

    /// The body; an empty one is an empty object.
    ///
    /// # Errors
    /// 400 when it is no JSON, or has another shape.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let bytes: &[u8] = if self.body.is_empty() { b"{}" } else { &self.body };
        serde_json::from_slice(bytes).map_err(|error| Refusal::invalid(error.to_string()))
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The type of the body.
    pub kind: &'static str,
    /// The body.
    pub body: String,
    /// The header `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
}

impl Reply {
    /// JSON, as the provider writes it.
    #[must_use]
    pub fn json(status: u16, value: &Json) -> Self {
        Self::text(status, "application/json; charset=utf-8", value.text(Style::plain(Spelling::Javascript)))
    }

    /// JSON of the control API.
    #[must_use]
    pub fn value(value: &Value) -> Self {
        Self::text(200, "application/json", value.to_string())
    }

    /// Any text.
    #[must_use]
    pub const fn text(status: u16, kind: &'static str, body: String) -> Self {
        Self { status, kind, body, retry_after: None }
    }
}

/// A refusal: `{status: false, statusCode, code, message}`.
#[derive(Clone, Debug)]
pub struct Refusal {
    status: u16,
    code: &'static str,
    message: String,
}

impl Refusal {
    /// A refusal with this status and code.
    #[must_use]
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// 400: something about the request is wrong.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "INVALID_REQUEST_PARAMS", message)
    }

    /// 404.
    #[must_use]
    pub fn missing(what: &str) -> Self {
        Self::new(404, "NOT_FOUND", format!("{what} not found"))
    }

    /// 500: the disk, or the like.
    #[must_use]
    pub fn broken(error: &dyn Display) -> Self {
        Self::new(500, "INTERNAL_ERROR", error.to_string())
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        let Refusal { status, code, message } = refusal;
        let body = json!({ "status": false, "statusCode": status, "code": code, "message": message });
        Self::text(status, "application/json; charset=utf-8", body.to_string())
    }
}

/// What is answered.
pub type Answer = Result<Reply, Refusal>;
