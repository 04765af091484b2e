//! A service that fails before, after, and in the middle of what it is asked.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;

use crate::world::{World, issue, new_order, text};

const ORDERS: &str = "/v2/checkout/orders";

#[tokio::test]
async fn what_was_done_and_not_answered_is_found_by_its_key() {
    let world = World::new().await;
    world.control.fault(&json!({ "kind": "lose_answer", "path": ORDERS, "method": "POST" })).await.unwrap();
    let lost = world.try_post(ORDERS, "pay_1", &new_order("pay_1")).await;
    assert!(lost.is_err(), "{lost:?}");
    let (status, order) = world.post(ORDERS, Some("pay_1"), &new_order("pay_1")).await;
    assert_eq!((status, text(&order, "/status").as_str()), (StatusCode::OK, "PAYER_ACTION_REQUIRED"));
    let order = text(&order, "/id");
    world.control.approve_order(&order).await.unwrap();
    world.control.fault(&json!({ "kind": "fail_after", "path": "/capture", "status": 503 })).await.unwrap();
    let path = format!("{ORDERS}/{order}/capture");
    assert_eq!(world.post(&path, Some("c"), &json!({})).await.0, StatusCode::SERVICE_UNAVAILABLE);
    let (status, paid) = world.post(&path, Some("c"), &json!({})).await;
    assert_eq!((status, text(&paid, "/status").as_str()), (StatusCode::OK, "COMPLETED"));
    let books = world.control.books().await.unwrap();
    assert_eq!((books.orders.len(), books.captures.len()), (1, 1));
}

#[tokio::test]
async fn what_was_refused_was_not_done() {
    let world = World::new().await;
    for (fault, status) in [
        (json!({ "kind": "server_error", "path": ORDERS }), 500),
        (json!({ "kind": "rate_limit", "path": ORDERS, "retry_after": 7 }), 429),
        (json!({ "kind": "unauthorized", "path": ORDERS }), 401),
    ] {
        world.control.fault(&fault).await.unwrap();
        let (answered, refusal) = world.post(ORDERS, Some("k"), &new_order("k")).await;
        assert_eq!(answered.as_u16(), status, "{refusal}");
        assert!(refusal["debug_id"].is_string());
    }
    world.control.fault(&json!({ "kind": "refuse", "path": ORDERS, "times": 0 })).await.unwrap();
    assert!(world.try_post(ORDERS, "k", &new_order("k")).await.is_err());
    world.control.clear_faults().await.unwrap();
    assert!(world.control.books().await.unwrap().orders.is_empty());
    assert!(world.control.fault(&json!({ "kind": "meteor" })).await.is_err());
}

#[tokio::test]
async fn twins_at_the_same_moment_are_in_conflict() {
    let world = World::new().await;
    world.control.fault(&json!({ "kind": "delay", "path": ORDERS, "ms": 1_000 })).await.unwrap();
    let (body, later) = (new_order("pay_1"), Duration::from_millis(300));
    let (first, second) = tokio::join!(world.post(ORDERS, Some("pay_1"), &body), async {
        tokio::time::sleep(later).await;
        world.post(ORDERS, Some("pay_1"), &body).await
    });
    assert_eq!(first.0, StatusCode::CREATED);
    assert_eq!((second.0, issue(&second.1).as_str()), (StatusCode::CONFLICT, "PREVIOUS_REQUEST_IN_PROGRESS"));
    assert_eq!(world.control.books().await.unwrap().orders.len(), 1);
    let other = json!({ "intent": "CAPTURE", "purchase_units": [{
        "amount": { "currency_code": "USD", "value": "99.00" } }] });
    let (_, replayed) = world.post(ORDERS, Some("pay_1"), &other).await;
    assert_eq!(replayed["id"], first.1["id"]);
    assert_eq!(world.control.books().await.unwrap().keys_reused, 1, "a key for something else is noticed");
}
