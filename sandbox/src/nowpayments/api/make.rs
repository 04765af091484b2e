//! New payments and invoices.

use rust_decimal::Decimal;
use serde::Deserialize;

use crate::nowpayments::{
    api::coin,
    clock::now_ms,
    coins::{self, Coin},
    ipn::{Delivery, Ipn},
    model::{Invoice, Payment, Status},
    reply::{Answer, Call, Refusal, Reply},
    server::{Core, Sandbox},
};

/// Fields that the real API knows and that change nothing here are let through.
#[derive(Deserialize)]
struct NewPayment {
    price_amount: Decimal,
    price_currency: String,
    pay_currency: String,
    pay_amount: Option<Decimal>,
    ipn_callback_url: Option<String>,
    order_id: Option<String>,
    order_description: Option<String>,
}

#[derive(Deserialize)]
struct NewInvoice {
    price_amount: Decimal,
    price_currency: String,
    pay_currency: Option<String>,
    ipn_callback_url: Option<String>,
    order_id: Option<String>,
    order_description: Option<String>,
    success_url: Option<String>,
    cancel_url: Option<String>,
}

#[derive(Deserialize)]
struct NewInvoicePayment {
    iid: serde_json::Value,
    pay_currency: String,
}

/// What a payment is made from.
#[derive(Debug)]
pub struct Terms {
    /// The invoice.
    pub invoice: Option<u64>,
    /// The price.
    pub price: Decimal,
    /// Its currency.
    pub price_currency: String,
    /// How many coins, where that is said.
    pub pay_amount: Option<Decimal>,
    /// Where notifications go.
    pub callback: Option<String>,
    /// The merchant's name of the order.
    pub order_id: Option<String>,
    /// What it is for.
    pub description: Option<String>,
}

/// `POST /v1/payment`. The same call twice makes two payments: the API knows no idempotency key.
pub(super) fn payment(sandbox: &Sandbox, call: &Call) -> Answer {
    let asked: NewPayment = call.body()?;
    let coin = coin(&asked.pay_currency)?;
    let terms = Terms {
        invoice: None,
        price: asked.price_amount,
        price_currency: asked.price_currency,
        pay_amount: asked.pay_amount,
        callback: asked.ipn_callback_url,
        order_id: asked.order_id,
        description: asked.order_description,
    };
    let mut core = sandbox.core();
    let delivery = core.delivery;
    let (payment, told) = made(&mut core, terms, coin, delivery, &sandbox.keys.ipn_secret)?;
    sandbox.send(told.into_iter().collect());
    Ok(Reply::json(201, &payment.made()))
}

/// `POST /v1/invoice`.
pub(super) fn invoice(sandbox: &Sandbox, call: &Call) -> Answer {
    let asked: NewInvoice = call.body()?;
    large_enough(asked.price_amount, &asked.price_currency)?;
    let coin = asked.pay_currency.as_deref().map(coin).transpose()?;
    let mut core = sandbox.core();
    let invoice = Invoice {
        id: core.journal.free_id(),
        order_id: asked.order_id,
        description: asked.order_description,
        callback: asked.ipn_callback_url,
        price: asked.price_amount.normalize(),
        price_currency: asked.price_currency.to_ascii_lowercase(),
        coin: coin.map(|coin| coin.ticker.to_owned()),
        success_url: asked.success_url,
        cancel_url: asked.cancel_url,
        created_ms: now_ms(),
    };
    core.journal.keep_invoice(&invoice).map_err(|error| Refusal::broken(&error))?;
    Ok(Reply::json(200, &invoice.shown(sandbox.page(invoice.id))))
}

/// `POST /v1/invoice-payment`.
pub(super) fn invoice_payment(sandbox: &Sandbox, call: &Call) -> Answer {
    let asked: NewInvoicePayment = call.body()?;
    let id = asked.iid.as_u64().or_else(|| asked.iid.as_str()?.parse().ok());
    let payment = chosen(sandbox, id.unwrap_or(0), &asked.pay_currency, None)?;
    Ok(Reply::json(201, &payment.made()))
}

/// The payer has chosen a coin on the page of an invoice.
///
/// # Errors
/// 404 without such an invoice, 400 for a coin that is not there.
pub fn chosen(sandbox: &Sandbox, invoice: u64, ticker: &str, delivery: Option<Delivery>) -> Result<Payment, Refusal> {
    let coin = coin(ticker)?;
    let mut core = sandbox.core();
    let invoice = core.journal.invoice(invoice).cloned().ok_or_else(|| Refusal::missing("Invoice"))?;
    if invoice.coin.as_deref().is_some_and(|wanted| wanted != coin.ticker) {
        return Err(Refusal::invalid("the invoice is for another coin"));
    }
    let terms = Terms {
        invoice: Some(invoice.id),
        price: invoice.price,
        price_currency: invoice.price_currency,
        pay_amount: None,
        callback: invoice.callback,
        order_id: invoice.order_id,
        description: invoice.description,
    };
    let delivery = delivery.unwrap_or(core.delivery);
    let (payment, told) = made(&mut core, terms, coin, delivery, &sandbox.keys.ipn_secret)?;
    sandbox.send(told.into_iter().collect());
    Ok(payment)
}

/// A new payment that waits, and what is to be told of it.
fn made(
    core: &mut Core,
    terms: Terms,
    coin: &Coin,
    delivery: Delivery,
    secret: &str,
) -> Result<(Payment, Option<Ipn>), Refusal> {
    let dollars = large_enough(terms.price, &terms.price_currency)?;
    let (id, now) = (core.journal.free_id(), now_ms());
    let mut payment = Payment {
        id,
        parent: None,
        invoice: terms.invoice,
        purchase: id + 1,
        status: Status::Waiting,
        order_id: terms.order_id,
        description: terms.description,
        callback: terms.callback,
        price: terms.price.normalize(),
        price_currency: terms.price_currency.to_ascii_lowercase(),
        pay_amount: terms.pay_amount.unwrap_or_else(|| coin.of_dollars(dollars)),
        paid: Decimal::ZERO,
        coin: coin.ticker.to_owned(),
        address: format!("{}-sandbox-{id}", coin.network),
        memo: coin.memo.then(|| format!("{}", id % 1_000_000)),
        more: Vec::new(),
        created_ms: now,
        updated_ms: now,
    };
    core.keep(&mut payment)?;
    let told = if delivery.announce { core.ipns.add(&payment, delivery, secret) } else { None };
    Ok((payment, told))
}

/// What the price is in dollars.
fn large_enough(price: Decimal, currency: &str) -> Result<Decimal, Refusal> {
    let unknown = || Refusal::invalid(format!("Currency {currency} is not supported"));
    let dollars = coins::dollars(price, currency).ok_or_else(unknown)?;
    if dollars < coins::LEAST {
        return Err(Refusal::new(400, "AMOUNT_MINIMAL_ERROR", "amountTo is too small"));
    }
    Ok(dollars)
}
