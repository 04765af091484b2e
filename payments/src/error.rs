//! What goes wrong with a provider, and whether it is worth another try.

use std::time::Duration;

/// Whether a call is worth another try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The same call, with the same idempotency key, may succeed later; not before this time, if the provider named one.
    Retry(Option<Duration>),
    /// The same call will never succeed.
    Final,
}

/// A call that failed. Neither text holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {reason}")]
pub struct ProviderError {
    /// Whether to try again.
    pub verdict: Verdict,
    /// A stable code: ours (`unreachable`, `unauthorized`, `rate_limited`, `unexpected_answer`, `by_hand`), or the
    /// provider's own issue in lower case, such as `instrument_declined`.
    pub code: String,
    /// What the provider says, or what happened, for people.
    pub reason: String,
}

impl ProviderError {
    /// A failure that may go away.
    #[must_use]
    pub fn retry(code: &str, reason: impl Into<String>) -> Self {
        Self { verdict: Verdict::Retry(None), code: code.to_owned(), reason: reason.into() }
    }

    /// A failure that stays.
    #[must_use]
    pub fn fatal(code: &str, reason: impl Into<String>) -> Self {
        Self { verdict: Verdict::Final, code: code.to_owned(), reason: reason.into() }
    }
}

/// Why a webhook is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// Not from the provider, or changed on its way: answered with 401, and the reason is kept in the log.
    #[error("the webhook is not genuine: {0}")]
    Forged(&'static str),
    /// Genuine, and not readable: answered with 400.
    #[error("the webhook cannot be read: {0}")]
    Malformed(&'static str),
    /// What is needed to prove it cannot be had just now: answered with 503, so that the provider sends it again.
    #[error("the webhook cannot be proved now: {0}")]
    Unproved(String),
}
