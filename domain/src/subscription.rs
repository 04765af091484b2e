//! The life of a subscription: trial, paid periods, the time in which a missing payment is asked for, and the end.
//!
//! A [`Subscription`] is what its row says. [`Subscription::step`] tells what is due at a moment, and nothing here looks at
//! a clock: so a whole life can be walked through in a test. What is bought is in [`purchase`], what tenants wish in
//! [`wish`], when periods begin in [`period`], and what their rest is worth in [`proration`].

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    billing::{Price, SubscriptionStatus, states},
    ids::AgreementId,
};

pub mod period;
pub mod proration;
pub mod purchase;
pub mod schedule;
pub mod step;
#[cfg(test)]
mod tests;
pub mod wish;

pub use period::{Period, following};
pub use proration::{Segment, charge, credit};
pub use purchase::{Bought, Outcome, Purchase, Quote, Unfit, Wanted, quote};
pub use schedule::{Schedule, ScheduleError};
pub use step::Step;
pub use wish::{AgreementChange, CancelWhen, Changed};

/// What a tenant subscribes to, and how that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Where it stands.
    pub status: SubscriptionStatus,
    /// The plan, the interval, and what a period costs as it was agreed.
    pub price: Price,
    /// The period that runs. It may begin later: after a trial whose plan was paid before its end.
    pub period: Period,
    /// Until when is paid, or tried out: the end of the period, or of a later one.
    pub paid_until: DateTime<Utc>,
    /// The day of the month on which periods begin, in months that have it: 1 to 31.
    pub anchor_day: u32,
    /// What it becomes, by its tenant's wish.
    pub next: Option<Next>,
    /// When it ends, by its tenant's wish.
    pub cancel_at: Option<DateTime<Utc>>,
    /// By which agreement with a provider renewals are paid.
    pub agreement: Option<AgreementId>,
    /// Since when the renewal is missing; while it is active: that the provider could not make the payment, and since when
    /// it is missing therefore.
    pub past_due_since: Option<DateTime<Utc>>,
    /// How often the renewal was asked for.
    pub attempts: u16,
    /// Until when the plan holds without being paid.
    pub grace_until: Option<DateTime<Utc>>,
    /// So many days before its end the tenant was reminded of it, the last time.
    pub reminded_days: Option<u16>,
    /// When it ended, and why.
    pub ended: Option<(DateTime<Utc>, EndReason)>,
    /// When its tenant began to try a plan out.
    pub trial_at: Option<DateTime<Utc>>,
}

/// What a subscription becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// The plan, the interval and what it costs then.
    pub price: Price,
    /// When.
    pub at: DateTime<Utc>,
}

states! {
    /// Why a subscription has ended.
    EndReason as "subscription_end_reason" {
        /// Its tenant wanted it.
        Requested = "requested",
        /// Staff has ended it.
        Staff = "staff",
        /// Nobody paid for the next period.
        Unpaid = "unpaid",
        /// The trial was over, and nobody paid.
        TrialOver = "trial_over",
        /// The payment of its period was refunded or taken back.
        TakenBack = "taken_back",
    }
}

states! {
    /// What happens to a subscription.
    EventKind as "subscription_event_kind" {
        /// A plan is tried out.
        TrialStarted = "trial_started",
        /// It began, or began again, with a payment.
        Subscribed = "subscribed",
        /// One more period was paid.
        Renewed = "renewed",
        /// It is on a higher plan, or paid by the year, at once.
        Upgraded = "upgraded",
        /// The next period began.
        PeriodStarted = "period_started",
        /// It will become another one at the end of what is paid.
        ChangeScheduled = "change_scheduled",
        /// It will stay as it is.
        ChangeWithdrawn = "change_withdrawn",
        /// It became what was scheduled.
        PlanChanged = "plan_changed",
        /// It will end with what is paid.
        CancelScheduled = "cancel_scheduled",
        /// It will go on.
        Resumed = "resumed",
        /// The tenant was told that the period ends.
        Reminded = "reminded",
        /// The renewal is missing.
        PastDue = "past_due",
        /// The renewal was asked for once more, in vain.
        PaymentRetried = "payment_retried",
        /// The plan holds for some days more without being paid.
        GraceStarted = "grace_started",
        /// It was ended.
        Canceled = "canceled",
        /// It ended, because nobody paid.
        Expired = "expired",
        /// The payment of a later period was taken back.
        RenewalTakenBack = "renewal_taken_back",
        /// A payment came that there was nothing to buy for.
        PaymentUnused = "payment_unused",
        /// The provider could not make the payment that was agreed on.
        AgreementFailed = "agreement_failed",
        /// No agreement pays for it any more.
        AgreementEnded = "agreement_ended",
    }
}

/// Why a tenant cannot have what they ask for, each with a stable code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The plan has no price for such periods.
    #[error("this plan is not sold for this interval")]
    NotForSale,
    /// Staff has given a plan that is as good.
    #[error("your plan was given to you; there is nothing to pay while it holds")]
    PlanGranted,
    /// A lower plan begins when what is paid is over.
    #[error("a change to a lower plan or a shorter interval needs no payment; it begins when what is paid is over")]
    ChangesAtPeriodEnd,
    /// The next period is paid already.
    #[error("the next period is paid already")]
    RenewedAlready,
    /// The rest of the period cannot be counted for a price in another currency.
    #[error("the plan is sold in another currency than the running period was paid in")]
    OtherCurrency,
    /// There is no subscription, or it has ended.
    #[error("there is no subscription, or it has ended")]
    NoSubscription,
    /// The plan cannot be tried out, or the tenant has had a trial or a subscription.
    #[error("the plan cannot be tried out, or you have had a trial or a subscription before")]
    NoTrial,
}

impl Refusal {
    /// The name on the wire.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotForSale => "plan_not_for_sale",
            Self::PlanGranted => "plan_granted",
            Self::ChangesAtPeriodEnd => "changes_at_period_end",
            Self::RenewedAlready => "renewed_already",
            Self::OtherCurrency => "other_currency",
            Self::NoSubscription => "no_subscription",
            Self::NoTrial => "no_trial",
        }
    }
}

/// How one price is to another: what a tenant has to do to get there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shift {
    /// The same plan and interval.
    Same,
    /// A higher plan, or the same one by the year: at once, against payment.
    Up,
    /// Anything else: at the end of what is paid.
    Down,
}

impl Shift {
    /// How `wanted` is to `current`, each with its plan's position in the list of plans.
    #[must_use]
    pub fn between(current: (i32, &Price), wanted: (i32, &Price)) -> Self {
        let ((from, current), (to, wanted)) = (current, wanted);
        if is_same(current, wanted) {
            Self::Same
        } else if to > from || (current.plan == wanted.plan && wanted.interval > current.interval) {
            Self::Up
        } else {
            Self::Down
        }
    }
}

/// The same plan for the same interval, whatever it costs.
pub(crate) fn is_same(one: &Price, other: &Price) -> bool {
    one.plan == other.plan && one.interval == other.interval
}

impl Subscription {
    /// What the period after [`Self::paid_until`] costs.
    #[must_use]
    pub fn renewal(&self) -> Price {
        self.price_at(self.paid_until)
    }

    /// What the next period costs, when it is to be paid: not while it is tried out, paid already, or about to end.
    #[must_use]
    pub fn renewal_due(&self) -> Option<Price> {
        let renews = match self.status {
            SubscriptionStatus::Active | SubscriptionStatus::PastDue | SubscriptionStatus::Grace => true,
            SubscriptionStatus::Trialing | SubscriptionStatus::Canceled | SubscriptionStatus::Expired => false,
        };
        (renews && self.cancel_at.is_none() && self.paid_until <= self.period.end).then(|| self.renewal())
    }

    /// True while what is paid lasts.
    #[must_use]
    pub fn is_paid(&self, now: DateTime<Utc>) -> bool {
        self.status == SubscriptionStatus::Active && now < self.paid_until
    }

    /// The price of a period that begins at `at`.
    fn price_at(&self, at: DateTime<Utc>) -> Price {
        match self.next {
            Some(next) if next.at <= at => next.price,
            Some(_) | None => self.price,
        }
    }

    /// The period that begins at `at`.
    fn period_at(&self, at: DateTime<Utc>) -> Period {
        Period { start: at, end: following(at, self.price_at(at).interval, self.anchor_day) }
    }

    /// Ends it, and returns the agreement that paid for it.
    pub fn end(&mut self, status: SubscriptionStatus, reason: EndReason, now: DateTime<Utc>) -> Option<AgreementId> {
        self.status = status;
        self.ended = Some((now, reason));
        self.next = None;
        self.cancel_at = None;
        self.clear_arrears();
        self.agreement.take()
    }

    /// Nothing is missing any more.
    fn clear_arrears(&mut self) {
        self.past_due_since = None;
        self.attempts = 0;
        self.grace_until = None;
    }
}
