//! Agreements with PayPal: the first payment, those that follow, and the end.

use sandbox::{client::NewCheckout, scene::until};
use serde_json::{Value, json};

use super::{Shop, dollars};
use crate::{harness, staff::Staff, world::PATIENCE};

async fn agree(shop: &Shop) -> (String, String) {
    let checkout = NewCheckout { recurring: true, ..NewCheckout::month("pro", "paypal") };
    let payment = shop.checkout(&checkout).await;
    let subscription = payment.paypal_id().expect("a page of PayPal's");
    shop.paypal.approve_subscription(&subscription).await.unwrap();
    shop.is(&payment.id, "settled").await;
    shop.has_plan("pro").await;
    (payment.id, subscription)
}

async fn status(shop: &Shop, subscription: &str) -> String {
    let books = shop.paypal.books().await.unwrap();
    books.subscriptions.into_iter().find(|one| one.id == subscription).unwrap().status
}

async fn ends(shop: &Shop, subscription: &str) {
    let ended = until("the end at PayPal", PATIENCE, async || {
        Ok((status(shop, subscription).await == "CANCELLED").then_some(()))
    });
    ended.await.unwrap();
}

#[tokio::test]
async fn every_payment_that_paypal_makes_is_a_period_and_none_comes_after_the_end() {
    let stack = harness::shared().await;
    let shop = Shop::new(&stack).await;
    let (_, subscription) = agree(&shop).await;
    let until_now = shop.world.api.subscription().await.unwrap();
    for count in 2..=3 {
        shop.paypal.renew(&subscription).await.unwrap();
        let renewed = until("the payment of a period", PATIENCE, async || {
            let list: Value = shop.world.api.http().get("/billing/payments").await?;
            let settled = list["payments"].as_array().unwrap().iter().filter(|one| one["state"] == "settled").count();
            Ok((settled == count).then_some(()))
        });
        renewed.await.unwrap();
    }
    let now = shop.world.api.subscription().await.unwrap();
    assert_ne!(now["subscription"]["paid_until"], until_now["subscription"]["paid_until"], "{now:#}");
    let cancel = json!({ "when": "period_end" });
    let _: Value = shop.world.api.http().post("/billing/subscription/cancel", &cancel).await.unwrap();
    ends(&shop, &subscription).await;
    assert_eq!(shop.plan().await, "pro", "what is paid holds");
}

#[tokio::test]
async fn an_agreement_ends_with_its_tenant_and_when_its_payment_is_taken_back() {
    let stack = harness::shared().await;
    let (shop, staff) = (Shop::new(&stack).await, Staff::new(&stack, "admin").await);
    let (payment, subscription) = agree(&shop).await;
    let detail = staff.get(&format!("/billing/payments/{payment}")).await;
    assert_eq!(
        (&detail["agreement"]["state"], &detail["agreement"]["external"]),
        (&json!("active"), &json!(subscription))
    );
    shop.paypal.reverse(detail["receipts"][0]["external"].as_str().unwrap()).await.unwrap();
    shop.is(&payment, "charged_back").await;
    ends(&shop, &subscription).await;
    let shop = Shop::new(&stack).await;
    let (_, subscription) = agree(&shop).await;
    let leave = json!({ "password": crate::world::PASSWORD });
    let _: Value = shop.world.api.http().call(reqwest::Method::DELETE, "/me", Some(&leave)).await.unwrap();
    // The sweep finds it within a minute.
    let ended = until("the end at PayPal", PATIENCE * 3, async || {
        Ok((status(&shop, &subscription).await == "CANCELLED").then_some(()))
    });
    ended.await.unwrap();
}

#[tokio::test]
async fn paypal_takes_less_for_as_long_as_a_coupon_is_good() {
    let stack = harness::shared().await;
    let (shop, staff) = (Shop::new(&stack).await, Staff::new(&stack, "admin").await);
    let code = format!("TWICE-{}", &staff.id[staff.id.len() - 12..]);
    let terms = json!({ "percent": 50, "duration": "repeating", "periods": 2 });
    let coupon = json!({ "code": code, "note": "", "terms": terms, "reason": "a test" });
    let coupon = staff.post("/billing/coupons", coupon).await;
    let checkout = NewCheckout { recurring: true, coupon: Some(code), ..NewCheckout::month("pro", "paypal") };
    let payment = shop.checkout(&checkout).await;
    assert_eq!(payment.rest["reduced"], json!({ "amount": dollars("5.00"), "payments": 1 }), "{payment:#?}");
    let subscription = payment.paypal_id().expect("a page of PayPal's");
    shop.paypal.approve_subscription(&subscription).await.unwrap();
    shop.is(&payment.id, "settled").await;
    for (count, amount) in [(2, "5.00"), (3, "10.00")] {
        shop.paypal.renew(&subscription).await.unwrap();
        let renewed = until("the payment of a period", PATIENCE, async || {
            let list: Value = shop.world.api.http().get("/billing/payments").await?;
            let settled: Vec<_> =
                list["payments"].as_array().unwrap().iter().filter(|one| one["state"] == "settled").cloned().collect();
            Ok((settled.len() == count).then(|| settled[0].clone()))
        });
        let renewed = renewed.await.unwrap();
        assert_eq!((&renewed["list"], &renewed["amount"]), (&dollars("10.00"), &dollars(amount)), "{renewed:#}");
    }
    let path = format!("/billing/coupons/{}/statistics", coupon["id"].as_str().unwrap());
    let statistics = staff.get(&path).await;
    assert_eq!(statistics["discounts"][0]["amount"], dollars("10.00"), "{statistics:#}");
    let balance: Value = shop.world.api.http().get("/billing/balance").await.unwrap();
    let rest = balance["balances"].as_array().unwrap().iter().find(|one| one["available"] != "0.00");
    assert_eq!(rest, None, "nothing was taken that was not owed");
}
