//! The administration of the catalogue of plans.

use reqwest::Method;
use sandbox::{
    client::CallError,
    scene::{self, until},
};
use serde_json::{Value, json};

use crate::{
    harness, histories,
    staff::Staff,
    world::{PATIENCE, World, assert_refused, place},
};

/// A plan of this name for people, with room for so many pairs.
fn terms(name: &str, pairs: u64) -> Value {
    json!({
        "name": name, "position": 50, "is_public": false, "priority": 3, "fairness_weight": 1.5,
        "limits": {
            "pairs": pairs, "telegram_accounts": 2, "discord_accounts": null, "messages_per_minute": 30,
            "messages_per_day": 2_000, "requests_per_minute": 300, "media_bytes": 1_048_576,
        },
        "features": {
            "copy_mode": true, "chain_forwarding": false, "discord_forwarding": true, "webhook_identity": false,
            "filters": true, "reports": false,
        },
        "prices": [{ "interval": "month", "amount": "5.00", "currency": "EUR" }], "trial_days": 7,
    })
}

async fn shown(staff: &Staff, code: &str) -> Value {
    let list = staff.get("/plans").await;
    list["plans"].as_array().unwrap().iter().find(|plan| plan["code"] == code).cloned().unwrap_or_default()
}

#[tokio::test]
async fn a_plan_is_added_given_and_changed_and_who_is_on_it_keeps_to_it() {
    let stack = harness::shared().await;
    let (staff, world) = (Staff::new(&stack, "admin").await, World::on_free(&stack).await);
    let user = scene::user_id(&world.api).await.unwrap();
    let code = format!("team-{}", &user[user.len() - 12..]);
    let (person, bot) = (world.person(None).await, world.bot().await);
    let source = world.channel(&person, &[]).await;
    let (reader, writer) = (world.link_person(&person).await, world.link_bot(&bot).await);

    let new = json!({ "code": code, "terms": terms("Team", 2), "reason": "a customer asked" });
    let made = staff.post("/plans", new.clone()).await;
    assert_eq!(made, json!({ "code": code, "terms": terms("Team", 2), "users": 0 }));
    let again = staff.try_call(Method::POST, "/plans", &new).await.unwrap_err();
    assert_refused(&again, 409, "plan_exists");
    let offers: Value = world.api.http().get("/plans").await.unwrap();
    assert!(offers["plans"].as_array().unwrap().iter().all(|plan| plan["code"] != code.as_str()), "{offers:#}");

    let given = json!({ "plan": code, "reason": "a customer asked" });
    staff.put(&format!("/users/{user}/plan"), given).await;
    assert_eq!(shown(&staff, &code).await["users"], 1);
    let first = world.pair(place(&reader, source), place(&writer, &bot.channel)).await.id;
    let other = world.controls.discord.create_channel(&bot.guild, "other").await.unwrap();
    let second = world.pair(place(&reader, source), place(&writer, &other)).await.id;

    let change = json!({ "terms": terms("Little team", 1), "reason": "too much" });
    let path = format!("/plans/{code}");
    for _ in 0..2 {
        let changed = staff.put(&path, change.clone()).await;
        assert_eq!(changed, json!({ "code": code, "terms": terms("Little team", 1), "users": 1 }));
    }
    let client = histories::temporal(&stack).await;
    until("the newest pair is paused", PATIENCE, async || {
        histories::sweep(&client).await;
        Ok((world.read_pair(&second).await["reason_code"] == "plan_limit").then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(world.read_pair(&first).await["status"], "active");

    let log = staff.get("/audit?action=plan.").await;
    let acts: Vec<_> =
        log["entries"].as_array().unwrap().iter().filter(|act| act["subject"] == code.as_str()).collect();
    assert_eq!(acts.len(), 3, "{log:#}");
    assert_eq!((&acts[2]["action"], &acts[0]["action"]), (&json!("plan.create"), &json!("plan.change")));
    assert_eq!((&acts[1]["old"], &acts[1]["new"]), (&terms("Team", 2), &terms("Little team", 1)));
}

#[tokio::test]
async fn a_plan_that_cannot_be_is_refused_with_the_field_that_is_wrong() {
    let stack = harness::shared().await;
    let (admin, support) = (Staff::new(&stack, "admin").await, Staff::new(&stack, "support").await);
    let refused = async |code: &str, path: &str, wrong: Value, problem: &str, field: &str| {
        let mut terms = terms("Team", 1);
        *terms.pointer_mut(path).unwrap() = wrong;
        let new = json!({ "code": code, "terms": terms, "reason": "a test" });
        let refusal = admin.try_call(Method::POST, "/plans", &new).await.unwrap_err();
        assert_refused(&refusal, 422, problem);
        let CallError::Refused { body, .. } = &refusal else { panic!("{refusal}") };
        let problem: Value = serde_json::from_str(body).unwrap();
        assert_eq!(problem["field"], field, "{refusal}");
    };
    refused("Not a code", "/name", json!("x"), "plan_invalid", "code").await;
    refused("x", "/name", json!(" "), "plan_invalid", "terms.name").await;
    refused("x", "/priority", json!(6), "plan_invalid", "terms.priority").await;
    refused("x", "/fairness_weight", json!(0), "plan_invalid", "terms.fairness_weight").await;
    refused("x", "/limits/messages_per_day", json!(0), "plan_invalid", "terms.limits").await;
    refused("x", "/limits/pairs", json!(-1), "invalid_body", "terms.limits.pairs").await;
    refused("x", "/trial_days", json!(366), "plan_invalid", "terms.trial_days").await;
    refused("x", "/prices/0/amount", json!("0.00"), "plan_invalid", "terms.prices").await;
    refused("x", "/prices/0/amount", json!("5.001"), "amount_invalid", "amount").await;
    refused("x", "/prices/0/currency", json!("XXX"), "currency_unknown", "currency").await;
    let twice = json!([
        { "interval": "month", "amount": "5.00", "currency": "EUR" },
        { "interval": "month", "amount": "6.00", "currency": "EUR" },
    ]);
    refused("x", "/prices", twice, "plan_invalid", "terms.prices").await;
    refused("x", "/prices", json!([]), "plan_invalid", "terms.trial_days").await;
    let mut partial = terms("Team", 1);
    partial["limits"].as_object_mut().unwrap().remove("pairs");
    let partial = json!({ "code": "x", "terms": partial, "reason": "a test" });
    let refusal = admin.try_call(Method::POST, "/plans", &partial).await.unwrap_err();
    assert_refused(&refusal, 422, "invalid_body");
    let change = json!({ "terms": terms("Team", 1), "reason": "a test" });
    let nothing = admin.try_call(Method::PUT, "/plans/nothing", &change).await.unwrap_err();
    assert_refused(&nothing, 404, "plan_not_found");
    assert!(shown(&support, "free").await["users"].as_i64().unwrap() > 0);
    let asked = support.try_call(Method::PUT, "/plans/free", &change).await.unwrap_err();
    assert_refused(&asked, 403, "role_missing");
}
