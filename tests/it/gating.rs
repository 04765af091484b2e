//! What plans limit: refusals that say what is in the way, limits that hold under concurrency, and what becomes of pairs
//! and accounts when a plan goes down and up.

use chrono::TimeDelta;
use domain::{Clock as _, SystemClock};
use reqwest::Method;
use sandbox::{
    client::{CallError, Http, NewPair},
    scene::{self, until},
    stack::Stack,
};
use serde_json::{Value, json};

use crate::{
    harness, histories,
    world::{Bot, PATIENCE, World, assert_refused, pair, place},
};

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
    async fn limits(&self, mut limits: Value) -> Value {
        limits["requests_per_minute"] = json!(1_000_000_000);
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
async fn going_down_pauses_the_newest_pair_with_its_queue_and_going_up_carries_it_in_order() {
    let stack = harness::shared().await;
    let world = World::on_free(&stack).await;
    let operator = Operator::of(&stack, &world).await;
    operator.plan("pro").await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let source = world.channel(&person, &[]).await;
    let (reader, writer) = (world.link_person(&person).await, world.link_bot(&bot).await);
    let channels = channels(&world, &bot, 4).await;
    let mut pairs = Vec::new();
    for channel in &channels {
        let new = NewPair { delay_seconds: Some(12), ..pair(place(&reader, source), place(&writer, channel)) };
        pairs.push(world.api.create_pair(&new).await.unwrap().id);
    }
    let (oldest, newest) = (&channels[0], &channels[3]);
    for text in ["one", "two"] {
        world.controls.telegram.say(source, person.user, text).await.unwrap();
    }
    world.deliveries(&pairs[3], |found| found.len() == 2 && found.iter().all(|one| one["state"] == "pending")).await;
    for _ in 0..2 {
        operator.plan("free").await;
        let paused = world.read_pair(&pairs[3]).await;
        assert_eq!((&paused["status"], &paused["reason_code"]), (&json!("paused"), &json!("plan_limit")), "{paused:#}");
        assert_eq!(paused["reason"], "the plan allows 3 pairs, and 4 are in use");
    }
    let refusal = world.api.resume(&pairs[3]).await.unwrap_err();
    assert_eq!(in_the_way(&refusal), limit("pairs", 3, 3, "pro"));
    world.controls.telegram.say(source, person.user, "three").await.unwrap();
    world.discord_holds(oldest, &["one", "two", "three"]).await;
    assert_eq!(world.discord_texts(newest).await, Vec::<String>::new());
    world.deliveries(&pairs[3], |found| found.len() == 3 && found.iter().all(|one| one["state"] == "pending")).await;
    let up = operator.plan("pro").await;
    assert_eq!(up["pairs_resumed"], json!([pairs[3]]));
    world.discord_holds(newest, &["one", "two", "three"]).await;
    world.controls.telegram.say(source, person.user, "four").await.unwrap();
    world.discord_holds(newest, &["one", "two", "three", "four"]).await;
}

#[tokio::test]
async fn a_deleted_pair_leaves_its_room_to_one_that_the_plan_has_paused() {
    let stack = harness::shared().await;
    let world = World::on_free(&stack).await;
    let operator = Operator::of(&stack, &world).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let source = world.channel(&person, &[]).await;
    let (reader, writer) = (world.link_person(&person).await, world.link_bot(&bot).await);
    let channels = channels(&world, &bot, 3).await;
    let mut pairs = Vec::new();
    for channel in &channels {
        pairs.push(world.pair(place(&reader, source), place(&writer, channel)).await.id);
    }
    // What the user has paused takes no room, and is not resumed.
    world.api.pause(&pairs[0]).await.unwrap();
    let down = operator.limits(json!({ "pairs": 1 })).await;
    assert_eq!(down["pairs_paused"], json!([pairs[2]]));
    world.controls.telegram.say(source, person.user, "news").await.unwrap();
    world.discord_holds(&channels[1], &["news"]).await;
    world.api.delete_pair(&pairs[1]).await.unwrap();
    world.discord_holds(&channels[2], &["news"]).await;
    let left = world.read_pair(&pairs[0]).await;
    assert_eq!((&left["status"], &left["reason_code"]), (&json!("paused"), &Value::Null));
    assert_refused(&world.api.resume(&pairs[0]).await.unwrap_err(), 403, "plan_limit");
    // The user may exchange one for the other.
    world.api.pause(&pairs[2]).await.unwrap();
    world.api.resume(&pairs[0]).await.unwrap();
    world.discord_holds(&channels[0], &["news"]).await;
    assert_eq!(world.read_pair(&pairs[2]).await["reason_code"], Value::Null);
}

#[tokio::test]
async fn going_down_stops_the_newest_account_and_a_pause_of_another_lets_it_come_back() {
    let stack = harness::shared().await;
    let world = World::on_free(&stack).await;
    let operator = Operator::of(&stack, &world).await;
    operator.plan("pro").await;
    let (bot, other) = (world.bot().await, world.bot().await);
    let (reader, writer) = (world.link_bot(&bot).await, world.link_bot(&other).await);
    world.pair(place(&reader, &bot.channel), place(&writer, &other.channel)).await;
    let down = operator.plan("free").await;
    assert_eq!(down["accounts_paused"], json!([writer]));
    let paused = world.status(&writer, "paused").await;
    assert_eq!(paused["reason_code"], "plan_limit", "{paused:#}");
    world.controls.discord.say(&bot.channel, &bot.human, "waits").await.unwrap();
    for way in ["resume", "reconnect"] {
        let answer = world.api.http().post::<Value>(&format!("/accounts/{writer}/{way}"), &json!({})).await;
        assert_eq!(in_the_way(&answer.unwrap_err()), limit("discord_accounts", 1, 1, "pro"));
    }
    until("its workflow rests", PATIENCE, async || {
        let live = world.api.account(&writer).await?.rest["live"].clone();
        Ok((live["status"] == "paused" && live["hosting"] == false).then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(world.discord_texts(&other.channel).await, Vec::<String>::new());
    operator.plan("pro").await;
    world.status(&writer, "online").await;
    world.discord_holds(&other.channel, &["waits"]).await;

    // Down again: what the user pauses by hand leaves its room to the one that the plan has paused.
    operator.plan("free").await;
    world.status(&writer, "paused").await;
    let _: Value = world.api.http().post(&format!("/accounts/{reader}/pause"), &json!({})).await.unwrap();
    world.status(&reader, "paused").await;
    let client = histories::temporal(&stack).await;
    until("the other one comes back", PATIENCE, async || {
        histories::sweep(&client).await;
        Ok((world.api.account(&writer).await?.status == "online").then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(world.api.account(&reader).await.unwrap().status, "paused");
}

#[tokio::test]
async fn a_plan_that_has_expired_is_free_again() {
    let stack = harness::shared().await;
    let world = World::on_free(&stack).await;
    let operator = Operator::of(&stack, &world).await;
    let expires_at = (SystemClock.now() + TimeDelta::seconds(30)).to_rfc3339();
    let trial = json!({ "plan": "elite", "reason": "a trial", "expires_at": expires_at });
    for _ in 0..2 {
        operator.put("plan", &trial).await.unwrap();
    }
    let plan = usage(&world).await["plan"].clone();
    assert_eq!(plan["code"], "elite");
    assert!(plan["expires_at"].is_string(), "{plan:#}");
    // As if the time were over.
    let database = sqlx::PgPool::connect(&stack.urls().database).await.unwrap();
    let user: domain::UserId = operator.user.parse().unwrap();
    let over = sqlx::query("UPDATE users SET plan_expires_at = now() - interval '1 second' WHERE id = $1");
    over.bind(user.as_uuid()).execute(&database).await.unwrap();
    let client = histories::temporal(&stack).await;
    until("the plan is free again", PATIENCE, async || {
        histories::sweep(&client).await;
        let plan = usage(&world).await["plan"].clone();
        Ok((plan["code"] == "free" && plan["expires_at"].is_null()).then_some(()))
    })
    .await
    .unwrap();
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
    world.deliveries_in(&bot.channel, |texts| texts.len() == 2).await;
    let messages = world.controls.discord.messages(&bot.channel).await.unwrap();
    let attachments = |index: usize| messages[index].rest["attachments"].as_array().map_or(0, Vec::len);
    assert!(messages[0].content.contains("too large to carry"), "{}", messages[0].content);
    assert_eq!((attachments(0), attachments(1)), (0, 1));
    assert_eq!(messages[1].content, "short");
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
