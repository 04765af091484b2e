//! The control API of the PayPal sandbox.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::http::{CallError, Http};

/// The service's books: what was asked for, what came, and what went back.
#[derive(Clone, Debug, Deserialize)]
pub struct Books {
    /// Orders.
    pub orders: Vec<BookedOrder>,
    /// Payments of orders.
    pub captures: Vec<BookedPayment>,
    /// Subscriptions.
    pub subscriptions: Vec<BookedSubscription>,
    /// Payments of subscriptions.
    pub sales: Vec<BookedPayment>,
    /// What went back of both.
    pub refunds: Vec<BookedRefund>,
    /// Requests that came under a key that had been used for something else.
    pub keys_reused: u64,
    /// Webhooks by state: `made`, `delivered`, `pending`, `held`, `lost`, `failed`.
    pub webhooks: std::collections::BTreeMap<String, u64>,
}

/// An order.
#[derive(Clone, Debug, Deserialize)]
pub struct BookedOrder {
    /// Its id.
    pub id: String,
    /// `CREATED`, `APPROVED`, `COMPLETED`, …
    pub status: String,
    /// The merchant's id.
    pub custom_id: Option<String>,
    /// In the smallest unit.
    pub amount_minor: i64,
    /// Of which currency.
    pub currency: String,
    /// Its captures.
    pub captures: Vec<String>,
}

/// A capture or a sale.
#[derive(Clone, Debug, Deserialize)]
pub struct BookedPayment {
    /// Its id.
    pub id: String,
    /// The order of a capture.
    pub order: Option<String>,
    /// The subscription of a sale.
    pub subscription: Option<String>,
    /// `COMPLETED`, `PARTIALLY_REFUNDED`, `REFUNDED`, `PENDING` or `DECLINED`.
    pub status: String,
    /// The merchant's id.
    pub custom_id: Option<String>,
    /// How much came, in the smallest unit.
    pub amount_minor: i64,
    /// What the service has kept.
    pub fee_minor: i64,
    /// How much went back.
    pub back_minor: i64,
    /// Of which currency.
    pub currency: String,
    /// It was taken back against the merchant's will.
    pub reversed: bool,
}

impl BookedPayment {
    /// True when its money came, whatever went back later.
    #[must_use]
    pub fn came(&self) -> bool {
        matches!(self.status.as_str(), "COMPLETED" | "PARTIALLY_REFUNDED" | "REFUNDED")
    }
}

/// A subscription.
#[derive(Clone, Debug, Deserialize)]
pub struct BookedSubscription {
    /// Its id.
    pub id: String,
    /// `APPROVAL_PENDING`, `ACTIVE`, `SUSPENDED`, `CANCELLED` or `EXPIRED`.
    pub status: String,
    /// The merchant's id.
    pub custom_id: Option<String>,
    /// Its payments.
    pub sales: Vec<String>,
}

/// Money that went back.
#[derive(Clone, Debug, Deserialize)]
pub struct BookedRefund {
    /// Its id.
    pub id: String,
    /// The capture or sale.
    pub payment: String,
    /// `COMPLETED`, `PENDING` or `FAILED`.
    pub status: String,
    /// Against the merchant's will.
    pub reversal: bool,
    /// The merchant's id.
    pub custom_id: Option<String>,
    /// In the smallest unit.
    pub amount_minor: i64,
    /// Of which currency.
    pub currency: String,
}

/// A webhook, as far as it has come.
#[derive(Clone, Debug, Deserialize)]
pub struct SentWebhook {
    /// `WH-…`.
    pub id: String,
    /// Such as `PAYMENT.CAPTURE.COMPLETED`.
    pub event_type: String,
    /// The id of what it is about.
    pub resource: String,
    /// `pending`, `held`, `lost`, `delivered` or `failed`.
    pub state: String,
    /// What each try was answered with; 0 for no answer.
    pub answers: Vec<u16>,
    /// The bytes that are sent.
    pub body: String,
}

#[derive(Deserialize)]
struct SentWebhooks {
    webhooks: Vec<SentWebhook>,
}

#[derive(Deserialize)]
struct Answers {
    answers: Vec<u16>,
}

/// The control API.
#[derive(Clone, Debug)]
pub struct PaypalControl(Http);

impl PaypalControl {
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

    /// The payer approves an order.
    ///
    /// # Errors
    /// When it is captured or void.
    pub async fn approve_order(&self, order: &str) -> Result<(), CallError> {
        self.act(&format!("/orders/{order}/approve"), &json!({})).await
    }

    /// The next `times` captures of an order are refused with `issue`, such as `INSTRUMENT_DECLINED`.
    ///
    /// # Errors
    /// When there is no such order.
    pub async fn refuse_capture(&self, order: &str, issue: &str, times: u32) -> Result<(), CallError> {
        let outcome = json!({ "outcome": "refuse", "issue": issue, "times": times });
        self.0.call::<Value>(Method::PUT, &format!("/orders/{order}/outcome"), Some(&outcome)).await.map(drop)
    }

    /// The next capture of an order waits.
    ///
    /// # Errors
    /// When there is no such order.
    pub async fn pend_capture(&self, order: &str, reason: &str) -> Result<(), CallError> {
        let outcome = json!({ "outcome": "pend", "reason": reason });
        self.0.call::<Value>(Method::PUT, &format!("/orders/{order}/outcome"), Some(&outcome)).await.map(drop)
    }

    /// The next capture of an order is made and declined.
    ///
    /// # Errors
    /// When there is no such order.
    pub async fn decline_capture(&self, order: &str) -> Result<(), CallError> {
        let outcome = json!({ "outcome": "decline" });
        self.0.call::<Value>(Method::PUT, &format!("/orders/{order}/outcome"), Some(&outcome)).await.map(drop)
    }

    /// An order is of no use any more; an approval is taken back.
    ///
    /// # Errors
    /// When it is captured or void.
    pub async fn void_order(&self, order: &str) -> Result<(), CallError> {
        self.act(&format!("/orders/{order}/void"), &json!({})).await
    }

    /// A capture that waits comes to its end.
    ///
    /// # Errors
    /// When it does not wait.
    pub async fn end_pending(&self, capture: &str, good: bool) -> Result<(), CallError> {
        let word = if good { "complete" } else { "deny" };
        self.act(&format!("/payments/{capture}/{word}"), &json!({})).await
    }

    /// The merchant gives a capture or sale back by hand, in whole.
    ///
    /// # Errors
    /// When there is nothing left of it.
    pub async fn refund_by_hand(&self, payment: &str) -> Result<(), CallError> {
        self.act(&format!("/payments/{payment}/refund"), &json!({})).await
    }

    /// The payer's bank takes a capture or sale back.
    ///
    /// # Errors
    /// When there is nothing left of it.
    pub async fn reverse(&self, payment: &str) -> Result<(), CallError> {
        self.act(&format!("/payments/{payment}/reverse"), &json!({})).await
    }

    /// The payer agrees to a subscription; the first payment is made.
    ///
    /// # Errors
    /// When there is nothing to agree to.
    pub async fn approve_subscription(&self, subscription: &str) -> Result<(), CallError> {
        self.act(&format!("/subscriptions/{subscription}/approve"), &json!({})).await
    }

    /// The next payment of a subscription is made now.
    ///
    /// # Errors
    /// When it makes none.
    pub async fn renew(&self, subscription: &str) -> Result<(), CallError> {
        self.act(&format!("/subscriptions/{subscription}/renew"), &json!({})).await
    }

    /// The next payment of a subscription fails now.
    ///
    /// # Errors
    /// When it makes none.
    pub async fn fail_renewal(&self, subscription: &str) -> Result<(), CallError> {
        self.act(&format!("/subscriptions/{subscription}/fail-renewal"), &json!({})).await
    }

    /// What is outstanding of a subscription is paid.
    ///
    /// # Errors
    /// When nothing is.
    pub async fn retry(&self, subscription: &str) -> Result<(), CallError> {
        self.act(&format!("/subscriptions/{subscription}/retry"), &json!({})).await
    }

    /// The payer ends a subscription.
    ///
    /// # Errors
    /// When it is ended.
    pub async fn cancel_subscription(&self, subscription: &str) -> Result<(), CallError> {
        self.act(&format!("/subscriptions/{subscription}/cancel"), &json!({})).await
    }

    /// The ids of an order's captures.
    ///
    /// # Errors
    /// When there is no such order.
    pub async fn captures_of(&self, order: &str) -> Result<Vec<String>, CallError> {
        let order: Value = self.0.get(&format!("/orders/{order}")).await?;
        let captures = order.pointer("/purchase_units/0/payments/captures").and_then(Value::as_array);
        let id = |capture: &Value| capture.get("id")?.as_str().map(str::to_owned);
        Ok(captures.into_iter().flatten().filter_map(id).collect())
    }

    /// True while captures of an order are to be refused.
    ///
    /// # Errors
    /// When there is no such order.
    pub async fn is_refused(&self, order: &str) -> Result<bool, CallError> {
        let outcome: Value = self.0.get(&format!("/orders/{order}/outcome")).await?;
        Ok(outcome["outcome"] == "refuse")
    }

    /// The books.
    ///
    /// # Errors
    /// When the sandbox does not answer.
    pub async fn books(&self) -> Result<Books, CallError> {
        self.0.get("/books").await
    }

    /// The webhooks about a resource, or all, oldest first.
    ///
    /// # Errors
    /// When the sandbox does not answer.
    pub async fn webhooks(&self, resource: Option<&str>) -> Result<Vec<SentWebhook>, CallError> {
        let query = resource.map(|resource| format!("?resource={resource}")).unwrap_or_default();
        let SentWebhooks { webhooks } = self.0.get(&format!("/webhooks{query}")).await?;
        Ok(webhooks)
    }

    /// Sends a webhook `times` more; what each was answered with.
    ///
    /// # Errors
    /// When there is no such webhook.
    pub async fn deliver(&self, webhook: &str, times: u32) -> Result<Vec<u16>, CallError> {
        let body = json!({ "times": times });
        let Answers { answers } = self.0.post(&format!("/webhooks/{webhook}/deliver"), &body).await?;
        Ok(answers)
    }

    /// Sends a copy of a webhook that is wrong: `body`, `signature`, `webhook_id` or `unsigned`; what it was answered with.
    ///
    /// # Errors
    /// When there is no such webhook.
    pub async fn tamper(&self, webhook: &str, how: &str) -> Result<u16, CallError> {
        let body = json!({ "tamper": how });
        let Answers { answers } = self.0.post(&format!("/webhooks/{webhook}/deliver"), &body).await?;
        Ok(answers.first().copied().unwrap_or(0))
    }

    /// The headers of a genuine webhook with this body.
    ///
    /// # Errors
    /// When the sandbox does not answer.
    pub async fn sign(&self, body: &str) -> Result<std::collections::BTreeMap<String, String>, CallError> {
        #[derive(Deserialize)]
        struct Signed {
            headers: std::collections::BTreeMap<String, String>,
        }
        let Signed { headers } = self.0.post("/webhooks/sign", &json!({ "body": body })).await?;
        Ok(headers)
    }

    /// The weather for new webhooks: `hold`, `lose_percent`, `double_percent`, `late_ms_max`, `seed`.
    ///
    /// # Errors
    /// When the sandbox refuses.
    pub async fn weather(&self, weather: &Value) -> Result<(), CallError> {
        self.0.call::<Value>(Method::PUT, "/webhooks/weather", Some(weather)).await.map(drop)
    }

    /// Sends what was held back, one after the other, newest first if `reversed`.
    ///
    /// # Errors
    /// When the sandbox does not answer.
    pub async fn release(&self, reversed: bool) -> Result<(), CallError> {
        let order = if reversed { "reversed" } else { "as_made" };
        self.act("/webhooks/release", &json!({ "order": order })).await
    }

    /// Adds any fault.
    ///
    /// # Errors
    /// When the sandbox refuses.
    pub async fn fault(&self, fault: &Value) -> Result<(), CallError> {
        self.act("/faults", fault).await
    }

    /// Removes all faults.
    ///
    /// # Errors
    /// When the sandbox does not answer.
    pub async fn clear_faults(&self) -> Result<(), CallError> {
        self.0.call::<Value>(Method::DELETE, "/faults", None::<&()>).await.map(drop)
    }

    /// Changes settings, such as `webhook_url`, `token_s` or `attempts_max`.
    ///
    /// # Errors
    /// When the sandbox refuses.
    pub async fn settings(&self, changes: &Value) -> Result<(), CallError> {
        self.0.call::<Value>(Method::PUT, "/settings", Some(changes)).await.map(drop)
    }

    async fn act(&self, path: &str, body: &Value) -> Result<(), CallError> {
        self.0.post::<Value>(path, body).await.map(drop)
    }
}
