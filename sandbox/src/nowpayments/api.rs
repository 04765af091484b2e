//! The provider's API, as far as merchants need it to be paid: `api.nowpayments.io/v1`.

mod list;
mod make;

pub use self::make::chosen;

use rust_decimal::Decimal;
use serde::Deserialize;

use super::{
    coins::{self, Coin},
    json::Json,
    reply::{Answer, Call, Refusal, Reply},
    server::Sandbox,
};

/// Answers a request. Numbers in it count from the state under one lock, so two calls never make one number.
pub fn answer(sandbox: &Sandbox, call: &Call) -> Answer {
    let segments = call.segments();
    match (call.method.as_str(), &segments[..]) {
        ("GET", ["v1", "status"]) => Ok(Reply::json(200, &Json::Object(vec![("message", Json::from("OK"))]))),
        ("GET", ["payment"]) => page(sandbox, call),
        (_, ["v1", rest @ ..]) => {
            if call.api_key.as_ref() != Some(&sandbox.keys.api_key) {
                return Err(Refusal::new(403, "INVALID_API_KEY", "Invalid api key"));
            }
            keyed(sandbox, call, rest)
        }
        _ => Err(Refusal::missing("Route")),
    }
}

fn keyed(sandbox: &Sandbox, call: &Call, path: &[&str]) -> Answer {
    match (call.method.as_str(), path) {
        ("POST", ["auth"]) => auth(sandbox, call),
        ("GET", ["currencies" | "merchant", ..]) => Ok(Reply::json(200, &currencies())),
        ("GET", ["min-amount"]) => least(call),
        ("GET", ["estimate"]) => estimate(call),
        ("POST", ["payment"]) => make::payment(sandbox, call),
        ("POST", ["invoice"]) => make::invoice(sandbox, call),
        ("POST", ["invoice-payment"]) => make::invoice_payment(sandbox, call),
        ("GET", ["payment"]) => list::payments(sandbox, call),
        ("GET", ["payment", id]) => {
            let id: u64 = id.parse().map_err(|_| Refusal::invalid("payment_id must be a number"))?;
            let core = sandbox.core();
            let payment = core.journal.payment(id).ok_or_else(|| Refusal::missing("Payment"))?;
            Ok(Reply::json(200, &payment.shown()))
        }
        _ => Err(Refusal::missing("Route")),
    }
}

#[derive(Deserialize)]
struct Credentials {
    email: String,
    password: String,
}

fn auth(sandbox: &Sandbox, call: &Call) -> Answer {
    let shown: Credentials = call.body()?;
    if (&shown.email, &shown.password) != (&sandbox.keys.email, &sandbox.keys.password) {
        return Err(Refusal::new(403, "ACCESS_DENIED", "Wrong email or password"));
    }
    let token = sandbox.core().new_token()?;
    Ok(Reply::json(200, &Json::Object(vec![("token", Json::Text(token))])))
}

fn currencies() -> Json {
    let tickers = Coin::all().map(|coin| Json::from(coin.ticker)).collect();
    Json::Object(vec![("currencies", Json::List(tickers))])
}

fn least(call: &Call) -> Answer {
    let coin = coin(call.query.get("currency_from").map_or("", String::as_str))?;
    Ok(Reply::json(
        200,
        &Json::Object(vec![
            ("currency_from", Json::from(coin.ticker)),
            ("currency_to", Json::from(coin.ticker)),
            ("min_amount", Json::Number(coin.of_dollars(coins::LEAST))),
        ]),
    ))
}

fn estimate(call: &Call) -> Answer {
    let amount: Decimal = call.query("amount")?.ok_or_else(|| Refusal::invalid("amount is required"))?;
    let from = call.query.get("currency_from").map_or("", String::as_str);
    let coin = coin(call.query.get("currency_to").map_or("", String::as_str))?;
    let dollars = coins::dollars(amount, from).ok_or_else(|| Refusal::invalid("currency_from is not supported"))?;
    Ok(Reply::json(
        200,
        &Json::Object(vec![
            ("currency_from", Json::from(from)),
            ("amount_from", Json::Number(amount)),
            ("currency_to", Json::from(coin.ticker)),
            ("estimated_amount", Json::Number(coin.of_dollars(dollars))),
        ]),
    ))
}

/// The coin of this ticker.
///
/// # Errors
/// 400 when there is none.
pub(super) fn coin(ticker: &str) -> Result<&'static Coin, Refusal> {
    Coin::find(ticker).ok_or_else(|| Refusal::invalid(format!("Currency {ticker} is not supported")))
}

/// What a payer's browser shows: no page to pay on, but where to look.
fn page(sandbox: &Sandbox, call: &Call) -> Answer {
    let id: u64 = call.query("iid")?.ok_or_else(|| Refusal::invalid("iid is required"))?;
    let core = sandbox.core();
    let invoice = core.journal.invoice(id).ok_or_else(|| Refusal::missing("Invoice"))?;
    let coins: Vec<&str> = Coin::all().map(|coin| coin.ticker).collect();
    let (price, currency) = (invoice.price.normalize(), &invoice.price_currency);
    let text = format!(
        "Invoice {id}: {price} {currency}, in one of {}.\nChoose one: POST /invoices/{id}/payments of the control API.\n",
        coins.join(", ")
    );
    Ok(Reply::text(200, "text/plain; charset=utf-8", text))
}
