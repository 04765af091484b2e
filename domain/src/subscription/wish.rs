//! What tenants, staff and providers do to a subscription without paying.

use chrono::{DateTime, Datelike as _, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{EndReason, EventKind, Next, Period, Refusal, Shift, Subscription, is_same};
use crate::{
    billing::{Price, SubscriptionStatus},
    ids::AgreementId,
};

/// When a subscription is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelWhen {
    /// At once. What was paid for the rest is not given back by itself.
    Now,
    /// When what is paid is over.
    PeriodEnd,
}

/// What a wish has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// Nothing: it was so before, or has to be paid first.
    Nothing,
    /// Something.
    Event {
        /// What happened.
        kind: EventKind,
        /// An agreement that must not make any more payments.
        dropped: Option<AgreementId>,
    },
}

/// What a provider tells of an agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgreementChange {
    /// It makes payments.
    Active,
    /// A payment has failed; the provider may try again by itself.
    PaymentFailed {
        /// Why, in the provider's words.
        reason: String,
    },
    /// It makes no payments until somebody resumes it at the provider.
    Suspended,
    /// It makes no payments any more.
    Ended,
}

impl Subscription {
    /// A plan is tried out for so many days.
    #[must_use]
    pub fn begin_trial(price: Price, days: u16, now: DateTime<Utc>) -> Self {
        let period = Period { start: now, end: now + TimeDelta::days(i64::from(days)) };
        Self {
            status: SubscriptionStatus::Trialing,
            price,
            period,
            paid_until: period.end,
            anchor_day: now.day(),
            next: None,
            cancel_at: None,
            agreement: None,
            past_due_since: None,
            attempts: 0,
            grace_until: None,
            reminded_days: None,
            ended: None,
            trial_at: Some(now),
        }
    }

    /// Another price from the end of what is paid, when that is a step down; the price of now withdraws what was scheduled.
    /// An agreement pays one price, so it ends with a step down. Nothing changes where a payment is needed.
    ///
    /// # Errors
    /// When there is no subscription that runs, or the other plan is sold in another currency.
    pub fn change(&mut self, wanted: Price, shift: Shift, now: DateTime<Utc>) -> Result<Changed, Refusal> {
        if !self.status.entitles() {
            return Err(Refusal::NoSubscription);
        }
        if !self.is_paid(now) {
            return Ok(Changed::Nothing);
        }
        match (shift, self.next) {
            (Shift::Up, _) | (Shift::Same, None) => Ok(Changed::Nothing),
            (Shift::Same, Some(_)) => {
                self.next = None;
                Ok(Changed::Event { kind: EventKind::ChangeWithdrawn, dropped: None })
            }
            (Shift::Down, Some(next)) if is_same(&next.price, &wanted) => Ok(Changed::Nothing),
            (Shift::Down, _) if wanted.amount.currency != self.price.amount.currency => Err(Refusal::OtherCurrency),
            (Shift::Down, _) => {
                self.next = Some(Next { price: wanted, at: self.paid_until });
                self.cancel_at = None;
                Ok(Changed::Event { kind: EventKind::ChangeScheduled, dropped: self.agreement.take() })
            }
        }
    }

    /// Ends it now or with what is paid. What is not paid ends now. An agreement makes no more payments.
    ///
    /// # Errors
    /// When there is no subscription that runs.
    pub fn cancel(&mut self, when: CancelWhen, reason: EndReason, now: DateTime<Utc>) -> Result<Changed, Refusal> {
        if !self.status.entitles() {
            return Err(Refusal::NoSubscription);
        }
        let lasts = match self.status {
            SubscriptionStatus::Trialing => now < self.period.end,
            SubscriptionStatus::Active
            | SubscriptionStatus::PastDue
            | SubscriptionStatus::Grace
            | SubscriptionStatus::Canceled
            | SubscriptionStatus::Expired => self.is_paid(now),
        };
        if when == CancelWhen::Now || !lasts {
            let dropped = self.end(SubscriptionStatus::Canceled, reason, now);
            return Ok(Changed::Event { kind: EventKind::Canceled, dropped });
        }
        if self.cancel_at.is_some() {
            return Ok(Changed::Nothing);
        }
        self.cancel_at = Some(self.paid_until);
        self.next = None;
        Ok(Changed::Event { kind: EventKind::CancelScheduled, dropped: self.agreement.take() })
    }

    /// Lets it go on that was to end.
    ///
    /// # Errors
    /// When there is no subscription that runs.
    pub fn resume(&mut self) -> Result<Changed, Refusal> {
        if !self.status.entitles() {
            return Err(Refusal::NoSubscription);
        }
        match self.cancel_at.take() {
            None => Ok(Changed::Nothing),
            Some(_) => Ok(Changed::Event { kind: EventKind::Resumed, dropped: None }),
        }
    }

    /// The payment of this time was refunded in whole or taken back: the subscription ends now, unless that time is yet to
    /// come; then it is not paid any more.
    pub fn take_back(&mut self, covers: Period, now: DateTime<Utc>) -> Changed {
        if !self.status.entitles() || covers.end <= now {
            return Changed::Nothing;
        }
        if covers.start < self.period.end {
            let dropped = self.end(SubscriptionStatus::Canceled, EndReason::TakenBack, now);
            return Changed::Event { kind: EventKind::Canceled, dropped };
        }
        // Later periods move up, so that what is still paid has no gap.
        let gone = covers.end - covers.start;
        self.paid_until = (self.paid_until - gone).max(self.period.end);
        self.cancel_at = self.cancel_at.map(|at| at.min(self.paid_until));
        self.next = self.next.map(|next| Next { at: next.at.min(self.paid_until), ..next });
        Changed::Event { kind: EventKind::RenewalTakenBack, dropped: None }
    }

    /// What a provider tells of an agreement. Of one that does not pay for the subscription there is nothing to be told.
    pub fn agreement_changed(
        &mut self,
        agreement: AgreementId,
        change: &AgreementChange,
        now: DateTime<Utc>,
    ) -> Changed {
        if self.agreement != Some(agreement) || !self.status.entitles() {
            return Changed::Nothing;
        }
        match change {
            AgreementChange::Active => Changed::Nothing,
            AgreementChange::PaymentFailed { .. } => {
                // Nobody has to wait for it any longer.
                self.past_due_since.get_or_insert(now.max(self.period.end));
                Changed::Event { kind: EventKind::AgreementFailed, dropped: None }
            }
            // It might make a payment later that nobody waits for.
            AgreementChange::Suspended => {
                Changed::Event { kind: EventKind::AgreementEnded, dropped: self.agreement.take() }
            }
            AgreementChange::Ended => {
                self.agreement = None;
                // Whoever ends it at the provider does not want another period.
                if self.status == SubscriptionStatus::Active && self.cancel_at.is_none() {
                    self.cancel_at = Some(self.paid_until);
                    self.next = None;
                }
                Changed::Event { kind: EventKind::AgreementEnded, dropped: None }
            }
        }
    }
}
