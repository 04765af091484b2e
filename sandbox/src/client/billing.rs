//! Paying for a plan, as a user of the product's API does.

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::{CausewayClient, http::CallError};

/// What somebody wants to pay for.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NewCheckout {
    /// The code of the plan.
    pub plan: String,
    /// `month` or `year`.
    pub interval: String,
    /// The code of the payment provider; none where nothing is left to be paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The ticker of the coins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pay_currency: Option<String>,
    /// The provider makes the following payments by itself.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub recurring: bool,
    /// A code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coupon: Option<String>,
}

impl NewCheckout {
    /// One month of a plan through a provider.
    #[must_use]
    pub fn month(plan: &str, provider: &str) -> Self {
        Self {
            plan: plan.to_owned(),
            interval: "month".to_owned(),
            provider: Some(provider.to_owned()),
            ..Self::default()
        }
    }
}

/// A payment, as its tenant sees it.
#[derive(Clone, Debug, Deserialize)]
pub struct Payment {
    /// `pay_…`.
    pub id: String,
    /// `created`, `pending`, `processing`, `settled`, …
    pub state: String,
    /// What the payer needs, from when the provider has said it until nobody has to pay any more.
    pub handover: Option<Handover>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: serde_json::Map<String, Value>,
}

/// What the payer needs.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Handover {
    /// A page of the provider.
    Page {
        /// Its address.
        url: String,
    },
    /// An address to send coins to.
    Address {
        /// The address.
        address: String,
    },
}

impl Payment {
    /// The id that the page of the `PayPal` sandbox knows the order or the subscription by.
    #[must_use]
    pub fn paypal_id(&self) -> Option<String> {
        let Some(Handover::Page { url }) = &self.handover else { return None };
        let url = Url::parse(url).ok()?;
        let mut query = url.query_pairs();
        query.find(|(name, _)| name == "token" || name == "ba_token").map(|(_, id)| id.into_owned())
    }

    /// The address that coins are to be sent to.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        match &self.handover {
            Some(Handover::Address { address }) => Some(address),
            Some(Handover::Page { .. }) | None => None,
        }
    }

    /// True once nothing more is to be waited for.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        !matches!(self.state.as_str(), "created" | "pending" | "processing")
    }
}

impl CausewayClient {
    /// Begins to pay. The same again under the same key is the same payment.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn checkout(&self, key: &str, checkout: &NewCheckout) -> Result<Payment, CallError> {
        let headers = [("idempotency-key", key)];
        self.http().call_with(Method::POST, "/billing/checkouts", &headers, Some(checkout)).await
    }

    /// One payment.
    ///
    /// # Errors
    /// When it is not ours.
    pub async fn payment(&self, payment: &str) -> Result<Payment, CallError> {
        self.http().get(&format!("/billing/payments/{payment}")).await
    }

    /// Gives up a payment that nobody has paid.
    ///
    /// # Errors
    /// When money is on its way.
    pub async fn give_up_payment(&self, payment: &str) -> Result<Payment, CallError> {
        self.http().post(&format!("/billing/payments/{payment}/cancel"), &json!({})).await
    }

    /// The plan that holds, and the subscription.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn subscription(&self) -> Result<Value, CallError> {
        self.http().get("/billing/subscription").await
    }

    /// Ends the subscription at once.
    ///
    /// # Errors
    /// When there is none.
    pub async fn end_subscription(&self) -> Result<Value, CallError> {
        self.http().post("/billing/subscription/cancel", &json!({ "when": "now" })).await
    }
}
