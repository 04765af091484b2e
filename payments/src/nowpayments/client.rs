//! The provider's REST API: calls, their time limits, and what their failures mean.

use std::{fmt, time::Duration};

use chrono::{DateTime, SecondsFormat, Utc};
use reqwest::{Method, RequestBuilder, Response, StatusCode, header::RETRY_AFTER, redirect::Policy};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::json;
use tokio::{sync::Mutex, time::Instant};

use super::{
    canonical::Json,
    settings::{Config, Login},
    wire::Payment,
};
use crate::error::{ProviderError, Verdict};

/// No call waits longer for its answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// No connection takes longer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The largest answer: a full page of payments has about half of it.
const ANSWER_BYTES_MAX: usize = 2 << 20;

/// Payments of one page.
const PAGE: usize = 500;

/// Pages that are looked through; who has more payments of one invoice, or made since one minute ago, has another trouble.
const PAGES_MAX: usize = 20;

/// The token of the list lasts five minutes.
const TOKEN_LASTS: Duration = Duration::from_secs(4 * 60);

/// Words of the provider that are passed on, in characters.
const WORDS_CHARS_MAX: usize = 300;

/// Which payments to list.
#[derive(Clone, Copy, Debug)]
pub(super) enum Which<'a> {
    /// Those of an invoice.
    OfInvoice(&'a str),
    /// Those made at or after a time.
    Since(DateTime<Utc>),
}

/// A client of the API.
pub(super) struct Client {
    url: String,
    api_key: SecretString,
    login: Option<Login>,
    token: Mutex<Option<(SecretString, Instant)>>,
    http: reqwest::Client,
}

impl Client {
    /// A client of this API.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn new(config: &Config) -> Result<Self, String> {
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(Policy::none())
            .user_agent("causeway")
            .build()
            .map_err(|error| format!("no HTTP client for NOWPayments: {error}"))?;
        let (url, api_key) = (config.url.clone(), config.api_key.clone());
        Ok(Self { url, api_key, login: config.login.clone(), token: Mutex::new(None), http })
    }

    /// True when payments can be listed.
    pub const fn can_list(&self) -> bool {
        self.login.is_some()
    }

    /// `POST` of something new.
    pub async fn make(&self, path: &str, body: &(impl Serialize + Sync)) -> Result<Json, ProviderError> {
        exchange(self.call(Method::POST, path).json(body)).await
    }

    /// One payment.
    pub async fn payment(&self, id: &str) -> Result<Payment, ProviderError> {
        let json = exchange(self.call(Method::GET, &format!("/payment/{id}"))).await?;
        Payment::read(&json)
            .filter(|payment| payment.id == id)
            .ok_or_else(|| unexpected("the answer is not the payment"))
    }

    /// Payments, oldest first. A token that is not taken any more is fetched anew, once.
    pub async fn list(&self, which: Which<'_>) -> Result<Vec<Payment>, ProviderError> {
        let mut found = Vec::new();
        for page in 0..PAGES_MAX {
            let json = self.page(which, page).await?;
            let Json::List(rows) = json.get("data") else { return Err(unexpected("the list of payments has no data")) };
            let read: Option<Vec<Payment>> = rows.iter().map(Payment::read).collect();
            found.extend(read.ok_or_else(|| unexpected("the list of payments has one without an id or a status"))?);
            if rows.len() < PAGE {
                break;
            }
        }
        Ok(found)
    }

    async fn page(&self, which: Which<'_>, page: usize) -> Result<Json, ProviderError> {
        let mut query = vec![
            ("limit", PAGE.to_string()),
            ("page", page.to_string()),
            ("sortBy", "created_at".to_owned()),
            ("orderBy", "asc".to_owned()),
        ];
        query.push(match which {
            Which::OfInvoice(id) => ("invoiceId", id.to_owned()),
            Which::Since(at) => ("dateFrom", at.to_rfc3339_opts(SecondsFormat::Millis, true)),
        });
        let ask =
            |token: &SecretString| self.call(Method::GET, "/payment/").query(&query).bearer_auth(token.expose_secret());
        match exchange(ask(&self.token().await?)).await {
            Err(error) if error.code == UNAUTHORIZED => exchange(ask(&self.new_token().await?)).await,
            answered => answered,
        }
    }

    /// The token of the list.
    async fn token(&self) -> Result<SecretString, ProviderError> {
        let kept = self.token.lock().await.clone();
        match kept {
            Some((token, until)) if Instant::now() < until => Ok(token),
            Some(_) | None => self.new_token().await,
        }
    }

    /// Another one: callers that want it at the same time may each get one.
    async fn new_token(&self) -> Result<SecretString, ProviderError> {
        let Some(login) = &self.login else { return Err(ProviderError::retry(UNAUTHORIZED, NO_LOGIN)) };
        let body = json!({ "email": login.email, "password": login.password.expose_secret() });
        let json = exchange(self.call(Method::POST, "/auth").json(&body)).await?;
        let token = json.get("token").scalar().ok_or_else(|| unexpected("the log-in was answered without a token"))?;
        let token = SecretString::from(token);
        *self.token.lock().await = Some((token.clone(), Instant::now() + TOKEN_LASTS));
        Ok(token)
    }

    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).header("x-api-key", self.api_key.expose_secret())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.url)
    }
}

const UNAUTHORIZED: &str = "unauthorized";

const NO_LOGIN: &str = "payments can be listed with NOWPAYMENTS_EMAIL and NOWPAYMENTS_PASSWORD only";

/// An answer that does not say what it should. It may say so next time.
pub(super) fn unexpected(reason: &str) -> ProviderError {
    ProviderError::retry("unexpected_answer", reason)
}

async fn exchange(request: RequestBuilder) -> Result<Json, ProviderError> {
    // An address has no secret, and belongs into the log of who calls, not into what users are shown.
    let unreachable = |error: reqwest::Error| ProviderError::retry("unreachable", error.without_url().to_string());
    let mut answer = request.send().await.map_err(unreachable)?;
    let (status, pause) = (answer.status(), pause(&answer));
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
        if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(unexpected("the answer is too large"));
        }
        bytes.extend_from_slice(&chunk);
    }
    let json = Json::parse(&bytes);
    if status.is_success() {
        return json.ok_or_else(|| unexpected("the answer is no JSON"));
    }
    Err(failure(status, pause, &json.unwrap_or(Json::Null)))
}

/// What a refusal means. Its body is `{status, statusCode, code, message}`.
fn failure(status: StatusCode, pause: Option<Duration>, json: &Json) -> ProviderError {
    let words: String =
        json.get("message").scalar().unwrap_or("no reason given").chars().take(WORDS_CHARS_MAX).collect();
    let reason = format!("{}: {words}", status.as_u16());
    match status {
        // Somebody may mend the key or the list of addresses that may call.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ProviderError::retry(UNAUTHORIZED, reason),
        StatusCode::TOO_MANY_REQUESTS => {
            ProviderError { verdict: Verdict::Retry(pause), code: "rate_limited".to_owned(), reason }
        }
        StatusCode::REQUEST_TIMEOUT => ProviderError::retry("unreachable", reason),
        _ if status.is_client_error() => {
            let code = json.get("code").scalar().unwrap_or("refused").to_ascii_lowercase();
            let is_code = |text: &String| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            ProviderError::fatal(&Some(code).filter(is_code).unwrap_or_else(|| "refused".to_owned()), reason)
        }
        _ if status.is_server_error() => {
            ProviderError { verdict: Verdict::Retry(pause), code: "unreachable".to_owned(), reason }
        }
        _ => unexpected(&reason),
    }
}

/// The seconds of `Retry-After`, an hour at most.
fn pause(answer: &Response) -> Option<Duration> {
    let seconds: u64 = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(3_600)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_final_only_where_asking_again_is_in_vain() {
        let json =
            Json::parse(br#"{"status":false,"statusCode":400,"code":"AMOUNT_MINIMAL_ERROR","message":"too small"}"#);
        let json = json.unwrap();
        let judged = |status: u16| {
            let error = failure(StatusCode::from_u16(status).unwrap(), Some(Duration::from_secs(7)), &json);
            (error.code, error.verdict)
        };
        assert_eq!(judged(400), ("amount_minimal_error".into(), Verdict::Final));
        assert_eq!(judged(404).1, Verdict::Final);
        assert_eq!(judged(403), ("unauthorized".into(), Verdict::Retry(None)));
        assert_eq!(judged(429), ("rate_limited".into(), Verdict::Retry(Some(Duration::from_secs(7)))));
        assert_eq!(judged(503), ("unreachable".into(), Verdict::Retry(Some(Duration::from_secs(7)))));
        assert_eq!(judged(302).0, "unexpected_answer");
        assert_eq!(failure(StatusCode::BAD_REQUEST, None, &Json::Null).code, "refused");
    }
}
