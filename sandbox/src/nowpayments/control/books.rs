//! The server's own books: who was asked for what, and what has come. Amounts are decimals in texts, and in the
//! smallest unit of the price's currency, rounded down.

use rust_decimal::{Decimal, prelude::ToPrimitive as _};
use serde_json::{Value, json};

use crate::nowpayments::{
    coins::{self, Coin},
    journal::Journal,
    model::{Invoice, Payment},
};

/// All of it.
pub fn books(journal: &Journal) -> Value {
    let payments: Vec<Value> = journal.payments().map(payment).collect();
    let invoices: Vec<Value> = journal.invoices().map(invoice).collect();
    json!({ "payments": payments, "invoices": invoices })
}

/// A payment.
pub fn payment(payment: &Payment) -> Value {
    json!({
        "id": payment.id,
        "parent": payment.parent,
        "invoice": payment.invoice,
        "order_id": payment.order_id,
        "status": payment.status,
        "price": payment.price.normalize().to_string(),
        "price_currency": payment.price_currency,
        "price_minor": minor(payment.price),
        "pay_amount": payment.pay_amount.normalize().to_string(),
        "coin": payment.coin,
        "paid": payment.paid.normalize().to_string(),
        // At the rate of the payment, in the currency of its price.
        "worth": worth(payment).to_string(),
        "worth_minor": minor(worth(payment)),
        "address": payment.address,
        "memo": payment.memo,
        "callback": payment.callback,
        "deposits": payment.more,
        "created_ms": payment.created_ms,
        "updated_ms": payment.updated_ms,
    })
}

/// An invoice.
pub fn invoice(invoice: &Invoice) -> Value {
    json!({
        "id": invoice.id,
        "order_id": invoice.order_id,
        "price": invoice.price.normalize().to_string(),
        "price_currency": invoice.price_currency,
        "coin": invoice.coin,
        "success_url": invoice.success_url,
        "cancel_url": invoice.cancel_url,
        "created_ms": invoice.created_ms,
    })
}

fn worth(payment: &Payment) -> Decimal {
    let dollars = Coin::find(&payment.coin).map(|coin| coin.in_dollars(payment.paid));
    let other = || coins::from_dollars(dollars?, &payment.price_currency);
    // A second deposit has a rate of its own; a first one that of its price.
    let worth = if payment.parent.is_some() { other().unwrap_or_default() } else { payment.worth() };
    worth.normalize()
}

/// Every currency of prices here has two digits after the point.
fn minor(amount: Decimal) -> i64 {
    (amount * Decimal::ONE_HUNDRED).floor().to_i64().unwrap_or(i64::MAX)
}
