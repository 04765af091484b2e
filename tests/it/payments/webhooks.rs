//! Webhooks: only what is genuine counts, once, and what belongs to nothing is kept for staff.

use sandbox::client::NewCheckout;
use serde_json::{Value, json};

use super::Shop;
use crate::{harness, staff::Staff, world::assert_refused};

#[tokio::test]
async fn the_same_webhook_counts_once_and_a_forged_one_never() {
    let stack = harness::shared().await;
    let shop = Shop::new(&stack).await;
    let payment = shop.checkout(&NewCheckout::month("pro", "paypal")).await;
    let order = payment.paypal_id().unwrap();
    shop.paypal.approve_order(&order).await.unwrap();
    shop.is(&payment.id, "settled").await;
    let capture = shop.capture(&payment).await;
    for resource in [order.as_str(), capture.as_str()] {
        for webhook in shop.paypal.webhooks(Some(resource)).await.unwrap() {
            assert_eq!(shop.paypal.deliver(&webhook.id, 2).await.unwrap(), [200, 200], "{webhook:?}");
            for how in ["body", "signature", "webhook_id", "unsigned"] {
                assert_eq!(shop.paypal.tamper(&webhook.id, how).await.unwrap(), 401, "{how}");
            }
        }
    }
    let staff = Staff::new(&stack, "support").await;
    let detail = staff.get(&format!("/billing/payments/{}", payment.id)).await;
    assert_eq!(detail["receipts"].as_array().unwrap().len(), 1, "{detail:#}");
    let events = staff.get(&format!("/billing/payment-events?payment={}", payment.id)).await;
    let events = events["events"].as_array().unwrap();
    let mut kinds: Vec<_> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds.len(), events.len(), "each is kept once: {events:#?}");
    let body = staff.get(&format!("/billing/payment-events/{}", events[0]["id"].as_str().unwrap())).await;
    assert!(body["body"].as_str().unwrap().contains("\"event_type\""), "{body:#}");
    assert_eq!(shop.plan().await, "pro");
}

#[tokio::test]
async fn what_belongs_to_nothing_is_kept_and_attached_or_dismissed() {
    let stack = harness::shared().await;
    let shop = Shop::new(&stack).await;
    let payment = shop.checkout(&NewCheckout::month("pro", "paypal")).await;
    let unknown = format!("{}X", payment.paypal_id().unwrap());
    let body = json!({
        "id": format!("WH-{unknown}"), "create_time": "2026-11-22T00:00:00Z", "resource_type": "checkout-order",
        "event_type": "CHECKOUT.ORDER.APPROVED", "event_version": "1.0", "resource_version": "2.0",
        "summary": "An order", "resource": { "id": unknown, "status": "APPROVED" }, "links": [],
    })
    .to_string();
    let headers = shop.paypal.sign(&body).await.unwrap();
    let url = format!("{}/api/webhooks/paypal", stack.urls().api);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = client.post(&url).header("content-type", "application/json").body(body);
    for (name, value) in &headers {
        request = request.header(name, value);
    }
    assert_eq!(request.send().await.unwrap().status(), 200);
    let nobody = client.post(url.replace("paypal", "nobody")).body("{}").send().await.unwrap();
    assert_eq!(nobody.status(), 404);
    let staff = Staff::new(&stack, "support").await;
    let waits = |list: &Value| {
        list["events"].as_array().unwrap().iter().any(|event| event["externals"].to_string().contains(&unknown))
    };
    let list = staff.sees("/billing/payment-events?state=new&limit=200", waits).await;
    let event = list["events"].as_array().unwrap().iter().find(|one| one["externals"].to_string().contains(&unknown));
    let path = format!("/billing/payment-events/{}", event.unwrap()["id"].as_str().unwrap());
    for _ in 0..2 {
        let dismissed = staff.act(&format!("{path}/dismiss")).await;
        assert_eq!(dismissed["state"], "dismissed");
    }
    let attach = json!({ "payment": payment.id, "reason": "a test" });
    for _ in 0..2 {
        let attached = staff.post(&format!("{path}/attach"), attach.clone()).await;
        assert_eq!((&attached["state"], &attached["payment"]), (&json!("matched"), &json!(payment.id)));
    }
    let late = staff.try_call(reqwest::Method::POST, &format!("{path}/dismiss"), &json!({ "reason": "a test" })).await;
    assert_refused(&late.unwrap_err(), 409, "event_matched");
    let nothing = json!({ "payment": "pay_00000000000000000000000000000000", "reason": "a test" });
    let nothing = staff.try_call(reqwest::Method::POST, &format!("{path}/attach"), &nothing).await;
    assert_refused(&nothing.unwrap_err(), 404, "payment_not_found");
}
