//! What a webhook of `PayPal`'s tells: which orders and agreements are to be looked at.
//!
//! Two kinds of events may speak of one payment, and they come in any order: nothing of what they say is believed but which
//! ids they name. The kinds are those of `developer.paypal.com/api/rest/webhooks/event-names`.

use domain::PaymentId;
use serde::Deserialize;
use serde_json::Value;

use super::wire::{Link, is_id, or_default, parent, time};
use crate::{error::WebhookError, provider::Event};

const KEY_CHARS_MAX: usize = 128;
const KIND_CHARS_MAX: usize = 128;
/// Ids that are kept of one event.
const EXTERNALS_MAX: usize = 16;

#[derive(Deserialize)]
struct Wire {
    id: String,
    event_type: String,
    #[serde(default)]
    create_time: Option<String>,
    #[serde(default)]
    resource: Value,
}

/// An order, a capture, a refund, a subscription, a v1 sale or a dispute, as far as ids go.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Resource {
    id: Option<String>,
    custom_id: Option<String>,
    invoice_id: Option<String>,
    /// What version 1 calls a `custom_id`.
    custom: Option<String>,
    order_id: Option<String>,
    sale_id: Option<String>,
    capture_id: Option<String>,
    billing_agreement_id: Option<String>,
    supplementary_data: Option<Supplementary>,
    #[serde(deserialize_with = "or_default")]
    purchase_units: Vec<Unit>,
    #[serde(deserialize_with = "or_default")]
    links: Vec<Link>,
    #[serde(deserialize_with = "or_default")]
    disputed_transactions: Vec<Disputed>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Supplementary {
    related_ids: Option<Related>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Related {
    order_id: Option<String>,
    capture_id: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Unit {
    custom_id: Option<String>,
    invoice_id: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Disputed {
    seller_transaction_id: Option<String>,
    custom: Option<String>,
    invoice_number: Option<String>,
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Matter {
    /// An order or a payment of one.
    Order,
    /// A payment of a subscription; without one it is none of ours.
    Sale,
    /// Money that went back: it may name nothing but a receipt.
    Back,
    /// A subscription.
    Subscription,
    /// Something else: a product, a plan, an invoice, a payout.
    Else,
}

fn matter(kind: &str) -> Matter {
    match kind {
        "CHECKOUT.PAYMENT-APPROVAL.REVERSED" => Matter::Order,
        "PAYMENT.CAPTURE.REFUNDED" | "PAYMENT.CAPTURE.REVERSED" | "PAYMENT.SALE.REFUNDED" | "PAYMENT.SALE.REVERSED" => {
            Matter::Back
        }
        kind if kind.starts_with("PAYMENT.REFUND.") || kind.starts_with("CUSTOMER.DISPUTE.") => Matter::Back,
        kind if kind.starts_with("CHECKOUT.ORDER.") || kind.starts_with("PAYMENT.CAPTURE.") => Matter::Order,
        kind if kind.starts_with("PAYMENT.SALE.") => Matter::Sale,
        kind if kind.starts_with("BILLING.SUBSCRIPTION.") => Matter::Subscription,
        _ => Matter::Else,
    }
}

/// Reads an event that was proved.
pub(super) fn read(body: &[u8]) -> Result<Event, WebhookError> {
    let wire: Wire = serde_json::from_slice(body).map_err(|_| WebhookError::Malformed("it is no event of PayPal's"))?;
    let plain = |text: &str, chars_max: usize| {
        (1..=chars_max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if !plain(&wire.id, KEY_CHARS_MAX) || !plain(&wire.event_type, KIND_CHARS_MAX) {
        return Err(WebhookError::Malformed("it has no id or no type"));
    }
    // A resource of another shape is one without ids.
    let resource = Resource::deserialize(&wire.resource).unwrap_or_default();
    let matter = matter(&wire.event_type);
    let no_sale_of_ours = matter == Matter::Sale && resource.billing_agreement_id.is_none();
    let ignorable = matter == Matter::Else || no_sale_of_ours;
    Ok(Event {
        key: wire.id,
        kind: wire.event_type,
        payment: payment(&resource),
        externals: if ignorable { Vec::new() } else { externals(&resource) },
        ignorable,
        at: time(wire.create_time.as_deref()),
    })
}

/// Our payment: we put its id wherever `PayPal` lets us.
fn payment(resource: &Resource) -> Option<PaymentId> {
    let units = resource.purchase_units.iter().flat_map(|unit| [&unit.custom_id, &unit.invoice_id]);
    let disputed = resource.disputed_transactions.iter().flat_map(|one| [&one.custom, &one.invoice_number]);
    let own = [&resource.custom_id, &resource.invoice_id, &resource.custom];
    own.into_iter().chain(units).chain(disputed).flatten().find_map(|name| name.parse().ok())
}

/// The order or the agreement first, then receipts, then the resource itself.
fn externals(resource: &Resource) -> Vec<String> {
    let related = resource.supplementary_data.as_ref().and_then(|data| data.related_ids.as_ref());
    let ids = [
        resource.billing_agreement_id.as_deref(),
        resource.order_id.as_deref(),
        related.and_then(|related| related.order_id.as_deref()),
        resource.sale_id.as_deref(),
        resource.capture_id.as_deref(),
        related.and_then(|related| related.capture_id.as_deref()),
        parent(&resource.links),
    ];
    let disputed = resource.disputed_transactions.iter().map(|one| one.seller_transaction_id.as_deref());
    let ids = ids.into_iter().chain(disputed).chain([resource.id.as_deref()]).flatten().filter(|id| is_id(id));
    let mut externals: Vec<String> = Vec::new();
    for id in ids {
        if externals.len() < EXTERNALS_MAX && !externals.iter().any(|known| known == id) {
            externals.push(id.to_owned());
        }
    }
    externals
}

#[cfg(test)]
mod tests;
