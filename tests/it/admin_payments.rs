//! Payments in the administration: found and shown whole, given back once, decided about, and events given to them.

mod made;

use reqwest::{Method, Url};
use sandbox::{client::PaypalControl, scene::until};
use serde_json::{Value, json};

use self::made::{Desk, dollars, insert_event, keyed, refused, taken};
use crate::{
    harness,
    member::{self, Member},
    staff::Staff,
    world::{PATIENCE, assert_refused},
};

const REVIEWED: &str = "payment.review";

/// What an act on the path is refused with.
async fn not_done(staff: &Staff, path: &str, body: &Value, status: u16, code: &str) {
    let refusal = staff.try_call(Method::POST, path, body).await.expect_err("this must be refused");
    assert_refused(&refusal, status, code);
}

async fn plan(staff: &Staff, user: &str) -> String {
    let user = staff.get(&format!("/users/{user}")).await;
    user["user"]["plan"].as_str().unwrap().to_owned()
}

/// The ids of listed payments.
fn ids(page: &Value) -> Vec<&str> {
    page["payments"].as_array().unwrap().iter().filter_map(|one| one["payment"]["id"].as_str()).collect()
}

#[tokio::test]
async fn payments_are_found_and_shown_whole() {
    let stack = harness::shared().await;
    let (staff, member) = (Staff::new(&stack, "support").await, Member::new(&stack).await);
    let (user, desk) = (member.id(), Desk::new(&stack));
    let paid = desk.paid(&user, 1_000).await;
    let (id, external) = (paid.id.to_string(), format!("order-{}", paid.id));

    let all = staff.get(&format!("/billing/payments?user={user}")).await;
    assert_eq!((ids(&all), &all["next"]), (vec![id.as_str()], &Value::Null), "{all:#}");
    let shown = &all["payments"][0];
    assert_eq!((&shown["user"], &shown["external"]), (&json!(user), &json!(external)));
    assert_eq!((&shown["undecided"], &shown["payment"]["state"]), (&json!(false), &json!("settled")));
    assert_eq!((&shown["payment"]["plan"], &shown["payment"]["amount"]), (&json!("pro"), &dollars("10.00")));
    for (query, count) in [
        ("state=settled&purpose=subscribe&provider=nowpayments&plan=pro", 1),
        ("state=review", 0),
        ("purpose=renew", 0),
        ("provider=paypal", 0),
        ("plan=elite", 0),
        ("undecided=true", 0),
        ("from=2020-01-01T00:00:00Z", 1),
        ("until=2020-01-01T00:00:00Z", 0),
    ] {
        let found = staff.get(&format!("/billing/payments?user={user}&{query}")).await;
        assert_eq!(ids(&found).len(), count, "{query}: {found:#}");
    }
    for known in [external, format!("money-{}", paid.id)] {
        let found = staff.get(&format!("/billing/payments?external={known}")).await;
        assert_eq!(ids(&found), [id.as_str()], "by {known}");
    }
    for (query, status, code) in [
        ("state=paid", 422, "invalid_query"),
        ("purpose=fun", 422, "invalid_query"),
        ("from=yesterday", 422, "invalid_query"),
        ("limit=0", 422, "invalid_query"),
        ("before=1", 422, "invalid_query"),
        ("plan=nothing", 404, "plan_not_found"),
    ] {
        let path = format!("/admin/billing/payments?{query}");
        assert_refused(&member::get(&staff.http, &path).await.unwrap_err(), status, code);
    }

    // Two more payments of another tenant's, page by page.
    let other = Member::new(&stack).await.id();
    let (first, second) = (desk.paid(&other, 1_000).await.id.to_string(), desk.renewed(&other).await.id.to_string());
    let page = staff.get(&format!("/billing/payments?user={other}&limit=1")).await;
    assert_eq!((ids(&page), &page["next"]), (vec![second.as_str()], &json!(second)));
    let page = staff.get(&format!("/billing/payments?user={other}&limit=1&before={second}")).await;
    assert_eq!((ids(&page), &page["next"]), (vec![first.as_str()], &Value::Null));

    let whole = staff.get(&format!("/billing/payments/{id}")).await;
    assert_eq!((&whole["user"], &whole["payment"]["id"]), (&json!(user), &json!(id)));
    assert_eq!(whole["refunded_by_hand"], true, "{whole:#}");
    let receipt = &whole["receipts"][0];
    assert_eq!((&receipt["state"], &receipt["amount"]), (&json!("granted"), &dollars("10.00")));
    for nothing in ["refunds", "reversals", "events", "history"] {
        assert_eq!(whole[nothing], json!([]), "{nothing}");
    }
    assert_eq!(whole["agreement"], Value::Null);
    let seen = staff.get(&format!("/users/{user}")).await;
    assert_eq!(seen["payments"][0]["payment"]["id"], json!(id));
    assert_eq!(seen["paid"], json!([{ "payments": 1, "paid": dollars("10.00"), "refunded": dollars("0.00") }]));
    for nobody in ["pay_00000000000000000000000000000000", "1"] {
        let path = format!("/admin/billing/payments/{nobody}");
        assert_refused(&member::get(&staff.http, &path).await.unwrap_err(), 404, "payment_not_found");
    }
}

#[tokio::test]
async fn a_payment_is_given_back_by_hand_in_parts_and_each_once() {
    let stack = harness::shared().await;
    let (staff, member) = (Staff::new(&stack, "admin").await, Member::new(&stack).await);
    let (user, desk) = (member.id(), Desk::new(&stack));
    let paid = desk.paid(&user, 1_000).await;
    let path = format!("/billing/payments/{}", paid.id);
    let refunds = format!("{path}/refunds");
    let part = json!({ "amount": dollars("4.00"), "note": "with regrets", "reason": "a test" });

    let first = taken(keyed(&staff, &refunds, Some("one"), &part).await);
    let refund = &first["refunds"][0];
    assert_eq!((&refund["state"], &refund["amount"]), (&json!("by_hand"), &dollars("4.00")), "{first:#}");
    assert_eq!((&refund["whole"], &refund["note"]), (&json!(false), &json!("with regrets")));
    assert_eq!(taken(keyed(&staff, &refunds, Some("one"), &part).await), first, "twice is once");
    let mut other = part.clone();
    other["amount"] = dollars("4.01");
    refused(&keyed(&staff, &refunds, Some("one"), &other).await, 409, "idempotency_key_reused");
    other["amount"] = dollars("6.01");
    refused(&keyed(&staff, &refunds, Some("two"), &other).await, 409, "refund_too_much");
    other["amount"]["currency"] = json!("EUR");
    refused(&keyed(&staff, &refunds, Some("two"), &other).await, 422, "other_currency");
    refused(&keyed(&staff, &refunds, None, &part).await, 422, "idempotency_key_invalid");
    let support = Staff::new(&stack, "support").await;
    refused(&keyed(&support, &refunds, Some("two"), &part).await, 403, "role_missing");
    let nobody = "/billing/payments/pay_00000000000000000000000000000000/refunds";
    refused(&keyed(&staff, nobody, Some("two"), &part).await, 404, "payment_not_found");

    let waiting = staff.get("/billing/refunds?state=by_hand&limit=200").await;
    let waiting = waiting["refunds"].as_array().unwrap();
    assert!(waiting.iter().any(|one| one["id"] == refund["id"]), "{waiting:#?}");
    let done = format!("/billing/refunds/{}/done", refund["id"].as_str().unwrap());
    let reference = format!("bank-{}", paid.id);
    let made = json!({ "reference": reference, "reason": "a test" });
    for bad in ["", " ", "a\nb", &"x".repeat(101)] {
        not_done(&staff, &done, &json!({ "reference": bad, "reason": "a test" }), 422, "reference_length").await;
    }
    let finished = staff.post(&done, made.clone()).await;
    assert_eq!((&finished["state"], &finished["external"]), (&json!("done"), &json!(reference)));
    assert_eq!(staff.post(&done, made.clone()).await, finished, "twice is once");
    not_done(&staff, &done, &json!({ "reference": "another", "reason": "a test" }), 409, "refund_not_by_hand").await;
    assert_eq!((plan(&staff, &user).await.as_str(), taken_back(&staff, &path).await), ("pro", dollars("4.00")));

    let rest = json!({ "reason": "all of it" });
    let second = taken(keyed(&staff, &refunds, Some("two"), &rest).await);
    let refund = &second["refunds"][0];
    assert_eq!((&refund["amount"], &refund["whole"]), (&dollars("6.00"), &json!(true)), "{second:#}");
    let done = format!("/billing/refunds/{}/done", refund["id"].as_str().unwrap());
    // The same movement of money twice: nothing would be accounted for.
    not_done(&staff, &done, &made, 409, "reference_taken").await;
    assert_eq!(taken_back(&staff, &path).await, dollars("4.00"));
    staff.post(&done, json!({ "reference": format!("{reference}-2"), "reason": "a test" })).await;
    let whole = staff.get(&path).await;
    assert_eq!((&whole["payment"]["state"], &whole["payment"]["refunded"]), (&json!("refunded"), &dollars("10.00")));
    assert_eq!(whole["reversals"].as_array().map(Vec::len), Some(2), "{whole:#}");
    assert_eq!(plan(&staff, &user).await, "free", "what was paid for ends with the last of it");
    refused(&keyed(&staff, &refunds, Some("three"), &rest).await, 409, "nothing_to_refund");
    let documents = staff.get(&format!("/billing/invoices?payment={}", paid.id)).await;
    assert_eq!(documents["invoices"].as_array().map(Vec::len), Some(3), "an invoice and two credit notes");

    let actions = |lines: &Value| {
        let lines = lines.as_array().unwrap().iter().rev();
        lines.map(|line| line["action"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let told = ["payment.refund", "payment.refund_by_hand", "payment.refund", "payment.refund_by_hand"];
    assert_eq!(actions(&whole["history"]), told, "what was repeated or refused is not there");
    let log = json!(staff.audit(&user, "payment.").await);
    assert_eq!(actions(&log), told);
    assert_eq!((&log[3]["reason"], &log[3]["actor"]), (&json!("a test"), &json!(staff.id)));
}

/// What was taken back of a payment.
async fn taken_back(staff: &Staff, path: &str) -> Value {
    staff.get(path).await["payment"]["refunded"].clone()
}

#[tokio::test]
async fn money_that_does_not_fit_is_decided_about_once() {
    let stack = harness::shared().await;
    let (staff, desk) = (Staff::new(&stack, "admin").await, Desk::new(&stack));
    let (granted, credited, returned) =
        (Member::new(&stack).await.id(), Member::new(&stack).await.id(), Member::new(&stack).await.id());
    let short = |user: &str| {
        let (desk, user) = (&desk, user.to_owned());
        async move { desk.paid(&user, 600).await.id.to_string() }
    };
    let wanted = |decision: &str| json!({ "decision": decision, "reason": "a test" });

    let first = short(&granted).await;
    let path = format!("/billing/payments/{first}/review");
    let waiting = staff.get(&format!("/billing/payments?user={granted}&undecided=true")).await;
    assert_eq!(ids(&waiting), [first.as_str()]);
    let shown = &waiting["payments"][0]["payment"];
    assert_eq!((&shown["state"], &shown["reason"]["code"]), (&json!("review"), &json!("underpaid")));
    let support = Staff::new(&stack, "support").await;
    not_done(&support, &path, &wanted("grant"), 403, "role_missing").await;
    not_done(&staff, &path, &wanted("keep"), 422, "invalid_body").await;
    not_done(&staff, &path, &json!({ "decision": "grant", "reason": "" }), 422, "reason_length").await;
    for _ in 0..2 {
        let decided = staff.post(&path, wanted("grant")).await;
        assert_eq!(decided["payment"]["state"], "settled", "{decided:#}");
    }
    not_done(&staff, &path, &wanted("refund"), 409, "nothing_to_decide").await;
    assert_eq!(plan(&staff, &granted).await, "pro");
    assert_eq!(staff.audit(&granted, REVIEWED).await.len(), 1);

    let second = short(&credited).await;
    let path = format!("/billing/payments/{second}/review");
    for _ in 0..2 {
        staff.post(&path, wanted("dismiss")).await;
    }
    not_done(&staff, &path, &wanted("grant"), 409, "nothing_to_decide").await;
    let balance = staff.get(&format!("/users/{credited}/balance")).await;
    assert_eq!(balance["balances"][0]["available"], "6.00", "{balance:#}");
    assert_eq!((plan(&staff, &credited).await.as_str(), staff.audit(&credited, REVIEWED).await.len()), ("free", 1));

    let third = short(&returned).await;
    let path = format!("/billing/payments/{third}/review");
    let mut refund = wanted("refund");
    refund["note"] = json!("it was not enough");
    for _ in 0..2 {
        let decided = staff.post(&path, refund.clone()).await;
        let refunds = decided["refunds"].as_array().unwrap();
        assert_eq!(refunds.len(), 1, "{decided:#}");
        assert_eq!((&refunds[0]["state"], &refunds[0]["note"]), (&json!("by_hand"), &json!("it was not enough")));
        assert_eq!((&refunds[0]["amount"], &decided["receipts"][0]["state"]), (&dollars("6.00"), &json!("returned")));
    }
    let whole = staff.get(&format!("/billing/payments/{third}")).await;
    assert_eq!((&whole["payment"]["state"], whole["history"].as_array().map(Vec::len)), (&json!("failed"), Some(1)));
    assert_eq!(whole["history"][0]["new"]["decision"], "refund");
    let done = format!("/billing/refunds/{}/done", whole["refunds"][0]["id"].as_str().unwrap());
    staff.post(&done, json!({ "reference": format!("coins-{third}"), "reason": "a test" })).await;
    assert_eq!(plan(&staff, &returned).await, "free");
}

#[tokio::test]
async fn events_that_fit_nothing_are_given_to_a_payment_or_put_aside() {
    let stack = harness::shared().await;
    let (staff, user) = (Staff::new(&stack, "support").await, Member::new(&stack).await.id());
    let paid = Desk::new(&stack).paid(&user, 1_000).await;
    let (stray, spam) = (format!("stray-{}", paid.id), format!("spam-{}", paid.id));
    insert_event(&stack, "nowpayments", &stray).await;
    insert_event(&stack, "paypal", &spam).await;
    // Nobody expects their payments any more.
    let named = |page: &Value, external: &str| {
        let found = page["events"].as_array().unwrap().iter().find(|one| one["externals"][0] == external);
        found.map(|one| one["id"].as_str().unwrap().to_owned())
    };
    let list = |provider: &str| format!("/billing/payment-events?state=unmatched&provider={provider}&limit=200");
    let page = staff.sees(&list("nowpayments"), |page| named(page, &stray).is_some()).await;
    let event = named(&page, &stray).unwrap();
    let page = staff.sees(&list("paypal"), |page| named(page, &spam).is_some()).await;
    let other = named(&page, &spam).unwrap();
    assert!(named(&page, &stray).is_none(), "it is another provider's");

    let whole = staff.get(&format!("/billing/payment-events/{event}")).await;
    assert_eq!((&whole["body"], &whole["event"]["payment"]), (&json!(format!("about {stray}")), &Value::Null));
    let attach = |event: &str| format!("/billing/payment-events/{event}/attach");
    let to = json!({ "payment": paid.id, "reason": "a test" });
    not_done(&staff, &attach(&other), &to, 409, "other_provider").await;
    let nothing = json!({ "payment": "pay_00000000000000000000000000000000", "reason": "a test" });
    not_done(&staff, &attach(&event), &nothing, 404, "payment_not_found").await;
    let nobody = attach("pev_00000000000000000000000000000000");
    not_done(&staff, &nobody, &to, 404, "payment_event_not_found").await;
    for _ in 0..2 {
        let attached = staff.post(&attach(&event), to.clone()).await;
        assert_eq!((&attached["state"], &attached["payment"]), (&json!("matched"), &json!(paid.id)));
    }
    let dismiss = |event: &str| format!("/billing/payment-events/{event}/dismiss");
    not_done(&staff, &dismiss(&event), &json!({ "reason": "a test" }), 409, "event_matched").await;
    for _ in 0..2 {
        assert_eq!(staff.act(&dismiss(&other)).await["state"], "dismissed");
    }

    let payment = staff.get(&format!("/billing/payments/{}", paid.id)).await;
    assert_eq!(payment["events"].as_array().map(Vec::len), Some(1), "{payment:#}");
    assert_eq!(payment["events"][0]["id"], json!(event));
    let history = payment["history"].as_array().unwrap();
    assert_eq!(history.len(), 1, "twice is once: {history:#?}");
    assert_eq!((&history[0]["action"], &history[0]["subject"]), (&json!("payment_event.attach"), &json!(event)));
    let log = staff.get(&format!("/audit?actor={}&action=payment_event.dismiss", staff.id)).await;
    assert_eq!(log["entries"].as_array().map(Vec::len), Some(1), "{log:#}");
}

#[tokio::test]
async fn a_provider_that_gives_money_back_by_itself_is_asked_at_once() {
    let stack = harness::shared().await;
    let (staff, member) = (Staff::new(&stack, "admin").await, Member::new(&stack).await);
    let api = member.api();
    let checkout = json!({ "plan": "pro", "interval": "month", "provider": "paypal" });
    let begun = made::keyed_at(&api, "/billing/checkouts", Some("buy"), &checkout).await;
    assert_eq!(begun.0, 201, "{begun:?}");
    let id = member::text(&begun.1, "id");
    let path = format!("/billing/payments/{id}");
    let order = until("the page of PayPal", PATIENCE, async || {
        let payment: Value = api.get(&path).await?;
        let page = payment["handover"]["url"].as_str().and_then(|url| Url::parse(url).ok());
        Ok(page.and_then(|page| page.query_pairs().find(|(name, _)| name == "token").map(|(_, id)| id.into_owned())))
    });
    let order = order.await.unwrap();
    let paypal = PaypalControl::new(&stack.urls().paypal_control).unwrap();
    paypal.approve_order(&order).await.unwrap();
    staff.sees(&path, |one| one["payment"]["state"] == "settled").await;
    assert_eq!(plan(&staff, &member.id()).await, "pro");

    let part = json!({ "amount": dollars("2.50"), "reason": "a test" });
    let refunds = format!("{path}/refunds");
    let asked = taken(keyed(&staff, &refunds, Some("part"), &part).await);
    assert_eq!(asked["refunds"][0]["state"], "asked", "{asked:#}");
    let whole = staff.sees(&path, |one| one["refunds"][0]["state"] == "done").await;
    assert_eq!((&whole["refunded_by_hand"], &whole["payment"]["refunded"]), (&json!(false), &dollars("2.50")));
    assert_eq!(whole["reversals"][0]["refund"], whole["refunds"][0]["id"], "{whole:#}");
    let again = taken(keyed(&staff, &refunds, Some("part"), &part).await);
    assert_eq!(
        (&again["refunds"][0]["id"], &again["refunds"][0]["state"]),
        (&asked["refunds"][0]["id"], &json!("done"))
    );
    let books = paypal.books().await.unwrap();
    let capture = books.captures.iter().find(|capture| capture.custom_id.as_deref() == Some(&id)).unwrap();
    let back: Vec<_> = books.refunds.iter().filter(|refund| refund.payment == capture.id).collect();
    assert_eq!(back.iter().map(|refund| refund.amount_minor).collect::<Vec<_>>(), [250], "once at PayPal, too");

    let checked = staff.act(&format!("{path}/check")).await;
    assert_eq!(checked["payment"]["state"], "settled");
    taken(keyed(&staff, &refunds, Some("rest"), &json!({ "reason": "a test" })).await);
    staff.sees(&path, |one| one["payment"]["state"] == "refunded").await;
    assert_eq!(plan(&staff, &member.id()).await, "free");
}
