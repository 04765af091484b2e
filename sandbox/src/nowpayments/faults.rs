//! Faults that a test or a person asked for, and when they strike.

use serde::{Deserialize, Serialize};

use super::clock::any_below;
use crate::faults::Tally;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Answer `status` and do nothing.
    ServerError,
    /// Answer 429 with `retry_after` and do nothing.
    RateLimit,
    /// Wait, then do it.
    Delay,
    /// Do it, then end the connection without an answer.
    LoseAnswer,
    /// End the connection without a word, and do nothing.
    RefuseConnections,
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
    /// Only requests whose path contains this, such as `/v1/payment`.
    pub route: Option<String>,
    /// Only this method.
    pub method: Option<String>,
    /// Of a `server_error`; 500 unless told.
    pub status: Option<u16>,
    /// Seconds of a `rate_limit`; 1 unless told.
    pub retry_after: Option<u64>,
    /// How long a delay is; 1000 unless told.
    pub ms: Option<u64>,
    /// Of a hundred requests it strikes so many; all of them unless told.
    pub percent: Option<u64>,
    /// How many requests it strikes; 1 unless told, 0 for all until it is removed.
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
    /// Whether it strikes this request; those that strike some throw dice.
    pub fn fits(&self, method: &str, path: &str) -> bool {
        self.route.as_ref().is_none_or(|route| path.contains(route))
            && self.method.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self.percent.is_none_or(|percent| any_below(100) < percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_the_requests_that_it_names() {
        let fault = |text| serde_json::from_str::<Fault>(text).unwrap();
        let lost = fault(r#"{"kind":"lose_answer","method":"post","route":"/v1/payment","times":2}"#);
        assert!(lost.fits("POST", "/v1/payment"));
        assert!(!lost.fits("GET", "/v1/payment") && !lost.fits("POST", "/v1/invoice"));
        let never = fault(r#"{"kind":"delay","percent":0,"times":0}"#);
        assert!((0..100).all(|_| !never.fits("GET", "/")));
    }
}
