//! Payments that are made once: Orders v2, as `PayPal`'s OpenAPI description `checkout_orders_v2` has it.
//!
//! A `COMPLETED` order is not money: its captures are looked at, each with a status of its own.

use domain::{Money, PaymentId};
use serde::{Deserialize, Serialize};

use super::{
    client::Client,
    failure::Failure,
    reversals::{self, Listed, Parent},
    wire::{Amount, Link, StatusDetails, link, or_default, time},
};
use crate::{
    error::ProviderError,
    provider::{Created, Handover, Order, Phase, Receipt, Reference, RefundState, Standing},
};

/// What the fields that people read may have.
const TEXT_CHARS_MAX: usize = 127;

#[derive(Serialize)]
struct NewOrder {
    intent: &'static str,
    purchase_units: [NewUnit; 1],
    payment_source: NewSource,
}

#[derive(Serialize)]
struct NewUnit {
    reference_id: &'static str,
    amount: Amount,
    custom_id: String,
    /// Unique for a merchant: two orders of one payment cannot both be paid.
    invoice_id: String,
    description: String,
}

#[derive(Serialize)]
struct NewSource {
    paypal: NewWallet,
}

#[derive(Serialize)]
struct NewWallet {
    experience_context: Experience,
}

#[derive(Serialize)]
struct Experience {
    return_url: String,
    cancel_url: String,
    user_action: &'static str,
    shipping_preference: &'static str,
}

#[derive(Debug, Deserialize)]
struct WireOrder {
    id: String,
    status: String,
    #[serde(default)]
    update_time: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    purchase_units: Vec<Unit>,
    #[serde(default, deserialize_with = "or_default")]
    links: Vec<Link>,
}

#[derive(Debug, Deserialize)]
struct Unit {
    #[serde(default, deserialize_with = "or_default")]
    payments: Payments,
}

#[derive(Debug, Default, Deserialize)]
struct Payments {
    #[serde(default, deserialize_with = "or_default")]
    captures: Vec<Capture>,
    #[serde(default, deserialize_with = "or_default")]
    refunds: Vec<Refund>,
}

#[derive(Clone, Debug, Deserialize)]
struct Capture {
    id: String,
    status: String,
    #[serde(default)]
    status_details: Option<StatusDetails>,
    amount: Amount,
    #[serde(default)]
    seller_receivable_breakdown: Option<Breakdown>,
    #[serde(default)]
    create_time: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Breakdown {
    #[serde(default)]
    paypal_fee: Option<Amount>,
}

#[derive(Clone, Debug, Deserialize)]
struct Refund {
    id: String,
    status: String,
    amount: Amount,
    #[serde(default)]
    custom_id: Option<String>,
    #[serde(default)]
    invoice_id: Option<String>,
    #[serde(default)]
    create_time: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    links: Vec<Link>,
}

/// Makes an order, or finds the one that was made for the payment before.
pub(super) async fn create(client: &Client, order: &Order) -> Result<Created, ProviderError> {
    let made: WireOrder =
        client.post(&["v2", "checkout", "orders"], &request_id(order.payment, "order"), &new_order(order)).await?;
    let url = link(&made.links, &["payer-action", "approve"]).map(str::to_owned);
    // One that was made before, and that the payer has seen since, leads nowhere but back.
    let seen = matches!(made.status.as_str(), "APPROVED" | "COMPLETED").then(|| order.return_url.to_string());
    let url = url.or(seen).ok_or_else(|| Failure::unexpected("PayPal's order has no page for the payer"))?;
    Ok(Created { external: made.id, handover: Handover::Page { url, valid_until: None } })
}

fn new_order(order: &Order) -> NewOrder {
    let unit = NewUnit {
        reference_id: "default",
        amount: order.amount.into(),
        custom_id: order.payment.to_string(),
        invoice_id: order.payment.to_string(),
        description: shortened(&order.description),
    };
    let experience_context = Experience {
        return_url: order.return_url.to_string(),
        cancel_url: order.cancel_url.to_string(),
        user_action: "PAY_NOW",
        shipping_preference: "NO_SHIPPING",
    };
    NewOrder {
        intent: "CAPTURE",
        purchase_units: [unit],
        payment_source: NewSource { paypal: NewWallet { experience_context } },
    }
}

/// As many characters as `PayPal` takes, without those that are not for people.
pub(super) fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(TEXT_CHARS_MAX).collect()
}

/// The idempotency key of a step of a payment, 1 to 108 characters.
pub(super) fn request_id(payment: PaymentId, step: &str) -> String {
    format!("{payment}-{step}")
}

/// What an order is now.
pub(super) async fn look(client: &Client, reference: &Reference) -> Result<Standing, ProviderError> {
    match client.get::<WireOrder>(&["v2", "checkout", "orders", &reference.external], &[]).await {
        Ok(order) => standing(client, &order, reference).await,
        // PayPal forgets orders that nobody has paid.
        Err(failure) if failure.is_missing() => {
            Ok(waiting(Phase::Expired, "order_forgotten", "PayPal does not know the order any more"))
        }
        Err(failure) => Err(failure.into()),
    }
}

/// Issues after which the payer has to do something: to agree, or to choose another way to pay.
const OPEN: [&str; 3] = ["INSTRUMENT_DECLINED", "PAYER_ACTION_REQUIRED", "ORDER_NOT_APPROVED"];
/// Issues after which this order will never be paid.
const OVER: [&str; 6] = [
    "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED",
    "TRANSACTION_REFUSED",
    "COMPLIANCE_VIOLATION",
    "DUPLICATE_INVOICE_ID",
    "ORDER_VOIDED",
    "ORDER_EXPIRED",
];

/// Takes the money of an approved order. What stands already is looked at first, because two keys may be in use: a payer
/// whose card was declined approves anew, and that is another attempt with a key of its own.
pub(super) async fn capture(client: &Client, reference: &Reference) -> Result<Standing, ProviderError> {
    let path = ["v2", "checkout", "orders", reference.external.as_str()];
    let order: WireOrder = match client.get(&path, &[]).await {
        Ok(order) => order,
        Err(failure) if failure.is_missing() => return look(client, reference).await,
        Err(failure) => return Err(failure.into()),
    };
    if order.status != "APPROVED" {
        return standing(client, &order, reference).await;
    }
    let attempt = order.update_time.as_deref().unwrap_or_default();
    let attempt: String = attempt.chars().filter(char::is_ascii_digit).take(20).collect();
    let step = if attempt.is_empty() { "capture".to_owned() } else { format!("capture-{attempt}") };
    let captured = client
        .post::<WireOrder>(
            &[path[0], path[1], path[2], path[3], "capture"],
            &request_id(reference.payment, &step),
            &serde_json::Map::new(),
        )
        .await;
    match captured {
        Ok(order) if order.purchase_units.iter().any(|unit| !unit.payments.captures.is_empty()) => {
            standing(client, &order, reference).await
        }
        // An answer without captures says nothing of money.
        Ok(_) => look(client, reference).await,
        Err(failure) if failure.has("ORDER_ALREADY_CAPTURED") => look(client, reference).await,
        Err(failure) => after(failure),
    }
}

/// Where a capture that was refused leaves the order.
fn after(failure: Failure) -> Result<Standing, ProviderError> {
    let reason = failure.error.reason.clone();
    if let Some(issue) = failure.first_of(&OPEN) {
        return Ok(waiting(Phase::Waiting, &issue, &reason));
    }
    match failure.first_of(&OVER) {
        Some(issue) => Ok(waiting(Phase::Failed, &issue, &reason)),
        None => Err(failure.into()),
    }
}

fn waiting(phase: Phase, code: &str, reason: &str) -> Standing {
    let reason = Some((code.to_owned(), reason.to_owned()));
    Standing { phase, receipts: Vec::new(), reversals: Vec::new(), agreement: None, reason }
}

async fn standing(client: &Client, order: &WireOrder, reference: &Reference) -> Result<Standing, ProviderError> {
    let captures: Vec<&Capture> = order.purchase_units.iter().flat_map(|unit| &unit.payments.captures).collect();
    let (phase, reason) = phase(&order.status, &captures);
    let mut receipts = Vec::new();
    for capture in captures.iter().filter(|capture| has_come(&capture.status)) {
        receipts.push(receipt(capture, reference)?);
    }
    receipts.sort_by(|a, b| (a.at, &a.external).cmp(&(b.at, &b.external)));
    let mut listed = Vec::new();
    for refund in order.purchase_units.iter().flat_map(|unit| &unit.payments.refunds) {
        listed.push(listed_refund(refund, &captures, reference)?);
    }
    let parents = captures.iter().filter(|capture| has_come(&capture.status)).map(|capture| {
        let amount = capture.amount.money()?;
        Ok(Parent { id: capture.id.clone(), amount, gone: gone(&capture.status) })
    });
    let parents: Vec<Parent> = parents.collect::<Result<_, Failure>>()?;
    let reversals = reversals::complete(client, listed, &parents, &reversals::OF_CAPTURES).await?;
    Ok(Standing { phase, receipts, reversals, agreement: None, reason })
}

/// True for a capture that was money once, whatever has become of it.
fn has_come(status: &str) -> bool {
    matches!(status, "COMPLETED" | "PARTIALLY_REFUNDED" | "REFUNDED" | "REVERSED")
}

/// How much of it has gone back, as far as the status tells.
fn gone(status: &str) -> reversals::Gone {
    match status {
        "PARTIALLY_REFUNDED" => reversals::Gone::Part,
        "REFUNDED" => reversals::Gone::Whole,
        "REVERSED" => reversals::Gone::TakenBack,
        _ => reversals::Gone::None,
    }
}

fn receipt(capture: &Capture, reference: &Reference) -> Result<Receipt, Failure> {
    let amount = capture.amount.money()?;
    let fee = capture.seller_receivable_breakdown.as_ref().and_then(|breakdown| breakdown.paypal_fee.as_ref());
    let fee =
        fee.and_then(|fee| fee.money().ok()).filter(|fee: &Money| fee.currency == amount.currency && fee.minor > 0);
    let at = time(capture.create_time.as_deref()).unwrap_or(reference.since);
    Ok(Receipt { external: capture.id.clone(), amount, fee, at, review: None })
}

fn listed_refund(refund: &Refund, captures: &[&Capture], reference: &Reference) -> Result<Listed, Failure> {
    let only = || captures.first().filter(|_| captures.len() == 1).map(|capture| capture.id.as_str());
    let receipt = super::wire::parent(&refund.links).or_else(only);
    let receipt = receipt.ok_or_else(|| Failure::unexpected("PayPal's refund names no capture"))?.to_owned();
    let names = [refund.custom_id.as_deref(), refund.invoice_id.as_deref()];
    Ok(Listed {
        id: refund.id.clone(),
        receipt,
        amount: refund.amount.money()?,
        refund: names.into_iter().flatten().find_map(|name| name.parse().ok()),
        at: time(refund.create_time.as_deref()).unwrap_or(reference.since),
        state: match refund.status.as_str() {
            "COMPLETED" => RefundState::Done,
            "CANCELLED" | "FAILED" => RefundState::Failed,
            _ => RefundState::Pending,
        },
    })
}

fn phase(status: &str, captures: &[&Capture]) -> (Phase, Option<(String, String)>) {
    let because = |code: &str, words: &str| Some((code.to_owned(), words.to_owned()));
    match status {
        "CREATED" | "SAVED" | "PAYER_ACTION_REQUIRED" => (Phase::Waiting, None),
        "APPROVED" => (Phase::Approved, None),
        "VOIDED" => (Phase::Expired, because("order_voided", "PayPal has voided the order")),
        "COMPLETED" => phase_of_captures(captures),
        // A state of tomorrow is not taken for an end.
        _ => (Phase::Processing, because("unknown_state", "PayPal names a state of the order that is unknown here")),
    }
}

fn phase_of_captures(captures: &[&Capture]) -> (Phase, Option<(String, String)>) {
    let why = |capture: &Capture| {
        let reason = capture.status_details.as_ref().and_then(|details| details.reason.clone());
        reason.unwrap_or_else(|| capture.status.clone()).to_ascii_lowercase()
    };
    let is_lost = |capture: &Capture| matches!(capture.status.as_str(), "DECLINED" | "DENIED" | "FAILED");
    if let Some(open) = captures.iter().find(|capture| !has_come(&capture.status) && !is_lost(capture)) {
        return (Phase::Processing, Some((why(open), "PayPal holds the money back for now".to_owned())));
    }
    match captures.iter().find(|capture| is_lost(capture)) {
        _ if captures.iter().any(|capture| has_come(&capture.status)) => (Phase::Done, None),
        Some(lost) => (Phase::Failed, Some((why(lost), "PayPal has declined the payment".to_owned()))),
        None => {
            (Phase::Processing, Some(("no_capture".to_owned(), "PayPal shows no payment of the order yet".to_owned())))
        }
    }
}

#[cfg(test)]
mod tests;
