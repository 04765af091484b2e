//! Subscriptions through the API: prices, a trial, changes, the end; and what staff does.

use reqwest::Method;
use sandbox::scene::{self, until};
use serde_json::{Value, json};
use workflows::{contract::subscription_workflow_id, subscription::SubscriptionWorkflow};

use crate::{
    harness, histories,
    staff::Staff,
    world::{PATIENCE, World, assert_refused},
};

async fn view(world: &World) -> Value {
    world.api.http().get("/billing/subscription").await.unwrap()
}

async fn post(world: &World, path: &str, body: Value) -> Value {
    let path = format!("/billing/{path}");
    world.api.http().post(&path, &body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
}

async fn refused(world: &World, path: &str, body: Value, status: u16, code: &str) {
    let answer: Result<Value, _> = world.api.http().post(&format!("/billing/{path}"), &body).await;
    assert_refused(&answer.unwrap_err(), status, code);
}

/// The plan that the API's limits are by.
async fn plan(world: &World) -> Value {
    let usage: Value = world.api.http().get("/me/usage").await.unwrap();
    usage["plan"]["code"].clone()
}

#[tokio::test]
async fn plans_show_what_they_cost_and_for_how_long_they_may_be_tried_out() {
    let stack = harness::shared().await;
    let world = World::on_free(&stack).await;
    let plans: Value = world.api.http().get("/plans").await.unwrap();
    let of = |code: &str| plans["plans"].as_array().unwrap().iter().find(|plan| plan["code"] == code).cloned().unwrap();
    let price = |interval: &str, amount: &str| json!({ "interval": interval, "amount": amount, "currency": "USD" });
    assert_eq!(of("free")["prices"], json!([]));
    assert_eq!(of("pro")["prices"], json!([price("month", "10.00"), price("year", "100.00")]));
    assert_eq!(of("elite")["prices"], json!([price("month", "30.00"), price("year", "300.00")]));
    assert_eq!((&of("pro")["trial_days"], &of("elite")["trial_days"]), (&json!(14), &json!(0)));
}

#[tokio::test]
async fn a_trial_begins_at_once_ends_when_its_tenant_wants_and_comes_once() {
    let stack = harness::shared().await;
    let world = World::on_free(&stack).await;
    let before = view(&world).await;
    assert_eq!((&before["plan"], &before["may_try"]), (&json!("free"), &json!(true)));
    assert_eq!((&before["subscription"], &before["history"]), (&Value::Null, &json!([])));
    refused(&world, "trial", json!({ "plan": "elite" }), 409, "no_trial").await;
    refused(&world, "trial", json!({ "plan": "nothing" }), 404, "plan_not_found").await;
    refused(&world, "subscription/cancel", json!({ "when": "now" }), 409, "no_subscription").await;
    for _ in 0..2 {
        let begun = post(&world, "trial", json!({ "plan": "pro" })).await;
        assert_eq!((&begun["status"], &begun["plan"]), (&json!("trialing"), &json!("pro")), "{begun:#}");
    }
    assert_eq!(plan(&world).await, "pro");
    let client = histories::temporal(&stack).await;
    let user = scene::user_id(&world.api).await.unwrap();
    let workflow = client.get_workflow_handle::<SubscriptionWorkflow>(subscription_workflow_id(user.parse().unwrap()));
    workflow.describe(Default::default()).await.expect("its workflow runs");
    for _ in 0..2 {
        let ending = post(&world, "subscription/cancel", json!({ "when": "period_end" })).await;
        assert_eq!(ending["cancel_at"], ending["period_end"]);
    }
    for _ in 0..2 {
        let resumed = post(&world, "subscription/resume", json!({})).await;
        assert_eq!((&resumed["status"], &resumed["cancel_at"]), (&json!("trialing"), &Value::Null));
    }
    let ended = post(&world, "subscription/cancel", json!({ "when": "now" })).await;
    assert_eq!((&ended["status"], &ended["end_reason"]), (&json!("canceled"), &json!("requested")));
    assert_eq!(plan(&world).await, "free");
    refused(&world, "subscription/resume", json!({}), 409, "no_subscription").await;
    refused(&world, "trial", json!({ "plan": "pro" }), 409, "no_trial").await;
    workflow.get_result(Default::default()).await.expect("its workflow ends with it");
    let after = view(&world).await;
    let kinds: Vec<_> = after["history"].as_array().unwrap().iter().map(|event| event["kind"].clone()).collect();
    assert_eq!(kinds, ["canceled", "resumed", "cancel_scheduled", "trial_started"]);
    let page: Value = world.api.http().get("/billing/subscription?limit=3").await.unwrap();
    let rest: Value =
        world.api.http().get(&format!("/billing/subscription?limit=3&before={}", page["next"])).await.unwrap();
    assert_eq!(rest["history"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_change_says_what_it_costs_and_begins_when_it_costs_nothing() {
    let stack = harness::shared().await;
    let world = World::on_free(&stack).await;
    let wanted = |plan: &str, interval: &str| json!({ "plan": plan, "interval": interval });
    let asked = post(&world, "subscription/change", wanted("pro", "year")).await;
    assert_eq!((&asked["outcome"], &asked["subscription"]), (&json!("payment_needed"), &Value::Null));
    assert_eq!(asked["quote"]["purpose"], "subscribe");
    assert_eq!(asked["quote"]["due"], json!({ "amount": "100.00", "currency": "USD" }));
    refused(&world, "subscription/change", wanted("free", "month"), 422, "plan_not_for_sale").await;
    refused(&world, "subscription/change", wanted("nothing", "month"), 404, "plan_not_found").await;
    refused(&world, "subscription/change", wanted("pro", "week"), 422, "invalid_body").await;
    // As if it had been paid.
    let user: domain::UserId = scene::user_id(&world.api).await.unwrap().parse().unwrap();
    let pool = store::connect(&stack.urls().database.into()).unwrap();
    let amount = domain::Money::new(3_000, domain::Currency::USD);
    let interval = domain::billing::Interval::Month;
    let paid = store::subscriptions::Paid {
        user,
        payment: domain::PaymentId::new(&domain::SystemClock),
        purpose: domain::billing::PaymentPurpose::Subscribe,
        price: domain::billing::Price { plan: domain::PlanId::ELITE, interval, amount },
        due: amount,
        net: amount,
        agreement: None,
    };
    let mut transaction = pool.begin().await.unwrap();
    let now = domain::Clock::now(&domain::SystemClock);
    store::subscriptions::paid(&mut transaction, &harness::sealer(), &paid, now).await.unwrap();
    transaction.commit().await.unwrap();
    for _ in 0..2 {
        let scheduled = post(&world, "subscription/change", wanted("pro", "month")).await;
        assert_eq!(scheduled["outcome"], "scheduled", "{scheduled:#}");
        assert_eq!(scheduled["subscription"]["next"]["plan"], "pro");
        assert_eq!(scheduled["subscription"]["next"]["at"], scheduled["subscription"]["period_end"]);
        assert_eq!(scheduled["subscription"]["renewal"]["amount"], "10.00");
    }
    let kept = post(&world, "subscription/change", wanted("elite", "month")).await;
    assert_eq!((&kept["outcome"], &kept["subscription"]["next"]), (&json!("kept"), &Value::Null));
    let dearer = post(&world, "subscription/change", wanted("elite", "year")).await;
    assert_eq!((&dearer["outcome"], &dearer["quote"]["purpose"]), (&json!("payment_needed"), &json!("upgrade")));
    assert_eq!(plan(&world).await, "elite");
}

#[tokio::test]
async fn staff_lists_looks_at_gives_and_ends_subscriptions() {
    let stack = harness::shared().await;
    let (admin, support) = (Staff::new(&stack, "admin").await, Staff::new(&stack, "support").await);
    let world = World::on_free(&stack).await;
    let user = scene::user_id(&world.api).await.unwrap();
    post(&world, "trial", json!({ "plan": "pro" })).await;
    let path = format!("/billing/subscriptions?status=trialing&email={}", crate::staff::email(&world).await);
    let listed = support.get(&path).await;
    assert_eq!(listed["subscriptions"].as_array().unwrap().len(), 1, "{listed:#}");
    assert_eq!(listed["subscriptions"][0]["user"], user.as_str());
    let wrong = support.http.get::<Value>("/admin/billing/subscriptions?status=nothing").await.unwrap_err();
    assert_refused(&wrong, 422, "invalid_query");
    // A gift holds before the trial, and leaves it behind.
    let gift = json!({ "plan": "elite", "reason": "a gift" });
    admin.put(&format!("/users/{user}/plan"), gift).await;
    let given = view(&world).await;
    assert_eq!((&given["plan"], &given["given"]), (&json!("elite"), &json!(true)));
    assert_eq!(given["subscription"]["plan"], "pro");
    let back = json!({ "plan": "free", "reason": "enough" });
    admin.put(&format!("/users/{user}/plan"), back).await;
    assert_eq!(view(&world).await["plan"], "pro");
    let path = format!("/users/{user}/subscription/cancel");
    let end = json!({ "when": "now", "reason": "a test" });
    let asked = support.try_call(Method::POST, &path, &end).await.unwrap_err();
    assert_refused(&asked, 403, "role_missing");
    assert_eq!(admin.post(&path, end.clone()).await["end_reason"], "staff");
    let again = admin.try_call(Method::POST, &path, &end).await.unwrap_err();
    assert_refused(&again, 409, "no_subscription");
    assert_eq!(plan(&world).await, "free");
    assert_eq!(admin.audit(&user, "user.subscription_cancel").await.len(), 1);
    let seen = support.get(&format!("/users/{user}/subscription")).await;
    assert_eq!(seen["subscription"]["status"], "canceled");
}

#[tokio::test]
async fn a_subscription_that_nobody_was_told_of_is_woken_by_the_sweep() {
    let stack = harness::shared().await;
    let world = World::on_free(&stack).await;
    let user: domain::UserId = scene::user_id(&world.api).await.unwrap().parse().unwrap();
    let pool = store::connect(&stack.urls().database.into()).unwrap();
    // Committed, and then the process died.
    let then = domain::Clock::now(&domain::SystemClock) - chrono::TimeDelta::minutes(5);
    let mut transaction = pool.begin().await.unwrap();
    let plans = store::plans::catalogue(&mut transaction).await.unwrap();
    let pro = plans.iter().find(|plan| plan.code == "pro").unwrap();
    store::subscriptions::start_trial(&mut transaction, user, pro, then).await.unwrap().unwrap();
    transaction.commit().await.unwrap();
    let client = histories::temporal(&stack).await;
    histories::sweep(&client).await;
    let workflow = client.get_workflow_handle::<SubscriptionWorkflow>(subscription_workflow_id(user));
    until("the workflow looks after it", PATIENCE, async || {
        let due = sqlx::query_scalar::<_, bool>("SELECT due_at > now() FROM subscriptions WHERE user_id = $1");
        let due = due.bind(user.as_uuid()).fetch_one(&pool).await?;
        Ok(due.then_some(()))
    })
    .await
    .unwrap();
    workflow.describe(Default::default()).await.expect("its workflow runs");
}
