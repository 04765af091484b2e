//! Money that has come and gone: captures of orders, sales of subscriptions, and what was given or taken back of them.

mod wire;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{World, event::About};
use crate::paypal::{error::ApiError, id, money::Amount};

/// What a payment belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// An order: the payment is a capture.
    Order(String),
    /// A subscription: the payment is a sale.
    Subscription(String),
}

/// Where a payment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// The money has come.
    Completed,
    /// Refused.
    Declined,
    /// Some of it went back.
    PartiallyRefunded,
    /// On its way.
    Pending,
    /// All of it went back.
    Refunded,
}

/// A capture or a sale.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Payment {
    /// Its id.
    pub id: String,
    /// What it belongs to.
    pub source: Source,
    /// How much came.
    pub amount: Amount,
    /// Where it stands.
    pub status: Status,
    /// The merchant's id.
    pub custom_id: Option<String>,
    /// The merchant's invoice.
    pub invoice_id: Option<String>,
    /// How much of it went back, in the smallest unit.
    pub back: i64,
    /// It was taken back against the merchant's will.
    pub reversed: bool,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// Why it waits.
    pub reason: Option<String>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// Whose will it was that money went back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Back {
    /// The merchant's.
    Refund,
    /// The payer's bank or the service's own.
    Reversal,
}

/// What becomes of a refund that is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RefundOutcome {
    /// The money is back at once.
    #[default]
    Completed,
    /// It takes its time.
    Pending,
    /// It came to nothing.
    Failed,
}

/// Money that has gone back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Refund {
    /// Its id.
    pub id: String,
    /// The payment that it is taken from.
    pub payment: String,
    /// How much.
    pub amount: Amount,
    /// Where it stands.
    pub status: RefundOutcome,
    /// Whose will it was.
    pub back: Back,
    /// The merchant's id.
    pub custom_id: Option<String>,
    /// The merchant's invoice.
    pub invoice_id: Option<String>,
    /// What the payer is told.
    pub note: Option<String>,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl Payment {
    /// A payment that is made now.
    pub(super) fn new(
        source: Source,
        amount: Amount,
        (status, reason): (Status, Option<String>),
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            id: id::transaction(),
            source,
            amount,
            status,
            custom_id: None,
            invoice_id: None,
            back: 0,
            reversed: false,
            at: now,
            reason,
            updated_at: now,
        }
    }

    const fn is_sale(&self) -> bool {
        matches!(self.source, Source::Subscription(_))
    }

    /// How much of it may still go back, in the smallest unit.
    fn left(&self) -> Result<i64, ApiError> {
        match self.status {
            Status::Completed | Status::PartiallyRefunded => Ok(self.amount.minor - self.back),
            Status::Refunded if self.reversed => {
                let text = "You cannot refund a capture that was charged back.";
                Err(ApiError::unprocessable("REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK", text))
            }
            Status::Refunded => {
                let text = "The capture has already been fully refunded.";
                Err(ApiError::unprocessable("CAPTURE_FULLY_REFUNDED", text))
            }
            Status::Pending => {
                let text = "Cannot initiate a refund as the capture is pending.";
                Err(ApiError::unprocessable("PENDING_CAPTURE", text))
            }
            Status::Declined => Err(ApiError::unprocessable("REFUND_NOT_ALLOWED", "The capture has brought no money.")),
        }
    }
}

impl World {
    /// Gives back `amount` of a payment, or all that is left; the id of the refund.
    ///
    /// # Errors
    /// When there is not so much left.
    pub fn refund(&mut self, asked: Refund, amount: Option<Amount>, now: DateTime<Utc>) -> Result<String, ApiError> {
        let payment = self.payment(&asked.payment)?;
        let left = payment.left()?;
        let amount = match amount {
            None => payment.amount.of(left),
            Some(amount) if amount.currency != payment.amount.currency => {
                let text = "Refund must be in the same currency as the capture.";
                return Err(ApiError::unprocessable("REFUND_CAPTURE_CURRENCY_MISMATCH", text));
            }
            Some(amount) if amount.minor > left => {
                let text = "The refund amount must be less than or equal to the capture amount that has not yet been refunded.";
                return Err(ApiError::unprocessable("REFUND_AMOUNT_EXCEEDED", text));
            }
            Some(amount) => amount,
        };
        let refund = Refund { amount, ..asked };
        let id = refund.id.clone();
        let done = refund.status;
        self.refunds.insert(id.clone(), refund);
        match done {
            RefundOutcome::Completed => self.give_back(&id, now)?,
            RefundOutcome::Pending => self.book_back(&id, now)?,
            RefundOutcome::Failed => {}
        }
        Ok(id)
    }

    /// The payer's bank, or the service itself, takes a payment back; the id of the reversal.
    ///
    /// # Errors
    /// When there is nothing left of it.
    pub fn reverse(&mut self, payment: &str, now: DateTime<Utc>) -> Result<String, ApiError> {
        let asked = Refund::asked(payment, Back::Reversal, RefundOutcome::Completed, now);
        self.refund(asked, None, now)
    }

    /// A pending refund comes to its end.
    ///
    /// # Errors
    /// When it is not pending.
    pub fn end_refund(&mut self, id: &str, good: bool, now: DateTime<Utc>) -> Result<(), ApiError> {
        let refund = self.refunds.get_mut(id).ok_or_else(ApiError::not_found)?;
        if refund.status != RefundOutcome::Pending {
            return Err(ApiError::unprocessable("REFUND_NOT_PENDING", "The refund is at its end already."));
        }
        refund.status = if good { RefundOutcome::Completed } else { RefundOutcome::Failed };
        refund.updated_at = now;
        if good {
            return self.tell_back(id, now);
        }
        let (payment, minor) = (refund.payment.clone(), refund.amount.minor);
        let payment = self.payment_mut(&payment)?;
        payment.back -= minor;
        payment.status = if payment.back == 0 { Status::Completed } else { Status::PartiallyRefunded };
        Ok(())
    }

    /// A pending capture comes to its end.
    ///
    /// # Errors
    /// When it is not pending.
    pub fn end_pending(&mut self, id: &str, good: bool, now: DateTime<Utc>) -> Result<(), ApiError> {
        let payment = self.payment_mut(id)?;
        if payment.status != Status::Pending {
            return Err(ApiError::unprocessable("CAPTURE_NOT_PENDING", "The capture is at its end already."));
        }
        payment.status = if good { Status::Completed } else { Status::Declined };
        payment.reason = None;
        payment.updated_at = now;
        self.tell_payment(id, now)
    }

    fn give_back(&mut self, id: &str, now: DateTime<Utc>) -> Result<(), ApiError> {
        self.book_back(id, now)?;
        self.tell_back(id, now)
    }

    fn book_back(&mut self, id: &str, now: DateTime<Utc>) -> Result<(), ApiError> {
        let refund = self.refunds.get(id).ok_or_else(ApiError::not_found)?;
        let (payment, minor, back) = (refund.payment.clone(), refund.amount.minor, refund.back);
        let payment = self.payment_mut(&payment)?;
        payment.back += minor;
        payment.reversed |= back == Back::Reversal;
        payment.status =
            if payment.back >= payment.amount.minor { Status::Refunded } else { Status::PartiallyRefunded };
        payment.updated_at = now;
        Ok(())
    }

    /// Tells what a payment has become.
    pub(super) fn tell_payment(&mut self, id: &str, now: DateTime<Utc>) -> Result<(), ApiError> {
        let payment = self.payment(id)?;
        let word = match payment.status {
            Status::Completed => "COMPLETED",
            Status::Declined => "DECLINED",
            Status::Pending => "PENDING",
            Status::Refunded | Status::PartiallyRefunded => return Ok(()),
        };
        let amount = format!("$ {} {}", payment.amount.decimal(), payment.amount.currency);
        let lower = word.to_lowercase();
        if payment.is_sale() {
            let resource = self.sale_wire(payment);
            let about = About { resource_type: "sale", resource_version: "1.0", id, resource };
            let summary = format!("Payment {lower} for {amount}");
            self.tell(&format!("PAYMENT.SALE.{word}"), &summary, about, now);
        } else {
            let mut resource = self.capture_wire(payment);
            if let Source::Order(order) = &payment.source {
                resource["supplementary_data"] = json!({ "related_ids": { "order_id": order } });
            }
            let about = About { resource_type: "capture", resource_version: "2.0", id, resource };
            self.tell(&format!("PAYMENT.CAPTURE.{word}"), &format!("Payment {lower} for {amount}"), about, now);
        }
        Ok(())
    }

    fn tell_back(&mut self, id: &str, now: DateTime<Utc>) -> Result<(), ApiError> {
        let refund = self.refunds.get(id).ok_or_else(ApiError::not_found)?;
        let payment = self.payment(&refund.payment)?;
        let word = match refund.back {
            Back::Refund => "REFUNDED",
            Back::Reversal => "REVERSED",
        };
        let amount = format!("$ {} {}", refund.amount.decimal(), refund.amount.currency);
        let summary = format!("A {amount} payment was {}", word.to_lowercase());
        if payment.is_sale() {
            let resource = self.sale_refund_wire(refund);
            let about = About { resource_type: "refund", resource_version: "1.0", id, resource };
            self.tell(&format!("PAYMENT.SALE.{word}"), &summary, about, now);
        } else {
            let resource = self.refund_wire(refund);
            let about = About { resource_type: "refund", resource_version: "2.0", id, resource };
            self.tell(&format!("PAYMENT.CAPTURE.{word}"), &summary, about, now);
        }
        Ok(())
    }
}

impl Refund {
    /// A refund of a payment; its amount is decided by [`World::refund`].
    #[must_use]
    pub fn asked(payment: &str, back: Back, status: RefundOutcome, now: DateTime<Utc>) -> Self {
        Self {
            id: id::transaction(),
            payment: payment.to_owned(),
            amount: Amount { minor: 0, currency: String::new() },
            status,
            back,
            custom_id: None,
            invoice_id: None,
            note: None,
            at: now,
            updated_at: now,
        }
    }
}
