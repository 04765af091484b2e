//! What a caller is told of its limit: the header fields of draft-ietf-httpapi-ratelimit-headers.

use chrono::{DateTime, Utc};
use domain::rate::WINDOW_SECONDS;
use salvo::{
    http::header::{HeaderName, HeaderValue},
    prelude::*,
};

static LIMIT: HeaderName = HeaderName::from_static("ratelimit");
static POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// How a caller stands after a request; without a limit there is nothing to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing(Option<Told>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Told {
    limit: u32,
    remaining: u32,
    /// Until the next window, rounded up; at least 1.
    reset_seconds: u64,
}

impl Standing {
    pub(super) fn new(standing: domain::rate::Standing, now: DateTime<Utc>) -> Self {
        let ms = (standing.resets_at - now).num_milliseconds();
        let reset_seconds = u64::try_from(ms).unwrap_or(0).div_ceil(1_000).max(1);
        Self(Some(Told { limit: standing.limit, remaining: standing.remaining, reset_seconds }))
    }

    pub(super) const fn unlimited() -> Self {
        Self(None)
    }

    /// Requests left until the next window, as far as this replica knows; `None` without a limit.
    #[cfg(test)]
    pub(super) fn remaining(&self) -> Option<u32> {
        self.0.map(|told| told.remaining)
    }

    /// Sets `RateLimit` and `RateLimit-Policy`.
    pub(crate) fn write(&self, res: &mut Response) {
        let Some(Told { limit, remaining, reset_seconds }) = self.0 else { return };
        let fields = [
            (&LIMIT, format!("\"default\";r={remaining};t={reset_seconds}")),
            (&POLICY, format!("\"default\";q={limit};w={WINDOW_SECONDS}")),
        ];
        for (name, text) in fields {
            if let Ok(value) = HeaderValue::try_from(text) {
                res.headers_mut().insert(name, value);
            }
        }
    }
}

/// A request beyond the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused(Standing);

impl Refused {
    pub(super) fn new(standing: domain::rate::Standing, now: DateTime<Utc>) -> Self {
        Self(Standing::new(standing, now))
    }

    /// For the answer's headers.
    pub(crate) const fn standing(&self) -> Standing {
        self.0
    }

    /// When the next request may come.
    pub(crate) fn retry_after_seconds(&self) -> u64 {
        self.0.0.map_or(1, |told| told.reset_seconds)
    }
}
