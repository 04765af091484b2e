//! Payments from the outside: checkouts, payers, webhooks and staff, with the sandboxes of the payment providers.

use reqwest::Method;
use sandbox::{
    client::{CallError, NewCheckout, NowpaymentsControl, Payment, PaypalControl},
    scene::{self, until},
    stack::Stack,
};
use serde_json::{Value, json};

use crate::{
    harness,
    staff::Staff,
    world::{PATIENCE, World, assert_refused},
};

mod agreements;
mod coins;
mod lost;
mod speed;
mod webhooks;

/// A tenant on Free, who may pay.
pub struct Shop {
    pub world: World,
    pub paypal: PaypalControl,
    pub coins: NowpaymentsControl,
    keys: std::sync::atomic::AtomicU32,
}

impl Shop {
    pub async fn new(stack: &Stack) -> Self {
        let urls = stack.urls();
        Self {
            world: World::on_free(stack).await,
            paypal: PaypalControl::new(&urls.paypal_control).unwrap(),
            coins: NowpaymentsControl::new(&urls.nowpayments_control).unwrap(),
            keys: std::sync::atomic::AtomicU32::new(0),
        }
    }

    fn key(&self) -> String {
        format!("key-{}", self.keys.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
    }

    pub async fn try_checkout(&self, body: &Value) -> Result<Payment, CallError> {
        let key = self.key();
        let headers = [("idempotency-key", key.as_str())];
        self.world.api.http().call_with(Method::POST, "/billing/checkouts", &headers, Some(body)).await
    }

    /// A checkout of which the payer has what they need.
    pub async fn checkout(&self, checkout: &NewCheckout) -> Payment {
        let made = self.world.api.checkout(&self.key(), checkout).await.unwrap();
        self.becomes(&made.id, "handed over", |payment| payment.handover.is_some()).await
    }

    /// Waits until a payment is as `wanted`.
    pub async fn becomes(&self, id: &str, what: &str, wanted: impl Fn(&Payment) -> bool) -> Payment {
        let mut last = None;
        let found = until(what, PATIENCE, async || {
            let payment = self.world.api.payment(id).await?;
            let fits = wanted(&payment);
            last = Some(payment.clone());
            Ok(fits.then_some(payment))
        });
        found.await.unwrap_or_else(|error| panic!("{error}: {last:#?}"))
    }

    pub async fn is(&self, id: &str, state: &str) -> Payment {
        self.becomes(id, state, |payment| payment.state == state).await
    }

    /// A month of a plan, paid through `PayPal`.
    pub async fn buy(&self, plan: &str) -> Payment {
        let payment = self.checkout(&NewCheckout::month(plan, "paypal")).await;
        self.paypal.approve_order(&payment.paypal_id().unwrap()).await.unwrap();
        self.is(&payment.id, "settled").await
    }

    /// The code of the plan that holds.
    pub async fn plan(&self) -> String {
        let usage: Value = self.world.api.http().get("/me/usage").await.unwrap();
        usage["plan"]["code"].as_str().unwrap().to_owned()
    }

    pub async fn has_plan(&self, code: &str) {
        let has = until("the plan", PATIENCE, async || Ok((self.plan().await == code).then_some(())));
        has.await.unwrap_or_else(|error| panic!("{error}: {code}"));
    }

    /// The only capture of a payment's order.
    pub async fn capture(&self, payment: &Payment) -> String {
        let captures = self.paypal.captures_of(&payment.paypal_id_of_rest()).await.unwrap();
        assert_eq!(captures.len(), 1, "{captures:?}");
        captures.into_iter().next().unwrap()
    }
}

/// The order of a payment whose page is not shown any more.
trait OrderOf {
    fn paypal_id_of_rest(&self) -> String;
}

impl OrderOf for Payment {
    fn paypal_id_of_rest(&self) -> String {
        self.paypal_id().expect("the payment was read while its page was shown")
    }
}

/// A refund by staff, and what it was answered with.
pub async fn refund(staff: &Staff, payment: &str, amount: Option<&str>, key: &str) -> Result<Value, CallError> {
    let body = json!({ "amount": amount.map(dollars), "note": "sorry", "reason": "a test" });
    let path = format!("/admin/billing/payments/{payment}/refunds");
    staff.http.call_with(Method::POST, &path, &[("idempotency-key", key)], Some(&body)).await
}

pub fn dollars(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "USD" })
}

#[tokio::test]
async fn whoever_pays_has_the_plan_at_once_an_invoice_and_a_receipt() {
    let stack = harness::shared().await;
    let shop = Shop::new(&stack).await;
    let providers: Value = shop.world.api.http().get("/billing/providers").await.unwrap();
    let codes: Vec<_> = providers["providers"].as_array().unwrap().iter().map(|one| one["code"].clone()).collect();
    assert_eq!(codes, ["paypal", "nowpayments"]);
    let payment = shop.checkout(&NewCheckout::month("pro", "paypal")).await;
    assert_eq!((payment.state.as_str(), &payment.rest["amount"]), ("pending", &dollars("10.00")));
    shop.paypal.approve_order(&payment.paypal_id().unwrap()).await.unwrap();
    let settled = shop.is(&payment.id, "settled").await;
    assert!(settled.rest["period"]["until"].is_string() && settled.handover.is_none(), "{settled:#?}");
    assert_eq!(shop.plan().await, "pro");
    let invoices: Value = shop.world.api.http().get("/billing/invoices").await.unwrap();
    assert_eq!(
        (&invoices["invoices"][0]["payment"], &invoices["invoices"][0]["total"]),
        (&json!(payment.id), &dollars("10.00"))
    );
    let listed: Value = shop.world.api.http().get("/billing/payments").await.unwrap();
    assert_eq!((&listed["payments"][0]["id"], listed["payments"].as_array().unwrap().len()), (&json!(payment.id), 1));
    let books = shop.paypal.books().await.unwrap();
    let order = books.orders.iter().find(|order| Some(&order.id) == payment.paypal_id().as_ref()).unwrap();
    assert_eq!((order.amount_minor, order.captures.len()), (1_000, 1));
    let balance: Value = shop.world.api.http().get("/billing/balance").await.unwrap();
    assert!(balance["balances"].as_array().unwrap().iter().all(|one| one["posted"] == "0.00"), "{balance:#}");
    // Another plan at once: the rest of the month is counted.
    let upgrade = shop.buy("elite").await;
    assert_eq!(upgrade.rest["purpose"], "upgrade");
    shop.has_plan("elite").await;
}

#[tokio::test]
async fn a_checkout_that_cannot_be_says_why() {
    let stack = harness::shared().await;
    let shop = Shop::new(&stack).await;
    let with = |more: Value| {
        let mut body = json!({ "plan": "pro", "interval": "month", "provider": "paypal" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (body, status, code) in [
        (with(json!({ "plan": "nothing" })), 404, "plan_not_found"),
        (with(json!({ "plan": "free" })), 422, "plan_not_for_sale"),
        (with(json!({ "provider": "nobody" })), 422, "provider_unknown"),
        (with(json!({ "provider": null })), 422, "provider_missing"),
        (with(json!({ "pay_currency": "btc" })), 422, "provider_unfit"),
        (with(json!({ "provider": "nowpayments", "recurring": true })), 422, "provider_unfit"),
        (with(json!({ "coupon": "NO-SUCH-COUPON" })), 404, "coupon_not_found"),
        (with(json!({ "interval": "week" })), 422, "invalid_body"),
    ] {
        assert_refused(&shop.try_checkout(&body).await.expect_err(&body.to_string()), status, code);
    }
    let bare: Result<Value, _> = shop.world.api.http().post("/billing/checkouts", &with(json!({}))).await;
    assert_refused(&bare.unwrap_err(), 422, "idempotency_key_invalid");
    let first = shop.world.api.checkout("one key", &NewCheckout::month("pro", "paypal")).await;
    assert!(first.is_err(), "a key has no spaces");
    let first = shop.world.api.checkout("one-key", &NewCheckout::month("pro", "paypal")).await.unwrap();
    let again = shop.world.api.checkout("one-key", &NewCheckout::month("pro", "paypal")).await.unwrap();
    assert_eq!(again.id, first.id);
    let other = shop.world.api.checkout("one-key", &NewCheckout::month("elite", "paypal")).await;
    assert_refused(&other.unwrap_err(), 409, "idempotency_key_reused");
    assert_refused(&shop.try_checkout(&with(json!({}))).await.unwrap_err(), 409, "payment_open");
    for _ in 0..2 {
        assert_eq!(shop.world.api.give_up_payment(&first.id).await.unwrap().state, "canceled");
    }
    let path = format!("/billing/payments/{}/qr.svg", first.id);
    let nothing: Result<Value, _> = shop.world.api.http().get(&path).await;
    assert_refused(&nothing.unwrap_err(), 409, "nothing_to_pay");
    shop.try_checkout(&with(json!({}))).await.unwrap();
}

#[tokio::test]
async fn what_a_coupon_wholly_covers_needs_no_provider() {
    let stack = harness::shared().await;
    let (shop, staff) = (Shop::new(&stack).await, Staff::new(&stack, "admin").await);
    let user = scene::user_id(&shop.world.api).await.unwrap();
    let code = format!("ALL-{}", user[user.len() - 12..].to_uppercase());
    let terms = json!({ "percent": 100, "duration": "once" });
    staff.post("/billing/coupons", json!({ "code": code, "note": "", "terms": terms, "reason": "a test" })).await;
    let body = json!({ "plan": "pro", "interval": "month", "coupon": code });
    let payment = shop.try_checkout(&body).await.unwrap();
    assert_eq!((payment.state.as_str(), &payment.rest["provider"]), ("settled", &Value::Null));
    assert_eq!((&payment.rest["discount"], &payment.rest["amount"]), (&dollars("10.00"), &dollars("0.00")));
    assert_eq!(shop.plan().await, "pro");
}

#[tokio::test]
async fn what_the_balance_pays_is_set_aside_and_comes_back() {
    let stack = harness::shared().await;
    let (shop, staff) = (Shop::new(&stack).await, Staff::new(&stack, "admin").await);
    let user = scene::user_id(&shop.world.api).await.unwrap();
    let credit = json!({ "direction": "credit", "amount": dollars("4.00"), "reason": "a test" });
    let path = format!("/admin/users/{user}/balance");
    let headers = [("idempotency-key", "a-gift")];
    let _: Value = staff.http.call_with(Method::POST, &path, &headers, Some(&credit)).await.unwrap();
    let available = async || {
        let balance: Value = shop.world.api.http().get("/billing/balance").await.unwrap();
        balance["balances"][0]["available"].clone()
    };
    let body = json!({ "plan": "pro", "interval": "month", "provider": "paypal", "use_balance": true });
    let payment = shop.try_checkout(&body).await.unwrap();
    assert_eq!((&payment.rest["from_balance"], &payment.rest["amount"]), (&dollars("4.00"), &dollars("6.00")));
    assert_eq!(available().await, "0.00");
    shop.world.api.give_up_payment(&payment.id).await.unwrap();
    assert_eq!(available().await, "4.00");
    let payment = shop.try_checkout(&body).await.unwrap();
    let payment = shop.becomes(&payment.id, "handed over", |payment| payment.handover.is_some()).await;
    shop.paypal.approve_order(&payment.paypal_id().unwrap()).await.unwrap();
    shop.is(&payment.id, "settled").await;
    // All of it back: through PayPal, and to the balance.
    let asked = refund(&staff, &payment.id, None, "all-of-it").await.unwrap();
    assert_eq!(asked["refunds"].as_array().unwrap().len(), 2, "{asked:#}");
    let again = refund(&staff, &payment.id, None, "all-of-it").await.unwrap();
    let ids = |refunds: &Value| {
        let refunds = refunds["refunds"].as_array().unwrap().iter();
        refunds.map(|refund| refund["id"].as_str().unwrap().to_owned()).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(ids(&again), ids(&asked));
    shop.is(&payment.id, "refunded").await;
    assert_eq!(available().await, "4.00");
    shop.has_plan("free").await;
}

#[tokio::test]
async fn a_declined_card_is_asked_for_another_one() {
    let stack = harness::shared().await;
    let shop = Shop::new(&stack).await;
    let payment = shop.checkout(&NewCheckout::month("pro", "paypal")).await;
    let order = payment.paypal_id().unwrap();
    shop.paypal.refuse_capture(&order, "INSTRUMENT_DECLINED", 1).await.unwrap();
    shop.paypal.approve_order(&order).await.unwrap();
    let declined = |payment: &Payment| payment.rest["reason"]["code"] == "instrument_declined";
    let waiting = shop.becomes(&payment.id, "declined", declined).await;
    assert_eq!((waiting.state.as_str(), waiting.handover.is_some()), ("pending", true));
    shop.paypal.approve_order(&order).await.unwrap();
    shop.is(&payment.id, "settled").await;
    assert!(!shop.capture(&payment).await.is_empty());
}

#[tokio::test]
async fn money_that_goes_back_in_part_changes_nothing_and_as_a_whole_ends_the_plan() {
    let stack = harness::shared().await;
    let (shop, staff) = (Shop::new(&stack).await, Staff::new(&stack, "admin").await);
    let payment = shop.checkout(&NewCheckout::month("pro", "paypal")).await;
    shop.paypal.approve_order(&payment.paypal_id().unwrap()).await.unwrap();
    shop.is(&payment.id, "settled").await;
    assert_refused(&refund(&staff, &payment.id, Some("10.01"), "k0").await.unwrap_err(), 409, "refund_too_much");
    refund(&staff, &payment.id, Some("2.50"), "k1").await.unwrap();
    let back = |payment: &Payment| payment.rest["refunded"] == dollars("2.50");
    shop.becomes(&payment.id, "refunded in part", back).await;
    assert_eq!(shop.plan().await, "pro");
    // The rest is given back at PayPal.
    shop.paypal.refund_by_hand(&shop.capture(&payment).await).await.unwrap();
    shop.is(&payment.id, "refunded").await;
    shop.has_plan("free").await;
    let detail = staff.get(&format!("/billing/payments/{}", payment.id)).await;
    let reversals = detail["reversals"].as_array().unwrap();
    assert_eq!(reversals.len(), 2, "{detail:#}");
    assert_eq!(reversals.iter().filter(|one| one["refund"].is_null()).count(), 1, "{detail:#}");
    assert_refused(&refund(&staff, &payment.id, None, "k2").await.unwrap_err(), 409, "nothing_to_refund");
    let user = scene::user_id(&shop.world.api).await.unwrap();
    assert_eq!(staff.audit(&user, "payment.refund").await.len(), 1);
    let page = staff.get(&format!("/users/{user}")).await;
    assert_eq!(
        (&page["paid"][0]["refunded"], &page["payments"][0]["payment"]["id"]),
        (&dollars("10.00"), &json!(payment.id))
    );
}

#[tokio::test]
async fn what_a_bank_takes_back_ends_the_plan() {
    let stack = harness::shared().await;
    let shop = Shop::new(&stack).await;
    let payment = shop.checkout(&NewCheckout::month("pro", "paypal")).await;
    shop.paypal.approve_order(&payment.paypal_id().unwrap()).await.unwrap();
    shop.is(&payment.id, "settled").await;
    shop.paypal.reverse(&shop.capture(&payment).await).await.unwrap();
    shop.is(&payment.id, "charged_back").await;
    shop.has_plan("free").await;
}
