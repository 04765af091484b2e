//! What subscriptions, payments, coupons and invoices have in common: intervals, providers, states.

use serde::{Deserialize, Serialize};

use crate::{ids::PlanId, money::Money};

macro_rules! states {
    ($(#[$meta:meta])* $name:ident as $sql:literal { $($(#[$doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = $sql, rename_all = "snake_case"))]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The one of this name.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == name)
            }
        }
    };
}
pub(crate) use states;

pub mod invoice;
pub mod letters;

states! {
    /// How long one payment lasts.
    Interval as "billing_interval" {
        /// A calendar month.
        Month = "month",
        /// A calendar year.
        Year = "year",
    }
}

states! {
    /// Where a tenant's subscription stands.
    SubscriptionStatus as "subscription_status" {
        /// The plan is tried out; it ends unless it is paid.
        Trialing = "trialing",
        /// Paid.
        Active = "active",
        /// The period is over, its renewal is not paid, and is asked for again.
        PastDue = "past_due",
        /// Asked for in vain; the plan still holds for some days.
        Grace = "grace",
        /// Ended by its tenant, by staff, or because its payment was taken back.
        Canceled = "canceled",
        /// Ended because nobody paid.
        Expired = "expired",
    }
}

impl SubscriptionStatus {
    /// True while its plan holds.
    #[must_use]
    pub const fn entitles(self) -> bool {
        match self {
            Self::Trialing | Self::Active | Self::PastDue | Self::Grace => true,
            Self::Canceled | Self::Expired => false,
        }
    }
}

states! {
    /// What a payment is for.
    PaymentPurpose as "payment_purpose" {
        /// A subscription that begins, or begins again.
        Subscribe = "subscribe",
        /// The next period of a subscription.
        Renew = "renew",
        /// The rest of a period on a higher plan.
        Upgrade = "upgrade",
    }
}

states! {
    /// Where a payment stands.
    PaymentState as "payment_state" {
        /// Asked for; the provider does not know of it yet.
        Created = "created",
        /// Handed out: the payer has not paid yet.
        Pending = "pending",
        /// Approved or seen on its way, not final.
        Processing = "processing",
        /// Money has come that does not fit: staff decides.
        Review = "review",
        /// The money is ours, and was accounted for once.
        Settled = "settled",
        /// Wholly given back.
        Refunded = "refunded",
        /// Taken back by the payer's bank or the provider.
        ChargedBack = "charged_back",
        /// The provider has refused it for good.
        Failed = "failed",
        /// Nobody paid in time. Money that comes later still counts.
        Expired = "expired",
        /// Given up by its tenant.
        Canceled = "canceled",
    }
}

impl PaymentState {
    /// True while its money may be on its way: the tenant has not to ask for another one.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Created | Self::Pending | Self::Processing | Self::Review)
    }
}

/// What one period of a plan costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Which plan.
    pub plan: PlanId,
    /// How long a period is.
    pub interval: Interval,
    /// How much it costs, before any discount.
    pub amount: Money,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_the_name_that_serde_gives_it() {
        for state in PaymentState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
            assert_eq!(PaymentState::parse(state.as_str()), Some(*state));
        }
        for status in SubscriptionStatus::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        for purpose in PaymentPurpose::ALL {
            assert_eq!(serde_json::to_value(purpose).unwrap(), purpose.as_str());
        }
        for interval in Interval::ALL {
            assert_eq!(serde_json::to_value(interval).unwrap(), interval.as_str());
        }
    }
}
