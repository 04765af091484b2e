//! Faults that a test or a person asked for, and when they strike.

use serde::{Deserialize, Serialize};

use super::clock::any_below;

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

    /// Those that strike this request, each counted once.
    pub fn strike(&mut self, method: &str, path: &str) -> Vec<Fault> {
        let mut struck = Vec::new();
        for fault in self.active.iter_mut().filter(|fault| fault.fits(method, path)) {
            fault.struck += 1;
            struck.push(fault.clone());
        }
        self.active.retain(|fault| fault.times == Some(0) || fault.struck < fault.times.unwrap_or(1));
        struck
    }
}

impl Fault {
    fn fits(&self, method: &str, path: &str) -> bool {
        self.route.as_ref().is_none_or(|route| path.contains(route))
            && self.method.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self.percent.is_none_or(|percent| any_below(100) < percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_what_it_names_as_often_as_it_says() {
        let mut faults = Faults::default();
        let fault = serde_json::from_str(r#"{"kind":"lose_answer","method":"post","route":"/v1/payment","times":2}"#);
        faults.add(fault.unwrap());
        assert!(faults.strike("GET", "/v1/payment").is_empty() && faults.strike("POST", "/v1/invoice").is_empty());
        assert_eq!(faults.strike("POST", "/v1/payment").len() + faults.strike("POST", "/v1/payment").len(), 2);
        assert!(faults.strike("POST", "/v1/payment").is_empty() && faults.active().is_empty());
        let never = serde_json::from_str(r#"{"kind":"delay","percent":0,"times":0}"#);
        faults.add(never.unwrap());
        assert!((0..100).all(|_| faults.strike("GET", "/").is_empty()));
    }
}
