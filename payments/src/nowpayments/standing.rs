//! Where an order stands: what the provider knows of its payments, all of them.

use std::collections::BTreeMap;

use domain::PaymentId;

use super::{
    client::{Client, Which},
    external::External,
    money::{Reason, Terms, receipt, reversal},
    status::Status,
    wire::Payment,
};
use crate::{
    error::ProviderError,
    provider::{Phase, Reference, Standing},
};

/// Payments of one order that are asked for one by one: whoever makes more deposits than this is helped by staff.
const PAYMENTS_MAX: usize = 50;

/// What the provider knows of an order.
pub(super) async fn look(client: &Client, reference: &Reference) -> Result<Standing, ProviderError> {
    let unknown = || ProviderError::fatal("unexpected_answer", "no order of NOWPayments has such a name");
    match External::parse(&reference.external).ok_or_else(unknown)? {
        External::Payment { id, coin } => {
            let first = client.payment(&id).await?;
            if !is_of(&first, reference.payment) {
                return Err(ProviderError::fatal("unexpected_answer", "the payment belongs to another order"));
            }
            let known = with_more(client, vec![first]).await?;
            Ok(standing(&known, Some(&id), terms(reference, coin.as_deref())))
        }
        External::Invoice(id) => {
            let rows = client.list(Which::OfInvoice(&id)).await?;
            let rows: Vec<Payment> = rows.into_iter().filter(|row| is_of(row, reference.payment)).collect();
            let mut known = Vec::new();
            // The list does not tell which deposit was a second one.
            for row in rows {
                let idle = !row.has_deposit() && matches!(row.status, Status::Waiting | Status::Expired);
                let asked =
                    if idle || known.len() >= PAYMENTS_MAX { None } else { Some(client.payment(&row.id).await?) };
                known.push(match asked {
                    Some(asked) => newer(row, asked),
                    None => row,
                });
            }
            let known = with_more(client, known).await?;
            Ok(standing(&known, None, terms(reference, None)))
        }
    }
}

const fn terms<'a>(reference: &Reference, coin: Option<&'a str>) -> Terms<'a> {
    Terms { amount: reference.amount, coin, since: reference.since }
}

fn is_of(payment: &Payment, order: PaymentId) -> bool {
    payment.order.as_deref().and_then(|id| id.parse().ok()) == Some(order)
}

/// Of two answers about one payment the one further along.
fn newer(one: Payment, other: Payment) -> Payment {
    if one.status.rank() > other.status.rank() { one } else { other }
}

/// The payments and further deposits to their addresses.
async fn with_more(client: &Client, first: Vec<Payment>) -> Result<Vec<Payment>, ProviderError> {
    let mut more: Vec<String> = first.iter().flat_map(|payment| payment.more.clone()).collect();
    let mut known: BTreeMap<String, Payment> = first.into_iter().map(|payment| (payment.id.clone(), payment)).collect();
    while let Some(id) = more.pop() {
        if known.contains_key(&id) {
            continue;
        }
        if known.len() >= PAYMENTS_MAX {
            tracing::warn!(payment.external = %id, "An order has more deposits than are looked at");
            break;
        }
        let mut payment = client.payment(&id).await?;
        // It hangs on another one, whether it says so or not.
        payment.parent = payment.parent.or_else(|| parent_of(&known, &id));
        more.extend(payment.more.clone());
        known.insert(id, payment);
    }
    let mut known: Vec<Payment> = known.into_values().collect();
    known.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
    Ok(known)
}

fn parent_of(known: &BTreeMap<String, Payment>, id: &str) -> Option<String> {
    known.values().find(|payment| payment.more.iter().any(|more| more == id)).map(|payment| payment.id.clone())
}

/// `first` is the payment that was made for the order; on a page there is none such.
fn standing(known: &[Payment], first: Option<&str>, terms: Terms<'_>) -> Standing {
    let judged: Vec<_> = known.iter().filter_map(|payment| Some((payment, receipt(payment, terms)?))).collect();
    let reversals = judged.iter().filter_map(|(payment, receipt)| reversal(payment, receipt)).collect();
    let mut receipts: Vec<_> = judged.into_iter().map(|(_, receipt)| receipt).collect();
    receipts.sort_by_key(|receipt| receipt.at);
    let granted = receipts.iter().any(|receipt| receipt.review.is_none());
    let moving = known.iter().find(|payment| is_moving(payment));
    let first = first.and_then(|id| known.iter().find(|payment| payment.id == id));
    let (phase, reason) = match (moving, receipts.first()) {
        _ if granted => (Phase::Done, None),
        (Some(payment), _) => (Phase::Processing, Some(on_its_way(payment))),
        (None, Some(receipt)) => (Phase::Done, receipt.review.clone()),
        (None, None) => match first.map(|payment| &payment.status) {
            Some(Status::Failed) => (Phase::Failed, Some(failed())),
            Some(Status::Expired) => (Phase::Expired, None),
            // On a page another coin can be chosen after one that nobody has sent.
            _ => (Phase::Waiting, None),
        },
    };
    Standing { phase, receipts, reversals, agreement: None, reason }
}

/// Coins are on their way; those that came after the end too.
fn is_moving(payment: &Payment) -> bool {
    let late = matches!(payment.status, Status::Waiting | Status::Expired) && payment.has_deposit();
    payment.status.is_moving() || late
}

fn on_its_way(payment: &Payment) -> Reason {
    let coin = payment.coin.as_deref().unwrap_or("coins");
    (payment.status.to_string(), format!("{coin} are on their way; the provider calls the payment {}", payment.status))
}

fn failed() -> Reason {
    ("failed".to_owned(), "the provider calls the payment failed".to_owned())
}

#[cfg(test)]
mod tests;
