//! Coupons through the API: what tenants type, what they keep, and what staff make of them.

use reqwest::Method;
use sandbox::{client::CallError, scene};
use serde_json::{Value, json};

use crate::{
    harness,
    staff::Staff,
    world::{World, assert_refused},
};

/// A code that no other test has.
fn code_of(world_id: &str, word: &str) -> String {
    format!("{word}-{}", world_id[world_id.len() - 12..].to_uppercase())
}

fn half() -> Value {
    json!({ "percent": 50, "duration": "once" })
}

fn written(code: &str, terms: &Value) -> Value {
    json!({ "code": code, "note": "spring", "terms": terms, "reason": "a test" })
}

async fn make(staff: &Staff, code: &str, terms: Value) -> Value {
    staff.post("/billing/coupons", written(code, &terms)).await
}

async fn validate(world: &World, code: &str, plan: &str, interval: &str) -> Result<Value, CallError> {
    let body = json!({ "code": code, "plan": plan, "interval": interval });
    world.api.http().post("/billing/coupons/validate", &body).await
}

async fn redeem(world: &World, code: &str) -> Result<Value, CallError> {
    world.api.http().post("/billing/coupons/redeem", &json!({ "code": code })).await
}

fn dollars(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "USD" })
}

#[tokio::test]
async fn a_coupon_is_looked_at_kept_and_given_up() {
    let stack = harness::shared().await;
    let (staff, world, other) =
        (Staff::new(&stack, "admin").await, World::on_free(&stack).await, World::on_free(&stack).await);
    let code = code_of(&scene::user_id(&world.api).await.unwrap(), "KEEP");
    let mut terms = half();
    terms["redemptions_max"] = json!(1);
    terms["plans"] = json!(["pro"]);
    let made = make(&staff, &code, terms).await;
    assert_eq!((&made["code"], &made["active"], &made["redemptions"]), (&json!(code), &json!(true), &json!(0)));

    let quote = validate(&world, &format!(" {} ", code.to_lowercase()), "pro", "month").await.unwrap();
    assert_eq!(quote, json!({ "price": dollars("10.00"), "discount": dollars("5.00"), "total": dollars("5.00") }));
    assert_refused(&validate(&world, &code, "elite", "month").await.unwrap_err(), 422, "coupon_plan");
    assert_refused(&validate(&world, &code, "nothing", "month").await.unwrap_err(), 404, "plan_not_found");
    assert_refused(&validate(&world, &code, "pro", "week").await.unwrap_err(), 422, "invalid_body");

    let kept = redeem(&world, &code.to_lowercase()).await.unwrap();
    assert_eq!(redeem(&world, &code).await.unwrap(), kept, "twice is once");
    assert_eq!(
        (&kept["state"], &kept["periods_left"], &kept["coupon"]["code"]),
        (&json!("kept"), &json!(1), &json!(code))
    );
    assert_refused(&redeem(&other, &code).await.unwrap_err(), 422, "coupon_exhausted");
    let list: Value = world.api.http().get("/billing/coupons").await.unwrap();
    assert_eq!(list, json!({ "coupons": [kept], "next": null }));
    let others: Value = other.api.http().get("/billing/coupons").await.unwrap();
    assert_eq!(others["coupons"], json!([]), "it is nobody else's");

    let path = format!("/billing/coupons/{}", code.to_lowercase());
    let give_up = async |world: &World| world.api.http().call::<Value>(Method::DELETE, &path, None::<&()>).await;
    assert_refused(&give_up(&other).await.unwrap_err(), 404, "coupon_not_found");
    give_up(&world).await.unwrap();
    assert_refused(&give_up(&world).await.unwrap_err(), 404, "coupon_not_found");
    assert_eq!(redeem(&other, &code).await.unwrap()["state"], "kept", "there is room again");
}

/// A checkout of a month of Pro with a coupon.
async fn check_out(world: &World, key: &str, code: &str, provider: Option<&str>) -> Result<Value, CallError> {
    let mut body = json!({ "plan": "pro", "interval": "month", "coupon": code });
    if let Some(provider) = provider {
        body["provider"] = json!(provider);
    }
    world.api.http().call_with(Method::POST, "/billing/checkouts", &[("idempotency-key", key)], Some(&body)).await
}

#[tokio::test]
async fn all_of_the_price_off_needs_no_provider_and_the_last_one_is_given_once() {
    const COPIES: usize = 3;
    let stack = harness::shared().await;
    let staff = Staff::new(&stack, "admin").await;
    let code = code_of(&staff.id, "FREE");
    let terms = json!({ "percent": 100, "duration": "once", "redemptions_max": COPIES, "first_purchase_only": true });
    let made = make(&staff, &code, terms).await;
    let mut worlds = Vec::new();
    for _ in 0..=COPIES {
        worlds.push(World::on_free(&stack).await);
    }
    let asked = worlds.iter().map(|world| check_out(world, "first", &code, None));
    let answers = futures::future::join_all(asked).await;
    let mut settled = 0;
    for (world, answer) in worlds.iter().zip(answers) {
        let usage: Value = world.api.http().get("/me/usage").await.unwrap();
        match answer {
            Ok(payment) => {
                settled += 1;
                assert_eq!(
                    (&payment["state"], &payment["amount"]),
                    (&json!("settled"), &dollars("0.00")),
                    "{payment:#}"
                );
                assert_eq!((&payment["discount"], &usage["plan"]["code"]), (&dollars("10.00"), &json!("pro")));
                let again = check_out(world, "first", &code, None).await.unwrap();
                assert_eq!(again["id"], payment["id"], "twice is once");
                let renewal = check_out(world, "second", &code, Some("paypal")).await.unwrap_err();
                assert_refused(&renewal, 422, "coupon_first_purchase");
            }
            Err(refusal) => {
                assert_refused(&refusal, 422, "coupon_exhausted");
                assert_eq!(usage["plan"]["code"], "free");
            }
        }
    }
    assert_eq!(settled, COPIES);
    let path = format!("/billing/coupons/{}/statistics", made["id"].as_str().unwrap());
    let statistics = staff.get(&path).await;
    assert_eq!((&statistics["used"], &statistics["users"], &statistics["reserved"]), (&json!(3), &json!(3), &json!(0)));
    assert_eq!(statistics["discounts"], json!([{ "payments": 3, "amount": dollars("30.00") }]));
    assert_eq!(statistics["days"][0]["redemptions"], 3, "{statistics:#}");
}

#[tokio::test]
async fn a_checkout_holds_its_coupon_until_it_is_given_up() {
    let stack = harness::shared().await;
    let (staff, world, other) =
        (Staff::new(&stack, "admin").await, World::on_free(&stack).await, World::on_free(&stack).await);
    let code = code_of(&scene::user_id(&world.api).await.unwrap(), "HELD");
    let mut terms = half();
    terms["redemptions_max"] = json!(1);
    make(&staff, &code, terms).await;
    let payment = check_out(&world, "first", &code.to_lowercase(), Some("paypal")).await.unwrap();
    assert_eq!((&payment["discount"], &payment["amount"]), (&dollars("5.00"), &dollars("5.00")));
    assert_refused(&check_out(&other, "first", &code, Some("paypal")).await.unwrap_err(), 422, "coupon_exhausted");
    let list: Value = world.api.http().get("/billing/coupons").await.unwrap();
    assert_eq!((&list["coupons"][0]["state"], &list["coupons"][0]["periods_left"]), (&json!("reserved"), &json!(0)));
    let path = format!("/billing/payments/{}/cancel", payment["id"].as_str().unwrap());
    for _ in 0..2 {
        let canceled: Value = world.api.http().post(&path, &json!({})).await.unwrap();
        assert_eq!(canceled["state"], "canceled");
    }
    let list: Value = world.api.http().get("/billing/coupons").await.unwrap();
    assert_eq!(list["coupons"], json!([]));
    redeem(&other, &code).await.unwrap();
    // It is kept: the checkout need not name it.
    let body = json!({ "plan": "pro", "interval": "month", "provider": "paypal" });
    let headers = [("idempotency-key", "second")];
    let kept =
        other.api.http().call_with::<Value>(Method::POST, "/billing/checkouts", &headers, Some(&body)).await.unwrap();
    assert_eq!(kept["discount"], dollars("5.00"), "{kept:#}");
    let path = format!("/billing/coupons/{code}");
    let refused = other.api.http().call::<Value>(Method::DELETE, &path, None::<&()>).await.unwrap_err();
    assert_refused(&refused, 409, "coupon_in_use");
    assert_refused(
        &check_out(&world, "third", "NO-SUCH-CODE", Some("paypal")).await.unwrap_err(),
        404,
        "coupon_not_found",
    );
}

#[tokio::test]
async fn every_reason_has_its_code() {
    let stack = harness::shared().await;
    let (staff, world) = (Staff::new(&stack, "admin").await, World::on_free(&stack).await);
    let user = scene::user_id(&world.api).await.unwrap();
    let cases = [
        ("coupon_not_started", json!({ "starts_at": "2999-01-01T00:00:00Z" })),
        ("coupon_expired", json!({ "ends_at": "2001-01-01T00:00:00Z" })),
        ("coupon_plan", json!({ "plans": ["elite"] })),
        ("coupon_interval", json!({ "interval": "year" })),
        ("coupon_currency", json!({ "currency": "EUR" })),
        ("coupon_minimum", json!({ "currency": "USD", "minimum_amount": "10.01" })),
    ];
    for (number, (problem, more)) in cases.into_iter().enumerate() {
        let mut terms = half();
        terms.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let code = code_of(&user, &format!("R{number}"));
        make(&staff, &code, terms).await;
        assert_refused(&validate(&world, &code, "pro", "month").await.unwrap_err(), 422, problem);
    }
    let code = code_of(&user, "OFF");
    let made = make(&staff, &code, half()).await;
    let path = format!("/billing/coupons/{}", made["id"].as_str().unwrap());
    for (act, active) in [("deactivate", false), ("deactivate", false), ("activate", true), ("deactivate", false)] {
        assert_eq!(staff.act(&format!("{path}/{act}")).await["active"], active);
    }
    assert_refused(&validate(&world, &code, "pro", "month").await.unwrap_err(), 422, "coupon_inactive");
    assert_refused(&redeem(&world, &code).await.unwrap_err(), 422, "coupon_inactive");
}

#[tokio::test]
async fn who_guesses_codes_has_to_wait() {
    let stack = harness::shared().await;
    let (staff, world) = (Staff::new(&stack, "admin").await, World::on_free(&stack).await);
    let code = code_of(&scene::user_id(&world.api).await.unwrap(), "GOOD");
    make(&staff, &code, half()).await;
    for number in 0..6 {
        let guess = validate(&world, &format!("GUESS-{number}"), "pro", "month").await.unwrap_err();
        assert_refused(&guess, 404, "coupon_not_found");
    }
    // The wait begins at a second and doubles: soon enough it is not over yet.
    let mut waits = false;
    for number in 0..4 {
        let refusal = redeem(&world, &format!("GUESS-{number}")).await.unwrap_err();
        waits |= refusal.code() == "too_many_attempts";
    }
    assert!(waits, "nobody guesses on and on");
    assert!(world.api.http().get::<Value>("/auth/me").await.is_ok(), "nothing else is locked");
}

#[tokio::test]
async fn staff_make_change_and_delete_coupons() {
    let stack = harness::shared().await;
    let (admin, support, world) =
        (Staff::new(&stack, "admin").await, Staff::new(&stack, "support").await, World::on_free(&stack).await);
    let user = scene::user_id(&world.api).await.unwrap();
    let (code, unused) = (code_of(&user, "WHOLE"), code_of(&user, "UNUSED"));
    let terms = json!({
        "percent": null, "amount": "5.00", "currency": "USD", "duration": "repeating", "periods": 3,
        "minimum_amount": "10.00", "plans": ["pro", "elite"], "interval": "month", "first_purchase_only": true,
        "combinable": true, "per_user_max": 1, "redemptions_max": 100, "starts_at": "2026-01-01T00:00:00Z",
        "ends_at": "2999-01-01T00:00:00Z",
    });
    let made = make(&admin, &code.to_lowercase(), terms.clone()).await;
    assert_eq!((&made["terms"], &made["code"], &made["created_by"]), (&terms, &json!(code), &json!(admin.id)));
    let path = format!("/billing/coupons/{}", made["id"].as_str().unwrap());
    assert_eq!(support.get(&path).await, made);
    let again = admin.try_call(Method::POST, "/billing/coupons", &written(&code, &half())).await.unwrap_err();
    assert_refused(&again, 409, "coupon_exists");
    let found = support.get(&format!("/billing/coupons?q={}&active=true", &code.to_lowercase()[6..])).await;
    assert_eq!(found["coupons"], json!([made]));

    redeem(&world, &code).await.unwrap();
    let mut change = terms.clone();
    change["redemptions_max"] = json!(null);
    let changed = admin.put(&path, written(&code, &change)).await;
    assert_eq!((&changed["terms"], &changed["redemptions"]), (&change, &json!(1)));
    change["amount"] = json!("6.00");
    let refused = admin.try_call(Method::PUT, &path, &written(&code, &change)).await.unwrap_err();
    assert_refused(&refused, 409, "coupon_in_use");
    let reason = json!({ "reason": "a test" });
    assert_refused(&admin.try_call(Method::DELETE, &path, &reason).await.unwrap_err(), 409, "coupon_in_use");
    let redemptions = support.get(&format!("{path}/redemptions")).await;
    let row = &redemptions["redemptions"][0];
    assert_eq!((&row["user"], &row["state"], &row["periods"]), (&json!(user), &json!("kept"), &json!(3)));
    let statistics = support.get(&format!("{path}/statistics")).await;
    assert_eq!((&statistics["kept"], &statistics["used"], &statistics["days"]), (&json!(1), &json!(0), &json!([])));
    let wrong = format!("/admin{path}/statistics?until=2001-01-01T00:00:00Z&from=2002-01-01T00:00:00Z");
    let wrong = support.http.get::<Value>(&wrong).await.unwrap_err();
    assert_refused(&wrong, 422, "invalid_query");

    let other = make(&admin, &unused, half()).await;
    let other = format!("/billing/coupons/{}", other["id"].as_str().unwrap());
    admin.try_call(Method::DELETE, &other, &reason).await.unwrap();
    assert_refused(&admin.try_call(Method::DELETE, &other, &reason).await.unwrap_err(), 404, "coupon_not_found");
    for (method, path, body) in [
        (Method::POST, "/billing/coupons".to_owned(), written(&unused, &half())),
        (Method::PUT, path.clone(), written(&code, &half())),
        (Method::DELETE, path.clone(), reason.clone()),
        (Method::POST, format!("{path}/deactivate"), reason.clone()),
    ] {
        assert_refused(&support.try_call(method, &path, &body).await.unwrap_err(), 403, "role_missing");
    }
    let log = support.get("/audit?action=coupon.").await;
    let of = |id: &Value| log["entries"].as_array().unwrap().iter().filter(|act| act["subject"] == *id).count();
    assert_eq!(of(&made["id"]), 2, "{log:#}");
}

#[tokio::test]
async fn a_coupon_that_cannot_be_is_refused_with_the_field_that_is_wrong() {
    let stack = harness::shared().await;
    let staff = Staff::new(&stack, "admin").await;
    let refused = async |code: &str, terms: Value, problem: &str, field: &str| {
        let refusal = staff.try_call(Method::POST, "/billing/coupons", &written(code, &terms)).await.unwrap_err();
        let CallError::Refused { body, .. } = &refusal else { panic!("{refusal}") };
        let shown: Value = serde_json::from_str(body).unwrap();
        assert_eq!((refusal.code(), &shown["field"]), (problem, &json!(field)), "{refusal}");
    };
    let invalid = "coupon_invalid";
    refused("no", half(), invalid, "code").await;
    refused("NO CODE", half(), invalid, "code").await;
    refused("CODE", json!({ "duration": "once" }), invalid, "percent").await;
    refused("CODE", json!({ "duration": "once", "percent": 101 }), invalid, "percent").await;
    refused("CODE", json!({ "duration": "once", "amount": "5" }), invalid, "currency").await;
    refused("CODE", json!({ "duration": "once", "amount": "5.001", "currency": "USD" }), invalid, "amount").await;
    refused("CODE", json!({ "duration": "repeating", "percent": 5 }), invalid, "periods").await;
    refused("CODE", json!({ "duration": "once", "percent": 5, "per_user_max": 0 }), invalid, "per_user_max").await;
    refused("CODE", json!({ "duration": "once", "percent": 5, "plans": ["pro", "pro"] }), invalid, "plans").await;
    refused("CODE", json!({ "duration": "once", "percent": 5, "plans": ["none"] }), "plan_not_found", "plan").await;
    refused("CODE", json!({ "duration": "weekly", "percent": 5 }), "invalid_body", "terms.duration").await;
    let times = json!({ "duration": "once", "percent": 5, "starts_at": "2026-01-02T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z" });
    refused("CODE", times, invalid, "ends_at").await;
}
