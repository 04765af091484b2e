//! Coupons: what they take off a price, for whom, for how many payments, and why one does not hold.
//!
//! Somebody who redeems a coupon has its word for as many payments as its [`Duration`] says; limits count redemptions, not
//! payments. What has been redeemed and has payments left is *standing*: it takes its part of the payments that follow by
//! itself.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    billing::{Interval, PaymentPurpose},
    ids::{CouponId, PlanId},
    money::{Currency, Money},
};

mod choice;
mod refusal;
mod terms;

pub use choice::{Candidates, Cut, Run, choose, run};
pub use refusal::Refusal;
pub use terms::{NOTE_CHARS_MAX, PERIODS_MAX, TermsError};

/// Coupons that one checkout may name.
pub const CODES_MAX: usize = 5;
/// The shortest code.
const CODE_CHARS_MIN: usize = 3;
/// The longest code.
const CODE_CHARS_MAX: usize = 40;

/// What somebody types to redeem a coupon: in any case, with spaces around it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(String);

impl Code {
    /// The code that is meant: 3 to 40 letters, digits, dashes and underscores, the first one a letter or a digit, in
    /// capitals. `None`: no coupon has such a code.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let code = text.trim();
        let fits = (CODE_CHARS_MIN..=CODE_CHARS_MAX).contains(&code.len())
            && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && code.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        fits.then(|| Self(code.to_ascii_uppercase()))
    }

    /// The code in capitals.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How much a coupon takes off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// Hundredths of the price, 1 to 100; a part of the smallest unit is not taken off.
    Percent(u8),
    /// An amount, or the whole price if that is less.
    Fixed(Money),
}

/// For how many payments a coupon is good once it is redeemed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duration {
    /// One.
    Once,
    /// So many, 2 to [`PERIODS_MAX`].
    Repeating(u32),
    /// All that follow.
    Forever,
}

impl Duration {
    /// The one with [`Self::periods_max`] of this.
    #[must_use]
    pub const fn of(periods_max: Option<u32>) -> Self {
        match periods_max {
            None => Self::Forever,
            Some(0 | 1) => Self::Once,
            Some(periods) => Self::Repeating(periods),
        }
    }

    /// Payments that it is good for; `None`: all that follow.
    #[must_use]
    pub const fn periods_max(self) -> Option<u32> {
        match self {
            Self::Once => Some(1),
            Self::Repeating(periods) => Some(periods),
            Self::Forever => None,
        }
    }
}

/// What a coupon is good for, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How much it takes off.
    pub reduction: Reduction,
    /// For how many payments.
    pub duration: Duration,
    /// Only prices in this currency; `None`: in any. That of every amount here.
    pub currency: Option<Currency>,
    /// Only prices from this on.
    pub minimum: Option<Money>,
    /// Only these plans; none: every plan.
    pub plans: Vec<PlanId>,
    /// Only periods of this length.
    pub interval: Option<Interval>,
    /// Only those who have not paid before.
    pub first_purchase: bool,
    /// It may be used beside others that may.
    pub combinable: bool,
    /// How often one tenant may redeem it; `None`: without limit.
    pub per_user_max: Option<u32>,
    /// How often all of them together may; `None`: without limit.
    pub redemptions_max: Option<u64>,
    /// When it begins to hold.
    pub starts_at: Option<DateTime<Utc>>,
    /// From when on it cannot be redeemed any more. What was redeemed before goes on.
    pub ends_at: Option<DateTime<Utc>>,
}

/// A coupon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coupon {
    /// Which.
    pub id: CouponId,
    /// What is typed.
    pub code: Code,
    /// What it is good for.
    pub terms: Terms,
    /// Staff have not switched it off.
    pub is_active: bool,
}

/// Where a tenant's redemption of a coupon stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "sqlx",
    derive(sqlx::Type),
    sqlx(type_name = "coupon_redemption_state", rename_all = "snake_case")
)]
#[serde(rename_all = "snake_case")]
pub enum RedemptionState {
    /// Kept by its tenant for a payment that is still to come.
    Kept,
    /// It came with a checkout that is not paid yet.
    Reserved,
    /// It has taken something off a payment.
    Used,
    /// It counts no more: nothing was paid, or it was not used in time.
    Released,
}

/// Where the discount of one payment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "coupon_discount_state", rename_all = "snake_case"))]
#[serde(rename_all = "snake_case")]
pub enum DiscountState {
    /// The payment is asked for.
    Reserved,
    /// The payment is settled.
    Redeemed,
    /// Nothing was paid.
    Released,
}

/// What is about to be paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purchase {
    /// Which plan.
    pub plan: PlanId,
    /// How long its periods are.
    pub interval: Interval,
    /// A new subscription, a renewal or an upgrade.
    pub purpose: PaymentPurpose,
    /// The price that discounts are taken off: what is left of it after the credit for what was paid before.
    pub list: Money,
}

/// What a tenant and all of them have redeemed already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The tenant has paid before, or is about to pay with a coupon that is for the first time only.
    pub has_paid: bool,
    /// Redemptions of this tenant that are not released.
    pub by_user: u64,
    /// Redemptions of all that are not released.
    pub by_all: u64,
}

impl Coupon {
    /// Whether somebody may redeem it now; for a certain purchase, or to keep it for one. The first reason against it, in
    /// the order of [`Refusal`].
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, purchase: Option<&Purchase>, usage: Usage, now: DateTime<Utc>) -> Result<(), Refusal> {
        let terms = &self.terms;
        let reached = |used: u64, max: Option<u64>| max.is_some_and(|max| used >= max);
        refuse_if(!self.is_active, Refusal::Inactive)?;
        refuse_if(terms.starts_at.is_some_and(|starts| now < starts), Refusal::NotStarted)?;
        refuse_if(terms.ends_at.is_some_and(|ends| ends <= now), Refusal::Expired)?;
        purchase.map_or(Ok(()), |purchase| terms.fit(purchase))?;
        refuse_if(terms.first_purchase && usage.has_paid, Refusal::FirstPurchase)?;
        refuse_if(reached(usage.by_user, terms.per_user_max.map(u64::from)), Refusal::UserLimit)?;
        refuse_if(reached(usage.by_all, terms.redemptions_max), Refusal::Exhausted)
    }

    /// Whether one that the tenant keeps may be used for this purchase. Its dates and limits were looked at when it was
    /// redeemed.
    ///
    /// # Errors
    /// Why not.
    pub fn check_kept(&self, purchase: &Purchase, has_paid: bool) -> Result<(), Refusal> {
        refuse_if(!self.is_active, Refusal::Inactive)?;
        self.terms.fit(purchase)?;
        refuse_if(self.terms.first_purchase && has_paid, Refusal::FirstPurchase)
    }

    /// Whether one that was used for a payment before, and has payments left, takes something off this one. What was
    /// promised holds, even if staff have switched the coupon off since.
    ///
    /// # Errors
    /// Why not.
    pub fn check_running(&self, purchase: &Purchase) -> Result<(), Refusal> {
        self.terms.fit(purchase)
    }
}

impl Terms {
    /// Whether the purchase is one that the coupon is for.
    fn fit(&self, purchase: &Purchase) -> Result<(), Refusal> {
        let list = purchase.list;
        refuse_if(!self.plans.is_empty() && !self.plans.contains(&purchase.plan), Refusal::Plan)?;
        refuse_if(self.interval.is_some_and(|interval| interval != purchase.interval), Refusal::Interval)?;
        refuse_if(self.currency.is_some_and(|currency| currency != list.currency), Refusal::Currency)?;
        refuse_if(self.minimum.is_some_and(|minimum| list.minor < minimum.minor), Refusal::Minimum)
    }

    /// Whether a discount of a payment is one of those that the coupon is good for: the rest of a period that was begun
    /// with it is not another one.
    #[must_use]
    pub const fn counts(is_running: bool, purpose: PaymentPurpose) -> bool {
        !(is_running && matches!(purpose, PaymentPurpose::Upgrade))
    }
}

const fn refuse_if(refused: bool, refusal: Refusal) -> Result<(), Refusal> {
    if refused { Err(refusal) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
