//! When periods begin and end.

use chrono::{DateTime, Datelike as _, Months, Utc};

use crate::billing::Interval;

/// A time with its beginning and without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Its first moment.
    pub start: DateTime<Utc>,
    /// The first moment after it.
    pub end: DateTime<Utc>,
}

impl Period {
    /// How long it is, in whole seconds.
    #[must_use]
    pub fn seconds(&self) -> i64 {
        (self.end - self.start).num_seconds()
    }

    /// How much of it is left, in whole seconds: all of it before it begins, nothing after its end.
    #[must_use]
    pub fn seconds_left(&self, now: DateTime<Utc>) -> i64 {
        (self.end - now.max(self.start)).num_seconds().max(0)
    }
}

/// Where the period ends that begins at `start`: a month or a year later, at the same time of day, on `anchor_day` of the
/// month, or on the month's last day where it is shorter. So 31 January is followed by 28 February and that by 31 March.
/// The end of time is followed by itself.
#[must_use]
pub fn following(start: DateTime<Utc>, interval: Interval, anchor_day: u32) -> DateTime<Utc> {
    let months = match interval {
        Interval::Month => 1,
        Interval::Year => 12,
    };
    // On the last day, where the month is too short.
    let Some(moved) = start.checked_add_months(Months::new(months)) else { return DateTime::<Utc>::MAX_UTC };
    (1..=anchor_day).rev().find_map(|day| moved.with_day(day)).unwrap_or(moved)
}
