//! When a message that could not be sent is tried again, and when it is given up.

use chrono::{DateTime, TimeDelta, Utc};

/// The first pause after a refusal that may pass.
pub const PAUSE_MIN: TimeDelta = TimeDelta::seconds(30);
/// The longest pause after one: a full mailbox or a greylisting server does not change its mind faster.
pub const PAUSE_MAX: TimeDelta = TimeDelta::hours(6);
/// The longest pause while nobody answers at all: that concerns every message, and ends for all at once.
pub const LINK_PAUSE_MAX: TimeDelta = TimeDelta::minutes(5);
/// A message is given up so long after its first attempt. Mail servers keep trying for as long.
pub const GIVE_UP_AFTER: TimeDelta = TimeDelta::days(3);

/// What stood in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// This message was refused for now.
    Refused,
    /// The other side could not be reached.
    Link,
}

/// When the next attempt is due after attempt number `attempts`, counted from 1; `None` when it is given up.
#[must_use]
pub fn next(
    trouble: Trouble,
    attempts: i32,
    first_attempt_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let longest = match trouble {
        Trouble::Refused => PAUSE_MAX,
        Trouble::Link => LINK_PAUSE_MAX,
    };
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0).min(16);
    let pause = (PAUSE_MIN * 2_i32.pow(doublings)).min(longest);
    let end = first_attempt_at + GIVE_UP_AFTER;
    // The last attempt is at the end, not one pause before it.
    (now < end).then(|| (now + pause).min(end))
}
