//! What the rest of a period is worth, in whole numbers: what is given back is rounded down, what is asked for is rounded
//! up, each by the second.

use chrono::{DateTime, Utc};

use super::Period;
use crate::money::{Currency, Money};

/// Time that was paid, and what for: after any discount, with the credit for what it replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// What it is worth as a whole.
    pub value: Money,
    /// Which time.
    pub covers: Period,
}

/// What is left of what was paid: of each segment its value for the seconds to come, rounded down. Segments in another
/// currency count nothing.
#[must_use]
pub fn credit(segments: &[Segment], currency: Currency, now: DateTime<Utc>) -> Money {
    let left = |segment: &Segment| segment.value.share_down(segment.covers.seconds_left(now), segment.covers.seconds());
    sum(segments.iter().filter_map(left), currency)
}

/// What `amount` a period comes to for the rest of these periods, rounded up in each.
#[must_use]
pub fn charge(amount: Money, periods: &[Period], now: DateTime<Utc>) -> Money {
    let rest = |period: &Period| amount.share_up(period.seconds_left(now), period.seconds());
    sum(periods.iter().filter_map(rest), amount.currency)
}

fn sum(amounts: impl Iterator<Item = Money>, currency: Currency) -> Money {
    amounts.fold(Money::zero(currency), |sum, amount| sum.checked_add(amount).unwrap_or(sum))
}
