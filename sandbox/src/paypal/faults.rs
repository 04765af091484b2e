//! Faults that a test or a person asked for, and when they strike.

use serde::{Deserialize, Serialize};

use crate::faults::Tally;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A 5xx instead of doing it.
    ServerError,
    /// Do it, then answer with a 5xx.
    FailAfter,
    /// 429 instead of doing it.
    RateLimit,
    /// Wait, then do it.
    Delay,
    /// Do it, then end the connection without an answer.
    LoseAnswer,
    /// End the connection without doing it.
    Refuse,
    /// 401, as if the token had ended.
    Unauthorized,
}

/// A fault as it is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Given by the server.
    #[serde(default)]
    pub id: u64,
    /// What goes wrong.
    pub kind: Kind,
    /// Only requests whose path contains this.
    pub path: Option<String>,
    /// Only this method.
    pub method: Option<String>,
    /// Status of a `server_error` or `fail_after`; 500 unless told.
    pub status: Option<u16>,
    /// `Retry-After` of a `rate_limit`, in seconds; none unless told.
    pub retry_after: Option<u64>,
    /// How long a `delay` is; 1000 unless told.
    pub ms: Option<u64>,
    /// Of 100 requests that it is meant for, so many are struck; all unless told.
    pub percent: Option<u8>,
    /// How many it strikes; 1 unless told, 0 for all until it is removed.
    pub times: Option<u64>,
    /// How many it has struck.
    #[serde(default)]
    pub struck: u64,
}

/// The faults in force.
pub(crate) type Faults = crate::faults::Faults<Fault>;

impl crate::faults::Fault for Fault {
    fn tally(&mut self) -> Tally<'_> {
        Tally { id: &mut self.id, struck: &mut self.struck, times: self.times.unwrap_or(1) }
    }
}

impl Fault {
    /// Whether it strikes this request. `dice` throws a number from 0 to 99 for those that strike some.
    pub fn fits(&self, method: &str, path: &str, dice: impl FnOnce() -> u8) -> bool {
        self.path.as_ref().is_none_or(|part| path.contains(part))
            && self.method.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self.percent.is_none_or(|percent| dice() < percent)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fault(body: serde_json::Value) -> Fault {
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn a_fault_strikes_the_requests_that_it_names() {
        let fault = fault(json!({ "kind": "server_error", "path": "/capture", "method": "post" }));
        assert!(fault.fits("POST", "/v2/x/capture", || 0));
        assert!(!fault.fits("GET", "/v2/x/capture", || 0) && !fault.fits("POST", "/v2/x", || 0));
        assert!(serde_json::from_value::<Fault>(json!({ "kind": "delay", "path_": "x" })).is_err());
    }

    #[test]
    fn one_that_strikes_some_strikes_by_the_dice() {
        let fault = fault(json!({ "kind": "lose_answer", "percent": 20, "times": 0 }));
        assert!(!fault.fits("POST", "/", || 20) && fault.fits("POST", "/", || 19));
    }
}
