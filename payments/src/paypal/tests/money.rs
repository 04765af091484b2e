//! Orders, captures and refunds.

use domain::RefundId;
use serde_json::{Value, json};

use super::*;
use crate::provider::{Created, Handover, Phase, RefundOrder, RefundState};

const ORDER: &str = "/v2/checkout/orders/5O190127TN364715T";
const CAPTURE: &str = "3C679366HH908993F";

fn refund_id() -> RefundId {
    "rfd_0192e4c1b2a37c408d5e6f708192a3b5".parse().unwrap()
}

fn shown(status: &str, payments: Value) -> String {
    json!({
        "id": "5O190127TN364715T", "status": status, "update_time": "2026-11-22T11:30:00Z",
        "purchase_units": [{ "reference_id": "default", "custom_id": PAYMENT, "payments": payments }],
        "links": [{ "rel": "payer-action", "href": "https://www.paypal.com/checkoutnow?token=5O190127TN364715T" }],
    })
    .to_string()
}

fn captured(status: &str) -> Value {
    json!({
        "id": CAPTURE, "status": status, "amount": { "currency_code": "USD", "value": "10.00" },
        "seller_receivable_breakdown": { "paypal_fee": { "currency_code": "USD", "value": "0.84" } },
        "create_time": "2026-11-22T11:31:00Z",
    })
}

fn issue(issue: &str) -> Answer {
    let body = json!({ "name": "UNPROCESSABLE_ENTITY", "debug_id": "9", "details": [{ "issue": issue, "description": "Why." }] });
    Answer::json(422, &body.to_string())
}

fn look(external: &str) -> Reference {
    reference(external, false)
}

#[tokio::test]
async fn an_order_is_made_once_and_handed_out() {
    let server = Server::new(|_| Answer::json(201, &shown("PAYER_ACTION_REQUIRED", Value::Null))).await;
    let (paypal, _) = paypal(&server);
    let url = "https://www.paypal.com/checkoutnow?token=5O190127TN364715T".to_owned();
    let made = Created { external: "5O190127TN364715T".into(), handover: Handover::Page { url, valid_until: None } };
    for _ in 0..2 {
        assert_eq!(paypal.create(&order(Kind::Once)).await.unwrap(), made);
    }
    let calls = server.calls("/v2/checkout/orders");
    assert_eq!((calls.len(), calls[0].body.clone()), (2, calls[1].body.clone()));
    for call in &calls {
        assert_eq!(call.header("paypal-request-id"), format!("{PAYMENT}-order"));
        assert_eq!((call.header("prefer"), call.header("content-type")), ("return=representation", "application/json"));
    }
    let unit = json!({
        "reference_id": "default", "amount": { "currency_code": "USD", "value": "10.00" }, "custom_id": PAYMENT,
        "invoice_id": PAYMENT, "description": "Pro, one month",
    });
    let experience = json!({
        "return_url": "https://causeway.example/back", "cancel_url": "https://causeway.example/no",
        "user_action": "PAY_NOW", "shipping_preference": "NO_SHIPPING",
    });
    let source = json!({ "paypal": { "experience_context": experience } });
    assert_eq!(calls[0].json(), json!({ "intent": "CAPTURE", "purchase_units": [unit], "payment_source": source }));
}

#[tokio::test]
async fn an_order_that_the_payer_has_seen_leads_back() {
    let server = Server::new(|_| Answer::json(200, r#"{"id":"O1","status":"APPROVED","links":[]}"#)).await;
    let made = paypal(&server).0.create(&order(Kind::Once)).await.unwrap();
    assert_eq!(made.handover, Handover::Page { url: "https://causeway.example/back".into(), valid_until: None });
}

#[tokio::test]
async fn dong_are_not_offered() {
    let server = Server::new(|_| Answer::json(500, "")).await;
    let dong = Order { amount: Money::new(250_000, Currency::VND), ..order(Kind::Once) };
    assert_eq!(paypal(&server).0.create(&dong).await.unwrap_err().code, "currency_not_supported");
    assert!(server.all().is_empty());
}

#[tokio::test]
async fn a_capture_takes_the_money_and_its_receipt_is_the_captures() {
    let server = Server::new(|call| match call.what().as_str() {
        "GET /v2/checkout/orders/5O190127TN364715T" => Answer::json(200, &shown("APPROVED", Value::Null)),
        _ => Answer::json(201, &shown("COMPLETED", json!({ "captures": [captured("COMPLETED")] }))),
    })
    .await;
    let (paypal, _) = paypal(&server);
    let standing = paypal.capture(&look("5O190127TN364715T")).await.unwrap();
    assert_eq!((standing.phase, standing.reversals.len(), standing.reason), (Phase::Done, 0, None));
    let receipt = &standing.receipts[0];
    assert_eq!((receipt.external.as_str(), receipt.amount, receipt.fee), (CAPTURE, usd(1_000), Some(usd(84))));
    assert_eq!((receipt.at, receipt.review.clone()), (at("2026-11-22T11:31:00Z"), None));
    let capture = server.calls(&format!("{ORDER}/capture")).remove(0);
    assert_eq!(
        (capture.body.as_str(), capture.header("paypal-request-id")),
        ("{}", format!("{PAYMENT}-capture-20261122113000").as_str())
    );
}

#[tokio::test]
async fn what_was_captured_already_is_looked_at() {
    let (seen, done) =
        (shown("APPROVED", Value::Null), shown("COMPLETED", json!({ "captures": [captured("COMPLETED")] })));
    let looks = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::new(move |call| match call.method.as_str() {
        "GET" if looks.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 => Answer::json(200, &seen),
        "GET" => Answer::json(200, &done),
        _ => issue("ORDER_ALREADY_CAPTURED"),
    })
    .await;
    let (paypal, _) = paypal(&server);
    let standing = paypal.capture(&look("5O190127TN364715T")).await.unwrap();
    assert_eq!((standing.phase, standing.receipts.len()), (Phase::Done, 1));
    // The second time it is seen without asking.
    assert_eq!(paypal.capture(&look("5O190127TN364715T")).await.unwrap(), standing);
    assert_eq!(server.calls(&format!("{ORDER}/capture")).len(), 1);
}

#[tokio::test]
async fn a_refused_capture_is_open_over_or_tried_again() {
    for (name, phase) in [
        ("INSTRUMENT_DECLINED", Some(Phase::Waiting)),
        ("PAYER_ACTION_REQUIRED", Some(Phase::Waiting)),
        ("ORDER_NOT_APPROVED", Some(Phase::Waiting)),
        ("TRANSACTION_REFUSED", Some(Phase::Failed)),
        ("COMPLIANCE_VIOLATION", Some(Phase::Failed)),
        ("DUPLICATE_INVOICE_ID", Some(Phase::Failed)),
        ("MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED", Some(Phase::Failed)),
        ("ORDER_COMPLETION_IN_PROGRESS", None),
        ("PERMISSION_DENIED", None),
    ] {
        let server = Server::new(move |call| match call.method.as_str() {
            "GET" => Answer::json(200, &shown("APPROVED", Value::Null)),
            _ => issue(name),
        })
        .await;
        let code = name.to_ascii_lowercase();
        match (paypal(&server).0.capture(&look("5O190127TN364715T")).await, phase) {
            (Ok(standing), Some(phase)) => {
                assert_eq!((standing.phase, standing.reason), (phase, Some((code, "Why.".into()))))
            }
            (Err(error), None) => {
                assert_eq!(error.code, code);
                assert_eq!(matches!(error.verdict, Verdict::Retry(_)), name == "ORDER_COMPLETION_IN_PROGRESS");
            }
            (other, _) => panic!("{name}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn an_order_that_is_forgotten_has_expired() {
    let server = Server::new(|_| Answer::json(404, r#"{"name":"RESOURCE_NOT_FOUND"}"#)).await;
    let (paypal, _) = paypal(&server);
    assert_eq!(paypal.look(&look("O1")).await.unwrap().phase, Phase::Expired);
    assert_eq!(paypal.capture(&look("O1")).await.unwrap().phase, Phase::Expired);
    paypal.cancel(&look("O1"), "given up").await.unwrap();
}

#[tokio::test]
async fn refunds_of_an_order_are_ours_by_their_name_and_a_chargeback_by_its_event() {
    let up = json!([{ "rel": "up", "href": format!("https://api.paypal.com/v2/payments/captures/{CAPTURE}") }]);
    let refund = |id: &str, value: &str, status: &str, invoice: Value| {
        json!({ "id": id, "status": status, "amount": { "currency_code": "USD", "value": value }, "links": up,
                "invoice_id": invoice, "create_time": "2026-11-22T11:45:00Z" })
    };
    let payments = json!({
        "captures": [captured("REFUNDED")],
        "refunds": [
            refund("R1", "4.00", "COMPLETED", json!(refund_id().to_string())),
            refund("R2", "6.00", "COMPLETED", Value::Null),
            refund("R3", "1.00", "PENDING", Value::Null),
            refund("R4", "1.00", "FAILED", Value::Null),
        ],
    });
    let event = json!({ "event_type": "PAYMENT.CAPTURE.REVERSED", "create_time": "2026-11-22T11:46:00Z",
                        "resource": refund("R2", "6.00", "COMPLETED", Value::Null) });
    let server = Server::new(move |call| match call.path.as_str() {
        path if path.contains("webhooks-events") && path.contains("PAYMENT.CAPTURE.REVERSED") => {
            Answer::json(200, &json!({ "events": [event], "count": 1 }).to_string())
        }
        path if path.contains("webhooks-events") => Answer::json(200, r#"{"events":[]}"#),
        _ => Answer::json(200, &shown("COMPLETED", payments.clone())),
    })
    .await;
    let standing = paypal(&server).0.look(&look("5O190127TN364715T")).await.unwrap();
    assert_eq!((standing.phase, standing.receipts.len()), (Phase::Done, 1));
    let back: Vec<_> = standing
        .reversals
        .iter()
        .map(|one| (one.external.as_str(), one.amount.minor, one.chargeback, one.refund))
        .collect();
    assert_eq!(back, [("R1", 400, false, Some(refund_id())), ("R2", 600, true, None)]);
    assert!(standing.reversals.iter().all(|one| one.receipt == CAPTURE));
}

#[tokio::test]
async fn our_own_refunds_need_no_events() {
    let payments = json!({
        "captures": [captured("PARTIALLY_REFUNDED")],
        "refunds": [{ "id": "R1", "status": "COMPLETED", "amount": { "currency_code": "USD", "value": "4.00" },
                      "custom_id": refund_id().to_string() }],
    });
    let server = Server::new(move |_| Answer::json(200, &shown("COMPLETED", payments.clone()))).await;
    let standing = paypal(&server).0.look(&look("5O190127TN364715T")).await.unwrap();
    assert_eq!(standing.reversals[0].refund, Some(refund_id()));
    assert_eq!(server.all().len(), 1);
}

fn give_back(external: Option<&str>) -> RefundOrder {
    RefundOrder {
        refund: refund_id(),
        payment: payment(),
        receipt: CAPTURE.into(),
        amount: usd(400),
        note: "Sorry".into(),
        external: external.map(str::to_owned),
    }
}

#[tokio::test]
async fn a_refund_is_asked_for_once_and_then_looked_at() {
    for (status, state) in [
        ("COMPLETED", RefundState::Done),
        ("PENDING", RefundState::Pending),
        ("FAILED", RefundState::Failed),
        ("CANCELLED", RefundState::Failed),
    ] {
        let body = json!({ "id": "R1", "status": status, "status_details": { "reason": "ECHECK" } }).to_string();
        let server = Server::new(move |_| Answer::json(201, &body)).await;
        let (paypal, _) = paypal(&server);
        let asked = paypal.refund(&give_back(None)).await.unwrap();
        assert_eq!((asked.external.as_str(), asked.state, asked.reason.as_deref()), ("R1", state, Some("echeck")));
        assert_eq!(paypal.refund(&give_back(Some("R1"))).await.unwrap(), asked);
        let calls = server.all();
        assert_eq!(calls[0].what(), format!("POST /v2/payments/captures/{CAPTURE}/refund"));
        assert_eq!(calls[0].header("paypal-request-id"), format!("{}-refund", refund_id()));
        let amount = json!({ "currency_code": "USD", "value": "4.00" });
        let name = refund_id().to_string();
        assert_eq!(
            calls[0].json(),
            json!({ "amount": amount, "custom_id": name, "invoice_id": name, "note_to_payer": "Sorry" })
        );
        assert_eq!(calls[1].what(), "GET /v2/payments/refunds/R1");
    }
}

#[tokio::test]
async fn a_sale_that_version_2_does_not_know_is_given_back_by_version_1() {
    let server = Server::new(|call| match call.path.starts_with("/v1/") {
        true => Answer::json(201, r#"{"id":"R1","state":"completed"}"#),
        false => Answer::json(404, r#"{"name":"RESOURCE_NOT_FOUND"}"#),
    })
    .await;
    let (paypal, _) = paypal(&server);
    assert_eq!(paypal.refund(&give_back(None)).await.unwrap().state, RefundState::Done);
    assert_eq!(paypal.refund(&give_back(Some("R1"))).await.unwrap().state, RefundState::Done);
    let old = server.calls(&format!("/v1/payments/sale/{CAPTURE}/refund")).remove(0);
    assert_eq!(old.json()["amount"], json!({ "currency": "USD", "total": "4.00" }));
    assert_eq!(server.calls("/v1/payments/refund/R1").len(), 1);
}

#[tokio::test]
async fn a_refund_that_is_not_possible_is_final() {
    let server = Server::new(|_| issue("CAPTURE_FULLY_REFUNDED")).await;
    let error = paypal(&server).0.refund(&give_back(None)).await.unwrap_err();
    assert_eq!((error.verdict, error.code.as_str()), (Verdict::Final, "capture_fully_refunded"));
}
