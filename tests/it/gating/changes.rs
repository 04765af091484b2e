//! What becomes of pairs and accounts, and of what is queued for them, when a plan goes down and up.

use chrono::TimeDelta;
use domain::{Clock as _, SystemClock};
use sandbox::{client::NewPair, scene::until};
use serde_json::{Value, json};

use super::{Operator, channels, in_the_way, limit, usage};
use crate::{
    harness, histories,
    world::{PATIENCE, World, assert_refused, pair, place},
};

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
