//! Payments with coins: an address with its picture, too little, another coin, too late.

use reqwest::Method;
use sandbox::client::{NewCheckout, NowpaymentsPayment, Payment};
use serde_json::{Value, json};

use super::{Shop, dollars};
use crate::{harness, staff::Staff};

async fn order(shop: &Shop, coin: &str) -> (Payment, NowpaymentsPayment) {
    let checkout = NewCheckout { pay_currency: Some(coin.into()), ..NewCheckout::month("pro", "nowpayments") };
    let payment = shop.checkout(&checkout).await;
    let address = payment.address().expect("an address to send coins to").to_owned();
    let of_order = shop.coins.payments_of(&payment.id).await.unwrap();
    let theirs = of_order.into_iter().find(|one| one.address == address).expect("the sandbox knows the address");
    (payment, theirs)
}

async fn picture(shop: &Shop, payment: &str, kind: &str) -> (String, Vec<u8>) {
    let http = shop.world.api.http();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/billing/payments/{payment}/qr.{kind}", http.base());
    let answer = client.get(url).bearer_auth(http.token().unwrap()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    (kind, answer.bytes().await.unwrap().to_vec())
}

async fn decide(staff: &Staff, payment: &str, decision: &str) -> Value {
    let body = json!({ "decision": decision, "reason": "a test" });
    staff.post(&format!("/billing/payments/{payment}/review"), body).await
}

#[tokio::test]
async fn coins_pay_for_a_plan_and_the_address_has_its_memo_and_picture() {
    let stack = harness::shared().await;
    let shop = Shop::new(&stack).await;
    let (payment, theirs) = order(&shop, "xrp").await;
    let shown: Value = shop.world.api.http().get(&format!("/billing/payments/{}", payment.id)).await.unwrap();
    let handover = &shown["handover"];
    assert!(handover["memo"].is_string(), "without it the coins are lost: {handover:#}");
    assert_eq!((&handover["kind"], &handover["pay_currency"]), (&json!("address"), &json!("xrp")));
    let (kind, svg) = picture(&shop, &payment.id, "svg").await;
    assert!(kind == "image/svg+xml" && svg.windows(4).any(|part| part == b"<svg"), "{kind}");
    let (kind, png) = picture(&shop, &payment.id, "png").await;
    assert!(kind == "image/png" && png.starts_with(b"\x89PNG"), "{kind}");
    shop.coins.pay(theirs.id).await.unwrap();
    shop.is(&payment.id, "settled").await;
    shop.has_plan("pro").await;
}

#[tokio::test]
async fn too_little_waits_for_staff() {
    let stack = harness::shared().await;
    let staff = Staff::new(&stack, "admin").await;
    for (decision, state, plan) in
        [("grant", "settled", "pro"), ("dismiss", "settled", "free"), ("refund", "failed", "free")]
    {
        let shop = Shop::new(&stack).await;
        let (payment, theirs) = order(&shop, "btc").await;
        shop.coins.pay_share(theirs.id, "0.5").await.unwrap();
        let waiting = shop.is(&payment.id, "review").await;
        assert!(waiting.rest["reason"]["code"].is_string(), "{waiting:#?}");
        let listed = staff.get("/billing/payments?undecided=true&limit=200").await;
        let all = listed["payments"].as_array().unwrap();
        assert!(all.iter().any(|one| one["payment"]["id"] == payment.id.as_str() && one["undecided"] == true));
        decide(&staff, &payment.id, decision).await;
        shop.is(&payment.id, state).await;
        shop.has_plan(plan).await;
        let body = json!({ "decision": decision, "reason": "a test" });
        let path = format!("/billing/payments/{}/review", payment.id);
        let again = staff.try_call(Method::POST, &path, &body).await.unwrap();
        assert_eq!(again["payment"]["state"], state, "the same decision is made once");
        let other = if decision == "dismiss" { "grant" } else { "dismiss" };
        let changed = staff.try_call(Method::POST, &path, &json!({ "decision": other, "reason": "a test" })).await;
        crate::world::assert_refused(&changed.unwrap_err(), 409, "nothing_to_decide");
        if decision == "refund" {
            by_hand(&staff, &payment.id).await;
        }
    }
}

/// NOWPayments gives nothing back by itself: staff does, and says so once.
async fn by_hand(staff: &Staff, payment: &str) {
    let detail = staff.get(&format!("/billing/payments/{payment}")).await;
    let refund = &detail["refunds"][0];
    assert_eq!(refund["state"], "by_hand", "{detail:#}");
    let path = format!("/billing/refunds/{}/done", refund["id"].as_str().unwrap());
    let body = json!({ "reference": "tx 0xabc", "reason": "a test" });
    assert_eq!(staff.post(&path, body.clone()).await["state"], "done");
    assert_eq!(staff.post(&path, body).await["state"], "done", "said twice is said once");
    let other = json!({ "reference": "tx 0xdef", "reason": "a test" });
    let again = staff.try_call(Method::POST, &path, &other).await;
    crate::world::assert_refused(&again.unwrap_err(), 409, "refund_not_by_hand");
}

#[tokio::test]
async fn what_comes_after_the_payment_was_given_up_is_honoured() {
    let stack = harness::shared().await;
    let shop = Shop::new(&stack).await;
    let (payment, theirs) = order(&shop, "btc").await;
    shop.world.api.give_up_payment(&payment.id).await.unwrap();
    shop.coins.pay_late(theirs.id).await.unwrap();
    let settled = shop.is(&payment.id, "settled").await;
    assert!(settled.rest["period"].is_object(), "{settled:#?}");
    shop.has_plan("pro").await;
    // The same coins once more are not granted by themselves.
    shop.coins.deposit_again(theirs.id, "1").await.unwrap();
    let staff = Staff::new(&stack, "admin").await;
    let path = format!("/billing/payments/{}", payment.id);
    let second = |detail: &Value| detail["receipts"].as_array().unwrap().len() == 2;
    let detail = staff.sees(&path, second).await;
    let undecided = detail["receipts"].as_array().unwrap().iter().find(|one| one["state"] == "undecided");
    assert!(undecided.is_some_and(|one| one["review_code"].is_string()), "{detail:#}");
    decide(&staff, &payment.id, "dismiss").await;
    let balance: Value = shop.world.api.http().get("/billing/balance").await.unwrap();
    assert_ne!(balance["balances"][0]["available"], "0.00", "{balance:#}");
    assert_eq!(settled.rest["refunded"], dollars("0.00"));
}
