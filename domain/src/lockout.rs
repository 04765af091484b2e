//! How long somebody who guesses has to wait, by what they guess at and by where they guess from.

use chrono::{DateTime, TimeDelta, Utc};

/// Failures at one address (of e-mail) that cost nothing: people mistype.
pub const FREE_BY_ACCOUNT: u32 = 5;
/// Failures from one network address that cost nothing: several people may share it.
pub const FREE_BY_CALLER: u32 = 20;
/// The longest wait.
pub const WAIT_MAX: TimeDelta = TimeDelta::minutes(15);
/// Failures are forgotten when nothing has failed for so long.
pub const FORGET_AFTER: TimeDelta = TimeDelta::hours(24);
/// The first wait.
const WAIT_FIRST: TimeDelta = TimeDelta::seconds(1);

/// Until when the next try is refused after `failures` in a row, the last of them at `last`: 1 s after the first one
/// that is not free, twice as long after each further one, at most [`WAIT_MAX`]. `None`: try.
#[must_use]
pub fn locked_until(failures: u32, free: u32, last: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let beyond = failures.checked_sub(free)?.checked_sub(1)?;
    let seconds = 1_i64.checked_shl(beyond.min(30)).unwrap_or(i64::MAX);
    Some(last + (WAIT_FIRST * i32::try_from(seconds).unwrap_or(i32::MAX)).min(WAIT_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_begins_after_the_free_ones_and_doubles_up_to_its_limit() {
        let last = DateTime::UNIX_EPOCH;
        let wait = |failures| locked_until(failures, FREE_BY_ACCOUNT, last).map(|until| (until - last).num_seconds());
        assert_eq!([0, 5, 6, 7, 8].map(wait), [None, None, Some(1), Some(2), Some(4)]);
        assert_eq!([15, 16, 40, u32::MAX].map(wait), [Some(512), Some(900), Some(900), Some(900)]);
    }
}
