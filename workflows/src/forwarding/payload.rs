//! What goes in and out of `pair_forwarding` and its activities. Changed by addition only.

use domain::{PairId, PairStatus, UserId};
use serde::{Deserialize, Serialize};

/// What a pair's workflow is started with, and what it carries over when it continues as new.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PairInput {
    /// The pair.
    pub pair: PairId,
    /// Whose it is.
    pub user: UserId,
    /// There may be something to do.
    #[serde(default)]
    pub woken: bool,
    /// Totals since the pair was made.
    #[serde(default)]
    pub totals: Totals,
    /// Events after which to continue as new; 0 means [`crate::options::HISTORY_EVENTS_MAX`]. Tests make it small.
    #[serde(default)]
    pub history_max: u32,
}

/// Messages so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Sent.
    #[serde(default)]
    pub sent: u64,
    /// Refused for good by the destination.
    #[serde(default)]
    pub dead: u64,
}

/// Names a pair to an activity.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct PairRef {
    /// The pair.
    pub pair: PairId,
}

/// Where and how a pair drains now.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PairRoute {
    /// The destination host's task queue; `None` while the account has no host.
    #[serde(default)]
    pub queue: Option<String>,
    /// The pair's state; `None` when it is deleted.
    #[serde(default)]
    pub status: Option<PairStatus>,
    /// Why the destination account will not be hosted until its user acts.
    #[serde(default)]
    pub unavailable: Option<String>,
    /// Temporal priority by plan.
    pub priority_key: u32,
    /// Share by plan.
    pub fairness_weight: f32,
}

impl PairRoute {
    /// Takes over the plan that a drain has found. An older worker's report names none.
    pub fn follow_plan(&mut self, report: &DrainReport) {
        if report.priority_key > 0 {
            self.priority_key = report.priority_key;
            self.fairness_weight = report.fairness_weight;
        }
    }
}

/// What a drain did, and what comes next.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DrainReport {
    /// Messages sent.
    #[serde(default)]
    pub sent: u64,
    /// Messages given up.
    #[serde(default)]
    pub dead: u64,
    /// What comes next.
    #[serde(default)]
    pub next: Next,
    /// Temporal priority by the plan as the drain found it; 0: not known.
    #[serde(default)]
    pub priority_key: u32,
    /// Share by that plan.
    #[serde(default)]
    pub fairness_weight: f32,
}

/// What comes after a drain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Next {
    /// Nothing is open: sleep until woken.
    #[default]
    Idle,
    /// More is open: drain again at once.
    More,
    /// The head is due in so many milliseconds, or the account must be silent that long.
    In {
        /// Milliseconds from now.
        ms: u64,
        /// Why, for people.
        #[serde(default)]
        reason: String,
    },
    /// The platform or the account is away: try again soon.
    Retry {
        /// Why, for people.
        #[serde(default)]
        reason: String,
    },
    /// The destination refuses us: try again rarely, or when the user resumes.
    Blocked {
        /// Why, for people.
        #[serde(default)]
        reason: String,
    },
    /// The account is hosted elsewhere, or another drain has begun: ask the route again.
    Moved,
    /// The user paused the pair.
    Paused,
    /// The pair is deleted.
    Deleted,
    /// A newer worker's word that this one does not know: treated as `Retry`.
    #[serde(other)]
    Unknown,
}

/// What an operator or the API sees of a pair's workflow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairView {
    /// `idle`, `draining`, `waiting`, `blocked`, `paused`.
    #[serde(default)]
    pub state: String,
    /// Why, for people.
    #[serde(default)]
    pub reason: Option<String>,
    /// Messages so far.
    #[serde(default)]
    pub totals: Totals,
    /// Failures in a row.
    #[serde(default)]
    pub failures: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_follows_the_plan_that_a_drain_reports_and_keeps_it_after_an_older_workers_report() {
        let mut route = PairRoute {
            queue: Some("host-w1".into()),
            status: Some(PairStatus::Active),
            unavailable: None,
            priority_key: 4,
            fairness_weight: 1.0,
        };
        let older: DrainReport = serde_json::from_str(r#"{ "sent": 3, "next": { "kind": "idle" } }"#).unwrap();
        route.follow_plan(&older);
        assert_eq!((route.priority_key, route.fairness_weight), (4, 1.0));
        let report = DrainReport { priority_key: 1, fairness_weight: 4.0, ..older };
        let report: DrainReport = serde_json::from_value(serde_json::to_value(report).unwrap()).unwrap();
        route.follow_plan(&report);
        assert_eq!((route.priority_key, route.fairness_weight), (1, 4.0));
        assert_eq!(route.queue.as_deref(), Some("host-w1"));
    }
}
