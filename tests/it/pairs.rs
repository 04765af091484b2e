//! Pairs: all four directions, their settings, and what cannot be a pair.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::Method;
use sandbox::client::CallError;
use serde_json::{Value, json};

use crate::{
    harness,
    world::{World, assert_refused, bold, pair, place},
};

/// The smallest valid PNG: one transparent pixel.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

#[tokio::test]
async fn formatted_text_crosses_from_telegram_to_discord() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let channel = world.channel(&person, &[]).await;
    let (reader, writer) = (world.link_person(&person).await, world.link_bot(&bot).await);
    world.pair(place(&reader, channel), place(&writer, &bot.channel)).await;
    let message = json!({ "from": person.user, "text": "😀 hello *world*", "entities": [bold(3, 5)] });
    world.controls.telegram.post(channel, &message).await.unwrap();
    world.discord_holds(&bot.channel, &["😀 **hello** \\*world\\*"]).await;
}

#[tokio::test]
async fn formatted_text_crosses_from_discord_to_telegram() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let channel = world.channel(&person, &[]).await;
    let (writer, reader) = (world.link_person(&person).await, world.link_bot(&bot).await);
    world.pair(place(&reader, &bot.channel), place(&writer, channel)).await;
    world.controls.discord.say(&bot.channel, &bot.human, "😀 **bold** and `code`").await.unwrap();
    world.telegram_holds(channel, &["😀 bold and code"]).await;
    let message = world.controls.telegram.messages(channel).await.unwrap().remove(0);
    let entities = message.entities.as_array().unwrap().clone();
    let kinds: Vec<_> =
        entities.iter().map(|entity| (entity["type"].as_str().unwrap(), entity["offset"].as_u64())).collect();
    assert_eq!(kinds, [("bold", Some(3)), ("code", Some(12))]);
}

#[tokio::test]
async fn text_crosses_between_two_accounts_of_one_platform() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (first, second) = (world.person(None).await, world.person(None).await);
    let (source, destination) = (world.channel(&first, &[]).await, world.channel(&second, &[]).await);
    let (reader, writer) = (world.link_person(&first).await, world.link_person(&second).await);
    world.pair(place(&reader, source), place(&writer, destination)).await;
    world.controls.telegram.say(source, first.user, "to telegram").await.unwrap();
    world.telegram_holds(destination, &["to telegram"]).await;
    let (bot, other) = (world.bot().await, world.bot().await);
    let (reader, writer) = (world.link_bot(&bot).await, world.link_bot(&other).await);
    world.pair(place(&reader, &bot.channel), place(&writer, &other.channel)).await;
    world.controls.discord.say(&bot.channel, &bot.human, "to discord").await.unwrap();
    world.discord_holds(&other.channel, &["to discord"]).await;
}

#[tokio::test]
async fn both_ways_between_two_chats_do_not_echo() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let channel = world.channel(&person, &[]).await;
    let (telegram, discord) = (world.link_person(&person).await, world.link_bot(&bot).await);
    world.pair(place(&telegram, channel), place(&discord, &bot.channel)).await;
    let back = world.pair(place(&discord, &bot.channel), place(&telegram, channel)).await;
    world.controls.telegram.say(channel, person.user, "from telegram").await.unwrap();
    world.discord_holds(&bot.channel, &["from telegram"]).await;
    world.controls.discord.say(&bot.channel, &bot.human, "from discord").await.unwrap();
    world.telegram_holds(channel, &["from telegram", "from discord"]).await;
    world.controls.telegram.say(channel, person.user, "the end").await.unwrap();
    world.discord_holds(&bot.channel, &["from telegram", "from discord", "the end"]).await;
    let skipped = world.deliveries(&back.id, |found| found.iter().filter(|one| one["state"] == "skipped").count() == 2);
    assert!(skipped.await.iter().all(|one| one["state"] == "sent" || one["reason_code"] == "loop_guard"));
}

#[tokio::test]
async fn a_long_text_is_split_and_a_reply_finds_its_counterpart() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let channel = world.channel(&person, &[]).await;
    let (reader, writer) = (world.link_person(&person).await, world.link_bot(&bot).await);
    let pair = world.pair(place(&reader, channel), place(&writer, &bot.channel)).await;
    let long = "a line of forty characters, no less…….\n".repeat(80);
    let first = world.controls.telegram.say(channel, person.user, long.trim_end()).await.unwrap();
    world
        .controls
        .telegram
        .post(channel, &json!({ "from": person.user, "text": "an answer", "reply_to": first }))
        .await
        .unwrap();
    world.all_sent(&pair.id, 2).await;
    let messages = world.controls.discord.messages(&bot.channel).await.unwrap();
    let (answer, parts) = messages.split_last().unwrap();
    assert!(parts.len() >= 2);
    assert!(parts.iter().all(|part| part.content.encode_utf16().count() <= 2_000));
    let joined: String = parts.iter().map(|part| part.content.replace(['\n', '\\'], "")).collect();
    assert_eq!(joined, long.replace('\n', ""));
    assert_eq!(answer.content, "an answer");
    assert_eq!(answer.rest["reply_to"].as_str(), Some(parts[0].id.as_str()));
}

#[tokio::test]
async fn answers_cross_a_bridge_both_ways() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let channel = world.channel(&person, &[]).await;
    let (telegram, discord) = (world.link_person(&person).await, world.link_bot(&bot).await);
    world.pair(place(&telegram, channel), place(&discord, &bot.channel)).await;
    world.pair(place(&discord, &bot.channel), place(&telegram, channel)).await;
    let controls = &world.controls;
    controls.discord.say(&bot.channel, &bot.human, "a question").await.unwrap();
    world.telegram_holds(channel, &["a question"]).await;
    let asked = controls.telegram.messages(channel).await.unwrap()[0].id;
    let answer = json!({ "from": person.user, "text": "an answer", "reply_to": asked });
    let answered = controls.telegram.post(channel, &answer).await.unwrap();
    world.discord_holds(&bot.channel, &["a question", "an answer"]).await;
    let there = controls.discord.messages(&bot.channel).await.unwrap();
    assert_eq!(there[1].rest["reply_to"].as_str(), Some(there[0].id.as_str()));
    controls.telegram.edit(channel, answered, "a better answer").await.unwrap();
    world.discord_holds(&bot.channel, &["a question", "a better answer"]).await;
    let edited = controls.discord.messages(&bot.channel).await.unwrap();
    assert_eq!(edited[1].rest["reply_to"].as_str(), Some(there[0].id.as_str()), "an edit keeps the link");
    let thanks = json!({ "author": bot.human, "content": "thanks", "reply_to": there[1].id });
    controls.discord.post(&bot.channel, &thanks).await.unwrap();
    world.telegram_holds(channel, &["a question", "a better answer", "thanks"]).await;
    let here = controls.telegram.messages(channel).await.unwrap();
    assert_eq!(here[2].reply_to, Some(here[1].id));
}

#[tokio::test]
async fn photos_and_documents_are_carried_both_ways() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let (other, channel) = (world.bot().await, world.channel(&person, &[]).await);
    let (telegram, discord) = (world.link_person(&person).await, world.link_bot(&bot).await);
    let source = world.link_bot(&other).await;
    world.pair(place(&telegram, channel), place(&discord, &bot.channel)).await;
    let back = world.channel(&person, &[]).await;
    world.pair(place(&source, &other.channel), place(&telegram, back)).await;
    let document = json!({ "name": "notes.txt", "mime": "text/plain", "base64": STANDARD.encode("some notes") });
    let photo = json!({ "name": "dot.png", "mime": "image/png", "base64": PNG });
    let control = &world.controls.telegram;
    control.post(channel, &json!({ "from": person.user, "text": "a document", "document": document })).await.unwrap();
    control.post(channel, &json!({ "from": person.user, "text": "a photo", "photo": photo })).await.unwrap();
    world.discord_holds(&bot.channel, &["a document", "a photo"]).await;
    let messages = world.controls.discord.messages(&bot.channel).await.unwrap();
    let attachment = &messages[0].rest["attachments"][0];
    assert_eq!((&attachment["filename"], &attachment["size"]), (&json!("notes.txt"), &json!(10)));
    assert_eq!(messages[1].rest["attachments"].as_array().unwrap().len(), 1);
    let two = json!({ "author": other.human, "content": "two files", "attachments": [document, photo] });
    world.controls.discord.post(&other.channel, &two).await.unwrap();
    world.telegram_holds(back, &["two files", ""]).await;
    let kept = world.controls.telegram.messages(back).await.unwrap();
    assert_eq!(kept[0].rest["media"]["name"], "notes.txt");
    assert_eq!(kept[0].rest["media"]["size"], 10);
    assert_eq!(kept[1].rest["media"]["kind"], "photo");
}

#[tokio::test]
async fn forward_mode_forwards_natively_or_says_where_from() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let (source, destination) = (world.channel(&person, &[]).await, world.channel(&person, &[]).await);
    let (telegram, discord) = (world.link_person(&person).await, world.link_bot(&bot).await);
    for target in [place(&telegram, destination), place(&discord, &bot.channel)] {
        let mut new = pair(place(&telegram, source), target);
        new.mode = Some("forward".into());
        world.api.create_pair(&new).await.unwrap();
    }
    world.controls.telegram.say(source, person.user, "news").await.unwrap();
    world.telegram_holds(destination, &["news"]).await;
    let forwarded = world.controls.telegram.messages(destination).await.unwrap().remove(0);
    assert!(!forwarded.rest["fwd_from"].is_null(), "{:?}", forwarded.rest);
    world
        .deliveries_in(&bot.channel, |texts| texts.len() == 1 && texts[0].ends_with("news") && texts[0] != "news")
        .await;
}

#[tokio::test]
async fn a_delay_holds_messages_back_in_order_and_a_pause_holds_them_longer() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let channel = world.channel(&person, &[]).await;
    let (reader, writer) = (world.link_person(&person).await, world.link_bot(&bot).await);
    let mut new = pair(place(&reader, channel), place(&writer, &bot.channel));
    (new.delay_seconds, new.silent) = (Some(2), Some(true));
    let pair = world.api.create_pair(&new).await.unwrap();
    let written = std::time::Instant::now();
    world.controls.telegram.say(channel, person.user, "one").await.unwrap();
    world.controls.telegram.say(channel, person.user, "two").await.unwrap();
    world.discord_holds(&bot.channel, &["one", "two"]).await;
    assert!(written.elapsed().as_secs_f64() >= 2.0);
    for _ in 0..2 {
        world.api.pause(&pair.id).await.unwrap();
    }
    assert_eq!(world.read_pair(&pair.id).await["status"], "paused");
    world.controls.telegram.say(channel, person.user, "three").await.unwrap();
    let path = format!("/pairs/{}", pair.id);
    let change = json!({ "delay_seconds": 0, "name": "renamed" });
    let changed: Value = world.api.http().call(Method::PATCH, &path, Some(&change)).await.unwrap();
    assert_eq!((&changed["name"], &changed["delay_seconds"]), (&json!("renamed"), &json!(0)));
    world.deliveries(&pair.id, |found| found.len() == 3 && found[0]["state"] == "pending").await;
    assert_eq!(world.discord_texts(&bot.channel).await, ["one", "two"]);
    for _ in 0..2 {
        world.api.resume(&pair.id).await.unwrap();
    }
    world.discord_holds(&bot.channel, &["one", "two", "three"]).await;
    let history = world.all_sent(&pair.id, 3).await;
    let steps: Vec<_> = history[0]["steps"].as_array().unwrap().iter().map(|step| step["kind"].clone()).collect();
    assert_eq!(steps, ["received", "sent"]);
    world.api.delete_pair(&pair.id).await.unwrap();
    assert_refused(&world.api.pair(&pair.id).await.unwrap_err(), 404, "pair_not_found");
    world.controls.telegram.say(channel, person.user, "four").await.unwrap();
    let again = world.api.delete_pair(&pair.id).await;
    assert_refused(&again.unwrap_err(), 404, "pair_not_found");
    assert_eq!(world.discord_texts(&bot.channel).await, ["one", "two", "three"]);
}

#[tokio::test]
async fn what_cannot_be_a_pair_is_refused_with_the_reason() {
    let stack = harness::shared().await;
    let (world, stranger) = (World::new(&stack).await, World::new(&stack).await);
    let (person, bot) = (world.person(None).await, world.bot().await);
    let (own, foreign) = (world.channel(&person, &[]).await, world.person(None).await);
    let hidden = world.channel(&foreign, &[]).await;
    let read_only = world.channel(&foreign, &[&person]).await;
    let (telegram, discord) = (world.link_person(&person).await, world.link_bot(&bot).await);
    let refused = async |source, destination, status, code: &str| {
        let answer = world.api.create_pair(&pair(source, destination)).await;
        assert_refused(&answer.expect_err(code), status, code);
    };
    refused(place(&telegram, own), place(&telegram, own), 422, "source_is_destination").await;
    refused(place(&telegram, hidden), place(&discord, &bot.channel), 422, "chat_not_visible").await;
    refused(place(&discord, &bot.channel), place(&telegram, read_only), 422, "chat_not_writable").await;
    refused(place(&telegram, own), place(&discord, 12_345), 422, "chat_not_visible").await;
    world.deny(&bot, &["SEND_MESSAGES"]).await;
    refused(place(&telegram, own), place(&discord, &bot.channel), 422, "chat_not_writable").await;
    world.deny(&bot, &[]).await;
    let made = world.pair(place(&telegram, own), place(&discord, &bot.channel)).await;
    refused(place(&telegram, own), place(&discord, &bot.channel), 409, "pair_exists").await;
    let theirs = stranger.api.create_pair(&pair(place(&telegram, own), place(&discord, &bot.channel))).await;
    assert_refused(&theirs.unwrap_err(), 404, "account_not_found");
    assert_refused(&stranger.api.pair(&made.id).await.unwrap_err(), 404, "pair_not_found");
    let in_use: Result<Value, CallError> =
        world.api.http().call(Method::DELETE, &format!("/accounts/{telegram}"), None::<&()>).await;
    assert_refused(&in_use.unwrap_err(), 409, "account_in_use");
}
