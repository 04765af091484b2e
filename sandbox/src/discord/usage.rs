//! What clients use up of the budgets that Discord gives to an address and to a bot, for whoever has to prove that they
//! keep within them.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use super::id::Id;

/// Discord closes its API to an address after 10,000 invalid requests within this time.
const INVALID_WINDOW_MS: u64 = 10 * 60 * 1000;
/// Discord ends all sessions of a bot and resets its token after 1,000 IDENTIFYs within this time.
const IDENTIFY_WINDOW_MS: u64 = 24 * 60 * 60 * 1000;
/// IDENTIFYs of one bot within [`IDENTIFY_WINDOW_MS`].
const IDENTIFY_MAX: usize = 1_000;
/// Time between two IDENTIFYs of one bot.
const IDENTIFY_GAP_MS: u64 = 5_000;

/// Counts since the server was started.
#[derive(Debug, Default)]
pub struct Usage {
    requests: u64,
    by_status: BTreeMap<u16, u64>,
    invalid: VecDeque<u64>,
    invalid_peak: usize,
    bots: BTreeMap<Id, Sessions>,
}

#[derive(Debug, Default)]
struct Sessions {
    identified: VecDeque<u64>,
    identifies: u64,
    resumes: u64,
    hasty: u64,
}

impl Usage {
    /// Counts the answer to one request at `now_ms`. `shared` is a 429 for a resource that others use too, which Discord
    /// does not hold against the client.
    pub fn answered(&mut self, status: u16, shared: bool, now_ms: u64) {
        self.requests += 1;
        if status >= 400 {
            *self.by_status.entry(status).or_default() += 1;
        }
        if matches!(status, 401 | 403 | 429) && !shared {
            expire(&mut self.invalid, now_ms, INVALID_WINDOW_MS);
            self.invalid.push_back(now_ms);
            self.invalid_peak = self.invalid_peak.max(self.invalid.len());
        }
    }

    /// Counts an IDENTIFY; false when it came too soon after the one before.
    pub fn identified(&mut self, bot: Id, now_ms: u64) -> bool {
        let sessions = self.bots.entry(bot).or_default();
        let patient = sessions.identified.back().is_none_or(|last| now_ms >= last + IDENTIFY_GAP_MS);
        expire(&mut sessions.identified, now_ms, IDENTIFY_WINDOW_MS);
        sessions.identified.push_back(now_ms);
        sessions.identifies += 1;
        sessions.hasty += u64::from(!patient);
        patient
    }

    /// Counts a RESUME.
    pub fn resumed(&mut self, bot: Id) {
        self.bots.entry(bot).or_default().resumes += 1;
    }

    /// How many IDENTIFYs a bot has left, and the milliseconds until the first of them comes back.
    #[must_use]
    pub fn identifies_left(&self, bot: Id, now_ms: u64) -> (usize, u64) {
        let Some(sessions) = self.bots.get(&bot) else { return (IDENTIFY_MAX, 0) };
        let mut counted = sessions.identified.iter().filter(|at| **at + IDENTIFY_WINDOW_MS > now_ms);
        let reset_ms = counted.clone().next().map_or(0, |first| first + IDENTIFY_WINDOW_MS - now_ms);
        (IDENTIFY_MAX.saturating_sub(counted.by_ref().count()), reset_ms)
    }

    /// All counts as the control API shows them.
    pub fn shown(&mut self, now_ms: u64) -> Value {
        expire(&mut self.invalid, now_ms, INVALID_WINDOW_MS);
        let bots: BTreeMap<String, Value> = self
            .bots
            .iter()
            .map(|(bot, it)| {
                let shown = json!({
                    "identifies": it.identifies, "identifies_hasty": it.hasty, "resumes": it.resumes,
                });
                (bot.to_string(), shown)
            })
            .collect();
        json!({
            "requests": self.requests, "refused_by_status": self.by_status,
            "invalid_requests_10_min": self.invalid.len(), "invalid_requests_10_min_peak": self.invalid_peak,
            "bots": bots,
        })
    }
}

fn expire(times: &mut VecDeque<u64>, now_ms: u64, window_ms: u64) {
    while times.pop_front_if(|at| *at + window_ms <= now_ms).is_some() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_requests_leave_the_window_and_their_peak_stays() {
        let mut usage = Usage::default();
        for (at, status, shared) in [(0, 401, false), (1, 403, false), (2, 429, true), (3, 404, false), (4, 429, false)]
        {
            usage.answered(status, shared, at);
        }
        let shown = usage.shown(5);
        assert_eq!((shown["requests"].as_u64(), shown["invalid_requests_10_min"].as_u64()), (Some(5), Some(3)));
        let later = usage.shown(INVALID_WINDOW_MS + 1);
        assert_eq!(later["invalid_requests_10_min"], 1);
        assert_eq!(later["invalid_requests_10_min_peak"], 3);
    }

    #[test]
    fn identifies_are_counted_per_bot_and_need_five_seconds_between_them() {
        let mut usage = Usage::default();
        assert!(usage.identified(Id(1), 0));
        assert!(usage.identified(Id(2), 10));
        assert!(!usage.identified(Id(1), 4_999));
        assert!(usage.identified(Id(1), 9_999));
        assert_eq!(usage.identifies_left(Id(1), 10_000), (997, IDENTIFY_WINDOW_MS - 10_000));
        assert_eq!(usage.identifies_left(Id(3), 0), (1_000, 0));
        usage.resumed(Id(1));
        assert_eq!(usage.shown(0)["bots"]["1"]["identifies_hasty"], 1);
    }
}
