//! Money on the wire: a decimal as text with the currency's digits, because a JSON number is not exact everywhere.

use domain::{Currency, Money, ledger::check_amount};
use salvo::{
    oapi::{BasicType, Components, Object, RefOr, Schema},
    prelude::*,
};
use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// An amount of money.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Money))]
pub(crate) struct MoneyOut {
    /// A decimal with all digits of the currency: `10.00`, or `1000` of the yen.
    amount: String,
    /// The ISO 4217 code.
    #[salvo(schema(value_type = CurrencyDoc))]
    currency: Currency,
}

impl From<Money> for MoneyOut {
    fn from(money: Money) -> Self {
        Self { amount: money.decimal(), currency: money.currency }
    }
}

/// How the document describes a currency: one of those that are known here.
pub(crate) struct CurrencyDoc;

impl ToSchema for CurrencyDoc {
    fn to_schema(_components: &mut Components) -> RefOr<Schema> {
        let codes = Currency::all().map(|currency| currency.code().to_owned());
        Object::with_type(BasicType::String).enum_values(codes).into()
    }
}

/// An amount of money that somebody asks for, more than nothing.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = MoneyAsked))]
#[serde(deny_unknown_fields)]
pub(crate) struct MoneyIn {
    /// A decimal, with no more digits than the currency has: `10`, `10.5` or `10.50`.
    #[salvo(schema(pattern = "^[0-9]{1,13}(\\.[0-9]+)?$"))]
    amount: String,
    /// The ISO 4217 code.
    #[salvo(schema(value_type = CurrencyDoc))]
    currency: String,
}

impl MoneyIn {
    /// The amount, exactly as it was spelled.
    pub(crate) fn read(&self) -> Result<Money, ApiError> {
        let currency = Currency::parse(&self.currency)?;
        let money = Money::parse(&self.amount, currency)?;
        check_amount(money).map_err(ApiError::AmountBounds)?;
        Ok(money)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(amount: &str, currency: &str) -> Result<Money, ApiError> {
        MoneyIn { amount: amount.into(), currency: currency.into() }.read()
    }

    #[test]
    fn an_amount_is_read_exactly_or_refused() {
        assert_eq!(read("10.5", "usd").unwrap(), Money::new(1_050, Currency::USD));
        assert_eq!(read("7", "VND").unwrap(), Money::new(7, Currency::VND));
        for amount in ["", "0", "0.00", "-1", "1,5", "0.001", "99999999999999999999", "99999999999.00"] {
            assert!(matches!(read(amount, "USD"), Err(ApiError::Amount(_) | ApiError::AmountBounds(_))), "{amount}");
        }
        assert!(matches!(read("1", "XXX"), Err(ApiError::Currency(_))));
    }

    #[test]
    fn an_amount_is_written_with_all_its_digits() {
        let shown = |money| serde_json::to_value(MoneyOut::from(money)).unwrap();
        let expected = serde_json::json!({ "amount": "10.50", "currency": "USD" });
        assert_eq!(shown(Money::new(1_050, Currency::USD)), expected);
    }
}
