//! The control API of the NOWPayments sandbox.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::http::{CallError, Http};

/// The server's books: who was asked for what, and what has come.
#[derive(Clone, Debug, Deserialize)]
pub struct NowpaymentsBooks {
    /// Every payment, second deposits among them.
    pub payments: Vec<NowpaymentsPayment>,
    /// Every invoice.
    pub invoices: Vec<NowpaymentsInvoice>,
}

/// A payment: an address and what has come to it.
#[derive(Clone, Debug, Deserialize)]
pub struct NowpaymentsPayment {
    /// Its number.
    pub id: u64,
    /// The payment whose address got this deposit too.
    pub parent: Option<u64>,
    /// The invoice on whose page it was made.
    pub invoice: Option<u64>,
    /// The merchant's name of the order.
    pub order_id: Option<String>,
    /// `waiting`, `confirming`, `confirmed`, `sending`, `partially_paid`, `finished`, `failed`, `refunded` or `expired`.
    pub status: String,
    /// What was asked for, as a decimal.
    pub price: String,
    /// In the smallest unit.
    pub price_minor: i64,
    /// Of which currency, in lower case.
    pub price_currency: String,
    /// How many coins were asked for, as a decimal.
    pub pay_amount: String,
    /// The ticker of the coins.
    pub coin: String,
    /// How many have come.
    pub paid: String,
    /// What they are worth at the rate of the payment, as a decimal of the price's currency.
    pub worth: String,
    /// In the smallest unit, rounded down.
    pub worth_minor: i64,
    /// Where the coins go.
    pub address: String,
    /// With which memo or tag.
    pub memo: Option<String>,
    /// Further deposits to the address.
    pub deposits: Vec<u64>,
}

impl NowpaymentsPayment {
    /// True when all that was asked for has reached the merchant, whatever went back later.
    #[must_use]
    pub fn came(&self) -> bool {
        matches!(self.status.as_str(), "finished" | "refunded")
    }
}

/// A page on which the payer chooses a coin.
#[derive(Clone, Debug, Deserialize)]
pub struct NowpaymentsInvoice {
    /// Its number.
    pub id: u64,
    /// The merchant's name of the order.
    pub order_id: Option<String>,
    /// What was asked for, as a decimal.
    pub price: String,
    /// Of which currency, in lower case.
    pub price_currency: String,
}

/// A notification, as far as it has come.
#[derive(Clone, Debug, Deserialize)]
pub struct NowpaymentsIpn {
    /// Numbered as things happened.
    pub number: u64,
    /// Of which payment.
    pub payment: u64,
    /// What it says.
    pub status: String,
    /// `held`, `dropped`, `sending`, `delivered` or `failed`.
    pub state: String,
    /// The answers so far: a status, or why there was none.
    pub answers: Vec<String>,
    /// The body.
    pub body: String,
    /// The header `x-nowpayments-sig`.
    pub signature: Option<String>,
}

#[derive(Deserialize)]
struct Payments {
    payments: Vec<NowpaymentsPayment>,
}

#[derive(Deserialize)]
struct Invoices {
    invoices: Vec<NowpaymentsInvoice>,
}

#[derive(Deserialize)]
struct Ipns {
    ipns: Vec<NowpaymentsIpn>,
}

#[derive(Deserialize)]
struct Released {
    released: usize,
}

/// The control API of one NOWPayments sandbox.
#[derive(Clone, Debug)]
pub struct NowpaymentsControl(Http);

impl NowpaymentsControl {
    /// The control API at `base`.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn new(base: &str) -> anyhow::Result<Self> {
        Ok(Self(Http::new(base)?))
    }

    /// For calls that have no method here.
    #[must_use]
    pub const fn http(&self) -> &Http {
        &self.0
    }

    /// The server's books.
    ///
    /// # Errors
    /// When the sandbox does not answer.
    pub async fn books(&self) -> Result<NowpaymentsBooks, CallError> {
        self.0.get("/books").await
    }

    /// A payment.
    ///
    /// # Errors
    /// When there is none of this number.
    pub async fn payment(&self, id: u64) -> Result<NowpaymentsPayment, CallError> {
        self.0.get(&format!("/payments/{id}")).await
    }

    /// The payments of an order, oldest first.
    ///
    /// # Errors
    /// When the sandbox does not answer.
    pub async fn payments_of(&self, order: &str) -> Result<Vec<NowpaymentsPayment>, CallError> {
        let found: Payments = self.0.get(&format!("/payments?order_id={}", query(order))).await?;
        Ok(found.payments)
    }

    /// The invoices of an order, oldest first.
    ///
    /// # Errors
    /// When the sandbox does not answer.
    pub async fn invoices_of(&self, order: &str) -> Result<Vec<NowpaymentsInvoice>, CallError> {
        let found: Invoices = self.0.get(&format!("/invoices?order_id={}", query(order))).await?;
        Ok(found.invoices)
    }

    /// The payer chooses a coin on the page of an invoice.
    ///
    /// # Errors
    /// When there is no such invoice or coin.
    pub async fn choose(&self, invoice: u64, coin: &str) -> Result<NowpaymentsPayment, CallError> {
        self.0.post(&format!("/invoices/{invoice}/payments"), &json!({ "coin": coin })).await
    }

    /// The payer sends what was asked for.
    ///
    /// # Errors
    /// When there is no such payment, or something has come already.
    pub async fn pay(&self, id: u64) -> Result<NowpaymentsPayment, CallError> {
        self.act(id, "pay", &json!({})).await
    }

    /// The payer sends a share of what was asked for, such as `0.5` or `1.5`.
    ///
    /// # Errors
    /// When there is no such payment, or something has come already.
    pub async fn pay_share(&self, id: u64, share: &str) -> Result<NowpaymentsPayment, CallError> {
        self.act(id, "pay", &json!({ "share": share })).await
    }

    /// The payment expires, and then the payer sends what was asked for.
    ///
    /// # Errors
    /// When there is no such payment, or something has come already.
    pub async fn pay_late(&self, id: u64) -> Result<NowpaymentsPayment, CallError> {
        self.act(id, "pay", &json!({ "late": true })).await
    }

    /// The payer sends a share once more to the same address: a payment of its own, which is answered.
    ///
    /// # Errors
    /// When there is no such payment.
    pub async fn deposit_again(&self, id: u64, share: &str) -> Result<NowpaymentsPayment, CallError> {
        self.act(id, "deposit", &json!({ "share": share })).await
    }

    /// The payer sends coins of another kind: a payment of its own, which is answered.
    ///
    /// # Errors
    /// When there is no such payment or coin.
    pub async fn deposit_other(&self, id: u64, coin: &str) -> Result<NowpaymentsPayment, CallError> {
        self.act(id, "deposit", &json!({ "coin": coin })).await
    }

    /// The coins go back to the payer.
    ///
    /// # Errors
    /// When there is no such payment.
    pub async fn refund(&self, id: u64) -> Result<NowpaymentsPayment, CallError> {
        self.act(id, "refund", &json!({})).await
    }

    /// Something goes wrong with the payment.
    ///
    /// # Errors
    /// When there is no such payment.
    pub async fn fail(&self, id: u64) -> Result<NowpaymentsPayment, CallError> {
        self.act(id, "fail", &json!({})).await
    }

    /// Nobody has paid in time.
    ///
    /// # Errors
    /// When there is no such payment.
    pub async fn expire(&self, id: u64) -> Result<NowpaymentsPayment, CallError> {
        self.act(id, "expire", &json!({})).await
    }

    /// Sets a status.
    ///
    /// # Errors
    /// When there is no such payment or status.
    pub async fn set_status(&self, id: u64, status: &str) -> Result<NowpaymentsPayment, CallError> {
        self.act(id, "status", &json!({ "status": status })).await
    }

    /// Any act on a payment.
    ///
    /// # Errors
    /// When the sandbox refuses.
    pub async fn act(&self, id: u64, act: &str, body: &Value) -> Result<NowpaymentsPayment, CallError> {
        self.0.post(&format!("/payments/{id}/{act}"), body).await
    }

    /// Changes how notifications go from now on; what is not named stays.
    ///
    /// # Errors
    /// When it names what there is not.
    pub async fn set_delivery(&self, changes: &Value) -> Result<(), CallError> {
        self.0.call::<Value>(Method::PUT, "/delivery", Some(changes)).await.map(drop)
    }

    /// The notifications of an order, as things happened.
    ///
    /// # Errors
    /// When the sandbox does not answer.
    pub async fn ipns_of(&self, order: &str) -> Result<Vec<NowpaymentsIpn>, CallError> {
        let found: Ipns = self.0.get(&format!("/ipns?order_id={}", query(order))).await?;
        Ok(found.ipns)
    }

    /// Sends what was held back, `in_order`, `reversed` or `together`; how many.
    ///
    /// # Errors
    /// When there is no such order.
    pub async fn release(&self, order: &str) -> Result<usize, CallError> {
        let released: Released = self.0.post("/ipns/release", &json!({ "order": order })).await?;
        Ok(released.released)
    }

    /// Adds any fault.
    ///
    /// # Errors
    /// When the sandbox refuses.
    pub async fn fault(&self, fault: &Value) -> Result<(), CallError> {
        self.0.post::<Value>("/faults", fault).await.map(drop)
    }

    /// Removes all faults.
    ///
    /// # Errors
    /// When the sandbox does not answer.
    pub async fn clear_faults(&self) -> Result<(), CallError> {
        self.0.call::<Value>(Method::DELETE, "/faults", None::<&()>).await.map(drop)
    }

    /// Ends the tokens of the list, as after their five minutes.
    ///
    /// # Errors
    /// When the sandbox does not answer.
    pub async fn forget_tokens(&self) -> Result<(), CallError> {
        self.0.call::<Value>(Method::DELETE, "/tokens", None::<&()>).await.map(drop)
    }
}

/// A value as it stands in a query.
fn query(value: &str) -> String {
    url::form_urlencoded::byte_serialize(value.as_bytes()).collect()
}
