//! Quiet hours: what is not urgent waits for their end.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::rules::Timetable;

const DAY_MINUTES: u16 = 24 * 60;

/// Why hours cannot be quiet hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuietError {
    /// The zone is not known.
    #[error("not an IANA time zone, such as Europe/Berlin or UTC")]
    Zone,
    /// One of the times is not one of a day, or they are equal.
    #[error("expected two different times of a day, from 00:00 to 23:59")]
    Hours,
}

/// A stretch of every day, by the clocks of one place. One that ends before its beginning ends on the next day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuietHours {
    from_minute: u16,
    to_minute: u16,
    zone: Tz,
}

impl QuietHours {
    /// Quiet from one minute of the day to another, both counted from midnight.
    ///
    /// # Errors
    /// [`QuietError`] when that makes no sense.
    pub fn new(from_minute: u16, to_minute: u16, zone: &str) -> Result<Self, QuietError> {
        if from_minute >= DAY_MINUTES || to_minute >= DAY_MINUTES || from_minute == to_minute {
            return Err(QuietError::Hours);
        }
        Ok(Self { from_minute, to_minute, zone: Self::zone_named(zone)? })
    }

    /// Quiet from one `HH:MM` to another.
    ///
    /// # Errors
    /// [`QuietError`] when that makes no sense.
    pub fn parse(from: &str, to: &str, zone: &str) -> Result<Self, QuietError> {
        Self::new(minute_of(from)?, minute_of(to)?, zone)
    }

    /// The zone of this name.
    ///
    /// # Errors
    /// [`QuietError::Zone`] when there is none.
    pub fn zone_named(name: &str) -> Result<Tz, QuietError> {
        name.parse().map_err(|_| QuietError::Zone)
    }

    /// When they begin, in minutes since midnight.
    #[must_use]
    pub const fn from_minute(&self) -> u16 {
        self.from_minute
    }

    /// When they end, in minutes since midnight.
    #[must_use]
    pub const fn to_minute(&self) -> u16 {
        self.to_minute
    }

    /// The name of the zone.
    #[must_use]
    pub fn zone(&self) -> &'static str {
        self.zone.name()
    }

    /// When they begin, as `HH:MM`.
    #[must_use]
    pub fn from(&self) -> String {
        clock_time(self.from_minute)
    }

    /// When they end, as `HH:MM`.
    #[must_use]
    pub fn to(&self) -> String {
        clock_time(self.to_minute)
    }

    /// The first moment from `at` on that is not within them.
    #[must_use]
    pub fn end_after(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        Timetable::daily(self.zone, self.to_minute, self.from_minute).next_open(at)
    }
}

fn clock_time(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

fn minute_of(text: &str) -> Result<u16, QuietError> {
    let digits = |text: &str| match text.len() {
        2 if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse::<u16>().ok(),
        _ => None,
    };
    let (hours, minutes) = text.split_once(':').ok_or(QuietError::Hours)?;
    match (digits(hours), digits(minutes)) {
        (Some(hours @ 0..24), Some(minutes @ 0..60)) => Ok(hours * 60 + minutes),
        _ => Err(QuietError::Hours),
    }
}
