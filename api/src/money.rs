//! Money on the wire: a decimal as text with the currency's digits, because a JSON number is not exact everywhere.

use domain::{Currency, Money};
use salvo::{
    oapi::{BasicType, Components, Object, RefOr, Schema},
    prelude::*,
};
use serde::Serialize;

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
