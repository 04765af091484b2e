//! Orders v2: made by the merchant, approved by the payer, captured by the merchant.

mod wire;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    World,
    event::About,
    payment::{Payment, Source, Status as PaymentStatus},
};
use crate::paypal::{
    error::ApiError,
    id,
    money::{Amount, Wire},
};

/// Captures that may be tried before the order is of no use any more.
const ATTEMPTS_MAX: u32 = 10;

/// Longest ids and descriptions of the merchant's, in characters.
const TEXT_CHARS_MAX: usize = 127;
const DESCRIPTOR_CHARS_MAX: usize = 22;

/// Issues after which the payer has to choose another way to pay, and to approve anew.
const PAYERS_TURN: [&str; 2] = ["INSTRUMENT_DECLINED", "PAYER_ACTION_REQUIRED"];

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Nobody has approved it.
    Created,
    /// The payer has something to do: what an order is from the start when it names a way to pay.
    PayerActionRequired,
    /// The payer has agreed.
    Approved,
    /// Nothing more can come of it.
    Voided,
    /// Captured; whether money has come is with the capture.
    Completed,
}

/// What becomes of the next captures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Refused with 422 and this issue.
    Refuse {
        /// Such as `INSTRUMENT_DECLINED`.
        issue: String,
        /// How many captures.
        times: u32,
    },
    /// The order is completed by a capture that was declined.
    Decline,
    /// The order is completed by a capture that waits.
    Pend {
        /// Such as `PENDING_REVIEW`.
        reason: String,
    },
}

/// A request to make one.
#[derive(Debug, Deserialize)]
pub struct NewOrder {
    intent: Option<String>,
    #[serde(default)]
    purchase_units: Vec<NewUnit>,
    payment_source: Option<Value>,
    application_context: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct NewUnit {
    reference_id: Option<String>,
    amount: Option<Wire>,
    custom_id: Option<String>,
    invoice_id: Option<String>,
    description: Option<String>,
    soft_descriptor: Option<String>,
}

/// One order with its one purchase unit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub status: Status,
    /// What is to be paid.
    pub amount: Amount,
    /// The merchant's id.
    pub custom_id: Option<String>,
    /// The merchant's invoice.
    pub invoice_id: Option<String>,
    /// Its captures, oldest first.
    pub captures: Vec<String>,
    /// Where the payer's browser goes afterwards, and when they give up.
    pub return_url: Option<String>,
    /// Where it goes when the payer gives up.
    pub cancel_url: Option<String>,
    /// Where the payer approves it.
    pub page: String,
    reference_id: String,
    description: Option<String>,
    source: bool,
    payer: Option<Value>,
    /// What becomes of its next captures.
    pub outcome: Option<Outcome>,
    attempts: u32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl World {
    /// Makes an order; its id.
    ///
    /// # Errors
    /// What is wrong with the request.
    pub fn create_order(&mut self, new: NewOrder, now: DateTime<Utc>) -> Result<String, ApiError> {
        let mut units = new.purchase_units;
        match new.intent.as_deref() {
            Some("CAPTURE") => {}
            None => return Err(ApiError::missing("/intent")),
            Some(_) => {
                let text = "The sandbox takes orders with the intent CAPTURE only.";
                return Err(ApiError::invalid("/intent", "INVALID_PARAMETER_VALUE", text));
            }
        }
        let unit = match (units.pop(), units.is_empty()) {
            (Some(unit), true) => unit,
            (None, _) => return Err(ApiError::missing("/purchase_units")),
            (Some(_), false) => {
                let text = "The sandbox takes orders with one purchase unit only.";
                return Err(ApiError::invalid("/purchase_units", "INVALID_ARRAY_MAX_ITEMS", text));
            }
        };
        unit.check()?;
        let place = "/purchase_units/@reference_id=='default'/amount";
        let wire = unit.amount.as_ref().ok_or_else(|| ApiError::missing(place))?;
        let amount = Amount::read_positive(wire, place)?;
        let context = new.payment_source.as_ref().and_then(|source| source.pointer("/paypal/experience_context"));
        let context = context.or(new.application_context.as_ref());
        let address = |name| Some(context?.get(name)?.as_str()?.to_owned());
        let id = id::transaction();
        let source = new.payment_source.is_some();
        let order = Order {
            status: if source { Status::PayerActionRequired } else { Status::Created },
            amount,
            custom_id: unit.custom_id,
            invoice_id: unit.invoice_id,
            captures: Vec::new(),
            return_url: address("return_url"),
            cancel_url: address("cancel_url"),
            page: format!("{}/checkoutnow?token={id}", self.base),
            reference_id: unit.reference_id.unwrap_or_else(|| "default".to_owned()),
            description: unit.description,
            source,
            payer: None,
            outcome: None,
            attempts: 0,
            created_at: now,
            updated_at: now,
            id: id.clone(),
        };
        self.orders.insert(id.clone(), order);
        Ok(id)
    }

    /// The payer approves an order, however late.
    ///
    /// # Errors
    /// When it is captured or void.
    pub fn approve_order(&mut self, id: &str, email: Option<&str>, now: DateTime<Utc>) -> Result<(), ApiError> {
        let order = self.order_mut(id)?;
        match order.status {
            Status::Created | Status::PayerActionRequired | Status::Approved => {}
            Status::Voided | Status::Completed => return Err(closed()),
        }
        let again = order.status == Status::Approved;
        order.status = Status::Approved;
        order.updated_at = now;
        order.outcome = order.outcome.take().filter(|_| !again);
        order.payer = Some(payer(email));
        self.tell_order("CHECKOUT.ORDER.APPROVED", "An order has been approved by buyer", id, now)
    }

    /// What becomes of the captures of an order from now on.
    ///
    /// # Errors
    /// When there is no such order.
    pub fn set_outcome(&mut self, id: &str, outcome: Option<Outcome>) -> Result<(), ApiError> {
        self.order_mut(id)?.outcome = outcome;
        Ok(())
    }

    /// The service takes an approval back that nobody has used, and the order is of no use any more.
    ///
    /// # Errors
    /// When it is captured or void.
    pub fn void_order(&mut self, id: &str, now: DateTime<Utc>) -> Result<(), ApiError> {
        let order = self.order_mut(id)?;
        let approved = match order.status {
            Status::Created | Status::PayerActionRequired => false,
            Status::Approved => true,
            Status::Voided | Status::Completed => return Err(closed()),
        };
        order.status = Status::Voided;
        order.updated_at = now;
        if approved {
            let summary = "A payment has been reversed after approval.";
            self.tell_order("CHECKOUT.PAYMENT-APPROVAL.REVERSED", summary, id, now)?;
        }
        Ok(())
    }

    /// Takes the money of an approved order.
    ///
    /// # Errors
    /// When it cannot be taken.
    pub fn capture_order(&mut self, id: &str, now: DateTime<Utc>) -> Result<(), ApiError> {
        let order = self.orders.get_mut(id).ok_or_else(ApiError::not_found)?;
        let (status, reason) = order.next_capture()?;
        if order.invoice_id.as_ref().is_some_and(|invoice| self.invoices.contains(invoice)) {
            let text = "Duplicate Invoice ID detected. To avoid a potential duplicate transaction your account setting \
                        requires that Invoice Id be unique for each transaction.";
            return Err(ApiError::unprocessable("DUPLICATE_INVOICE_ID", text));
        }
        let capture = Payment::new(Source::Order(id.to_owned()), order.amount.clone(), (status, reason), now);
        let capture = Payment { custom_id: order.custom_id.clone(), invoice_id: order.invoice_id.clone(), ..capture };
        order.status = Status::Completed;
        order.updated_at = now;
        order.captures.push(capture.id.clone());
        if status != PaymentStatus::Declined {
            self.invoices.extend(capture.invoice_id.clone());
        }
        let id = capture.id.clone();
        self.payments.insert(id.clone(), capture);
        self.tell_payment(&id, now)
    }

    fn tell_order(&mut self, kind: &str, summary: &str, id: &str, now: DateTime<Utc>) -> Result<(), ApiError> {
        let resource = if kind == "CHECKOUT.PAYMENT-APPROVAL.REVERSED" {
            let order = self.order(id)?;
            json!({ "order_id": id, "purchase_units": [{
                "reference_id": order.reference_id, "custom_id": order.custom_id, "invoice_id": order.invoice_id,
            }] })
        } else {
            self.order_wire(id, true)?
        };
        let about = About { resource_type: "checkout-order", resource_version: "2.0", id, resource };
        self.tell(kind, summary, about, now);
        Ok(())
    }
}

impl Order {
    /// What the next capture becomes.
    fn next_capture(&mut self) -> Result<(PaymentStatus, Option<String>), ApiError> {
        match self.status {
            Status::Approved => {}
            Status::Completed => {
                let text = "Order already captured. If 'intent=CAPTURE' only one capture per order is allowed.";
                return Err(ApiError::unprocessable("ORDER_ALREADY_CAPTURED", text));
            }
            Status::Created | Status::PayerActionRequired | Status::Voided => {
                let text = "Payer has not yet approved the Order for payment.";
                return Err(ApiError::unprocessable("ORDER_NOT_APPROVED", text));
            }
        }
        self.attempts += 1;
        if self.attempts > ATTEMPTS_MAX {
            let text = "You have exceeded the maximum number of payment attempts.";
            return Err(ApiError::unprocessable("MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED", text));
        }
        match self.outcome.take() {
            None => Ok((PaymentStatus::Completed, None)),
            Some(Outcome::Decline) => Ok((PaymentStatus::Declined, None)),
            Some(Outcome::Pend { reason }) => Ok((PaymentStatus::Pending, Some(reason))),
            Some(Outcome::Refuse { issue, times }) => {
                let text = "The capture was refused, as the sandbox was told to.";
                let refusal = ApiError::unprocessable(&issue, text);
                if PAYERS_TURN.contains(&issue.as_str()) {
                    self.status = Status::PayerActionRequired;
                }
                self.outcome = (times > 1).then(|| Outcome::Refuse { issue, times: times - 1 });
                Err(refusal)
            }
        }
    }
}

impl NewUnit {
    fn check(&self) -> Result<(), ApiError> {
        let limits = [
            ("custom_id", &self.custom_id, TEXT_CHARS_MAX),
            ("invoice_id", &self.invoice_id, TEXT_CHARS_MAX),
            ("description", &self.description, TEXT_CHARS_MAX),
            ("soft_descriptor", &self.soft_descriptor, DESCRIPTOR_CHARS_MAX),
        ];
        for (name, value, max) in limits {
            if value.as_ref().is_some_and(|value| value.chars().count() > max) {
                let text = "The value of a field is either too short or too long.";
                return Err(ApiError::invalid(&format!("/purchase_units/0/{name}"), "INVALID_STRING_LENGTH", text));
            }
        }
        Ok(())
    }
}

/// A payer's account as it is shown to merchants.
pub(super) fn payer(email: Option<&str>) -> Value {
    json!({
        "email_address": email.unwrap_or("payer@example.com"),
        "account_id": id::payer(),
        "payer_id": id::payer(),
        "account_status": "VERIFIED",
        "name": { "given_name": "Pat", "surname": "Payer" },
        "address": { "country_code": "US" },
    })
}

fn closed() -> ApiError {
    ApiError::unprocessable("ORDER_CANNOT_BE_CHANGED", "The order is captured or void.")
}
