//! Amounts as the service takes and spells them: decimal texts with the digits of their currency.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::ApiError;

/// The currencies that are taken, with the digits after the point.
const CURRENCIES: [(&str, usize); 24] = [
    ("AUD", 2),
    ("BRL", 2),
    ("CAD", 2),
    ("CHF", 2),
    ("CNY", 2),
    ("CZK", 2),
    ("DKK", 2),
    ("EUR", 2),
    ("GBP", 2),
    ("HKD", 2),
    ("HUF", 0),
    ("ILS", 2),
    ("JPY", 0),
    ("MXN", 2),
    ("MYR", 2),
    ("NOK", 2),
    ("NZD", 2),
    ("PHP", 2),
    ("PLN", 2),
    ("SEK", 2),
    ("SGD", 2),
    ("THB", 2),
    ("TWD", 0),
    ("USD", 2),
];

/// What is kept of a payment: 3.49 % and 49 of the smallest unit, as the list price for online payments was.
const FEE_PER_10_000: i64 = 349;
const FEE_FIXED: i64 = 49;

/// An amount of money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// In the smallest unit of the currency.
    pub minor: i64,
    /// Its code.
    pub currency: String,
}

/// An amount on the wire.
#[derive(Clone, Debug, Deserialize)]
pub struct Wire {
    /// The code of the currency.
    #[serde(alias = "currency")]
    pub currency_code: String,
    /// A decimal.
    #[serde(alias = "total")]
    pub value: String,
}

impl Amount {
    /// Reads an amount that stands at `field` of a request.
    ///
    /// # Errors
    /// A currency that is not taken, or a value that is no decimal of it.
    pub fn read(wire: &Wire, field: &str) -> Result<Self, ApiError> {
        let known = CURRENCIES.iter().find(|(code, _)| *code == wire.currency_code);
        let (code, digits) = known.ok_or_else(|| {
            let text = "Currency code is not currently supported.";
            ApiError::unprocessable("CURRENCY_NOT_SUPPORTED", text).at(&format!("{field}/currency_code"))
        })?;
        let value = format!("{field}/value");
        let syntax = || ApiError::invalid(&value, "INVALID_PARAMETER_SYNTAX", "The value of a field is not a decimal.");
        let (whole, fraction) = wire.value.split_once('.').unwrap_or((&wire.value, ""));
        let decimal = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !decimal(whole) || !decimal(fraction) || wire.value.ends_with('.') {
            return Err(syntax());
        }
        if fraction.trim_end_matches('0').len() > *digits {
            let text = "The value of the field should not be more than the decimal places of its currency.";
            return Err(ApiError::unprocessable("DECIMAL_PRECISION", text).at(&value));
        }
        let fraction = fraction.trim_end_matches('0');
        let minor = format!("{whole}{fraction:0<digits$}").parse().map_err(|_| syntax())?;
        Ok(Self { minor, currency: (*code).to_owned() })
    }

    /// The same, of more than nothing.
    ///
    /// # Errors
    /// As [`Self::read`], and for nothing.
    pub fn read_positive(wire: &Wire, field: &str) -> Result<Self, ApiError> {
        let amount = Self::read(wire, field)?;
        if amount.minor == 0 {
            let text = "The requested amount must be greater than zero.";
            return Err(ApiError::unprocessable("CANNOT_BE_ZERO_OR_NEGATIVE", text).at(&format!("{field}/value")));
        }
        Ok(amount)
    }

    /// Another amount of the same currency.
    #[must_use]
    pub fn of(&self, minor: i64) -> Self {
        Self { minor, currency: self.currency.clone() }
    }

    /// What is kept of a payment of this amount.
    #[must_use]
    pub fn fee(&self) -> i64 {
        ((self.minor * FEE_PER_10_000 + 9_999) / 10_000 + FEE_FIXED).min(self.minor)
    }

    /// The decimal, with exactly the digits of the currency.
    #[must_use]
    pub fn decimal(&self) -> String {
        let digits = CURRENCIES.iter().find(|(code, _)| *code == self.currency).map_or(2, |(_, digits)| *digits);
        let text = format!("{:0>width$}", self.minor.unsigned_abs(), width = digits + 1);
        let (whole, fraction) = text.split_at(text.len() - digits);
        let sign = if self.minor < 0 { "-" } else { "" };
        if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
    }

    /// As everything but the old sales spells it.
    #[must_use]
    pub fn wire(&self) -> Value {
        json!({ "currency_code": self.currency, "value": self.decimal() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str, currency: &str) -> Result<i64, String> {
        let wire = Wire { currency_code: currency.into(), value: value.into() };
        let issue = |error: ApiError| error.issue().to_owned();
        Amount::read_positive(&wire, "/amount").map(|amount| amount.minor).map_err(issue)
    }

    #[test]
    fn amounts_are_read_by_the_digits_of_their_currency() {
        assert_eq!(read("10.00", "USD"), Ok(1_000));
        assert_eq!(read("10", "USD"), Ok(1_000));
        assert_eq!(read("1000", "JPY"), Ok(1_000));
        assert_eq!(read("1000.5", "JPY"), Err("DECIMAL_PRECISION".into()));
        assert_eq!(read("0.001", "USD"), Err("DECIMAL_PRECISION".into()));
        assert_eq!(read("0.00", "USD"), Err("CANNOT_BE_ZERO_OR_NEGATIVE".into()));
        assert_eq!(read("1", "VND"), Err("CURRENCY_NOT_SUPPORTED".into()));
        for wrong in ["", ".5", "1.", "1e3", "-1", "1,0"] {
            assert_eq!(read(wrong, "USD"), Err("INVALID_PARAMETER_SYNTAX".into()), "{wrong}");
        }
    }

    #[test]
    fn amounts_are_spelled_with_all_their_digits_and_fees_are_never_more() {
        let usd = |minor| Amount { minor, currency: "USD".into() };
        assert_eq!(
            (usd(5).decimal(), usd(1_000).decimal(), usd(-250).decimal()),
            ("0.05".into(), "10.00".into(), "-2.50".into())
        );
        assert_eq!(Amount { minor: 7, currency: "JPY".into() }.decimal(), "7");
        assert_eq!((usd(1_000).fee(), usd(20).fee()), (84, 20));
    }
}
