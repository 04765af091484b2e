//! Money that has gone back.
//!
//! An order lists its refunds, but not who wanted them; a subscription's transactions say only that something was
//! refunded. The rest is in the events, which `PayPal` keeps for 30 days and lists at
//! `GET /v1/notifications/webhooks-events`: a refund of the merchant is `….REFUNDED`, what the payer's bank or `PayPal`
//! took back is `….REVERSED`. They are asked for only where there is something to explain.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{Money, RefundId};
use serde::Deserialize;

use super::{
    client::Client,
    failure::Failure,
    wire::{Amount, Link, OldAmount, is_id, link, or_default, parent, time},
};
use crate::{
    error::ProviderError,
    provider::{RefundState, Reversal},
};

/// Kinds of events that tell of captures that went back.
pub(super) const OF_CAPTURES: [&str; 2] = ["PAYMENT.CAPTURE.REVERSED", "PAYMENT.CAPTURE.REFUNDED"];
/// Kinds that tell of sales that went back. Refunds that are asked for by version 2 may be told of as captures.
pub(super) const OF_SALES: [&str; 4] =
    ["PAYMENT.SALE.REVERSED", "PAYMENT.SALE.REFUNDED", "PAYMENT.CAPTURE.REVERSED", "PAYMENT.CAPTURE.REFUNDED"];

const EVENTS_PER_PAGE: &str = "100";
/// Pages that are read at most: 2,000 events of a kind in 30 days.
const PAGES_MAX: usize = 20;

/// How much of a receipt has gone back, as far as its status tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gone {
    /// Nothing.
    None,
    /// Some of it.
    Part,
    /// All of it.
    Whole,
    /// All of it, and not by us.
    TakenBack,
}

/// A receipt whose reversals are wanted.
#[derive(Clone, Debug)]
pub(super) struct Parent {
    pub(super) id: String,
    pub(super) amount: Money,
    pub(super) gone: Gone,
}

/// A refund that a resource lists.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub(super) id: String,
    pub(super) receipt: String,
    pub(super) amount: Money,
    pub(super) refund: Option<RefundId>,
    pub(super) at: DateTime<Utc>,
    pub(super) state: RefundState,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default, deserialize_with = "or_default")]
    events: Vec<WireEvent>,
    #[serde(default, deserialize_with = "or_default")]
    links: Vec<Link>,
}

#[derive(Deserialize)]
struct WireEvent {
    event_type: String,
    #[serde(default)]
    create_time: Option<String>,
    resource: serde_json::Value,
}

/// A refund of version 1 or 2, or a sale of version 1 that went back.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Resource {
    id: String,
    sale_id: Option<String>,
    capture_id: Option<String>,
    parent_payment: Option<String>,
    amount: Option<serde_json::Value>,
    state: Option<String>,
    status: Option<String>,
    custom_id: Option<String>,
    invoice_id: Option<String>,
    invoice_number: Option<String>,
    create_time: Option<String>,
    #[serde(deserialize_with = "or_default")]
    links: Vec<Link>,
}

/// What has gone back of these receipts, oldest first: what is listed, and what events tell beside it.
pub(super) async fn complete(
    client: &Client,
    listed: Vec<Listed>,
    parents: &[Parent],
    kinds: &[&'static str],
) -> Result<Vec<Reversal>, ProviderError> {
    let (pending, done): (Vec<Listed>, Vec<Listed>) = listed
        .into_iter()
        .filter(|refund| refund.state != RefundState::Failed)
        .partition(|refund| refund.state == RefundState::Pending);
    let mut all: BTreeMap<String, Reversal> =
        done.into_iter().map(|refund| (refund.id.clone(), known(refund))).collect();
    let missing = |all: &BTreeMap<String, Reversal>| {
        let unexplained = |parent: &&Parent| !is_explained(all, &pending, parent);
        parents.iter().filter(unexplained).map(|parent| parent.id.clone()).collect::<Vec<_>>()
    };
    // A refund that is not ours is somebody else's wish; one that is missing was not listed.
    if all.values().any(|reversal| reversal.refund.is_none()) || !missing(&all).is_empty() {
        for kind in kinds {
            for event in events(client, kind).await? {
                add(&mut all, parents, &event);
            }
        }
        // Where no event is left to tell, the status still does.
        for reversal in all.values_mut() {
            let taken = |parent: &Parent| parent.id == reversal.receipt && parent.gone == Gone::TakenBack;
            reversal.chargeback |= reversal.refund.is_none() && parents.iter().any(taken);
        }
        for receipt in missing(&all) {
            tracing::info!(paypal.receipt = receipt, "Money goes back, and PayPal lists no refund of it that is done.");
        }
    }
    let mut all: Vec<Reversal> = all.into_values().collect();
    all.sort_by(|a, b| (a.at, &a.external).cmp(&(b.at, &b.external)));
    Ok(all)
}

fn known(refund: Listed) -> Reversal {
    Reversal {
        external: refund.id,
        receipt: refund.receipt,
        amount: refund.amount,
        chargeback: false,
        refund: refund.refund,
        at: refund.at,
    }
}

/// True when what is known of it is as much as its status says.
fn is_explained(all: &BTreeMap<String, Reversal>, pending: &[Listed], parent: &Parent) -> bool {
    let done = all.values().filter(|one| one.receipt == parent.id).map(|one| one.amount.minor);
    let under_way = pending.iter().filter(|one| one.receipt == parent.id).map(|one| one.amount.minor);
    let back = done.chain(under_way).fold(0_i64, i64::saturating_add);
    match parent.gone {
        Gone::None => true,
        Gone::Part => back > 0,
        Gone::Whole | Gone::TakenBack => back >= parent.amount.minor,
    }
}

/// The events of a kind that `PayPal` still has. An app that may not list them does without.
async fn events(client: &Client, kind: &str) -> Result<Vec<WireEvent>, ProviderError> {
    let query = [("event_type", kind), ("page_size", EVENTS_PER_PAGE)];
    let mut url = client.environment().url(&["v1", "notifications", "webhooks-events"], &query);
    let mut events = Vec::new();
    for _ in 0..PAGES_MAX {
        let page: Page = match client.get_at(url).await {
            Ok(page) => page,
            Err(failure) if failure.is_final() => break,
            Err(failure) => return Err(failure.into()),
        };
        let is_empty = page.events.is_empty();
        events.extend(page.events.into_iter().filter(|event| event.event_type == kind));
        match link(&page.links, &["next"]).and_then(|next| client.environment().own(next)) {
            Some(next) if !is_empty => url = next,
            _ => break,
        }
    }
    Ok(events)
}

fn add(all: &mut BTreeMap<String, Reversal>, parents: &[Parent], event: &WireEvent) {
    let Some((reversal, state)) = reversal(event, parents) else { return };
    match all.get_mut(&reversal.external) {
        Some(known) => {
            known.chargeback |= reversal.chargeback && known.refund.is_none();
            known.refund = known.refund.or(reversal.refund);
        }
        None if state.is_none_or(|state| state.eq_ignore_ascii_case("completed")) => {
            all.insert(reversal.external.clone(), reversal);
        }
        None => (),
    }
}

/// What an event tells of one of the receipts, and the state of the refund.
fn reversal(event: &WireEvent, parents: &[Parent]) -> Option<(Reversal, Option<String>)> {
    let resource: Resource = serde_json::from_value(event.resource.clone()).ok()?;
    let names = [resource.sale_id.as_deref(), resource.capture_id.as_deref(), parent(&resource.links)];
    let names = names.into_iter().flatten().chain(resource.parent_payment.as_deref()).chain([resource.id.as_str()]);
    let names: Vec<&str> = names.collect();
    let receipt = parents.iter().find(|parent| names.contains(&parent.id.as_str()))?;
    let amount = money(resource.amount.as_ref()).filter(|money| money.currency == receipt.amount.currency)?;
    if !is_id(&resource.id) || amount.minor <= 0 {
        return None;
    }
    let ours = [&resource.custom_id, &resource.invoice_id, &resource.invoice_number];
    let refund: Option<RefundId> = ours.into_iter().flatten().find_map(|name| name.parse().ok());
    let reversed = event.event_type.ends_with(".REVERSED");
    // A sale that was taken back may be told of by its own id, in a state of its own.
    let (external, state) = match (resource.id == receipt.id, reversed) {
        (true, true) => (format!("{}-reversed", receipt.id), None),
        (true, false) => return None,
        (false, _) => (resource.id, resource.state.or(resource.status)),
    };
    let reversal = Reversal {
        external,
        receipt: receipt.id.clone(),
        amount,
        chargeback: reversed && refund.is_none(),
        refund,
        at: time(resource.create_time.as_deref()).or_else(|| time(event.create_time.as_deref()))?,
    };
    Some((reversal, state))
}

fn money(amount: Option<&serde_json::Value>) -> Option<Money> {
    let amount = amount?;
    let new = Amount::deserialize(amount)
        .ok()
        .map(|amount| Amount { value: amount.value.trim_start_matches('-').to_owned(), ..amount });
    let new = new.map(|amount| amount.money());
    let old = || OldAmount::deserialize(amount).ok().map(|amount| amount.money());
    new.or_else(old).and_then(|read: Result<Money, Failure>| read.ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const SALE: &str = "6YX43824R4443062K";

    fn parents() -> Vec<Parent> {
        vec![Parent { id: SALE.into(), amount: Money::new(1_000, domain::Currency::USD), gone: Gone::Whole }]
    }

    fn event(kind: &str, resource: serde_json::Value) -> WireEvent {
        WireEvent { event_type: kind.into(), create_time: Some("2026-11-22T10:00:00Z".into()), resource }
    }

    fn told(kind: &str, resource: serde_json::Value) -> Vec<(String, i64, bool, bool)> {
        let mut all = BTreeMap::new();
        add(&mut all, &parents(), &event(kind, resource));
        let told = all.into_values();
        told.map(|one| (one.external, one.amount.minor, one.chargeback, one.refund.is_some())).collect()
    }

    #[test]
    fn events_tell_whose_wish_it_was() {
        let old = json!({ "id": "R1", "sale_id": SALE, "state": "completed", "amount": { "total": "-10.00", "currency": "USD" } });
        assert_eq!(told("PAYMENT.SALE.REFUNDED", old.clone()), [("R1".into(), 1_000, false, false)]);
        assert_eq!(told("PAYMENT.SALE.REVERSED", old), [("R1".into(), 1_000, true, false)]);
        let itself = json!({ "id": SALE, "state": "reversed", "amount": { "total": "-10.00", "currency": "USD" } });
        assert_eq!(told("PAYMENT.SALE.REVERSED", itself.clone()), [(format!("{SALE}-reversed"), 1_000, true, false)]);
        assert_eq!(told("PAYMENT.SALE.REFUNDED", itself), []);
        let ours = json!({
            "id": "R2", "status": "COMPLETED", "amount": { "value": "4.00", "currency_code": "USD" },
            "invoice_id": "rfd_0192e4c1b2a37c408d5e6f708192a3b4",
            "links": [{ "rel": "up", "href": format!("https://api.paypal.com/v2/payments/captures/{SALE}") }],
        });
        assert_eq!(told("PAYMENT.CAPTURE.REFUNDED", ours), [("R2".into(), 400, false, true)]);
    }

    #[test]
    fn what_is_of_another_receipt_or_not_done_is_not_told() {
        let amount = json!({ "total": "10.00", "currency": "USD" });
        for resource in [
            json!({ "id": "R1", "sale_id": "OTHER", "state": "completed", "amount": amount }),
            json!({ "id": "R1", "sale_id": SALE, "state": "pending", "amount": amount }),
            json!({ "id": "R1", "sale_id": SALE, "amount": { "total": "10.00", "currency": "EUR" } }),
            json!({ "id": "R1", "sale_id": SALE, "amount": { "total": "0.00", "currency": "USD" } }),
            json!({ "id": "R1", "sale_id": SALE }),
            json!({ "id": "../R1", "sale_id": SALE, "amount": amount }),
            json!("nothing"),
        ] {
            assert_eq!(told("PAYMENT.SALE.REFUNDED", resource.clone()), [], "{resource}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_event_takes_back_nothing_or_less(id in "[A-Z0-9/]{0,20}", total in "-?[0-9.]{0,12}|.{0,8}", at in "[0-9TZ:-]{0,24}") {
            let amount = json!({ "total": total, "currency": "USD" });
            let resource = json!({ "id": id, "sale_id": SALE, "amount": amount, "create_time": at });
            for (_, minor, ..) in told("PAYMENT.SALE.REVERSED", resource) {
                prop_assert!(minor > 0);
            }
        }
    }
}
