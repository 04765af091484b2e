//! What plans limit: refusals that say what is in the way, limits that hold under concurrency, and what is shown of them.

use domain::SystemClock;
use reqwest::Method;
use sandbox::{
    client::{CallError, Http},
    scene,
    stack::Stack,
};
use serde_json::{Value, json};

use crate::{
    harness,
    world::{Bot, World, assert_refused, pair, place},
};

mod changes;

/// The operator's view of one tenant.
struct Operator {
    http: Http,
    user: String,
}

impl Operator {
    async fn of(stack: &Stack, world: &World) -> Self {
        Self { http: scene::operator(stack).unwrap(), user: scene::user_id(&world.api).await.unwrap() }
    }

    async fn put(&self, what: &str, body: &Value) -> Result<Value, CallError> {
        self.http.call(Method::PUT, &format!("/operator/users/{}/{what}", self.user), Some(body)).await
    }

    /// Gives the tenant a plan and says what that has paused and resumed.
    async fn plan(&self, code: &str) -> Value {
        self.put("plan", &json!({ "plan": code, "reason": "a test" })).await.unwrap()
    }

    /// Makes exceptions, beside the one that lets the test look as often as it likes.
    async fn limits(&self, limits: Value) -> Value {
        self.put("limits", &json!({ "limits": limits, "reason": "a test" })).await.unwrap()
    }
}

async fn usage(world: &World) -> Value {
    world.api.http().get("/me/usage").await.unwrap()
}

/// What a refusal says is in the way.
fn in_the_way(refusal: &CallError) -> Value {
    assert_refused(refusal, 403, "plan_limit");
    let CallError::Refused { body, .. } = refusal else { panic!("{refusal}") };
    serde_json::from_str::<Value>(body).unwrap()["plan_limit"].clone()
}

fn limit(limit: &str, used: u64, allowed: u64, lifted_by: &str) -> Value {
    json!({ "limit": limit, "used": used, "allowed": allowed, "lifted_by": lifted_by })
}

fn feature(feature: &str) -> Value {
    json!({ "limit": feature, "used": null, "allowed": null, "lifted_by": "pro" })
}

/// More channels in the bot's guild.
async fn channels(world: &World, bot: &Bot, count: usize) -> Vec<String> {
    let mut channels = Vec::new();
    for number in 0..count {
        let channel = world.controls.discord.create_channel(&bot.guild, &format!("gated-{number}")).await;
        channels.push(channel.unwrap());
    }
    channels
}

#[tokio::test]
async fn a_refusal_says_what_is_in_the_way_and_which_plan_lifts_it() {
    let stack = harness::shared().await;
    let world = World::on_free(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let (first, second) = (world.channel(&person, &[]).await, world.channel(&person, &[]).await);
    let (telegram, discord) = (world.link_person(&person).await, world.link_bot(&bot).await);
    let more = channels(&world, &bot, 2).await;
    let another = world.api.add_discord(&world.bot().await.token).await.unwrap_err();
    assert_eq!(in_the_way(&another), limit("discord_accounts", 1, 1, "pro"));
    let another = world.api.add_telegram(&world.person(None).await.phone).await.unwrap_err();
    assert_eq!(in_the_way(&another), limit("telegram_accounts", 1, 1, "pro"));

    world.pair(place(&telegram, first), place(&discord, &bot.channel)).await;
    let mut named = serde_json::to_value(pair(place(&telegram, second), place(&discord, &bot.channel))).unwrap();
    named["options"] = json!({ "webhook_identity": true });
    let made: Result<Value, CallError> = world.api.http().post("/pairs", &named).await;
    assert_eq!(in_the_way(&made.unwrap_err()), feature("webhook_identity"));
    let chain = pair(place(&discord, &bot.channel), place(&telegram, second));
    assert_eq!(in_the_way(&world.api.create_pair(&chain).await.unwrap_err()), feature("chain_forwarding"));
    // The way back is no chain.
    let back = world.pair(place(&discord, &bot.channel), place(&telegram, first)).await;
    let back = world.read_pair(&back.id).await;
    assert_eq!(back["status"], "active");
    let third = world.pair(place(&telegram, second), place(&discord, &more[0])).await;
    let full = world.api.create_pair(&pair(place(&telegram, second), place(&discord, &more[1]))).await.unwrap_err();
    assert_eq!(in_the_way(&full), limit("pairs", 3, 3, "pro"));
    let path = format!("/pairs/{}", third.id);
    let change = json!({ "options": { "webhook_identity": true } });
    let changed: Result<Value, CallError> = world.api.http().call(Method::PATCH, &path, Some(&change)).await;
    assert_eq!(in_the_way(&changed.unwrap_err()), feature("webhook_identity"));
    let renamed: Value = world.api.http().call(Method::PATCH, &path, Some(&json!({ "name": "third" }))).await.unwrap();
    assert_eq!(renamed["name"], "third");
}

#[tokio::test]
async fn of_fifty_pairs_made_at_once_as_many_are_made_as_the_plan_allows() {
    let stack = harness::shared().await;
    let world = World::on_free(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let channel = world.channel(&person, &[]).await;
    let (reader, writer) = (world.link_person(&person).await, world.link_bot(&bot).await);
    // Topics of one chat, so that few questions are asked of the platforms.
    let make = async |topic: usize| {
        let new = json!({
            "name": format!("topic {topic}"),
            "source": { "account": reader, "chat": channel.to_string(), "topic_id": topic.to_string() },
            "destination": { "account": writer, "chat": bot.channel },
        });
        loop {
            let made: Result<Value, CallError> = world.api.http().post("/pairs", &new).await;
            match made {
                // A busy machine may be late; nothing was made then.
                Err(error) if error.status().is_some_and(|status| status.as_u16() == 503) => (),
                made => return made,
            }
        }
    };
    let made = futures::future::join_all((1..=50).map(make)).await;
    let (made, refused): (Vec<_>, Vec<_>) = made.into_iter().partition(Result::is_ok);
    assert_eq!((made.len(), refused.len()), (3, 47));
    for refusal in refused {
        let refusal = in_the_way(&refusal.unwrap_err());
        assert_eq!((&refusal["limit"], &refusal["allowed"]), (&json!("pairs"), &json!(3)));
    }
    let pairs: Value = world.api.http().get("/pairs").await.unwrap();
    assert_eq!(pairs["pairs"].as_array().unwrap().len(), 3);
    assert_eq!(usage(&world).await["pairs"], json!({ "used": 3, "running": 3, "allowed": 3 }));
}

#[tokio::test]
async fn a_file_that_the_plan_does_not_carry_becomes_a_notice() {
    let stack = harness::shared().await;
    let world = World::on_free(&stack).await;
    Operator::of(&stack, &world).await.limits(json!({ "media_bytes": 5 })).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let channel = world.channel(&person, &[]).await;
    let (reader, writer) = (world.link_person(&person).await, world.link_bot(&bot).await);
    world.pair(place(&reader, channel), place(&writer, &bot.channel)).await;
    // "some notes" and "note", in Base64.
    for (text, base64) in [("long", "c29tZSBub3Rlcw=="), ("short", "bm90ZQ==")] {
        let document = json!({ "name": "notes.txt", "mime": "text/plain", "base64": base64 });
        let message = json!({ "from": person.user, "text": text, "document": document });
        world.controls.telegram.post(channel, &message).await.unwrap();
    }
    world.deliveries_in(&bot.channel, |texts| texts.len() == 3).await;
    let messages = world.controls.discord.messages(&bot.channel).await.unwrap();
    let attachments = |index: usize| messages[index].rest["attachments"].as_array().map_or(0, Vec::len);
    assert_eq!((messages[0].content.as_str(), messages[2].content.as_str()), ("long", "short"));
    assert!(messages[1].content.contains("too large to carry"), "{}", messages[1].content);
    assert_eq!([0, 1, 2].map(attachments), [0, 0, 1]);
}

#[tokio::test]
async fn plans_are_there_for_everybody_and_usage_for_its_tenant() {
    let stack = harness::shared().await;
    let world = World::on_free(&stack).await;
    let anonymous = sandbox::client::CausewayClient::anonymous(&stack.urls().api).unwrap();
    let plans: Value = anonymous.http().get("/plans").await.unwrap();
    let codes: Vec<&str> = plans["plans"].as_array().unwrap().iter().filter_map(|plan| plan["code"].as_str()).collect();
    assert_eq!(codes, ["free", "pro", "elite"]);
    assert_eq!(plans["plans"][1]["limits"]["requests_per_minute"], 600);
    assert_eq!(plans["plans"][2]["limits"]["media_bytes"], Value::Null);
    assert_eq!(plans["plans"][0]["features"]["chain_forwarding"], false);
    let refused = anonymous.http().get::<Value>("/me/usage").await.unwrap_err();
    assert_refused(&refused, 401, "unauthorized");
    world.link_bot(&world.bot().await).await;
    let usage = usage(&world).await;
    assert_eq!(usage["plan"]["code"], "free");
    assert_eq!(usage["discord_accounts"], json!({ "used": 1, "running": 1, "allowed": 1 }));
    assert_eq!(usage["pairs"], json!({ "used": 0, "running": 0, "allowed": 3 }));
    // The stack runs without assumed limits on messages.
    assert_eq!(usage["messages_per_minute"]["allowed"], Value::Null);
    assert_eq!(usage["media_bytes_max"], 20 * 1024 * 1024);
    assert_eq!(usage["features"]["webhook_identity"], false);
}

#[tokio::test]
async fn the_operator_alone_changes_plans_and_is_told_what_cannot_be() {
    let stack = harness::shared().await;
    let world = World::on_free(&stack).await;
    let operator = Operator::of(&stack, &world).await;
    let path = format!("/operator/users/{}/plan", operator.user);
    let good = json!({ "plan": "pro", "reason": "a test" });
    let own = world.api.http().call::<Value>(Method::PUT, &path, Some(&good)).await.unwrap_err();
    assert_refused(&own, 401, "unauthorized");
    let plan = async |body: Value| operator.put("plan", &body).await.unwrap_err();
    assert_refused(&plan(json!({ "plan": "golden", "reason": "a test" })).await, 404, "plan_not_found");
    assert_refused(&plan(json!({ "plan": "pro", "reason": " " })).await, 422, "reason_length");
    let past = json!({ "plan": "pro", "reason": "a test", "expires_at": "2020-01-01T00:00:00Z" });
    assert_refused(&plan(past).await, 422, "expiry_passed");
    let silent = json!({ "limits": { "messages_per_day": 0 }, "reason": "a test" });
    assert_refused(&operator.put("limits", &silent).await.unwrap_err(), 422, "limit_too_low");
    let user = domain::UserId::new(&SystemClock).to_string();
    let nobody = Operator { http: operator.http.clone(), user };
    assert_refused(&nobody.put("plan", &good).await.unwrap_err(), 404, "user_not_found");
    assert_eq!(usage(&world).await["plan"]["code"], "free");

    operator.limits(json!({ "pairs": 7 })).await;
    assert_eq!(usage(&world).await["pairs"]["allowed"], 7);
    let path = format!("/operator/users/{}/limits", operator.user);
    for _ in 0..2 {
        let _: Value = operator.http.call(Method::DELETE, &path, None::<&()>).await.unwrap();
        assert_eq!(usage(&world).await["pairs"]["allowed"], 3);
    }
}
