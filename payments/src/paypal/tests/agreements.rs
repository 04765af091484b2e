//! Subscriptions, their plans and their payments.

use std::sync::Mutex;

use domain::billing::{Interval, PaymentPurpose};
use serde_json::{Value, json};

use super::*;
use crate::provider::{AgreementState, Handover, Phase, Reduced};

const ID: &str = "I-BW452GLLEP1G";
const SALE: &str = "80021663DE681814L";

fn monthly(renewal: i64) -> Kind {
    Kind::Agreement { interval: Interval::Month, renewal: usd(renewal), reduced: None }
}

/// A catalogue that keeps what is made, and subscriptions that nobody has agreed to.
async fn shop() -> Server {
    let (products, plans) = (Mutex::new(Vec::<String>::new()), Mutex::new(Vec::<Value>::new()));
    Server::new(move |call| {
        let (mut products, mut plans) = (products.lock().unwrap(), plans.lock().unwrap());
        let missing = || Answer::json(404, r#"{"name":"RESOURCE_NOT_FOUND"}"#);
        let last = || call.path.split('?').next().unwrap().rsplit('/').next().unwrap().to_owned();
        match call.what().as_str() {
            "POST /v1/catalogs/products" => {
                products.push(call.json()["id"].as_str().unwrap().to_owned());
                Answer::json(201, &call.body)
            }
            "POST /v1/billing/plans" => {
                let mut plan = call.json();
                plan["id"] = json!(format!("P-{}", plans.len() + 1));
                plans.push(plan.clone());
                Answer::json(201, &plan.to_string())
            }
            "GET /v1/billing/plans" => {
                let short = |plan: &Value| json!({ "id": plan["id"], "name": plan["name"], "status": plan["status"] });
                Answer::json(200, &json!({ "plans": plans.iter().map(short).collect::<Vec<_>>() }).to_string())
            }
            "POST /v1/billing/subscriptions" => {
                let links = json!([{ "rel": "approve", "href": "https://www.paypal.com/agree" }]);
                Answer::json(201, &json!({ "id": ID, "status": "APPROVAL_PENDING", "links": links }).to_string())
            }
            what if what.starts_with("GET /v1/catalogs/products/") => match products.contains(&last()) {
                true => Answer::json(200, r#"{"id":"x"}"#),
                false => missing(),
            },
            what if what.starts_with("GET /v1/billing/plans/") => {
                match plans.iter().find(|plan| plan["id"] == last()) {
                    Some(plan) => Answer::json(200, &plan.to_string()),
                    None => missing(),
                }
            }
            _ => missing(),
        }
    })
    .await
}

fn made(server: &Server, path: &str) -> Vec<Value> {
    server.calls(path).iter().filter(|call| call.method == "POST").map(server::Call::json).collect()
}

#[tokio::test]
async fn product_and_plan_are_made_once_and_found_again() {
    let server = shop().await;
    let (paypal, _) = paypal(&server);
    let created = paypal.create(&order(monthly(1_000))).await.unwrap();
    assert_eq!(created.external, ID);
    assert_eq!(created.handover, Handover::Page { url: "https://www.paypal.com/agree".into(), valid_until: None });
    let asked = server.calls("/v1/billing/subscriptions").remove(0);
    assert_eq!(asked.header("paypal-request-id"), format!("{PAYMENT}-subscription"));
    let body = asked.json();
    assert_eq!((&body["plan_id"], &body["custom_id"], &body["plan"]), (&json!("P-1"), &json!(PAYMENT), &Value::Null));
    assert_eq!(body["application_context"]["user_action"], "SUBSCRIBE_NOW");
    // Known to this process; found by another one.
    paypal.create(&order(monthly(1_000))).await.unwrap();
    let (another, _) = self::paypal(&server);
    another.create(&order(monthly(1_000))).await.unwrap();
    assert_eq!((made(&server, "/v1/catalogs/products").len(), made(&server, "/v1/billing/plans").len()), (1, 1));
    // Another price is another plan of the same product.
    another.create(&Order { amount: usd(1_200), ..order(monthly(1_200)) }).await.unwrap();
    let plans = made(&server, "/v1/billing/plans");
    assert_eq!((made(&server, "/v1/catalogs/products").len(), plans.len()), (1, 2));
    assert_eq!(plans[0]["billing_cycles"][0]["pricing_scheme"]["fixed_price"]["value"], "10.00");
    assert_eq!(plans[0]["billing_cycles"][0]["total_cycles"], 0);
    assert_ne!(plans[0]["name"], plans[1]["name"]);
}

#[tokio::test]
async fn a_first_payment_of_another_amount_is_named_by_the_subscription() {
    let server = shop().await;
    paypal(&server).0.create(&Order { amount: usd(500), ..order(monthly(1_000)) }).await.unwrap();
    let plan = made(&server, "/v1/billing/plans").remove(0);
    let cycles: Vec<_> =
        plan["billing_cycles"].as_array().unwrap().iter().map(|cycle| cycle["tenure_type"].clone()).collect();
    assert_eq!(cycles, ["TRIAL", "REGULAR"]);
    let cycle = &made(&server, "/v1/billing/subscriptions")[0]["plan"]["billing_cycles"][0];
    let price = json!({ "fixed_price": { "currency_code": "USD", "value": "5.00" } });
    assert_eq!(cycle, &json!({ "sequence": 1, "total_cycles": 1, "pricing_scheme": price }));
}

/// The runs of periods with prices of their own that a subscription names, and what all others cost.
async fn schedule(first: i64, reduced: Option<(i64, Option<u32>)>) -> (Vec<(u64, String)>, String) {
    let server = shop().await;
    let reduced = reduced.map(|(amount, payments)| Reduced { amount: usd(amount), payments });
    let kind = Kind::Agreement { interval: Interval::Month, renewal: usd(1_000), reduced };
    paypal(&server).0.create(&Order { amount: usd(first), ..order(kind) }).await.unwrap();
    let price = |cycle: &Value| cycle["pricing_scheme"]["fixed_price"]["value"].as_str().unwrap().to_owned();
    let plan = made(&server, "/v1/billing/plans").remove(0);
    let cycles = plan["billing_cycles"].as_array().unwrap();
    let subscription = made(&server, "/v1/billing/subscriptions").remove(0);
    let named: Vec<&Value> = subscription["plan"]["billing_cycles"].as_array().into_iter().flatten().collect();
    let own: Vec<_> = named.iter().map(|cycle| (cycle["total_cycles"].as_u64().unwrap(), price(cycle))).collect();
    let planned = cycles[..cycles.len() - 1].iter().map(|cycle| cycle["total_cycles"].as_u64().unwrap());
    assert!(planned.eq(own.iter().map(|(periods, _)| *periods)), "the plan has what the subscription names");
    (own, price(&cycles[cycles.len() - 1]))
}

#[tokio::test]
async fn what_coupons_take_off_later_payments_is_named_by_the_subscription() {
    let named = |runs: &[(u64, &str)]| runs.iter().map(|(periods, price)| (*periods, (*price).to_owned())).collect();
    let (half, full) = ("5.00", "10.00".to_owned());
    assert_eq!(schedule(1_000, None).await, (Vec::new(), full.clone()));
    assert_eq!(schedule(500, Some((500, Some(2)))).await, (named(&[(3, half)]), full.clone()));
    assert_eq!(schedule(200, Some((500, Some(2)))).await, (named(&[(1, "2.00"), (2, half)]), full));
    assert_eq!(schedule(500, Some((500, None))).await, (Vec::new(), half.to_owned()));
    assert_eq!(schedule(200, Some((500, None))).await, (named(&[(1, "2.00")]), half.to_owned()));
}

#[tokio::test]
async fn an_upgrade_is_no_agreement() {
    let server = shop().await;
    let upgrade = Order { purpose: PaymentPurpose::Upgrade, ..order(monthly(1_000)) };
    assert_eq!(paypal(&server).0.create(&upgrade).await.unwrap_err().code, "no_agreement_for_upgrade");
    assert!(server.all().is_empty());
}

#[tokio::test]
async fn a_plan_that_was_deactivated_is_looked_for_anew() {
    let server = Server::new(|call| match call.what().as_str() {
        "POST /v1/billing/subscriptions" => Answer::json(
            422,
            r#"{"name":"UNPROCESSABLE_ENTITY","details":[{"issue":"PLAN_NOT_ACTIVE","description":"No."}]}"#,
        ),
        "GET /v1/billing/plans" => Answer::json(200, r#"{"plans":[]}"#),
        _ => Answer::json(200, r#"{"id":"P-1"}"#),
    })
    .await;
    let (paypal, _) = paypal(&server);
    for tries in 1..=2 {
        let error = paypal.create(&order(monthly(1_000))).await.unwrap_err();
        assert_eq!((error.verdict, error.code.as_str()), (Verdict::Retry(None), "plan_not_active"));
        assert_eq!(made(&server, "/v1/billing/plans").len(), tries);
    }
}

fn subscription(status: &str, info: Value) -> Answer {
    Answer::json(200, &json!({ "id": ID, "status": status, "billing_info": info }).to_string())
}

fn sale(id: &str, status: &str) -> Value {
    json!({
        "id": id, "status": status, "time": "2026-11-22T11:31:00.000Z",
        "amount_with_breakdown": {
            "gross_amount": { "currency_code": "USD", "value": "10.00" },
            "fee_amount": { "currency_code": "USD", "value": "0.84" },
        },
    })
}

/// A subscription with these payments, and events of these kinds.
async fn running(status: &'static str, info: Value, sales: Value, events: Value) -> Server {
    Server::new(move |call| match call.what() {
        what if what.ends_with("/transactions") => Answer::json(200, &json!({ "transactions": sales }).to_string()),
        what if what.ends_with("/webhooks-events") => Answer::json(200, &json!({ "events": events }).to_string()),
        what if what.ends_with(ID) => subscription(status, info.clone()),
        _ => Answer::json(204, ""),
    })
    .await
}

#[tokio::test]
async fn payments_of_a_subscription_are_receipts() {
    let info = json!({
        "next_billing_time": "2026-12-22T10:00:00Z", "failed_payments_count": 1,
        "last_payment": { "time": "2027-03-01T00:00:00Z" },
        "last_failed_payment": { "time": "2026-11-22T11:40:00Z", "reason_code": "PAYMENT_DENIED" },
    });
    let sales = json!([sale("S2", "DECLINED"), sale(SALE, "COMPLETED"), sale("S3", "PENDING")]);
    let server = running("ACTIVE", info, sales, json!([])).await;
    let standing = paypal(&server).0.look(&reference(ID, true)).await.unwrap();
    assert_eq!((standing.phase, standing.receipts.len(), standing.reversals.len()), (Phase::Done, 1, 0));
    let receipt = &standing.receipts[0];
    assert_eq!((receipt.external.as_str(), receipt.amount, receipt.fee), (SALE, usd(1_000), Some(usd(84))));
    let agreement = standing.agreement.unwrap();
    assert_eq!((agreement.state, agreement.failed_payments), (AgreementState::Active, 1));
    assert_eq!(agreement.next_payment_at, Some(at("2026-12-22T10:00:00Z")));
    assert_eq!(agreement.last_failure, Some((at("2026-11-22T11:40:00Z"), "payment_denied".into())));
    // Up to the later of both clocks, and a day.
    let asked = server.calls(&format!("/v1/billing/subscriptions/{ID}/transactions")).remove(0);
    assert!(
        asked.path.ends_with("?start_time=2026-11-22T11%3A00%3A00.000Z&end_time=2027-03-02T00%3A00%3A00.000Z"),
        "{}",
        asked.path
    );
}

#[tokio::test]
async fn what_went_back_of_a_sale_is_told_by_events() {
    let events = json!([{
        "event_type": "PAYMENT.SALE.REVERSED", "create_time": "2026-11-22T11:50:00Z",
        "resource": { "id": "R1", "sale_id": SALE, "state": "completed", "amount": { "total": "-10.00", "currency": "USD" } },
    }]);
    let server = running("ACTIVE", json!({}), json!([sale(SALE, "REFUNDED")]), events).await;
    let standing = paypal(&server).0.look(&reference(ID, true)).await.unwrap();
    assert_eq!(standing.receipts.len(), 1);
    let back = &standing.reversals[0];
    assert_eq!(
        (back.external.as_str(), back.receipt.as_str(), back.amount, back.chargeback),
        ("R1", SALE, usd(1_000), true)
    );
}

#[tokio::test]
async fn a_subscription_stands_where_its_status_and_payments_stand() {
    for (status, sales, phase, state) in [
        ("APPROVAL_PENDING", json!([]), Phase::Waiting, AgreementState::Pending),
        ("APPROVED", json!([]), Phase::Approved, AgreementState::Pending),
        ("ACTIVE", json!([]), Phase::Done, AgreementState::Active),
        ("ACTIVE", json!([sale(SALE, "PENDING")]), Phase::Processing, AgreementState::Active),
        ("SUSPENDED", json!([sale(SALE, "COMPLETED")]), Phase::Done, AgreementState::Suspended),
        ("CANCELLED", json!([sale(SALE, "COMPLETED")]), Phase::Done, AgreementState::Ended),
        ("CANCELLED", json!([]), Phase::Failed, AgreementState::Ended),
        ("EXPIRED", json!([]), Phase::Expired, AgreementState::Ended),
        ("EXPIRED", json!([sale(SALE, "COMPLETED")]), Phase::Done, AgreementState::Ended),
    ] {
        let server = running(status, Value::Null, sales, json!([])).await;
        let standing = paypal(&server).0.look(&reference(ID, true)).await.unwrap();
        assert_eq!((standing.phase, standing.agreement.unwrap().state), (phase, state), "{status}");
    }
    let server = Server::new(|_| Answer::json(404, "{}")).await;
    let standing = paypal(&server).0.look(&reference(ID, true)).await.unwrap();
    assert_eq!((standing.phase, standing.agreement.unwrap().state), (Phase::Expired, AgreementState::Ended));
}

#[tokio::test]
async fn one_that_was_approved_and_not_begun_is_activated() {
    let server = running("APPROVED", json!({}), json!([]), json!([])).await;
    paypal(&server).0.capture(&reference(ID, true)).await.unwrap();
    assert_eq!(server.calls(&format!("/v1/billing/subscriptions/{ID}/activate")).len(), 1);
    let server = running("ACTIVE", json!({}), json!([]), json!([])).await;
    paypal(&server).0.capture(&reference(ID, true)).await.unwrap();
    assert!(server.calls(&format!("/v1/billing/subscriptions/{ID}/activate")).is_empty());
}

#[tokio::test]
async fn ending_one_that_has_ended_is_fine() {
    let server = running("ACTIVE", json!({}), json!([]), json!([])).await;
    let (paypal, _) = paypal(&server);
    paypal.cancel(&reference(ID, true), "").await.unwrap();
    paypal.cancel(&reference(ID, true), &"x".repeat(200)).await.unwrap();
    let calls = server.calls(&format!("/v1/billing/subscriptions/{ID}/cancel"));
    assert_eq!(calls[0].json(), json!({ "reason": "canceled" }));
    assert_eq!(calls[1].json()["reason"].as_str().unwrap().len(), 128);
    for (status, fine) in [("CANCELLED", true), ("EXPIRED", true), ("APPROVAL_PENDING", true), ("ACTIVE", false)] {
        let server = Server::new(move |call| match call.method.as_str() {
            "GET" => subscription(status, json!({})),
            _ => Answer::json(422, r#"{"details":[{"issue":"SUBSCRIPTION_STATUS_INVALID"}]}"#),
        })
        .await;
        assert_eq!(self::paypal(&server).0.cancel(&reference(ID, true), "over").await.is_ok(), fine, "{status}");
    }
}
