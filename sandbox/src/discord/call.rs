//! One request after it was read, and one answer before it is written.

use std::collections::HashMap;

use bytes::Bytes;
use salvo::http::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    error::ApiError,
    id::Id,
    multipart::{self, Part},
};

/// A request whose body is in memory.
#[derive(Debug)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// The path below the API's prefix.
    pub path: String,
    /// Query parameters.
    pub query: HashMap<String, String>,
    /// The placeholders of the matched route.
    pub params: HashMap<&'static str, String>,
    /// The bot whose token was shown; 0 where none is needed.
    pub bot: Id,
    /// The body's `Content-Type`.
    pub content_type: String,
    /// The body.
    pub body: Bytes,
}

impl Call {
    /// An id from the path.
    ///
    /// # Errors
    /// 50035 when it is not a snowflake.
    pub fn id(&self, name: &str) -> Result<Id, ApiError> {
        let text = self.params.get(name).map_or("", String::as_str);
        text.parse()
            .map_err(|_| ApiError::form(name, "NUMBER_TYPE_COERCE", format!("Value \"{text}\" is not snowflake.")))
    }

    /// An id from the query.
    ///
    /// # Errors
    /// 50035 when it is not a snowflake.
    pub fn query_id(&self, name: &str) -> Result<Option<Id>, ApiError> {
        self.query_as(name)
    }

    /// A time from the query, in milliseconds since 1970.
    ///
    /// # Errors
    /// 50035 when it is not a time.
    pub fn query_time(&self, name: &str) -> Result<Option<u64>, ApiError> {
        let at: Option<chrono::DateTime<chrono::Utc>> = self.query_as(name)?;
        Ok(at.map(|at| u64::try_from(at.timestamp_millis()).unwrap_or_default()))
    }

    /// A number from the query within `range`, or the default.
    ///
    /// # Errors
    /// 50035 when it is outside.
    pub fn limit(&self, range: std::ops::RangeInclusive<usize>, default: usize) -> Result<usize, ApiError> {
        let limit = self.query_as("limit")?.unwrap_or(default);
        if range.contains(&limit) {
            return Ok(limit);
        }
        let text = format!("int value should be between {} and {}.", range.start(), range.end());
        Err(ApiError::form("limit", "NUMBER_TYPE_MAX", text))
    }

    /// The JSON body, or the `payload_json` of a form.
    ///
    /// # Errors
    /// 50109 when it is not JSON, 50035 when it does not have the shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let value = self.value()?;
        serde_json::from_value(value).map_err(|error| ApiError::form("body", "MODEL_TYPE_CONVERT", error.to_string()))
    }

    /// The JSON body as it is; an empty body is an empty object.
    ///
    /// # Errors
    /// 50109 when it is not JSON.
    pub fn value(&self) -> Result<Value, ApiError> {
        let json = match self.parts()? {
            None => self.body.clone(),
            Some(parts) => match parts.into_iter().find(|part| part.name == "payload_json") {
                Some(part) => part.bytes,
                None => Bytes::new(),
            },
        };
        if json.is_empty() {
            return Ok(Value::Object(serde_json::Map::new()));
        }
        serde_json::from_slice(&json).map_err(|_| ApiError::not_json())
    }

    /// The files of a form with the numbers in their field names (`files[3]` is 3).
    ///
    /// # Errors
    /// 50035 for a malformed form.
    pub fn files(&self) -> Result<Vec<(usize, Part)>, ApiError> {
        let parts = self.parts()?.unwrap_or_default();
        let files = parts.into_iter().filter(|part| part.filename.is_some());
        Ok(files.enumerate().map(|(order, part)| (file_number(&part.name).unwrap_or(order), part)).collect())
    }

    fn parts(&self) -> Result<Option<Vec<Part>>, ApiError> {
        let Some(boundary) = multipart::boundary(&self.content_type) else { return Ok(None) };
        let parts = multipart::parts(&self.body, &boundary)
            .ok_or_else(|| ApiError::form("body", "MULTIPART_INVALID", "The form cannot be read."))?;
        Ok(Some(parts))
    }

    fn query_as<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, ApiError> {
        let Some(text) = self.query.get(name) else { return Ok(None) };
        let parsed = text
            .parse()
            .map_err(|_| ApiError::form(name, "NUMBER_TYPE_COERCE", format!("Value \"{text}\" is not a number.")))?;
        Ok(Some(parsed))
    }
}

fn file_number(field: &str) -> Option<usize> {
    let inner = field.strip_prefix("files[").and_then(|rest| rest.strip_suffix(']'));
    inner.or_else(|| field.strip_prefix("file")).and_then(|number| number.parse().ok())
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The type of the body.
    pub content_type: String,
    /// The body; empty with 204.
    pub body: Bytes,
    /// More headers.
    pub headers: Vec<(&'static str, String)>,
}

impl Reply {
    /// 200 with JSON. The type has no charset: discord.py compares the whole header.
    #[must_use]
    pub fn json(value: &Value) -> Self {
        Self::with_status(200, value)
    }

    /// JSON under another status.
    #[must_use]
    pub fn with_status(status: u16, value: &Value) -> Self {
        let body = Bytes::from(value.to_string());
        Self { status, content_type: "application/json".to_owned(), body, headers: Vec::new() }
    }

    /// 204.
    #[must_use]
    pub fn empty() -> Self {
        Self { status: 204, content_type: String::new(), body: Bytes::new(), headers: Vec::new() }
    }
}

impl From<ApiError> for Reply {
    fn from(error: ApiError) -> Self {
        Self::with_status(error.status, &error.body())
    }
}

/// What a handler returns.
pub type Answer = Result<Reply, ApiError>;
