//! Webhooks that never come, come twice, or come in another order.

use sandbox::client::NewCheckout;
use serde_json::json;

use super::Shop;
use crate::harness;

/// As it is by default.
async fn fair(shop: &Shop) {
    shop.paypal
        .weather(&json!({ "hold": false, "lose_percent": 0, "double_percent": 0, "late_ms_max": 0 }))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_webhooks_the_provider_is_asked() {
    let stack = harness::exclusive().await;
    let shop = Shop::new(&stack).await;
    shop.paypal.weather(&json!({ "lose_percent": 100 })).await.unwrap();
    let payment = shop.checkout(&NewCheckout::month("pro", "paypal")).await;
    shop.paypal.approve_order(&payment.paypal_id().unwrap()).await.unwrap();
    let settled = shop.is(&payment.id, "settled").await;
    fair(&shop).await;
    assert!(settled.rest["settled_at"].is_string());
    assert_eq!(shop.plan().await, "pro");
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_that_come_late_twice_and_backwards_count_once() {
    let stack = harness::exclusive().await;
    let shop = Shop::new(&stack).await;
    shop.paypal.weather(&json!({ "hold": true, "double_percent": 100 })).await.unwrap();
    let payment = shop.checkout(&NewCheckout::month("pro", "paypal")).await;
    shop.paypal.approve_order(&payment.paypal_id().unwrap()).await.unwrap();
    // It is asked meanwhile; what is told afterwards is no news.
    shop.is(&payment.id, "settled").await;
    shop.paypal.reverse(&shop.capture(&payment).await).await.unwrap();
    shop.paypal.release(true).await.unwrap();
    fair(&shop).await;
    shop.is(&payment.id, "charged_back").await;
    shop.has_plan("free").await;
    let books = shop.paypal.books().await.unwrap();
    let order = payment.paypal_id();
    assert_eq!(books.captures.iter().filter(|capture| capture.order == order).count(), 1);
}
