//! What a payment buys: what it has to be, and what it makes of the subscription.
//!
//! A payment may arrive long after it was asked for, when the subscription is another. What it buys is decided by how
//! things stand when it arrives; what buys nothing stays the tenant's money.

use chrono::{DateTime, Datelike as _, Utc};
use serde::{Deserialize, Serialize};

use super::{EventKind, Period, Refusal, Segment, Shift, Subscription, charge, credit, following, is_same};
use crate::{
    billing::{PaymentPurpose, Price, SubscriptionStatus, states},
    ids::AgreementId,
    money::Money,
};

/// What a tenant wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What it costs whoever comes today.
    pub price: Price,
    /// How that is to the price they have; [`Shift::Same`] for whoever has none.
    pub shift: Shift,
}

/// What is to be paid for what is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// What the payment is for.
    pub purpose: PaymentPurpose,
    /// The plan, the interval, and what each whole period costs.
    pub price: Price,
    /// What is charged now: a whole period, or the rest of the running one.
    pub list: Money,
    /// What is left of what was paid, and counted against it.
    pub credit: Money,
    /// What remains to be paid: never less than nothing.
    pub due: Money,
    /// What is left of the credit: it goes to the tenant's balance.
    pub surplus: Money,
}

impl Quote {
    fn full(purpose: PaymentPurpose, price: Price) -> Self {
        let nothing = Money::zero(price.amount.currency);
        Self { purpose, price, list: price.amount, credit: nothing, due: price.amount, surplus: nothing }
    }

    fn upgrade(price: Price, list: Money, credit: Money) -> Self {
        let over = |one: Money, other: Money| Money::new((one.minor - other.minor).max(0), list.currency);
        let (due, surplus) = (over(list, credit), over(credit, list));
        Self { purpose: PaymentPurpose::Upgrade, price, list, credit, due, surplus }
    }
}

/// What is to be paid now for what is wanted. `segments` is what was paid for time that is not over.
///
/// # Errors
/// When there is nothing to be paid for it.
pub fn quote(
    current: Option<&Subscription>,
    wanted: Wanted,
    segments: &[Segment],
    now: DateTime<Utc>,
) -> Result<Quote, Refusal> {
    let price = wanted.price;
    let Some(current) = current.filter(|current| current.status.entitles()) else {
        return Ok(Quote::full(PaymentPurpose::Subscribe, price));
    };
    if current.status == SubscriptionStatus::Trialing {
        return Ok(Quote::full(PaymentPurpose::Subscribe, price));
    }
    // Who stays pays what was agreed on.
    let agreed = [current.renewal(), current.price].into_iter().find(|agreed| is_same(agreed, &price));
    match (agreed, wanted.shift) {
        (agreed, _) if !current.is_paid(now) => Ok(Quote::full(PaymentPurpose::Renew, agreed.unwrap_or(price))),
        (Some(_), _) if current.paid_until > current.period.end => Err(Refusal::RenewedAlready),
        (Some(agreed), _) => Ok(Quote::full(PaymentPurpose::Renew, agreed)),
        (None, Shift::Up) => current.quote_upgrade(price, segments, now),
        (None, Shift::Same | Shift::Down) => Err(Refusal::ChangesAtPeriodEnd),
    }
}

/// A payment that has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purchase {
    /// What it was for.
    pub purpose: PaymentPurpose,
    /// As [`Quote::price`] said.
    pub price: Price,
    /// As [`Quote::due`] said.
    pub due: Money,
    /// What was paid of it, after any discount.
    pub net: Money,
    /// The agreement that made the payment, or was made by it.
    pub agreement: Option<AgreementId>,
}

/// What was bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bought {
    /// Which time.
    pub covers: Period,
    /// What that is worth: what was paid, with the credit for what it replaced.
    pub value: Money,
    /// What is left of that credit: it goes to the tenant's balance.
    pub surplus: Money,
    /// Whatever was paid before counts no more: it is in `value`.
    pub replaces: bool,
    /// What happened.
    pub kind: EventKind,
}

states! {
    /// Why a payment buys nothing.
    Unfit as "subscription_unfit" {
        /// The subscription is on another plan by now, or is paid by another interval.
        OtherPlan = "other_plan",
        /// It was counted for a period that is over, or has another length by now.
        OtherPeriod = "other_period",
        /// It was made by an agreement that has ended.
        AgreementEnded = "agreement_ended",
    }
}

/// What became of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What it bought, or why nothing.
    pub bought: Result<Bought, Unfit>,
    /// An agreement that must not make any more payments.
    pub dropped: Option<AgreementId>,
}

impl Subscription {
    /// What a payment makes of a tenant who has no subscription yet.
    ///
    /// # Errors
    /// When it was for the rest of a period.
    pub fn begin(purchase: &Purchase, now: DateTime<Utc>) -> Result<(Self, Bought), Unfit> {
        if purchase.purpose == PaymentPurpose::Upgrade {
            return Err(Unfit::OtherPeriod);
        }
        let anchor_day = now.day();
        let period = Period { start: now, end: following(now, purchase.price.interval, anchor_day) };
        let subscription = Self {
            status: SubscriptionStatus::Active,
            price: purchase.price,
            period,
            paid_until: period.end,
            anchor_day,
            next: None,
            cancel_at: None,
            agreement: purchase.agreement,
            past_due_since: None,
            attempts: 0,
            grace_until: None,
            reminded_days: None,
            ended: None,
            trial_at: None,
        };
        Ok((subscription, Bought::plain(period, purchase.net, EventKind::Subscribed)))
    }

    /// What a payment makes of a subscription. `shift` is how [`Purchase::price`] is to the price of now, and `segments` is
    /// what was paid before for time that is not over.
    pub fn buy(&mut self, purchase: &Purchase, shift: Shift, segments: &[Segment], now: DateTime<Utc>) -> Outcome {
        let before = self.price;
        let bought = self.try_to_buy(purchase, shift, segments, now);
        let dropped = match (bought, self.agreement, purchase.agreement) {
            // It would go on to pay for nothing.
            (Err(_), own, Some(paying)) => {
                self.agreement = own.filter(|own| *own != paying);
                Some(paying)
            }
            (Ok(_), own, Some(paying)) => {
                self.agreement = Some(paying);
                own.filter(|own| *own != paying)
            }
            // An agreement pays one price for one interval.
            (Ok(_), Some(_), None) if !is_same(&before, &self.price) => self.agreement.take(),
            (Ok(_) | Err(_), _, None) => None,
        };
        Outcome { bought, dropped }
    }

    fn try_to_buy(
        &mut self,
        purchase: &Purchase,
        shift: Shift,
        segments: &[Segment],
        now: DateTime<Utc>,
    ) -> Result<Bought, Unfit> {
        // A provider that had not heard of the end in time.
        let ends = self.status == SubscriptionStatus::Canceled || self.cancel_at.is_some();
        let foreign = purchase.agreement.is_some() && purchase.agreement != self.agreement;
        if ends && foreign && purchase.purpose == PaymentPurpose::Renew {
            return Err(Unfit::AgreementEnded);
        }
        match (self.status, purchase.purpose) {
            (SubscriptionStatus::Canceled | SubscriptionStatus::Expired, _) => self.begin_again(purchase, now),
            (SubscriptionStatus::Active, PaymentPurpose::Upgrade) if now < self.paid_until => {
                self.upgrade(purchase, shift, segments, now)
            }
            (_, PaymentPurpose::Upgrade) => Err(Unfit::OtherPeriod),
            (SubscriptionStatus::Trialing, PaymentPurpose::Subscribe | PaymentPurpose::Renew) => {
                Ok(self.end_trial(purchase, now))
            }
            (SubscriptionStatus::Active, PaymentPurpose::Subscribe | PaymentPurpose::Renew)
                if now < self.paid_until =>
            {
                self.extend(purchase)
            }
            (_, PaymentPurpose::Subscribe | PaymentPurpose::Renew) => Ok(self.catch_up(purchase, now)),
        }
    }

    fn begin_again(&mut self, purchase: &Purchase, now: DateTime<Utc>) -> Result<Bought, Unfit> {
        let (subscription, bought) = Self::begin(purchase, now)?;
        *self = Self { trial_at: self.trial_at, ..subscription };
        Ok(bought)
    }

    /// What is left of the trial is not lost, unless it was for another plan.
    fn end_trial(&mut self, purchase: &Purchase, now: DateTime<Utc>) -> Bought {
        let start = if purchase.price.plan == self.price.plan { self.period.end.max(now) } else { now };
        self.start_over(purchase.price, start);
        Bought::plain(self.period, purchase.net, EventKind::Subscribed)
    }

    /// One more period, from the end of what is paid.
    fn extend(&mut self, purchase: &Purchase) -> Result<Bought, Unfit> {
        if is_same(&self.price, &purchase.price) {
            // Whoever pays for what they have wants to keep it.
            self.next = None;
        } else if !is_same(&self.renewal(), &purchase.price) {
            return Err(Unfit::OtherPlan);
        }
        let covers = self.period_at(self.paid_until);
        self.paid_until = covers.end;
        self.cancel_at = None;
        self.clear_arrears();
        Ok(Bought::plain(covers, purchase.net, EventKind::Renewed))
    }

    /// The missing period, from the old end and not from now; unless it would be over already.
    fn catch_up(&mut self, purchase: &Purchase, now: DateTime<Utc>) -> Bought {
        let start = self.paid_until;
        let end = following(start, purchase.price.interval, self.anchor_day);
        if end <= now {
            self.start_over(purchase.price, now);
        } else {
            let anchor_day = self.anchor_day;
            self.start_over(purchase.price, start);
            self.anchor_day = anchor_day;
            self.period = Period { start, end };
            self.paid_until = end;
        }
        Bought::plain(self.period, purchase.net, EventKind::Renewed)
    }

    /// A paid period of this price begins then, and with it a new count of days.
    fn start_over(&mut self, price: Price, start: DateTime<Utc>) {
        self.status = SubscriptionStatus::Active;
        self.price = price;
        self.anchor_day = start.day();
        self.period = Period { start, end: following(start, price.interval, self.anchor_day) };
        self.paid_until = self.period.end;
        self.next = None;
        self.cancel_at = None;
        self.reminded_days = None;
        self.clear_arrears();
    }

    fn upgrade(
        &mut self,
        purchase: &Purchase,
        shift: Shift,
        segments: &[Segment],
        now: DateTime<Utc>,
    ) -> Result<Bought, Unfit> {
        if shift != Shift::Up {
            return Err(Unfit::OtherPlan);
        }
        let asked = self.quote_upgrade(purchase.price, segments, now).map_err(|_| Unfit::OtherPeriod)?;
        // It shrinks while the same periods pass, but for what is rounded in each of them.
        let rounded = i64::try_from(segments.len()).unwrap_or(i64::MAX).saturating_add(1);
        if purchase.due.currency != asked.due.currency || asked.due.minor > purchase.due.minor.saturating_add(rounded) {
            return Err(Unfit::OtherPeriod);
        }
        let covers = if purchase.price.interval == self.price.interval {
            self.price = purchase.price;
            self.next = None;
            self.cancel_at = None;
            Period { start: now.max(self.period.start), end: self.paid_until }
        } else {
            self.start_over(purchase.price, now);
            self.period
        };
        let worth = asked.credit.minor - asked.surplus.minor + purchase.net.minor;
        Ok(Bought {
            covers,
            value: Money::new(worth.max(0), purchase.net.currency),
            surplus: asked.surplus,
            replaces: true,
            kind: EventKind::Upgraded,
        })
    }

    /// The rest of what is paid at the price of another plan; or a whole period from now, of another interval.
    fn quote_upgrade(&self, price: Price, segments: &[Segment], now: DateTime<Utc>) -> Result<Quote, Refusal> {
        let currency = price.amount.currency;
        if currency != self.price.amount.currency {
            return Err(Refusal::OtherCurrency);
        }
        let list = if price.interval == self.price.interval {
            charge(price.amount, &self.paid_periods(), now)
        } else {
            price.amount
        };
        Ok(Quote::upgrade(price, list, credit(segments, currency, now)))
    }

    /// The running period and those after it that are paid.
    fn paid_periods(&self) -> Vec<Period> {
        let next = |period: &Period| (period.end < self.paid_until).then(|| self.period_at(period.end));
        std::iter::successors(Some(self.period), next).take(PERIODS_AHEAD_MAX).collect()
    }
}

/// Periods that are counted ahead: more than anybody pays at once.
const PERIODS_AHEAD_MAX: usize = 240;

impl Bought {
    fn plain(covers: Period, net: Money, kind: EventKind) -> Self {
        Self { covers, value: net, surplus: Money::zero(net.currency), replaces: false, kind }
    }
}
