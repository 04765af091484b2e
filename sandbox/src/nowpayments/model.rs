//! What the server keeps: payments and invoices.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{coins::Coin, json::Json};

/// Where a payment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nothing has come.
    Waiting,
    /// Coins were seen.
    Confirming,
    /// They are deep enough in the chain.
    Confirmed,
    /// They are on their way to the merchant.
    Sending,
    /// Less has come than was asked for.
    PartiallyPaid,
    /// The merchant has them.
    Finished,
    /// Something went wrong.
    Failed,
    /// The payer has them back.
    Refunded,
    /// Nothing has come in time.
    Expired,
}

impl Status {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Confirming => "confirming",
            Self::Confirmed => "confirmed",
            Self::Sending => "sending",
            Self::PartiallyPaid => "partially_paid",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Refunded => "refunded",
            Self::Expired => "expired",
        }
    }
}

/// A payment: an address and what has come to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Payment {
    /// Its number.
    pub id: u64,
    /// The payment whose address got this deposit too.
    pub parent: Option<u64>,
    /// The invoice on whose page it was made.
    pub invoice: Option<u64>,
    /// A number that deposits to one address share.
    pub purchase: u64,
    /// Where it stands.
    pub status: Status,
    /// The merchant's name of the order.
    pub order_id: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Where IPNs go.
    pub callback: Option<String>,
    /// What was asked for.
    pub price: Decimal,
    /// In which currency, in lower case.
    pub price_currency: String,
    /// How many coins were asked for.
    pub pay_amount: Decimal,
    /// How many have come.
    pub paid: Decimal,
    /// Which coins.
    pub coin: String,
    /// Where to.
    pub address: String,
    /// With which memo or tag.
    pub memo: Option<String>,
    /// Further deposits, which are payments of their own.
    pub more: Vec<u64>,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: u64,
    /// When it was changed last.
    pub updated_ms: u64,
}

/// A page on which the payer chooses a coin.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Invoice {
    /// Its number.
    pub id: u64,
    /// The merchant's name of the order.
    pub order_id: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Where IPNs go.
    pub callback: Option<String>,
    /// What is asked for.
    pub price: Decimal,
    /// In which currency, in lower case.
    pub price_currency: String,
    /// The coin, where the merchant has chosen it.
    pub coin: Option<String>,
    /// Where the payer goes afterwards.
    pub success_url: Option<String>,
    /// Where the payer goes who gives up.
    pub cancel_url: Option<String>,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: u64,
}

/// A payment holds its price for so long, in milliseconds: seven days.
const VALID_MS: u64 = 7 * 24 * 3_600_000;

impl Payment {
    /// What has come in the currency of the price, at the rate of the payment.
    #[must_use]
    pub fn worth(&self) -> Decimal {
        if self.pay_amount.is_zero() {
            return Decimal::ZERO;
        }
        (self.price * self.paid / self.pay_amount).round_dp(8).normalize()
    }

    /// The answer to who has made it: its numbers are texts here.
    #[must_use]
    pub fn made(&self) -> Json {
        let mut fields = self.common(Json::Text(self.id.to_string()));
        fields.extend([
            ("purchase_id", Json::Text(self.purchase.to_string())),
            ("amount_received", Json::Null),
            ("payin_extra_id", Json::from(self.memo.clone())),
            ("smart_contract", Json::from("")),
            ("network", Json::from(Coin::find(&self.coin).map_or("", |coin| coin.network))),
            ("network_precision", Json::Null),
            ("time_limit", Json::Null),
            ("burning_percent", Json::Null),
            ("is_fixed_rate", Json::Bool(false)),
            ("is_fee_paid_by_user", Json::Bool(false)),
            ("expiration_estimate_date", Json::Text(iso(self.created_ms + VALID_MS))),
            ("valid_until", Json::Text(iso(self.created_ms + VALID_MS))),
            ("type", Json::from("crypto2crypto")),
        ]);
        Json::Object(fields)
    }

    /// The answer to who asks for it: its numbers are numbers here.
    #[must_use]
    pub fn shown(&self) -> Json {
        let mut fields = self.common(Json::Id(self.id));
        fields.extend([
            ("invoice_id", Json::from(self.invoice)),
            ("actually_paid", Json::Number(self.paid)),
            ("actually_paid_at_fiat", Json::Number(Decimal::ZERO)),
            ("purchase_id", Json::Id(self.purchase)),
            ("payin_extra_id", Json::from(self.memo.clone())),
            ("outcome_amount", Json::Number(self.outcome())),
            ("outcome_currency", Json::from(self.coin.as_str())),
            ("payment_extra_ids", self.extra()),
            ("parent_payment_id", Json::from(self.parent)),
            ("expiration_estimate_date", Json::Text(iso(self.created_ms + VALID_MS))),
            ("type", Json::from("crypto2crypto")),
        ]);
        Json::Object(fields)
    }

    /// The body of an IPN.
    #[must_use]
    pub fn notice(&self) -> Json {
        let fee = Json::Object(vec![
            ("currency", Json::from(self.coin.as_str())),
            ("depositFee", Json::Number((self.paid - self.outcome()).normalize())),
            ("withdrawalFee", Json::Number(Decimal::ZERO)),
            ("serviceFee", Json::Number(Decimal::ZERO)),
        ]);
        Json::Object(vec![
            ("payment_id", Json::Id(self.id)),
            ("parent_payment_id", Json::from(self.parent)),
            ("invoice_id", Json::from(self.invoice)),
            ("payment_status", Json::from(self.status.name())),
            ("pay_address", Json::from(self.address.as_str())),
            ("payin_extra_id", Json::from(self.memo.clone())),
            ("price_amount", Json::Number(self.price)),
            ("price_currency", Json::from(self.price_currency.as_str())),
            ("pay_amount", Json::Number(self.pay_amount)),
            ("actually_paid", Json::Number(self.paid)),
            ("actually_paid_at_fiat", Json::Number(Decimal::ZERO)),
            ("pay_currency", Json::from(self.coin.as_str())),
            ("order_id", Json::from(self.order_id.clone())),
            ("order_description", Json::from(self.description.clone())),
            ("purchase_id", Json::Text(self.purchase.to_string())),
            ("outcome_amount", Json::Number(self.outcome())),
            ("outcome_currency", Json::from(self.coin.as_str())),
            ("payment_extra_ids", self.extra()),
            ("fee", fee),
            ("updated_at", Json::Id(self.updated_ms)),
        ])
    }

    fn common(&self, id: Json) -> Vec<(&'static str, Json)> {
        vec![
            ("payment_id", id),
            ("payment_status", Json::from(self.status.name())),
            ("pay_address", Json::from(self.address.as_str())),
            ("price_amount", Json::Number(self.price)),
            ("price_currency", Json::from(self.price_currency.as_str())),
            ("pay_amount", Json::Number(self.pay_amount)),
            ("pay_currency", Json::from(self.coin.as_str())),
            ("order_id", Json::from(self.order_id.clone())),
            ("order_description", Json::from(self.description.clone())),
            ("ipn_callback_url", Json::from(self.callback.clone())),
            ("created_at", Json::Text(iso(self.created_ms))),
            ("updated_at", Json::Text(iso(self.updated_ms))),
        ]
    }

    /// Half a percent stays with the server.
    fn outcome(&self) -> Decimal {
        (self.paid * Decimal::new(995, 3)).normalize()
    }

    fn extra(&self) -> Json {
        if self.more.is_empty() { Json::Null } else { Json::List(self.more.iter().copied().map(Json::Id).collect()) }
    }
}

impl Invoice {
    /// The answer to who has made it. `page` is where the payer goes.
    #[must_use]
    pub fn shown(&self, page: String) -> Json {
        Json::Object(vec![
            ("id", Json::Text(self.id.to_string())),
            ("token_id", Json::Text((self.id + 1).to_string())),
            ("order_id", Json::from(self.order_id.clone())),
            ("order_description", Json::from(self.description.clone())),
            ("price_amount", Json::Text(self.price.normalize().to_string())),
            ("price_currency", Json::Text(self.price_currency.to_uppercase())),
            ("pay_currency", Json::from(self.coin.clone())),
            ("ipn_callback_url", Json::from(self.callback.clone())),
            ("invoice_url", Json::Text(page)),
            ("success_url", Json::from(self.success_url.clone())),
            ("cancel_url", Json::from(self.cancel_url.clone())),
            ("created_at", Json::Text(iso(self.created_ms))),
            ("updated_at", Json::Text(iso(self.created_ms))),
            ("is_fixed_rate", Json::Bool(false)),
            ("is_fee_paid_by_user", Json::Bool(false)),
        ])
    }
}

/// A time as the API writes it.
fn iso(ms: u64) -> String {
    let at = i64::try_from(ms).ok().and_then(chrono::DateTime::from_timestamp_millis).unwrap_or_default();
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
