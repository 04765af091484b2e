//! Making payments and invoices.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{Money, PaymentId};
use serde::Serialize;
use serde_json::value::RawValue;
use url::Url;

use super::{
    canonical::Json,
    client::{Client, Which, unexpected},
    external::{External, is_id, ticker},
    status::Status,
    wire::{Payment, decimal},
};
use crate::{
    error::ProviderError,
    provider::{Created, Handover, Kind, Order},
};

/// What the payer is shown at most, in characters.
const DESCRIPTION_CHARS_MAX: usize = 127;

/// How far the provider's clock may be behind ours. The list is as long as what is made in this time, with every order.
const SKEW: Duration = Duration::from_secs(30);

#[derive(Debug, Serialize)]
struct PaymentRequest<'a> {
    price_amount: &'a RawValue,
    price_currency: String,
    pay_currency: &'a str,
    order_id: String,
    order_description: &'a str,
    ipn_callback_url: &'a str,
    /// A fixed rate would hold for 20 minutes; this one for seven days.
    is_fixed_rate: bool,
    is_fee_paid_by_user: bool,
}

#[derive(Debug, Serialize)]
struct InvoiceRequest<'a> {
    price_amount: &'a RawValue,
    price_currency: String,
    order_id: String,
    order_description: &'a str,
    ipn_callback_url: &'a str,
    success_url: &'a str,
    cancel_url: &'a str,
    partially_paid_url: &'a str,
    is_fixed_rate: bool,
    is_fee_paid_by_user: bool,
}

/// Makes a payment where the coin is chosen, else an invoice.
///
/// The provider has no idempotency key. With its log-in, payments that name our id are looked for before another one is
/// made. Without it a lost answer leaves a payment behind whose address nobody has ever been shown, so nobody pays it.
pub(super) async fn create(client: &Client, order: &Order) -> Result<Created, ProviderError> {
    if order.kind != Kind::Once {
        return Err(ProviderError::fatal("no_agreements", "NOWPayments makes no payments by itself"));
    }
    let decimal = order.amount.decimal();
    let price =
        RawValue::from_string(decimal).map_err(|_| ProviderError::fatal("refused", "the amount is no decimal"))?;
    let description: String = order.description.chars().take(DESCRIPTION_CHARS_MAX).collect();
    match order.pay_currency.as_deref() {
        Some(coin) => {
            let refused = || ProviderError::fatal("unknown_pay_currency", "expected the ticker of a coin, such as btc");
            payment(client, order, &ticker(coin).ok_or_else(refused)?, &price, &description).await
        }
        None if client.can_list() => invoice(client, order, &price, &description).await,
        None => Err(ProviderError::fatal(
            "pay_currency_required",
            "a coin must be chosen: without NOWPAYMENTS_EMAIL and NOWPAYMENTS_PASSWORD nobody could ask what was paid on a page",
        )),
    }
}

async fn payment(
    client: &Client,
    order: &Order,
    coin: &str,
    price: &RawValue,
    description: &str,
) -> Result<Created, ProviderError> {
    if client.can_list()
        && let Some(known) = made_before(client, order, coin).await?
    {
        return handed_out(&known, order.amount);
    }
    let request = PaymentRequest {
        price_amount: price,
        price_currency: order.amount.currency.code().to_ascii_lowercase(),
        pay_currency: coin,
        order_id: order.payment.to_string(),
        order_description: description,
        ipn_callback_url: order.webhook_url.as_str(),
        is_fixed_rate: false,
        is_fee_paid_by_user: false,
    };
    let made = Payment::read(&client.make("/payment", &request).await?);
    let made = made.ok_or_else(|| unexpected("the new payment has no id or no status"))?;
    if made.coin.as_deref() != Some(coin) {
        return Err(unexpected("the new payment is in another coin than was asked for"));
    }
    handed_out(&made, order.amount)
}

/// The first payment of this order that can still be paid, made by a call whose answer was lost.
async fn made_before(client: &Client, order: &Order, coin: &str) -> Result<Option<Payment>, ProviderError> {
    let Some(since) = made_at(order.payment) else { return Ok(None) };
    let found = client.list(Which::Since(since - SKEW)).await?.into_iter().find(|payment| {
        payment.order.as_deref().and_then(|id| id.parse().ok()) == Some(order.payment)
            && payment.invoice.is_none()
            && payment.parent.is_none()
            && payment.coin.as_deref() == Some(coin)
            && !matches!(payment.status, Status::Expired | Status::Failed | Status::Refunded)
    });
    match found {
        // The list does not show all that a payer needs.
        Some(found) => client.payment(&found.id).await.map(Some),
        None => Ok(None),
    }
}

/// When the id was made: no payment of the order is older.
fn made_at(payment: PaymentId) -> Option<DateTime<Utc>> {
    let (seconds, nanos) = payment.as_uuid().get_timestamp()?.to_unix();
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanos)
}

fn handed_out(payment: &Payment, price: Money) -> Result<Created, ProviderError> {
    let asked = payment.price.and_then(|asked| Money::parse(&asked.normalize().to_string(), price.currency).ok());
    let currency = payment.price_currency.as_deref().unwrap_or_default();
    if asked != Some(price) || !currency.eq_ignore_ascii_case(price.currency.code()) {
        return Err(unexpected("the new payment has another price than was asked for"));
    }
    let missing = || unexpected("the new payment has no address or no amount");
    let coin = payment.coin.clone().ok_or_else(missing)?;
    let amount =
        payment.pay_amount.filter(|amount| amount.is_sign_positive() && !amount.is_zero()).ok_or_else(missing)?;
    Ok(Created {
        external: payment.external().to_string(),
        handover: Handover::Address {
            address: payment.address.clone().ok_or_else(missing)?,
            memo: payment.memo.clone(),
            amount: amount.normalize().to_string(),
            currency: coin,
            network: payment.network.clone(),
            valid_until: payment.valid_until,
        },
    })
}

async fn invoice(
    client: &Client,
    order: &Order,
    price: &RawValue,
    description: &str,
) -> Result<Created, ProviderError> {
    let request = InvoiceRequest {
        price_amount: price,
        price_currency: order.amount.currency.code().to_ascii_lowercase(),
        order_id: order.payment.to_string(),
        order_description: description,
        ipn_callback_url: order.webhook_url.as_str(),
        success_url: order.return_url.as_str(),
        cancel_url: order.cancel_url.as_str(),
        partially_paid_url: order.return_url.as_str(),
        is_fixed_rate: false,
        is_fee_paid_by_user: false,
    };
    let made = client.make("/invoice", &request).await?;
    page(&made, order.amount).ok_or_else(|| unexpected("the new invoice has no id, no page, or another price"))
}

fn page(made: &Json, price: Money) -> Option<Created> {
    let id = made.get("id").scalar().and_then(is_id)?;
    let asked = Money::parse(&decimal(made.get("price_amount"))?.normalize().to_string(), price.currency).ok()?;
    let url = Url::parse(made.get("invoice_url").scalar()?).ok()?;
    let external = External::Invoice(id.to_owned()).to_string();
    let is_page = matches!(url.scheme(), "https" | "http");
    (asked == price && is_page)
        .then(|| Created { external, handover: Handover::Page { url: url.into(), valid_until: None } })
}

#[cfg(test)]
mod tests {
    use domain::{Currency, FixedClock};

    use super::*;

    #[test]
    fn an_id_tells_when_it_was_made() {
        let now = DateTime::from_timestamp_millis(1_795_262_400_123).unwrap();
        let made = made_at(PaymentId::new(&FixedClock::at(now))).unwrap();
        assert_eq!(made, now);
    }

    #[test]
    fn what_is_handed_out_is_spelled_without_exponents_and_has_the_agreed_price() {
        let read = |json: &str| Payment::read(&Json::parse(json.as_bytes()).unwrap()).unwrap();
        let made = read(
            r#"{"payment_id":"5","payment_status":"waiting","price_amount":10,"price_currency":"usd","pay_amount":8.3e-6,
            "pay_currency":"xrp","pay_address":"rXYZ","payin_extra_id":"123","network":"xrp"}"#,
        );
        let price = Money::new(1_000, Currency::USD);
        let created = handed_out(&made, price).unwrap();
        assert_eq!(created.external, "payment:5:xrp");
        let Handover::Address { amount, memo, .. } = created.handover else { panic!("an address") };
        assert_eq!((amount.as_str(), memo.as_deref()), ("0.0000083", Some("123")));
        assert!(handed_out(&made, Money::new(1_001, Currency::USD)).is_err());
        assert!(handed_out(&made, Money::new(1_000, Currency::EUR)).is_err());
        assert!(handed_out(&Payment { address: None, ..made.clone() }, price).is_err());
        assert!(handed_out(&Payment { pay_amount: None, ..made }, price).is_err());
    }

    #[test]
    fn an_invoice_is_a_page_with_the_agreed_price() {
        let read = |json: &str| page(&Json::parse(json.as_bytes()).unwrap(), Money::new(1_000, Currency::USD));
        let good = r#"{"id":"45","price_amount":"10","invoice_url":"https://nowpayments.io/payment/?iid=45"}"#;
        assert_eq!(read(good).unwrap().external, "invoice:45");
        assert_eq!(read(&good.replace("\"10\"", "11")), None);
        assert_eq!(read(&good.replace("https:", "javascript:")), None);
        assert_eq!(read("{}"), None);
    }
}
