//! Products, plans, and subscriptions whose payments come when they are told to.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::world::{World, issue, text};

fn cycle(sequence: u32, tenure: &str, total: u32, price: &str) -> Value {
    json!({
        "frequency": { "interval_unit": "MONTH", "interval_count": 1 }, "tenure_type": tenure, "sequence": sequence,
        "total_cycles": total, "pricing_scheme": { "fixed_price": { "currency_code": "USD", "value": price } },
    })
}

async fn plan(world: &World, threshold: u32) -> String {
    let product = json!({ "id": "PRO-1", "name": "Pro", "type": "SERVICE", "category": "SOFTWARE" });
    let (status, _) = world.post("/v1/catalogs/products", Some("product"), &product).await;
    assert_eq!(status, StatusCode::CREATED);
    let (status, twin) = world.post("/v1/catalogs/products", None, &product).await;
    assert_eq!((status.as_u16(), issue(&twin).as_str()), (422, "DUPLICATE_RESOURCE_IDENTIFIER"));
    let plan = json!({
        "product_id": "PRO-1", "name": "Pro monthly",
        "billing_cycles": [cycle(1, "TRIAL", 1, "10.00"), cycle(2, "REGULAR", 0, "10.00")],
        "payment_preferences": { "auto_bill_outstanding": false, "payment_failure_threshold": threshold },
    });
    let (status, made) = world.post("/v1/billing/plans", Some("plan"), &plan).await;
    assert_eq!((status, text(&made, "/status").as_str()), (StatusCode::CREATED, "ACTIVE"), "{made}");
    let listed = world.get("/v1/billing/plans?product_id=PRO-1&page_size=20&page=1").await.1;
    assert_eq!(listed["plans"][0]["id"], made["id"]);
    text(&made, "/id")
}

async fn subscription(world: &World, plan: &str) -> String {
    let first = json!({ "sequence": 1, "total_cycles": 1, "pricing_scheme": {
        "fixed_price": { "currency_code": "USD", "value": "6.00" } } });
    let new = json!({ "plan_id": plan, "custom_id": "pay_9", "plan": { "billing_cycles": [first] } });
    let (status, made) = world.post("/v1/billing/subscriptions", Some("sub"), &new).await;
    assert_eq!((status, text(&made, "/status").as_str()), (StatusCode::CREATED, "APPROVAL_PENDING"), "{made}");
    assert_eq!(text(&made, "/links/0/rel"), "approve");
    let (status, again) = world.post("/v1/billing/subscriptions", Some("sub"), &new).await;
    assert_eq!((status, &again["id"]), (StatusCode::OK, &made["id"]));
    text(&made, "/id")
}

async fn transactions(world: &World, id: &str) -> Vec<(String, String)> {
    let range = "start_time=2020-01-01T00:00:00.000Z&end_time=2099-01-01T00:00:00.000Z";
    let (status, list) = world.get(&format!("/v1/billing/subscriptions/{id}/transactions?{range}")).await;
    assert_eq!(status, StatusCode::OK, "{list}");
    let row = |row: &Value| (text(row, "/status"), text(row, "/amount_with_breakdown/gross_amount/value"));
    list["transactions"].as_array().unwrap().iter().map(row).collect()
}

#[tokio::test]
async fn a_subscription_pays_at_once_and_again_until_it_is_ended() {
    let world = World::new().await;
    let id = subscription(&world, &plan(&world, 2).await).await;
    let path = format!("/v1/billing/subscriptions/{id}");
    let (_, early) = world.post(&format!("{path}/cancel"), None, &json!({ "reason": "no" })).await;
    assert_eq!(issue(&early), "SUBSCRIPTION_STATUS_INVALID");
    world.control.approve_subscription(&id).await.unwrap();
    world.inbox.of("BILLING.SUBSCRIPTION.ACTIVATED", 1).await;
    let sale = world.inbox.of("PAYMENT.SALE.COMPLETED", 1).await[0].event()["resource"].clone();
    assert_eq!((text(&sale, "/billing_agreement_id"), text(&sale, "/custom")), (id.clone(), "pay_9".into()));
    assert_eq!((text(&sale, "/amount/total"), text(&sale, "/state")), ("6.00".into(), "completed".into()));
    let shown = world.get(&path).await.1;
    assert_eq!(
        (text(&shown, "/status").as_str(), shown["billing_info"]["failed_payments_count"].as_u64()),
        ("ACTIVE", Some(0))
    );
    let next: chrono::DateTime<chrono::Utc> = text(&shown, "/billing_info/next_billing_time").parse().unwrap();
    let start: chrono::DateTime<chrono::Utc> = text(&shown, "/start_time").parse().unwrap();
    assert!((27..=31).contains(&(next - start).num_days()));

    world.control.renew(&id).await.unwrap();
    assert_eq!(
        transactions(&world, &id).await,
        [("COMPLETED".to_owned(), "6.00".to_owned()), ("COMPLETED".to_owned(), "10.00".to_owned()),]
    );
    let (status, _) = world.post(&format!("{path}/cancel"), Some("cancel"), &json!({ "reason": "enough" })).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    world.inbox.of("BILLING.SUBSCRIPTION.CANCELLED", 1).await;
    assert!(world.control.renew(&id).await.is_err(), "what is ended pays no more");
    let books = world.control.books().await.unwrap();
    assert_eq!((books.sales.len(), books.subscriptions[0].status.as_str()), (2, "CANCELLED"));
}

#[tokio::test]
async fn payments_fail_until_the_subscription_is_suspended_and_are_made_up_for() {
    let world = World::new().await;
    let id = subscription(&world, &plan(&world, 2).await).await;
    world.control.approve_subscription(&id).await.unwrap();
    world.control.fail_renewal(&id).await.unwrap();
    let shown = world.get(&format!("/v1/billing/subscriptions/{id}")).await.1;
    assert_eq!(shown["billing_info"]["failed_payments_count"], 1);
    assert_eq!(text(&shown, "/billing_info/outstanding_balance/value"), "10.00");
    world.control.fail_renewal(&id).await.unwrap();
    world.inbox.of("BILLING.SUBSCRIPTION.PAYMENT.FAILED", 2).await;
    world.inbox.of("BILLING.SUBSCRIPTION.SUSPENDED", 1).await;
    world.control.retry(&id).await.unwrap();
    let paid = transactions(&world, &id).await;
    assert_eq!(paid.last().unwrap().1, "20.00");
    let (status, _) =
        world.post(&format!("/v1/billing/subscriptions/{id}/activate"), None, &json!({ "reason": "paid" })).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    world.control.renew(&id).await.unwrap();
    assert_eq!(transactions(&world, &id).await.len(), 3);
}

#[tokio::test]
async fn sales_are_refunded_by_either_version_and_taken_back() {
    let world = World::new().await;
    let id = subscription(&world, &plan(&world, 0).await).await;
    world.control.approve_subscription(&id).await.unwrap();
    world.control.renew(&id).await.unwrap();
    let sales = world.control.books().await.unwrap().subscriptions[0].sales.clone();
    let part = json!({ "amount": { "currency_code": "USD", "value": "1.00" }, "invoice_id": "ref_1" });
    let (status, _) = world.post(&format!("/v2/payments/captures/{}/refund", sales[0]), Some("r"), &part).await;
    assert_eq!(status, StatusCode::CREATED);
    let told = world.inbox.of("PAYMENT.SALE.REFUNDED", 1).await[0].event()["resource"].clone();
    assert_eq!((text(&told, "/sale_id"), text(&told, "/invoice_number")), (sales[0].clone(), "ref_1".into()));
    let old = json!({ "amount": { "currency": "USD", "total": "5.00" } });
    let (status, refund) = world.post(&format!("/v1/payments/sale/{}/refund", sales[0]), Some("q"), &old).await;
    assert_eq!((status, text(&refund, "/state").as_str()), (StatusCode::CREATED, "completed"));
    world.control.reverse(&sales[1]).await.unwrap();
    world.inbox.of("PAYMENT.SALE.REVERSED", 1).await;
    let sale = world.get(&format!("/v1/payments/sale/{}", sales[1])).await.1;
    assert_eq!(text(&sale, "/state"), "reversed");
    let statuses: Vec<String> = transactions(&world, &id).await.into_iter().map(|row| row.0).collect();
    assert_eq!(statuses, ["REFUNDED", "REFUNDED"]);
}

#[tokio::test]
async fn the_clock_makes_what_is_due() {
    let world = World::new().await;
    let id = subscription(&world, &plan(&world, 0).await).await;
    world.control.approve_subscription(&id).await.unwrap();
    let day_s = 24 * 3_600;
    let advanced: Value = world.control.http().post("/clock", &json!({ "seconds": 20 * day_s })).await.unwrap();
    assert_eq!(advanced["renewed"], 0);
    let advanced: Value = world.control.http().post("/clock", &json!({ "seconds": 45 * day_s })).await.unwrap();
    assert_eq!(advanced["renewed"], 2);
    assert_eq!(transactions(&world, &id).await.len(), 3);
}

#[tokio::test]
async fn other_terms_want_the_payer_again() {
    let world = World::new().await;
    let id = subscription(&world, &plan(&world, 0).await).await;
    world.control.approve_subscription(&id).await.unwrap();
    let price = json!({ "plan": { "billing_cycles": [{ "sequence": 2, "pricing_scheme": {
        "fixed_price": { "currency_code": "USD", "value": "30.00" } } }] } });
    let (status, revised) = world.post(&format!("/v1/billing/subscriptions/{id}/revise"), None, &price).await;
    assert_eq!((status, text(&revised, "/links/0/rel").as_str()), (StatusCode::OK, "approve"));
    world.control.renew(&id).await.unwrap();
    world.control.approve_subscription(&id).await.unwrap();
    world.inbox.of("BILLING.SUBSCRIPTION.UPDATED", 1).await;
    world.control.renew(&id).await.unwrap();
    let prices: Vec<String> = transactions(&world, &id).await.into_iter().map(|row| row.1).collect();
    assert_eq!(prices, ["6.00", "10.00", "30.00"]);
}
