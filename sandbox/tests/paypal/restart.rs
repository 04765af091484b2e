//! What an orderly stop keeps.

use serde_json::json;

use crate::world::{World, new_order, text};

#[tokio::test]
async fn orders_keys_and_certificates_outlive_an_orderly_stop() {
    let world = World::new().await;
    let (order, capture) = world.paid_order("pay_1").await;
    world.inbox.of("PAYMENT.CAPTURE.COMPLETED", 1).await;
    world.control.weather(&json!({ "hold": true })).await.unwrap();
    world.control.reverse(&capture).await.unwrap();
    let ca = world.running.ca_pem.clone();
    let folder = world.stop().await;
    let world = World::at(folder).await;
    assert_eq!(world.running.ca_pem, ca);
    let (_, shown) = world.get(&format!("/v2/checkout/orders/{order}")).await;
    assert_eq!(text(&shown, "/purchase_units/0/payments/captures/0/status"), "REFUNDED");
    let (_, again) = world.post("/v2/checkout/orders", Some("pay_1"), &new_order("pay_1")).await;
    assert_eq!(text(&again, "/id"), order);
    world.control.release(false).await.unwrap();
    world.inbox.of("PAYMENT.CAPTURE.REVERSED", 1).await;
    let folder = world.stop().await;
    std::fs::remove_dir_all(folder).unwrap();
}
