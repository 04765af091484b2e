//! A payment as the provider shows it. Types float between number, text and null, from one endpoint to the next and from
//! there to the IPN, so all of it is read leniently.

use std::str::FromStr as _;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use super::{
    canonical::Json,
    external::{External, is_id, ticker},
    status::Status,
};

/// A payment. What is missing or cannot be read is `None`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Payment {
    /// The provider's id.
    pub id: String,
    /// The payment whose address got this deposit too: a second one, or one in another coin.
    pub parent: Option<String>,
    /// The invoice that it belongs to.
    pub invoice: Option<String>,
    /// Where it stands.
    pub status: Status,
    /// Our id of the order.
    pub order: Option<String>,
    /// Where the coins go.
    pub address: Option<String>,
    /// The memo or tag that they need.
    pub memo: Option<String>,
    /// The network.
    pub network: Option<String>,
    /// What was asked for.
    pub price: Option<Decimal>,
    /// Its currency, in lower case.
    pub price_currency: Option<String>,
    /// How many coins were asked for.
    pub pay_amount: Option<Decimal>,
    /// How many have come.
    pub paid: Option<Decimal>,
    /// What they were worth when they came, in the currency of the price.
    pub paid_worth: Option<Decimal>,
    /// The ticker of the coin.
    pub coin: Option<String>,
    /// What the provider keeps, and in which coin.
    pub fee: Option<(Decimal, String)>,
    /// Further deposits to the same address, which are payments of their own.
    pub more: Vec<String>,
    /// Made at.
    pub created_at: Option<DateTime<Utc>>,
    /// Changed at.
    pub updated_at: Option<DateTime<Utc>>,
    /// Until when the price holds.
    pub valid_until: Option<DateTime<Utc>>,
}

impl Payment {
    /// Reads one; `None` without an id or a status.
    pub fn read(json: &Json) -> Option<Self> {
        let text = |key: &str| json.get(key).scalar().map(str::to_owned);
        let amount = |key: &str| decimal(json.get(key));
        let id = |key: &str| json.get(key).scalar().and_then(is_id).map(str::to_owned);
        Some(Self {
            id: id("payment_id")?,
            parent: id("parent_payment_id"),
            invoice: id("invoice_id"),
            status: Status::parse(json.get("payment_status").scalar()?),
            order: text("order_id"),
            address: text("pay_address"),
            memo: text("payin_extra_id"),
            network: text("network"),
            price: amount("price_amount"),
            price_currency: text("price_currency").map(|code| code.to_ascii_lowercase()),
            pay_amount: amount("pay_amount"),
            paid: amount("actually_paid"),
            paid_worth: amount("actually_paid_at_fiat"),
            coin: json.get("pay_currency").scalar().and_then(ticker),
            fee: fee(json.get("fee")),
            more: ids(json.get("payment_extra_ids")),
            created_at: time(json.get("created_at")),
            updated_at: time(json.get("updated_at")),
            valid_until: time(json.get("valid_until")).or_else(|| time(json.get("expiration_estimate_date"))),
        })
    }

    /// What we call the order that it is.
    pub fn external(&self) -> External {
        External::Payment { id: self.id.clone(), coin: self.coin.clone() }
    }

    /// What we call the money that it brings in.
    pub fn receipt(&self) -> String {
        External::Payment { id: self.id.clone(), coin: None }.to_string()
    }

    /// True when coins have come.
    pub fn has_deposit(&self) -> bool {
        self.paid.is_some_and(|paid| paid > Decimal::ZERO)
    }
}

/// A decimal, spelled in any way; `None` for one that does not fit.
pub(super) fn decimal(json: &Json) -> Option<Decimal> {
    let text = json.scalar()?;
    if text.contains(['e', 'E']) { Decimal::from_scientific(text).ok() } else { Decimal::from_str(text).ok() }
}

/// A time by RFC 3339, or in milliseconds since 1970.
fn time(json: &Json) -> Option<DateTime<Utc>> {
    let text = json.scalar()?;
    match text.parse::<i64>() {
        Ok(ms) => DateTime::from_timestamp_millis(ms),
        Err(_) => DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc()),
    }
}

fn ids(json: &Json) -> Vec<String> {
    let items = match json {
        Json::List(items) => items.iter().collect(),
        Json::Object(fields) => fields.values().collect(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => vec![json],
    };
    items.into_iter().filter_map(|item| item.scalar().and_then(is_id)).map(str::to_owned).collect()
}

fn fee(json: &Json) -> Option<(Decimal, String)> {
    let coin = json.get("currency").scalar().and_then(ticker)?;
    let parts = ["depositFee", "withdrawalFee", "serviceFee"].map(|key| decimal(json.get(key)).unwrap_or_default());
    let sum = parts.into_iter().try_fold(Decimal::ZERO, Decimal::checked_add)?;
    (sum > Decimal::ZERO).then_some((sum, coin))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payment(json: &str) -> Option<Payment> {
        Payment::read(&Json::parse(json.as_bytes()).unwrap())
    }

    #[test]
    fn a_value_may_be_a_number_a_text_or_nothing() {
        let one = payment(
            r#"{"payment_id":5077125051,"payment_status":"finished","pay_amount":"8.3e-05","actually_paid":0.000083,
            "price_amount":"10.00","price_currency":"USD","pay_currency":"BTC","invoice_id":"","order_id":null,
            "payment_extra_ids":[1,"2"],"updated_at":1700000000000,"created_at":"2023-11-14T22:13:20.000Z",
            "fee":{"currency":"btc","depositFee":9.8e-7,"withdrawalFee":"0","serviceFee":null}}"#,
        )
        .unwrap();
        assert_eq!((one.id.as_str(), one.pay_amount), ("5077125051", one.paid));
        assert_eq!((one.price_currency.as_deref(), one.coin.as_deref()), (Some("usd"), Some("btc")));
        assert_eq!((one.invoice, one.order, one.more), (None, None, vec!["1".to_owned(), "2".to_owned()]));
        assert_eq!((one.updated_at, one.updated_at.is_some()), (one.created_at, true));
        assert_eq!(one.fee, Some((Decimal::from_scientific("9.8e-7").unwrap(), "btc".into())));
    }

    #[test]
    fn one_without_an_id_or_a_status_is_none() {
        for wrong in [
            r#"{"payment_status":"finished"}"#,
            r#"{"payment_id":1}"#,
            r#"{"payment_id":"../x","payment_status":"x"}"#,
            "[]",
        ] {
            assert_eq!(payment(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn decimals_of_any_spelling_are_the_same() {
        let read = |text: &str| decimal(&Json::Number(text.to_owned()));
        for same in ["8.3e-6", "0.0000083", "8.30E-06", "0.00000830"] {
            assert_eq!(read(same), read("0.0000083"), "{same}");
        }
        assert_eq!(read("1e+3"), read("1000"));
        assert_eq!(read("1e400"), None);
        assert_eq!(read("NaN"), None);
    }
}
