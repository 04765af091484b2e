//! Why a coupon does not hold.

use serde::{Deserialize, Serialize};

use super::CODES_MAX;

/// Why a coupon does not hold: one word for each reason, in the order in which they are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// More than [`CODES_MAX`].
    #[error("at most {CODES_MAX} coupons go together")]
    TooMany,
    /// No coupon has this code.
    #[error("there is no such coupon")]
    NotFound,
    /// Staff have switched it off.
    #[error("the coupon does not hold any more")]
    Inactive,
    /// It begins later.
    #[error("the coupon does not hold yet")]
    NotStarted,
    /// It has ended.
    #[error("the coupon has expired")]
    Expired,
    /// It is for other plans.
    #[error("the coupon is not for this plan")]
    Plan,
    /// It is for periods of another length.
    #[error("the coupon is not for periods of this length")]
    Interval,
    /// It is for prices in another currency.
    #[error("the coupon is not for prices in this currency")]
    Currency,
    /// The price is too low.
    #[error("the price is lower than the coupon asks for")]
    Minimum,
    /// The tenant has paid before.
    #[error("the coupon is for a first purchase only")]
    FirstPurchase,
    /// The tenant has redeemed it as often as they may.
    #[error("you have redeemed this coupon already")]
    UserLimit,
    /// All of them have.
    #[error("the coupon has been redeemed as often as it may be")]
    Exhausted,
    /// It does not go together with the others.
    #[error("the coupon does not go together with another one")]
    NotCombinable,
}

impl Refusal {
    /// Every reason.
    pub const ALL: [Self; 13] = [
        Self::TooMany,
        Self::NotFound,
        Self::Inactive,
        Self::NotStarted,
        Self::Expired,
        Self::Plan,
        Self::Interval,
        Self::Currency,
        Self::Minimum,
        Self::FirstPurchase,
        Self::UserLimit,
        Self::Exhausted,
        Self::NotCombinable,
    ];

    /// The stable code on the wire.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooMany => "coupon_too_many",
            Self::NotFound => "coupon_not_found",
            Self::Inactive => "coupon_inactive",
            Self::NotStarted => "coupon_not_started",
            Self::Expired => "coupon_expired",
            Self::Plan => "coupon_plan",
            Self::Interval => "coupon_interval",
            Self::Currency => "coupon_currency",
            Self::Minimum => "coupon_minimum",
            Self::FirstPurchase => "coupon_first_purchase",
            Self::UserLimit => "coupon_user_limit",
            Self::Exhausted => "coupon_exhausted",
            Self::NotCombinable => "coupon_not_combinable",
        }
    }
}
