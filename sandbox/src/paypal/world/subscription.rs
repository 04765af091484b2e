//! Subscriptions v1: a payer's agreement to payments that come by themselves. They come when the control API says so.

mod wire;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    World,
    catalog::{NewPreferences, Preferences},
    event::About,
    order::payer,
    payment::{Payment, Source, Status as PaymentStatus},
    schedule::{self, Cycle, NewCycle},
};
use crate::paypal::{error::ApiError, id, money::Amount};

/// The longest id and reason, in characters.
const CUSTOM_ID_CHARS_MAX: usize = 127;

/// Where a subscription stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// The payer has not agreed.
    ApprovalPending,
    /// It makes payments.
    Active,
    /// It makes none until it is activated again.
    Suspended,
    /// Ended by the merchant or the payer.
    Cancelled,
    /// All its payments are made.
    Expired,
}

/// A request to make one.
#[derive(Debug, Deserialize)]
pub struct NewSubscription {
    plan_id: Option<String>,
    start_time: Option<DateTime<Utc>>,
    quantity: Option<String>,
    custom_id: Option<String>,
    application_context: Option<Value>,
    plan: Option<NewTerms>,
}

/// A request to change one.
#[derive(Clone, Debug, Deserialize)]
pub struct Revision {
    plan_id: Option<String>,
    plan: Option<NewTerms>,
}

#[derive(Clone, Debug, Deserialize)]
struct NewTerms {
    #[serde(default)]
    billing_cycles: Vec<NewCycle>,
    payment_preferences: Option<NewPreferences>,
}

/// What is paid, and when: the plan's, with what the subscription changes.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Terms {
    plan_id: String,
    cycles: Vec<Cycle>,
    preferences: Preferences,
    changed: bool,
}

/// One subscription.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Subscription {
    /// `I-…`.
    pub id: String,
    /// Where it stands.
    pub status: Status,
    /// The merchant's id.
    pub custom_id: Option<String>,
    /// Its payments, oldest first.
    pub sales: Vec<String>,
    /// Where the payer's browser goes afterwards.
    pub return_url: Option<String>,
    /// Where it goes when the payer gives up.
    pub cancel_url: Option<String>,
    /// Where the payer agrees.
    pub page: String,
    /// When the next payment is due.
    pub next_billing: Option<DateTime<Utc>>,
    /// Payments in a row that failed.
    pub failed: u32,
    /// What they amount to, in the smallest unit.
    pub outstanding: i64,
    terms: Terms,
    /// What the payer is asked to agree to instead.
    revision: Option<Terms>,
    quantity: i64,
    /// For each cycle, how many payments were made.
    executed: Vec<u32>,
    /// When the first payment of the current cycle was due.
    cycle_start: DateTime<Utc>,
    subscriber: Option<Value>,
    last_payment: Option<(Amount, DateTime<Utc>)>,
    last_failure: Option<(Amount, DateTime<Utc>)>,
    start_time: DateTime<Utc>,
    created_at: DateTime<Utc>,
    changed_at: DateTime<Utc>,
    note: Option<String>,
}

impl World {
    /// Makes a subscription; its id.
    ///
    /// # Errors
    /// What is wrong with the request.
    pub fn create_subscription(&mut self, new: NewSubscription, now: DateTime<Utc>) -> Result<String, ApiError> {
        let plan_id = new.plan_id.ok_or_else(|| ApiError::missing("/plan_id"))?;
        let terms = self.terms(&plan_id, new.plan)?;
        if new.custom_id.as_ref().is_some_and(|custom| custom.chars().count() > CUSTOM_ID_CHARS_MAX) {
            let text = "The value of a field is either too short or too long.";
            return Err(ApiError::invalid("/custom_id", "INVALID_STRING_LENGTH", text));
        }
        let start_time = new.start_time.unwrap_or(now);
        if start_time < now - chrono::TimeDelta::minutes(5) {
            let text = "Subscription start time should be greater than the current time.";
            return Err(ApiError::unprocessable("INVALID_START_TIME", text).at("/start_time"));
        }
        let quantity = new.quantity.as_deref().unwrap_or("1").parse().ok().filter(|count| *count > 0_i64);
        let text = "The value of a field is not a whole number.";
        let quantity = quantity.ok_or_else(|| ApiError::invalid("/quantity", "INVALID_PARAMETER_SYNTAX", text))?;
        let id = id::subscription();
        let context = new.application_context.as_ref();
        let address = |name: &str| Some(context?.get(name)?.as_str()?.to_owned());
        let subscription = Subscription {
            status: Status::ApprovalPending,
            custom_id: new.custom_id,
            sales: Vec::new(),
            return_url: address("return_url"),
            cancel_url: address("cancel_url"),
            page: format!("{}/webapps/billing/subscriptions?ba_token={id}", self.base),
            next_billing: None,
            failed: 0,
            outstanding: 0,
            executed: vec![0; terms.cycles.len()],
            terms,
            revision: None,
            quantity,
            cycle_start: start_time,
            subscriber: None,
            last_payment: None,
            last_failure: None,
            start_time,
            created_at: now,
            changed_at: now,
            note: None,
            id: id.clone(),
        };
        self.subscriptions.insert(id.clone(), subscription);
        self.tell_subscription(&id, "CREATED", "Subscription created", now)?;
        Ok(id)
    }

    /// The payer agrees, however late: to a new subscription, whose first payment is made at once unless its start lies
    /// ahead or `fails`, or to a changed one.
    ///
    /// # Errors
    /// When there is nothing to agree to.
    pub fn approve_subscription(
        &mut self,
        id: &str,
        email: Option<&str>,
        fails: bool,
        now: DateTime<Utc>,
    ) -> Result<(), ApiError> {
        let subscription = self.subscription_mut(id)?;
        if let Some(terms) = subscription.revision.take() {
            subscription.terms = terms;
            subscription.changed_at = now;
            return self.tell_subscription(id, "UPDATED", "Subscription updated", now);
        }
        subscription.expect(&[Status::ApprovalPending])?;
        subscription.subscriber = Some(payer(email));
        subscription.turn(Status::Active, None, now);
        subscription.start_time = subscription.start_time.max(now);
        subscription.cycle_start = subscription.start_time;
        subscription.next_billing = Some(subscription.start_time);
        let fee = subscription.terms.preferences.setup_fee.clone();
        let starts = subscription.start_time <= now;
        self.tell_subscription(id, "ACTIVATED", "Subscription activated", now)?;
        match fee {
            Some(fee) if !fails => self.pay(id, &fee, now)?,
            Some(fee) => {
                let cancels = self.subscription(id)?.terms.preferences.setup_fee_cancels;
                self.miss(id, &fee, now)?;
                if cancels {
                    return self.end_subscription(id, Status::Cancelled, Some("The setup fee failed".into()), now);
                }
            }
            None => {}
        }
        if !starts {
            return Ok(());
        }
        if fails { self.fail_renewal(id, now) } else { self.renew(id, now) }
    }

    /// The next payment is made, whatever the clock says; what is outstanding is paid with it.
    ///
    /// # Errors
    /// When the subscription makes no payments.
    pub fn renew(&mut self, id: &str, now: DateTime<Utc>) -> Result<(), ApiError> {
        let subscription = self.subscription_mut(id)?;
        subscription.expect(&[Status::Active])?;
        let due = subscription.due();
        let over = subscription.advance();
        if let Some(price) = due {
            let owed = if subscription.terms.preferences.auto_bill { subscription.outstanding } else { 0 };
            subscription.outstanding -= owed;
            self.pay(id, &price.of(price.minor + owed), now)?;
        }
        if over { self.end_subscription(id, Status::Expired, None, now) } else { Ok(()) }
    }

    /// The next payment fails for good: it becomes outstanding, and too many of them suspend the subscription.
    ///
    /// # Errors
    /// When the subscription makes no payments.
    pub fn fail_renewal(&mut self, id: &str, now: DateTime<Utc>) -> Result<(), ApiError> {
        let subscription = self.subscription_mut(id)?;
        subscription.expect(&[Status::Active])?;
        let due = subscription.due();
        let over = subscription.advance();
        if let Some(price) = due {
            self.miss(id, &price, now)?;
        }
        if over { self.end_subscription(id, Status::Expired, None, now) } else { Ok(()) }
    }

    /// The merchant, or another try of the service's, takes what is outstanding, or `amount` of it.
    ///
    /// # Errors
    /// When nothing is outstanding, or less than that.
    pub fn capture_outstanding(
        &mut self,
        id: &str,
        amount: Option<Amount>,
        now: DateTime<Utc>,
    ) -> Result<(), ApiError> {
        let subscription = self.subscription_mut(id)?;
        subscription.expect(&[Status::Active, Status::Suspended])?;
        let owed = subscription.owed();
        let amount = amount.unwrap_or_else(|| owed.clone());
        if amount.minor == 0 || amount.minor > owed.minor || amount.currency != owed.currency {
            let text = "The amount is not outstanding.";
            return Err(ApiError::unprocessable("AMOUNT_GREATER_THAN_OUTSTANDING_BALANCE", text));
        }
        subscription.outstanding -= amount.minor;
        self.pay(id, &amount, now)
    }

    /// Somebody stops the payments, or lets them go on.
    ///
    /// # Errors
    /// When it makes none, or makes them already.
    pub fn suspend(&mut self, id: &str, reason: &str, now: DateTime<Utc>) -> Result<(), ApiError> {
        let subscription = self.subscription_mut(id)?;
        subscription.expect(&[Status::Active])?;
        subscription.turn(Status::Suspended, Some(reason.to_owned()), now);
        self.tell_subscription(id, "SUSPENDED", "Subscription suspended", now)
    }

    /// The payments go on.
    ///
    /// # Errors
    /// When they have not been stopped.
    pub fn activate(&mut self, id: &str, reason: Option<&str>, now: DateTime<Utc>) -> Result<(), ApiError> {
        let subscription = self.subscription_mut(id)?;
        subscription.expect(&[Status::Suspended])?;
        subscription.failed = 0;
        subscription.turn(Status::Active, reason.map(str::to_owned), now);
        self.tell_subscription(id, "ACTIVATED", "Subscription activated", now)
    }

    /// The merchant or the payer ends it.
    ///
    /// # Errors
    /// When it is ended, or nobody has agreed to it.
    pub fn cancel_subscription(&mut self, id: &str, reason: &str, now: DateTime<Utc>) -> Result<(), ApiError> {
        self.subscription(id)?.expect(&[Status::Active, Status::Suspended])?;
        self.end_subscription(id, Status::Cancelled, Some(reason.to_owned()), now)
    }

    /// All payments are made, as far as the control API is concerned.
    ///
    /// # Errors
    /// When it is ended.
    pub fn expire_subscription(&mut self, id: &str, now: DateTime<Utc>) -> Result<(), ApiError> {
        self.subscription(id)?.expect(&[Status::Active, Status::Suspended])?;
        self.end_subscription(id, Status::Expired, None, now)
    }

    /// The merchant asks for other terms, to which the payer has to agree.
    ///
    /// # Errors
    /// When there is no such plan, or the subscription is ended.
    pub fn revise(&mut self, id: &str, revision: Revision) -> Result<(), ApiError> {
        let subscription = self.subscription(id)?;
        subscription.expect(&[Status::Active])?;
        let plan = revision.plan_id.unwrap_or_else(|| subscription.terms.plan_id.clone());
        let terms = self.terms(&plan, revision.plan)?;
        let subscription = self.subscription_mut(id)?;
        if terms.cycles.len() != subscription.terms.cycles.len() {
            let text = "The plan has other billing cycles.";
            return Err(ApiError::unprocessable("INVALID_PLAN_CYCLES", text).at("/plan_id"));
        }
        subscription.revision = Some(terms);
        Ok(())
    }

    /// Every payment that is due by `now` is made; how many.
    pub fn renew_due(&mut self, now: DateTime<Utc>) -> usize {
        let mut made = 0;
        let due = |one: &&Subscription| one.status == Status::Active && one.next_billing.is_some_and(|at| at <= now);
        while let Some((id, at)) = self.subscriptions.values().find(due).map(|one| (one.id.clone(), one.next_billing)) {
            if self.renew(&id, at.unwrap_or(now)).is_err() {
                return made;
            }
            made += 1;
        }
        made
    }

    fn terms(&self, plan_id: &str, new: Option<NewTerms>) -> Result<Terms, ApiError> {
        let plan = self.plans.get(plan_id).ok_or_else(|| ApiError::not_found().at("/plan_id"))?;
        if !plan.active {
            return Err(ApiError::unprocessable("PLAN_STATUS_INVALID", "The plan is not active.").at("/plan_id"));
        }
        let (mut cycles, mut preferences) = (plan.cycles.clone(), plan.preferences.clone());
        let changed = new.is_some();
        if let Some(new) = new {
            cycles = schedule::overridden(&cycles, new.billing_cycles)?;
            if let Some(own) = new.payment_preferences {
                preferences = own.read()?;
            }
        }
        Ok(Terms { plan_id: plan_id.to_owned(), cycles, preferences, changed })
    }

    /// Money comes.
    fn pay(&mut self, id: &str, amount: &Amount, now: DateTime<Utc>) -> Result<(), ApiError> {
        let source = Source::Subscription(id.to_owned());
        let sale = Payment::new(source, amount.clone(), (PaymentStatus::Completed, None), now);
        let subscription = self.subscription_mut(id)?;
        let sale = Payment { custom_id: subscription.custom_id.clone(), ..sale };
        subscription.failed = 0;
        subscription.last_payment = Some((amount.clone(), now));
        subscription.sales.push(sale.id.clone());
        let id = sale.id.clone();
        self.payments.insert(id.clone(), sale);
        self.tell_payment(&id, now)
    }

    /// Money does not come.
    fn miss(&mut self, id: &str, amount: &Amount, now: DateTime<Utc>) -> Result<(), ApiError> {
        let subscription = self.subscription_mut(id)?;
        subscription.failed += 1;
        subscription.outstanding += amount.minor;
        subscription.last_failure = Some((amount.clone(), now));
        let threshold = subscription.terms.preferences.threshold;
        let enough = threshold > 0 && subscription.failed >= threshold;
        self.tell_subscription(id, "PAYMENT.FAILED", "Payment failed for subscription", now)?;
        if enough { self.suspend(id, "Too many payments failed", now) } else { Ok(()) }
    }

    fn end_subscription(
        &mut self,
        id: &str,
        status: Status,
        note: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<(), ApiError> {
        let subscription = self.subscription_mut(id)?;
        subscription.turn(status, note, now);
        subscription.next_billing = None;
        let (word, summary) = match status {
            Status::Expired => ("EXPIRED", "Subscription expired"),
            _ => ("CANCELLED", "Subscription cancelled"),
        };
        self.tell_subscription(id, word, summary, now)
    }

    fn tell_subscription(&mut self, id: &str, word: &str, summary: &str, now: DateTime<Utc>) -> Result<(), ApiError> {
        let resource = self.subscription_wire(self.subscription(id)?);
        let about = About { resource_type: "subscription", resource_version: "2.0", id, resource };
        self.tell(&format!("BILLING.SUBSCRIPTION.{word}"), summary, about, now);
        Ok(())
    }
}

impl Subscription {
    /// Its plan.
    #[must_use]
    pub fn plan_id(&self) -> &str {
        &self.terms.plan_id
    }

    fn expect(&self, allowed: &[Status]) -> Result<(), ApiError> {
        if allowed.contains(&self.status) {
            return Ok(());
        }
        let text = "Invalid subscription status for the action; subscription status should be another.";
        Err(ApiError::unprocessable("SUBSCRIPTION_STATUS_INVALID", text))
    }

    fn turn(&mut self, status: Status, note: Option<String>, now: DateTime<Utc>) {
        self.status = status;
        self.note = note;
        self.changed_at = now;
    }

    /// The cycle that the next payment belongs to.
    fn cycle(&self) -> Option<usize> {
        let left = |(cycle, executed): (&Cycle, &u32)| cycle.total == 0 || *executed < cycle.total;
        self.terms.cycles.iter().zip(&self.executed).position(left)
    }

    /// What the next payment costs; nothing when it is free.
    fn due(&self) -> Option<Amount> {
        let cycle = self.terms.cycles.get(self.cycle()?)?;
        let price = cycle.price.as_ref()?;
        Some(price.of(price.minor * self.quantity))
    }

    /// What is outstanding.
    fn owed(&self) -> Amount {
        let price = self.terms.cycles.iter().find_map(|cycle| cycle.price.as_ref());
        let currency = price.map_or("USD", |price| &price.currency).to_owned();
        Amount { minor: self.outstanding, currency }
    }

    /// Counts a payment and finds the time of the next one; true when there is none.
    fn advance(&mut self) -> bool {
        let Some(index) = self.cycle() else { return true };
        self.executed[index] += 1;
        let cycle = &self.terms.cycles[index];
        let next = cycle.after(self.cycle_start, self.executed[index]);
        self.next_billing = Some(next);
        let Some(following) = self.cycle() else { return true };
        if following != index {
            self.cycle_start = next;
        }
        false
    }
}
