//! Calls of the REST API: one connection pool, one access token, and limits on everything that comes back.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use domain::Clock;
use reqwest::{
    Method, RequestBuilder, Response, StatusCode,
    header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER},
    redirect::Policy,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::sync::Mutex;
use url::Url;

use super::{environment::Environment, failure::Failure};

/// A connection that is not up by then is given up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// No call takes longer, its answer's body included. A capture asks the payer's bank and takes some seconds.
const CALL_LIMIT: Duration = Duration::from_secs(30);
/// Answers are some kilobytes; a page of events with their resources, a few hundred.
const ANSWER_BYTES_MAX: usize = 2 * 1024 * 1024;
/// So long before its end a token is used no more: a call that is under way must still find it good.
const TOKEN_MARGIN: TimeDelta = TimeDelta::seconds(60);
/// A token is not kept longer, whatever `PayPal` says of its life.
const TOKEN_LIFE_MAX_SECONDS: i64 = 24 * 60 * 60;

/// A client of one app at `PayPal`.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    environment: Environment,
    id: String,
    secret: SecretString,
    clock: Arc<dyn Clock>,
    /// Held while a new one is fetched, so that one call fetches it for all.
    token: Mutex<Option<Token>>,
}

#[derive(Debug)]
struct Token {
    value: SecretString,
    until: DateTime<Utc>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    expires_in: i64,
}

/// A client that calls nobody but the address it is given: no proxies, no redirects.
pub(super) fn http(environment: &Environment) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .use_rustls_tls()
        .https_only(!environment.is_loopback())
        .no_proxy()
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(CALL_LIMIT)
        .user_agent("causeway")
        .build()
}

/// The body of an answer, unless it has more than `bytes_max`.
pub(super) async fn body(mut response: Response, bytes_max: usize) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| Failure::unreachable(&error))? {
        if body.len() + chunk.len() > bytes_max {
            return Err(Failure::unexpected("the answer is too long"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

impl Client {
    /// A client that has called nobody yet.
    pub(super) fn new(
        http: reqwest::Client,
        environment: Environment,
        id: String,
        secret: SecretString,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { http, environment, id, secret, clock, token: Mutex::new(None) }
    }

    pub(super) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Reads a resource.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, &str)]) -> Result<T, Failure> {
        self.get_at(self.environment.url(path, query)).await
    }

    /// Reads what is at an address of [`Environment::own`].
    pub(super) async fn get_at<T: DeserializeOwned>(&self, url: Url) -> Result<T, Failure> {
        self.call(|| self.http.get(url.clone())).await
    }

    /// Asks for something; twice with the same `request_id` is once.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        request_id: &str,
        content: &impl Serialize,
    ) -> Result<T, Failure> {
        let content = serde_json::to_vec(content).map_err(|_| Failure::unexpected("the request cannot be written"))?;
        let url = self.environment.url(path, &[]);
        let request = || {
            let request = self.http.request(Method::POST, url.clone()).header(CONTENT_TYPE, "application/json");
            request
                .header("PayPal-Request-Id", request_id)
                .header("Prefer", "return=representation")
                .body(content.clone())
        };
        self.call(request).await
    }

    /// Sends it with a token. One that is refused was taken back early: it is replaced, once.
    async fn call<T: DeserializeOwned>(&self, request: impl Fn() -> RequestBuilder) -> Result<T, Failure> {
        let token = self.token().await?;
        match self.send(request().bearer_auth(token.expose_secret())).await {
            Err(failure) if failure.status == Some(StatusCode::UNAUTHORIZED) => {
                self.forget(&token).await;
                let token = self.token().await?;
                self.send(request().bearer_auth(token.expose_secret())).await
            }
            outcome => outcome,
        }
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        let response = request.send().await.map_err(|error| Failure::unreachable(&error))?;
        let (status, headers, url) = (response.status(), response.headers().clone(), response.url().clone());
        let body = body(response, ANSWER_BYTES_MAX).await?;
        if !status.is_success() {
            return Err(refused(status, &headers, &url, &body));
        }
        // What answers with nothing is read as a unit.
        let text = if body.is_empty() { b"null".as_slice() } else { &body };
        serde_json::from_slice(text).map_err(|error| {
            // Not the error's own words: they may repeat a value.
            let place = format!("{:?} at {}:{}", error.classify(), error.line(), error.column());
            tracing::warn!(http.path = url.path(), error = place, "PayPal's answer cannot be read.");
            Failure::unexpected("PayPal's answer cannot be read")
        })
    }

    async fn token(&self) -> Result<SecretString, Failure> {
        let mut kept = self.token.lock().await;
        if let Some(token) = kept.as_ref().filter(|token| self.clock.now() < token.until) {
            return Ok(token.value.clone());
        }
        let url = self.environment.url(&["v1", "oauth2", "token"], &[]);
        let request = self.http.post(url).basic_auth(&self.id, Some(self.secret.expose_secret()));
        let asked_at = self.clock.now();
        let answer: TokenAnswer = self.send(request.form(&[("grant_type", "client_credentials")])).await?;
        let life = TimeDelta::seconds(answer.expires_in.clamp(0, TOKEN_LIFE_MAX_SECONDS));
        let until = asked_at + life - TOKEN_MARGIN.min(life / 2);
        let value = SecretString::from(answer.access_token);
        *kept = Some(Token { value: value.clone(), until });
        Ok(value)
    }

    /// Drops the token, unless another call has replaced it already.
    async fn forget(&self, used: &SecretString) {
        let mut kept = self.token.lock().await;
        if kept.as_ref().is_some_and(|token| token.value.expose_secret() == used.expose_secret()) {
            *kept = None;
        }
    }
}

fn refused(status: StatusCode, headers: &HeaderMap, url: &Url, body: &[u8]) -> Failure {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (failure, debug_id) = Failure::read(status, header(RETRY_AFTER.as_str()), body);
    let debug_id = debug_id.as_deref().or_else(|| header("paypal-debug-id")).unwrap_or_default();
    tracing::warn!(
        http.path = url.path(),
        http.status = status.as_u16(),
        paypal.debug_id = debug_id.get(..64.min(debug_id.len())).unwrap_or_default(),
        paypal.issues = failure.issues.join(","),
        "PayPal refused a call."
    );
    failure
}
