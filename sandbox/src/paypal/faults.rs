//! Faults that a test or a person asked for, and when they strike.

use serde::{Deserialize, Serialize};

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
#[derive(Debug, Default)]
pub struct Faults {
    last: u64,
    active: Vec<Fault>,
}

impl Faults {
    /// Adds a fault; its number.
    pub fn add(&mut self, fault: Fault) -> u64 {
        self.last += 1;
        self.active.push(Fault { id: self.last, struck: 0, ..fault });
        self.last
    }

    /// Removes one, or all of them.
    pub fn remove(&mut self, id: Option<u64>) {
        self.active.retain(|fault| id.is_some_and(|id| fault.id != id));
    }

    /// Those that still strike.
    #[must_use]
    pub fn active(&self) -> &[Fault] {
        &self.active
    }

    /// The faults that strike this request, each counted once. `dice` is a number from 0 to 99.
    pub fn strike(&mut self, method: &str, path: &str, mut dice: impl FnMut() -> u8) -> Vec<Fault> {
        let mut struck = Vec::new();
        for fault in self.active.iter_mut().filter(|fault| fault.fits(method, path)) {
            if fault.percent.is_none_or(|percent| dice() < percent) {
                fault.struck += 1;
                struck.push(fault.clone());
            }
        }
        self.active.retain(|fault| fault.times() == 0 || fault.struck < fault.times());
        struck
    }
}

impl Fault {
    fn times(&self) -> u64 {
        self.times.unwrap_or(1)
    }

    fn fits(&self, method: &str, path: &str) -> bool {
        self.path.as_ref().is_none_or(|part| path.contains(part))
            && self.method.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
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
    fn a_fault_strikes_its_requests_so_often_as_it_was_asked_to() {
        let mut faults = Faults::default();
        faults.add(fault(json!({ "kind": "server_error", "path": "/capture", "method": "post", "times": 2 })));
        assert!(
            faults.strike("GET", "/v2/x/capture", || 0).is_empty() && faults.strike("POST", "/v2/x", || 0).is_empty()
        );
        assert_eq!(faults.strike("POST", "/v2/x/capture", || 0).len(), 1);
        assert_eq!(faults.strike("POST", "/v2/x/capture", || 0).len(), 1);
        assert!(faults.strike("POST", "/v2/x/capture", || 0).is_empty() && faults.active().is_empty());
    }

    #[test]
    fn one_that_strikes_some_strikes_by_the_dice() {
        let mut faults = Faults::default();
        let id = faults.add(fault(json!({ "kind": "lose_answer", "percent": 20, "times": 0 })));
        assert!(faults.strike("POST", "/", || 20).is_empty());
        assert_eq!(faults.strike("POST", "/", || 19).len(), 1);
        faults.remove(Some(id));
        assert!(faults.active().is_empty());
        assert!(serde_json::from_value::<Fault>(json!({ "kind": "delay", "path_": "x" })).is_err());
    }
}
