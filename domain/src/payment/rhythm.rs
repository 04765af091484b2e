//! How often a provider is asked about a payment of which it says nothing by itself.

use chrono::{DateTime, TimeDelta, Utc};

/// An unpaid checkout is given up so long after its time at the latest, when the provider cannot be asked whether somebody
/// has paid after all.
pub const FINAL_ASK_PATIENCE: TimeDelta = TimeDelta::hours(1);

/// Polls of a payment that waits: from this age on, so often. Webhooks are quicker; a poll is for those that are lost.
const POLLS: [(TimeDelta, TimeDelta); 5] = [
    (TimeDelta::zero(), TimeDelta::seconds(20)),
    (TimeDelta::minutes(5), TimeDelta::minutes(1)),
    (TimeDelta::hours(1), TimeDelta::minutes(5)),
    (TimeDelta::hours(6), TimeDelta::minutes(20)),
    (TimeDelta::days(2), TimeDelta::hours(1)),
];

/// Money may come so long after a payment was given up: providers of coins take it for a week.
const LATE: [TimeDelta; 7] = [
    TimeDelta::minutes(10),
    TimeDelta::hours(1),
    TimeDelta::hours(6),
    TimeDelta::days(1),
    TimeDelta::days(2),
    TimeDelta::days(4),
    TimeDelta::days(8),
];

/// Money may go back so long after a payment was settled: buyers may complain for half a year.
const SETTLED: [TimeDelta; 6] = [
    TimeDelta::hours(1),
    TimeDelta::days(1),
    TimeDelta::days(7),
    TimeDelta::days(30),
    TimeDelta::days(90),
    TimeDelta::days(185),
];

/// An agreement is asked about this often at least: somebody may have ended it at the provider.
const AGREEMENT_EVERY_MAX: TimeDelta = TimeDelta::days(7);

const BACKOFF_FIRST: TimeDelta = TimeDelta::seconds(1);
const BACKOFF_MAX: TimeDelta = TimeDelta::minutes(5);

/// After how long a payment of this age is asked about again.
#[must_use]
pub fn poll_after(age: TimeDelta) -> TimeDelta {
    let due = POLLS.iter().rev().find(|(from, _)| age >= *from);
    due.map_or(POLLS[0].1, |(_, every)| *every)
}

/// When a payment that was given up at `closed_at` is asked about next; `None`: nobody expects anything any more.
#[must_use]
pub fn late_watch(closed_at: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    first_after(&LATE, closed_at, now)
}

/// When a payment that was settled at `settled_at` is asked about next, should nobody have told that it was taken back.
#[must_use]
pub fn settled_watch(settled_at: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    first_after(&SETTLED, settled_at, now)
}

/// When a provider is asked next about an agreement that makes its next payment at this time: an hour later, should
/// nobody have told of it; some times a day when it is not made; once a day when nobody knows when it is.
#[must_use]
pub fn agreement_watch(next_payment_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> DateTime<Utc> {
    match next_payment_at {
        Some(at) if at + TimeDelta::hours(1) > now => (at + TimeDelta::hours(1)).min(now + AGREEMENT_EVERY_MAX),
        Some(_) => now + TimeDelta::hours(6),
        None => now + TimeDelta::days(1),
    }
}

fn first_after(series: &[TimeDelta], since: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    series.iter().map(|after| since + *after).find(|at| *at > now)
}

/// After how long a call is made again that has failed so often in a row.
#[must_use]
pub fn backoff(failures: u32) -> TimeDelta {
    let factor = 2_i32.saturating_pow(failures.saturating_sub(1).min(20));
    BACKOFF_FIRST.checked_mul(factor).unwrap_or(BACKOFF_MAX).min(BACKOFF_MAX)
}
