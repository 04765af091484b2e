//! Somebody of staff: makes coupons and gives money back.

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::shopper::insist;
use crate::{
    client::{CallError, CausewayClient, Http},
    stack::Stack,
};

const EMAIL: &str = "staff@example.org";

/// A signed-in member of staff.
pub struct Staff {
    base: Http,
    password: String,
    http: Mutex<Http>,
}

impl Staff {
    /// Registers somebody and makes them an administrator.
    ///
    /// # Errors
    /// When a step is refused.
    pub async fn hire(stack: &Stack, password: &str) -> anyhow::Result<Self> {
        CausewayClient::register(&stack.urls().api, EMAIL, password).await?;
        let made = stack.run_api(&["role", EMAIL, "admin"], "").await?;
        anyhow::ensure!(made.success, "nobody could be made an administrator: {made:?}");
        let base = Http::new(format!("{}/api", stack.urls().api))?;
        let http = sign_in(&base, password).await?;
        Ok(Self { base, password: password.to_owned(), http: Mutex::new(http) })
    }

    /// Makes a coupon.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn create_coupon(&self, code: &str, terms: &Value) -> Result<(), CallError> {
        let body = json!({ "code": code, "note": "", "terms": terms, "reason": "a crash suite" });
        self.post("/admin/billing/coupons", &body).await.map(drop)
    }

    /// Gives a payment back: so many dollars, as a decimal, or all of it. Asked for under the same key it is one refund.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn refund(&self, payment: &str, amount: Option<&str>, key: &str) -> Result<(), CallError> {
        let amount = amount.map(|amount| json!({ "amount": amount, "currency": "USD" }));
        let body = json!({ "amount": amount, "note": "A refund", "reason": "a crash suite" });
        let path = format!("/admin/billing/payments/{payment}/refunds");
        insist(async || {
            let http = self.http.lock().await.clone();
            let headers = [("idempotency-key", key)];
            let done = http.call_with::<Value>(reqwest::Method::POST, &path, &headers, Some(&body)).await;
            self.mind(&done).await;
            done
        })
        .await
        .map(drop)
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value, CallError> {
        insist(async || {
            let http = self.http.lock().await.clone();
            let done = http.post::<Value>(path, body).await;
            self.mind(&done).await;
            done
        })
        .await
    }

    /// Signs in again when the session has ended.
    async fn mind<T>(&self, done: &Result<T, CallError>) {
        let ended = done.as_ref().err().and_then(CallError::status) == Some(reqwest::StatusCode::UNAUTHORIZED);
        if ended && let Ok(again) = sign_in(&self.base, &self.password).await {
            *self.http.lock().await = again;
        }
    }
}

async fn sign_in(base: &Http, password: &str) -> anyhow::Result<Http> {
    let session: Value = base.post("/admin/auth/login", &json!({ "email": EMAIL, "password": password })).await?;
    Ok(base.with_token(session["token"].as_str().context("the administration gives no token")?))
}
