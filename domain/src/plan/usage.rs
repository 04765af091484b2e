//! Messages that a tenant has written, by the minute and the UTC day.

use chrono::{DateTime, TimeDelta, Utc};

/// How many messages a tenant may have written, over all accounts; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// In one minute of the clock.
    pub per_minute: Option<u32>,
    /// In one UTC day.
    pub per_day: Option<u32>,
}

impl Allowance {
    /// This one, with the exceptions that `other` makes.
    #[must_use]
    pub fn except(self, other: Self) -> Self {
        Self { per_minute: other.per_minute.or(self.per_minute), per_day: other.per_day.or(self.per_day) }
    }
}

/// Messages counted in the minute and the UTC day that they fall into. Counts may be negative where what was counted is
/// taken back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The minute's beginning.
    pub minute: DateTime<Utc>,
    /// Messages in it.
    pub minute_used: i64,
    /// The day's beginning.
    pub day: DateTime<Utc>,
    /// Messages in it.
    pub day_used: i64,
}

impl Usage {
    /// Nothing used at `now`.
    #[must_use]
    pub fn none(now: DateTime<Utc>) -> Self {
        Self { minute: begin(now, MINUTE), minute_used: 0, day: begin(now, DAY), day_used: 0 }
    }

    /// The same at `now`: what belongs to a window that is over counts no more.
    #[must_use]
    pub fn at(self, now: DateTime<Utc>) -> Self {
        let fresh = Self::none(now);
        Self {
            minute: self.minute.max(fresh.minute),
            minute_used: if self.minute < fresh.minute { 0 } else { self.minute_used },
            day: self.day.max(fresh.day),
            day_used: if self.day < fresh.day { 0 } else { self.day_used },
        }
    }

    /// This and what another has counted, both as they are at `now`.
    #[must_use]
    pub fn with(self, other: Self, now: DateTime<Utc>) -> Self {
        let (mine, other) = (self.at(now), other.at(now));
        Self {
            minute_used: mine.minute_used.saturating_add(other.minute_used),
            day_used: mine.day_used.saturating_add(other.day_used),
            ..mine
        }
    }

    /// `count` more messages at `now`.
    #[must_use]
    pub fn plus(self, count: i64, now: DateTime<Utc>) -> Self {
        let rolled = self.at(now);
        Self {
            minute_used: rolled.minute_used.saturating_add(count),
            day_used: rolled.day_used.saturating_add(count),
            ..rolled
        }
    }

    /// When the next message may be written; `None` for now.
    #[must_use]
    pub fn opens_at(self, allowance: Allowance, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let used = self.at(now);
        let full = |limit: Option<u32>, used: i64| limit.is_some_and(|limit| used >= i64::from(limit));
        if full(allowance.per_day, used.day_used) {
            Some(used.day + DAY)
        } else if full(allowance.per_minute, used.minute_used) {
            Some(used.minute + MINUTE)
        } else {
            None
        }
    }
}

const MINUTE: TimeDelta = TimeDelta::minutes(1);
const DAY: TimeDelta = TimeDelta::days(1);

/// The beginning of the window of `length` that `now` falls into.
fn begin(now: DateTime<Utc>, length: TimeDelta) -> DateTime<Utc> {
    now - TimeDelta::seconds(now.timestamp().rem_euclid(length.num_seconds()))
        - TimeDelta::nanoseconds(i64::from(now.timestamp_subsec_nanos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    #[test]
    fn a_full_minute_opens_with_the_next_and_a_full_day_with_the_next_day() {
        let allowance = Allowance { per_minute: Some(2), per_day: Some(5) };
        let mut used = Usage::none(at(61));
        assert_eq!(used.opens_at(allowance, at(61)), None);
        used = used.plus(2, at(119));
        assert_eq!(used.opens_at(allowance, at(119)), Some(at(120)));
        assert_eq!(used.opens_at(allowance, at(120)), None);
        used = used.plus(2, at(120)).plus(1, at(300));
        assert_eq!((used.minute_used, used.day_used), (1, 5));
        assert_eq!(used.opens_at(allowance, at(300)), Some(at(86_400)));
        assert_eq!(used.opens_at(allowance, at(86_400)), None);
    }

    #[test]
    fn what_two_workers_count_is_added_window_by_window() {
        let (mine, other) = (Usage::none(at(0)).plus(3, at(30)), Usage::none(at(0)).plus(4, at(70)));
        let both = mine.with(other, at(80));
        assert_eq!((both.minute_used, both.day_used), (4, 7));
        assert_eq!(both.plus(-1, at(80)).opens_at(Allowance { per_minute: Some(4), per_day: None }, at(80)), None);
    }

    #[test]
    fn an_exception_replaces_what_it_names() {
        let plan = Allowance { per_minute: Some(20), per_day: Some(1_000) };
        let exception = Allowance { per_minute: Some(7), per_day: None };
        assert_eq!(plan.except(exception), Allowance { per_minute: Some(7), per_day: Some(1_000) });
    }
}
