//! What a coupon may say.

use chrono::{DateTime, Datelike as _, Utc};

use super::{Duration, Reduction, Terms};
use crate::money::Money;

/// The most payments that a repeating coupon is good for: ten years of months.
pub const PERIODS_MAX: u32 = 120;
/// The longest note of staff about a coupon, in characters.
pub const NOTE_CHARS_MAX: usize = 500;
/// The highest limit of redemptions of one tenant, and of plans in a list.
const COUNT_MAX: u32 = 1_000_000;
/// The highest limit of redemptions of all.
const REDEMPTIONS_MAX: u64 = 1_000_000_000;
/// The highest amount, in the smallest unit.
const AMOUNT_MAX: i64 = 1_000_000_000_000;
/// Plans that a coupon may name.
const PLANS_MAX: usize = 100;

/// What is wrong with a coupon's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TermsError {
    /// The code is none.
    #[error("a code has 3 to 40 letters, digits, dashes and underscores, and begins with a letter or a digit")]
    Code,
    /// The note is too long.
    #[error("a note has at most {NOTE_CHARS_MAX} characters")]
    Note,
    /// Neither a percentage nor an amount, or both.
    #[error("a coupon takes off either `percent` or `amount`")]
    Reduction,
    /// No percentage.
    #[error("`percent` is 1 to 100")]
    Percent,
    /// No amount of the currency.
    #[error("`amount` is a positive amount of the currency, such as 5.00")]
    Amount,
    /// An amount without a currency, with another one, or with one that is not known.
    #[error("an amount needs its `currency`, one that is known here")]
    Currency,
    /// No minimum.
    #[error("`minimum_amount` is a positive amount of the currency, such as 5.00")]
    Minimum,
    /// A number of payments where there is none, or a wrong one.
    #[error("`periods` is 2 to {PERIODS_MAX} for a repeating coupon, and absent for others")]
    Periods,
    /// A plan twice, or too many.
    #[error("`plans` names plans that there are, each of them once")]
    Plans,
    /// No limit of a tenant.
    #[error("`per_user_max` is at least 1")]
    PerUser,
    /// No limit of all.
    #[error("`redemptions_max` is at least 1")]
    Redemptions,
    /// It ends before it begins, or in a year that is none of ours.
    #[error("it would end before it begins, or is not in the years 1970 to 9999")]
    Times,
}

impl TermsError {
    /// The part of a coupon that is wrong.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Note => "note",
            Self::Reduction | Self::Percent => "percent",
            Self::Amount => "amount",
            Self::Currency => "currency",
            Self::Minimum => "minimum_amount",
            Self::Periods => "periods",
            Self::Plans => "plans",
            Self::PerUser => "per_user_max",
            Self::Redemptions => "redemptions_max",
            Self::Times => "ends_at",
        }
    }
}

impl Terms {
    /// Whether a coupon may say this.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn validate(&self) -> Result<(), TermsError> {
        match self.reduction {
            Reduction::Percent(1..=100) => (),
            Reduction::Percent(_) => return Err(TermsError::Percent),
            Reduction::Fixed(amount) => self.validate_money(amount, TermsError::Amount)?,
        }
        if let Some(minimum) = self.minimum {
            self.validate_money(minimum, TermsError::Minimum)?;
        }
        if let Duration::Repeating(periods) = self.duration
            && !(2..=PERIODS_MAX).contains(&periods)
        {
            return Err(TermsError::Periods);
        }
        let twice = |plan| self.plans.iter().filter(|other| *other == plan).count() > 1;
        if self.plans.len() > PLANS_MAX || self.plans.iter().any(twice) {
            return Err(TermsError::Plans);
        }
        if self.per_user_max.is_some_and(|max| !(1..=COUNT_MAX).contains(&max)) {
            return Err(TermsError::PerUser);
        }
        if self.redemptions_max.is_some_and(|max| !(1..=REDEMPTIONS_MAX).contains(&max)) {
            return Err(TermsError::Redemptions);
        }
        let is_strange = |time: DateTime<Utc>| !(1970..=9999).contains(&time.year());
        match (self.starts_at, self.ends_at) {
            (Some(starts), Some(ends)) if ends <= starts => Err(TermsError::Times),
            (Some(time), _) | (_, Some(time)) if is_strange(time) => Err(TermsError::Times),
            _ => Ok(()),
        }
    }

    /// The same promise: what it takes off, for how many payments, of which currency. It stays once somebody has redeemed
    /// the coupon.
    #[must_use]
    pub fn promises_the_same(&self, other: &Self) -> bool {
        (self.reduction, self.duration, self.currency) == (other.reduction, other.duration, other.currency)
    }

    fn validate_money(&self, money: Money, error: TermsError) -> Result<(), TermsError> {
        if self.currency != Some(money.currency) {
            return Err(TermsError::Currency);
        }
        if (1..=AMOUNT_MAX).contains(&money.minor) { Ok(()) } else { Err(error) }
    }
}
