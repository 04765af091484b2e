//! Orders, captures and refunds.

use reqwest::StatusCode;
use serde_json::json;

use crate::world::{SECRET, World, issue, new_order, text};

#[tokio::test]
async fn nobody_asks_without_a_token_that_lasts() {
    let mut world = World::new().await;
    let (status, refusal) = world.new_token("guess").await;
    assert_eq!((status, refusal["error"].as_str()), (StatusCode::UNAUTHORIZED, Some("invalid_client")));
    let (_, token) = world.new_token(SECRET).await;
    assert_eq!((token["token_type"].as_str(), token["expires_in"].as_u64()), (Some("Bearer"), Some(32_400)));
    world.control.settings(&json!({ "token_s": 0 })).await.unwrap();
    let ended = text(&world.new_token(SECRET).await.1, "/access_token");
    let lasting = std::mem::replace(&mut world.token, ended);
    assert_eq!(world.get("/v2/checkout/orders/X").await.0, StatusCode::UNAUTHORIZED);
    world.token = lasting;
    let (status, missing) = world.get("/v2/checkout/orders/X").await;
    assert_eq!((status, issue(&missing).as_str()), (StatusCode::NOT_FOUND, "INVALID_RESOURCE_ID"));
    assert!(missing["debug_id"].is_string());
    let _: serde_json::Value =
        world.control.http().call(reqwest::Method::DELETE, "/tokens", None::<&()>).await.unwrap();
    assert_eq!(world.get("/v2/checkout/orders/X").await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_order_is_made_once_approved_and_captured_once() {
    let world = World::new().await;
    let order = world.order("pay_1").await;
    let (status, again) = world.post("/v2/checkout/orders", Some("pay_1"), &new_order("pay_1")).await;
    assert_eq!((status, text(&again, "/id")), (StatusCode::OK, order.clone()), "the same key is the same order");
    assert_eq!(text(&again, "/status"), "PAYER_ACTION_REQUIRED");
    let links = again["links"].as_array().unwrap();
    assert!(links.iter().any(|link| link["rel"] == "payer-action"), "{links:?}");

    let capture = format!("/v2/checkout/orders/{order}/capture");
    let (status, early) = world.post(&capture, Some("c"), &json!({})).await;
    assert_eq!((status, issue(&early).as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "ORDER_NOT_APPROVED"));
    world.control.approve_order(&order).await.unwrap();
    world.control.refuse_capture(&order, "INSTRUMENT_DECLINED", 1).await.unwrap();
    let (status, declined) = world.post(&capture, Some("c"), &json!({})).await;
    assert_eq!((status, issue(&declined).as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "INSTRUMENT_DECLINED"));
    let (_, early) = world.post(&capture, Some("c"), &json!({})).await;
    assert_eq!(issue(&early), "ORDER_NOT_APPROVED", "the payer has to choose another way to pay");
    world.control.approve_order(&order).await.unwrap();
    let (status, paid) = world.post(&capture, Some("c"), &json!({})).await;
    assert_eq!((status, text(&paid, "/status").as_str()), (StatusCode::CREATED, "COMPLETED"), "a refusal is not kept");
    let taken = &paid["purchase_units"][0]["payments"]["captures"][0];
    assert_eq!((text(taken, "/status").as_str(), text(taken, "/custom_id").as_str()), ("COMPLETED", "pay_1"));
    let breakdown = &taken["seller_receivable_breakdown"];
    assert_eq!(
        (text(breakdown, "/paypal_fee/value"), text(breakdown, "/net_amount/value")),
        ("0.84".into(), "9.16".into())
    );
    let (status, again) = world.post(&capture, Some("c"), &json!({})).await;
    assert_eq!((status, &again["purchase_units"]), (StatusCode::OK, &paid["purchase_units"]));
    let (_, other) = world.post(&capture, Some("d"), &json!({})).await;
    assert_eq!(issue(&other), "ORDER_ALREADY_CAPTURED");

    let events = world.inbox.of("PAYMENT.CAPTURE.COMPLETED", 1).await;
    let resource = &events[0].event()["resource"];
    assert_eq!(text(resource, "/supplementary_data/related_ids/order_id"), order);
    world.inbox.of("CHECKOUT.ORDER.APPROVED", 2).await;
    let books = world.control.books().await.unwrap();
    let [capture] = &books.captures[..] else { panic!("one capture, not {:?}", books.captures) };
    assert_eq!((capture.amount_minor, capture.custom_id.as_deref(), books.keys_reused), (1_000, Some("pay_1"), 0));
}

#[tokio::test]
async fn what_is_wrong_with_an_order_is_said() {
    let world = World::new().await;
    let wrong = [
        (json!({}), 400, "MISSING_REQUIRED_PARAMETER"),
        (json!({ "intent": "CAPTURE" }), 400, "MISSING_REQUIRED_PARAMETER"),
    ];
    let amount = |currency: &str, value: &str| {
        let mut order = new_order("x");
        order["purchase_units"][0]["amount"] = json!({ "currency_code": currency, "value": value });
        order
    };
    let amounts = [
        (amount("VND", "1000"), 422, "CURRENCY_NOT_SUPPORTED"),
        (amount("JPY", "10.5"), 422, "DECIMAL_PRECISION"),
        (amount("USD", "0.00"), 422, "CANNOT_BE_ZERO_OR_NEGATIVE"),
        (amount("USD", "ten"), 400, "INVALID_PARAMETER_SYNTAX"),
    ];
    for (body, status, expected) in wrong.into_iter().chain(amounts) {
        let (answered, refusal) = world.post("/v2/checkout/orders", None, &body).await;
        assert_eq!((answered.as_u16(), issue(&refusal).as_str()), (status, expected), "{body}");
    }
    let (status, refusal) = world.post_raw("/v2/checkout/orders", "{".into()).await;
    assert_eq!((status, issue(&refusal).as_str()), (StatusCode::BAD_REQUEST, "MALFORMED_REQUEST_JSON"));
    world.paid_order("one").await;
    let (_, twin) = world.post("/v2/checkout/orders", Some("two"), &new_order("one")).await;
    let twin = text(&twin, "/id");
    world.control.approve_order(&twin).await.unwrap();
    let (_, refusal) = world.post(&format!("/v2/checkout/orders/{twin}/capture"), None, &json!({})).await;
    assert_eq!(issue(&refusal), "DUPLICATE_INVOICE_ID");
}

#[tokio::test]
async fn money_goes_back_in_parts_and_never_more_than_came() {
    let world = World::new().await;
    let (order, capture) = world.paid_order("pay_1").await;
    let path = format!("/v2/payments/captures/{capture}/refund");
    let part = |value: &str| json!({ "amount": { "currency_code": "USD", "value": value }, "custom_id": "ref_1" });
    let (status, refund) = world.post(&path, Some("r1"), &part("4.00")).await;
    assert_eq!((status, text(&refund, "/status").as_str()), (StatusCode::CREATED, "COMPLETED"));
    let (status, again) = world.post(&path, Some("r1"), &part("4.00")).await;
    assert_eq!((status, text(&again, "/id")), (StatusCode::OK, text(&refund, "/id")));
    let shown = world.get(&format!("/v2/payments/refunds/{}", text(&refund, "/id"))).await.1;
    assert_eq!((text(&shown, "/amount/value").as_str(), text(&shown, "/custom_id").as_str()), ("4.00", "ref_1"));
    assert_eq!(text(&world.get(&format!("/v2/payments/captures/{capture}")).await.1, "/status"), "PARTIALLY_REFUNDED");
    assert_eq!(issue(&world.post(&path, None, &part("6.01")).await.1), "REFUND_AMOUNT_EXCEEDED");
    let euros = json!({ "amount": { "currency_code": "EUR", "value": "1.00" } });
    assert_eq!(issue(&world.post(&path, None, &euros).await.1), "REFUND_CAPTURE_CURRENCY_MISMATCH");
    let (_, rest) = world.post(&path, Some("r2"), &json!({})).await;
    assert_eq!(text(&rest, "/amount/value"), "6.00");
    assert_eq!(issue(&world.post(&path, Some("r3"), &json!({})).await.1), "CAPTURE_FULLY_REFUNDED");
    let listed = world.get(&format!("/v2/checkout/orders/{order}")).await.1;
    assert_eq!(listed["purchase_units"][0]["payments"]["refunds"].as_array().unwrap().len(), 2);
    let told = world.inbox.of("PAYMENT.CAPTURE.REFUNDED", 2).await;
    let links = told[0].event()["resource"]["links"].to_string();
    assert!(links.contains(&format!("/v2/payments/captures/{capture}")), "{links}");
}

#[tokio::test]
async fn captures_wait_are_declined_and_are_taken_back() {
    let world = World::new().await;
    let order = world.order("pending").await;
    world.control.approve_order(&order).await.unwrap();
    world.control.pend_capture(&order, "PENDING_REVIEW").await.unwrap();
    let paid = world.post(&format!("/v2/checkout/orders/{order}/capture"), None, &json!({})).await.1;
    let capture = paid["purchase_units"][0]["payments"]["captures"][0].clone();
    assert_eq!((text(&paid, "/status").as_str(), text(&capture, "/status").as_str()), ("COMPLETED", "PENDING"));
    assert_eq!(text(&capture, "/status_details/reason"), "PENDING_REVIEW");
    let id = text(&capture, "/id");
    let refund = world.post(&format!("/v2/payments/captures/{id}/refund"), None, &json!({})).await.1;
    assert_eq!(issue(&refund), "PENDING_CAPTURE");
    world.inbox.of("PAYMENT.CAPTURE.PENDING", 1).await;
    world.control.end_pending(&id, true).await.unwrap();
    world.inbox.of("PAYMENT.CAPTURE.COMPLETED", 1).await;

    let order = world.order("declined").await;
    world.control.approve_order(&order).await.unwrap();
    world.control.decline_capture(&order).await.unwrap();
    let paid = world.post(&format!("/v2/checkout/orders/{order}/capture"), None, &json!({})).await.1;
    assert_eq!(text(&paid, "/purchase_units/0/payments/captures/0/status"), "DECLINED");
    world.inbox.of("PAYMENT.CAPTURE.DECLINED", 1).await;

    world.control.reverse(&id).await.unwrap();
    let told = world.inbox.of("PAYMENT.CAPTURE.REVERSED", 1).await;
    assert_eq!(text(&told[0].event(), "/resource/amount/value"), "10.00");
    let refused = world.post(&format!("/v2/payments/captures/{id}/refund"), None, &json!({})).await.1;
    assert_eq!(issue(&refused), "REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK");
    let books = world.control.books().await.unwrap();
    assert!(books.captures.iter().any(|one| one.id == id && one.reversed && one.back_minor == 1_000));

    let order = world.order("late").await;
    world.control.approve_order(&order).await.unwrap();
    world.control.void_order(&order).await.unwrap();
    let told = world.inbox.of("CHECKOUT.PAYMENT-APPROVAL.REVERSED", 1).await;
    assert_eq!(text(&told[0].event(), "/resource/order_id"), order);
}
