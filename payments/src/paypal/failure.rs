//! What `PayPal` answers when it does not do what it was asked.
//!
//! Errors have the form `{name, message, debug_id, details: [{issue, description, …}]}`, those of OAuth `{error,
//! error_description}`, as the OpenAPI descriptions of `PayPal`'s REST APIs have them.

use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;

use crate::error::{ProviderError, Verdict};

/// What of an error's words is kept.
const REASON_CHARS_MAX: usize = 300;
/// Words for machines are longer than this only in an answer that is none of `PayPal`'s.
const ISSUE_CHARS_MAX: usize = 64;
/// A wait that is not told.
const RATE_LIMITED_FOR: Duration = Duration::from_secs(30);
/// A longer wait is not believed.
const RATE_LIMITED_FOR_MAX: Duration = Duration::from_secs(3_600);
/// How long until an operator may have put a credential right.
const UNAUTHORIZED_FOR: Duration = Duration::from_secs(60);

/// Issues of 4xx answers that go away by themselves.
const PASSING: [&str; 3] = ["ORDER_COMPLETION_IN_PROGRESS", "PREVIOUS_REQUEST_IN_PROGRESS", "RESOURCE_CONFLICT"];

/// A call that failed, with what an adapter may want to know of it.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    /// The status of the answer; `None` without one.
    pub(super) status: Option<StatusCode>,
    /// The name of the error and the issues, as `PayPal` spells them.
    pub(super) issues: Vec<String>,
    /// What the caller is told.
    pub(super) error: ProviderError,
}

/// Both forms of an error.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Wire {
    name: Option<String>,
    message: Option<String>,
    debug_id: Option<String>,
    details: Option<Vec<Detail>>,
    error: Option<String>,
    error_description: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Detail {
    issue: Option<String>,
    description: Option<String>,
}

impl From<Failure> for ProviderError {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

impl Failure {
    /// No answer.
    pub(super) fn unreachable(error: &reqwest::Error) -> Self {
        let what = if error.is_timeout() {
            "PayPal did not answer in time"
        } else if error.is_connect() {
            "no connection to PayPal"
        } else {
            "the connection to PayPal broke"
        };
        Self::without_status(ProviderError::retry("unreachable", what))
    }

    /// An answer that cannot be read: what was asked for may have happened.
    pub(super) fn unexpected(what: &str) -> Self {
        Self::without_status(ProviderError::retry("unexpected_answer", what))
    }

    fn without_status(error: ProviderError) -> Self {
        Self { status: None, issues: Vec::new(), error }
    }

    /// An answer that is an error, and the id under which `PayPal` can be asked about it.
    pub(super) fn read(status: StatusCode, retry_after: Option<&str>, body: &[u8]) -> (Self, Option<String>) {
        let wire: Wire = serde_json::from_slice(body).unwrap_or_default();
        let debug_id = wire.debug_id.as_deref().filter(|id| is_word(id)).map(str::to_owned);
        let details = wire.details.unwrap_or_default();
        let issues: Vec<String> = details.iter().filter_map(|detail| detail.issue.clone()).collect();
        let words = details.into_iter().find_map(|detail| detail.description);
        let words =
            words.or(wire.message).or(wire.error_description).unwrap_or_else(|| format!("PayPal answered {status}"));
        let issues: Vec<String> =
            issues.into_iter().chain(wire.name).chain(wire.error).filter(|word| is_word(word)).collect();
        let reason: String = words.chars().filter(|c| !c.is_control()).take(REASON_CHARS_MAX).collect();
        let (verdict, code) = classify(status, retry_after, &issues);
        let error = ProviderError { verdict, code, reason };
        (Self { status: Some(status), issues, error }, debug_id)
    }

    /// True when `PayPal` names this issue.
    pub(super) fn has(&self, issue: &str) -> bool {
        self.issues.iter().any(|known| known == issue)
    }

    /// The first of these issues that `PayPal` names.
    pub(super) fn first_of(&self, issues: &[&str]) -> Option<String> {
        issues.iter().find(|issue| self.has(issue)).map(|issue| issue.to_ascii_lowercase())
    }

    /// True when there is no such thing.
    pub(super) fn is_missing(&self) -> bool {
        self.status == Some(StatusCode::NOT_FOUND)
    }

    /// True when another try is of no use.
    pub(super) fn is_final(&self) -> bool {
        self.error.verdict == Verdict::Final
    }
}

fn is_word(word: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    (1..=ISSUE_CHARS_MAX).contains(&word.len()) && word.bytes().all(plain)
}

fn classify(status: StatusCode, retry_after: Option<&str>, issues: &[String]) -> (Verdict, String) {
    let issue = issues.first().map_or_else(|| "unexpected_answer".to_owned(), |issue| issue.to_ascii_lowercase());
    let passing = issues.iter().any(|issue| PASSING.contains(&issue.as_str()));
    match status {
        StatusCode::UNAUTHORIZED => (Verdict::Retry(Some(UNAUTHORIZED_FOR)), "unauthorized".to_owned()),
        StatusCode::TOO_MANY_REQUESTS => (Verdict::Retry(Some(wait(retry_after))), "rate_limited".to_owned()),
        StatusCode::REQUEST_TIMEOUT => (Verdict::Retry(None), "unreachable".to_owned()),
        // Two calls of the same idempotency key at the same moment.
        StatusCode::CONFLICT => (Verdict::Retry(None), issue),
        status if status.is_server_error() => (Verdict::Retry(None), "unreachable".to_owned()),
        status if status.is_client_error() && passing => (Verdict::Retry(None), issue),
        status if status.is_client_error() => (Verdict::Final, issue),
        // A redirect: nobody but PayPal is called.
        _ => (Verdict::Retry(None), "unexpected_answer".to_owned()),
    }
}

fn wait(retry_after: Option<&str>) -> Duration {
    let told = retry_after.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    told.map_or(RATE_LIMITED_FOR, |told| told.min(RATE_LIMITED_FOR_MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DECLINED: &str = r#"{"name":"UNPROCESSABLE_ENTITY","message":"The requested action could not be performed.",
        "debug_id":"90957fca61718","details":[{"issue":"INSTRUMENT_DECLINED","description":"The card was declined."}]}"#;

    fn read(status: u16, body: &str) -> (Failure, Option<String>) {
        Failure::read(StatusCode::from_u16(status).unwrap(), None, body.as_bytes())
    }

    #[test]
    fn an_issue_is_final_and_named_in_lower_case() {
        let (failure, debug_id) = read(422, DECLINED);
        assert_eq!(debug_id.as_deref(), Some("90957fca61718"));
        assert!(failure.has("INSTRUMENT_DECLINED") && failure.has("UNPROCESSABLE_ENTITY") && failure.is_final());
        assert_eq!(failure.error, ProviderError::fatal("instrument_declined", "The card was declined."));
    }

    #[test]
    fn what_passes_is_tried_again() {
        assert_eq!(read(503, "").0.error.code, "unreachable");
        assert_eq!(read(408, "<html>").0.error.verdict, Verdict::Retry(None));
        assert_eq!(read(302, "").0.error.code, "unexpected_answer");
        assert!(!read(409, r#"{"name":"RESOURCE_CONFLICT"}"#).0.is_final());
        assert!(!read(422, r#"{"details":[{"issue":"ORDER_COMPLETION_IN_PROGRESS"}]}"#).0.is_final());
        let oauth = read(401, r#"{"error":"invalid_client","error_description":"Client Authentication failed"}"#).0;
        assert_eq!(oauth.error.code, "unauthorized");
        assert_eq!(oauth.error.reason, "Client Authentication failed");
        assert!(!oauth.is_final());
        for (told, seconds) in [(Some("7"), 7), (Some("99999"), 3_600), (Some("soon"), 30), (None, 30)] {
            let (limited, _) = Failure::read(StatusCode::TOO_MANY_REQUESTS, told, b"{}");
            assert_eq!(limited.error.verdict, Verdict::Retry(Some(Duration::from_secs(seconds))));
        }
    }

    #[test]
    fn an_answer_without_an_error_inside_still_has_a_code() {
        let (failure, debug_id) = read(404, "not json");
        assert_eq!((failure.error.code.as_str(), debug_id), ("unexpected_answer", None));
        assert!(failure.is_missing() && failure.is_final());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_answer_gives_a_short_plain_error(
            status in 300..600_u16, body in r#"\{"(name|message|error|debug_id)":"\PC{0,600}"\}|\PC{0,80}"#
        ) {
            let (failure, debug_id) = read(status, &body);
            prop_assert!(failure.error.code.len() <= ISSUE_CHARS_MAX && is_word(&failure.error.code));
            prop_assert!(failure.error.reason.chars().count() <= REASON_CHARS_MAX);
            prop_assert!(!failure.error.reason.chars().any(char::is_control));
            prop_assert!(debug_id.is_none_or(|id| is_word(&id)));
        }
    }
}
