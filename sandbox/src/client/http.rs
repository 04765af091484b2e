//! JSON over HTTP with errors that say what was answered.

use std::{fmt, net::IpAddr, time::Duration};

use reqwest::{Method, StatusCode};
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::Value;

/// No call of ours waits longer; the slowest is a login through Temporal on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How much of an answer is shown in an error, in characters.
const SHOWN_CHARS: usize = 600;

/// A call that did not end in 2xx.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No answer.
    #[error("{call}: no answer")]
    Transport {
        /// Method and address.
        call: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// An answer that says no.
    #[error("{call}: {status}: {body}")]
    Refused {
        /// Method and address.
        call: String,
        /// The status.
        status: StatusCode,
        /// The problem's stable code; empty when there is none.
        code: String,
        /// The answer, shortened.
        body: String,
    },
    /// A good answer with an unexpected shape.
    #[error("{call}: unexpected answer: {body}")]
    Shape {
        /// Method and address.
        call: String,
        /// The answer, shortened.
        body: String,
        /// What did not fit.
        #[source]
        source: serde_json::Error,
    },
}

impl CallError {
    /// The status of a refusal.
    #[must_use]
    pub const fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            Self::Transport { .. } | Self::Shape { .. } => None,
        }
    }

    /// The stable `code` of a refusal; empty otherwise.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Refused { code, .. } => code,
            Self::Transport { .. } | Self::Shape { .. } => "",
        }
    }
}

/// One server and, where there is one, the bearer token that is shown to it.
#[derive(Clone)]
pub struct Http {
    base: String,
    token: Option<String>,
    client: reqwest::Client,
}

impl Http {
    /// A client of the server at `base`, without a trailing slash.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn new(base: impl Into<String>) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build()?;
        Ok(Self { base: base.into(), token: None, client })
    }

    /// The same, coming from `address`, one of this machine's: the whole of 127.0.0.0/8 is.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn from_address(base: impl Into<String>, address: IpAddr) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).local_address(address).build()?;
        Ok(Self { base: base.into(), token: None, client })
    }

    /// The same server, shown `token`.
    #[must_use]
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self.clone() }
    }

    /// The bearer token that is shown, if there is one.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The address of the server.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// `GET path`.
    ///
    /// # Errors
    /// No answer, a refusal, or an unexpected shape.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CallError> {
        self.call(Method::GET, path, None::<&()>).await
    }

    /// `POST path` with a JSON body.
    ///
    /// # Errors
    /// No answer, a refusal, or an unexpected shape.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, CallError> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// Any call. An empty answer is read as `null`.
    ///
    /// # Errors
    /// No answer, a refusal, or an unexpected shape.
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, CallError> {
        self.call_with(method, path, &[], body).await
    }

    /// The same, with more headers.
    ///
    /// # Errors
    /// No answer, a refusal, or an unexpected shape.
    pub async fn call_with<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&impl Serialize>,
    ) -> Result<T, CallError> {
        let call = format!("{method} {}{path}", self.base);
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let (status, bytes) = match exchange(request).await {
            Ok(answer) => answer,
            Err(source) => return Err(CallError::Transport { call, source }),
        };
        if !status.is_success() {
            let code = serde_json::from_slice::<Value>(&bytes).ok().and_then(|problem| text_at(&problem, "code"));
            return Err(CallError::Refused { call, status, code: code.unwrap_or_default(), body: shown(&bytes) });
        }
        let json: &[u8] = if bytes.is_empty() { b"null" } else { &bytes };
        serde_json::from_slice(json).map_err(|source| CallError::Shape { call, body: shown(json), source })
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Http({})", self.base)
    }
}

/// An id that one server writes as a number and another as text.
///
/// # Errors
/// When it is neither.
pub fn id_text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    match Value::deserialize(from)? {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(serde::de::Error::custom(format!("expected an id, found {other}"))),
    }
}

async fn exchange(request: reqwest::RequestBuilder) -> reqwest::Result<(StatusCode, bytes::Bytes)> {
    let answer = request.send().await?;
    Ok((answer.status(), answer.bytes().await?))
}

fn text_at(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().map(str::to_owned)
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(SHOWN_CHARS).collect()
}
