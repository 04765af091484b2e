//! Topics, threads and forum posts, as source and as destination.

use std::fmt::Display;

use sandbox::{
    client::NewPair,
    stack::{Part, Stack},
};
use serde_json::{Value, json};

use crate::{
    harness::{self, on_stack_runtime},
    world::{PATIENCE, Person, World, pair, place},
};

/// A Telegram forum of `owner`.
async fn forum(world: &World, owner: &Person) -> i64 {
    world.controls.telegram.create_chat("forum", "Forum", owner.user, &[]).await.unwrap().dialog_id
}

async fn topic(world: &World, forum: i64, title: &str) -> i64 {
    let path = format!("/chats/{forum}/topics");
    let made: Value = world.controls.telegram.http().post(&path, &json!({ "title": title })).await.unwrap();
    made["id"].as_i64().unwrap()
}

async fn say(world: &World, forum: i64, person: &Person, topic: i64, text: &str) -> i64 {
    let message = json!({ "from": person.user, "text": text, "topic": topic });
    world.controls.telegram.post(forum, &message).await.unwrap()
}

/// Makes a pair with topics, which the sandbox's own client does not know.
async fn make(world: &World, new: &NewPair, source: Option<i64>, destination: Option<i64>) -> Value {
    let mut body = serde_json::to_value(new).unwrap();
    for (end, topic) in [("source", source), ("destination", destination)] {
        if let Some(topic) = topic {
            body[end]["topic_id"] = json!(topic.to_string());
        }
    }
    world.api.http().post("/pairs", &body).await.unwrap()
}

/// What became of a message, as the API explains it.
async fn trace(world: &World, account: &str, chat: impl Display, message: impl Display) -> Value {
    world.api.http().get(&format!("/accounts/{account}/chats/{chat}/messages/{message}")).await.unwrap()
}

#[tokio::test]
async fn a_message_of_another_topic_is_explained() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let source = forum(&world, &person).await;
    let (plans, chatter) = (topic(&world, source, "plans").await, topic(&world, source, "chatter").await);
    let (telegram, discord) = (world.link_person(&person).await, world.link_bot(&bot).await);
    make(&world, &pair(place(&telegram, source), place(&discord, &bot.channel)), Some(plans), None).await;
    let elsewhere = say(&world, source, &person, chatter, "in chatter").await;
    say(&world, source, &person, plans, "in plans").await;
    world.discord_holds(&bot.channel, &["in plans"]).await;
    let explained = trace(&world, &telegram, source, elsewhere).await;
    assert_eq!(
        (&explained["explanation_code"], &explained["pairs"][0]["missing_code"]),
        (&json!("other_topic"), &json!("other_topic")),
        "{explained:#}"
    );
    let unseen = trace(&world, &telegram, source, elsewhere + 1_000).await;
    assert_eq!(unseen["explanation_code"], "not_seen_yet");
    assert!(unseen["explanation"].as_str().is_some_and(|text| text.contains("topic")), "{unseen:#}");
}

#[tokio::test]
async fn a_topic_is_read_and_written_alone() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let (source, sink) = (forum(&world, &person).await, forum(&world, &person).await);
    let (plans, chatter) = (topic(&world, source, "plans").await, topic(&world, source, "chatter").await);
    let inbox = topic(&world, sink, "inbox").await;
    let (telegram, discord) = (world.link_person(&person).await, world.link_bot(&bot).await);
    let new = pair(place(&telegram, source), place(&telegram, sink));
    let made = make(&world, &new, Some(plans), Some(inbox)).await;
    assert_eq!(
        (&made["source"]["topic_id"], &made["destination"]["topic_id"]),
        (&json!(plans.to_string()), &json!(inbox.to_string()))
    );
    let all = world.pair(place(&telegram, source), place(&discord, &bot.channel)).await;
    assert_eq!(all.rest["source"]["topic_id"], Value::Null);
    say(&world, source, &person, plans, "in plans").await;
    let elsewhere = say(&world, source, &person, chatter, "in chatter").await;
    world.discord_holds(&bot.channel, &["in plans", "in chatter"]).await;
    world.telegram_holds(sink, &["in plans"]).await;
    let standing = world.controls.telegram.messages(sink).await.unwrap();
    assert_eq!(standing[0].rest["topic"], json!(inbox));
    let explained = trace(&world, &telegram, source, elsewhere).await;
    assert_eq!(explained["explanation_code"], "recorded", "{explained:#}");
    let missing: Vec<_> = explained["pairs"].as_array().unwrap().iter().map(|pair| &pair["missing_code"]).collect();
    assert_eq!(missing, [&json!("other_topic"), &Value::Null], "{explained:#}");
    let on_discord = json!({ "name": "x", "source": { "account": discord, "chat": bot.channel, "topic_id": "5" },
                             "destination": { "account": telegram, "chat": sink.to_string() } });
    world.refused("/pairs", on_discord, 422, "topic_not_supported").await;
}

/// A pair between two forums of one person, the source with two topics.
struct Forums {
    world: World,
    person: Person,
    source: i64,
    sink: i64,
    plans: i64,
    chatter: i64,
}

impl Forums {
    async fn new(stack: &Stack) -> Self {
        let world = World::new(stack).await;
        let person = world.person(None).await;
        let (source, sink) = (forum(&world, &person).await, forum(&world, &person).await);
        let (plans, chatter) = (topic(&world, source, "plans").await, topic(&world, source, "chatter").await);
        let telegram = world.link_person(&person).await;
        world.pair(place(&telegram, source), place(&telegram, sink)).await;
        Self { world, person, source, sink, plans, chatter }
    }
}

#[tokio::test]
async fn each_topic_gets_its_own_at_a_forum() {
    let stack = harness::shared().await;
    let Forums { world, person, source, sink, plans, chatter } = Forums::new(&stack).await;
    let first = say(&world, source, &person, plans, "one").await;
    say(&world, source, &person, chatter, "two").await;
    let answer = json!({ "from": person.user, "text": "three", "topic": plans, "reply_to": first });
    world.controls.telegram.post(source, &answer).await.unwrap();
    world.telegram_holds(sink, &["one", "two", "three"]).await;
    let standing = world.controls.telegram.messages(sink).await.unwrap();
    let topics: Vec<_> = standing.iter().map(|one| one.rest["topic"].as_i64()).collect();
    assert!(topics[0].is_some() && topics[0] == topics[2] && topics[0] != topics[1], "{topics:?}");
    assert_eq!(standing[2].reply_to, Some(standing[0].id));
}

#[tokio::test]
async fn a_discord_forum_gets_a_post_for_each_topic_and_one_for_each_loose_message() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let source = forum(&world, &person).await;
    let plans = topic(&world, source, "plans").await;
    let sink = world.controls.discord.create_forum(&bot.guild, "posts").await.unwrap();
    let (telegram, discord) = (world.link_person(&person).await, world.link_bot(&bot).await);
    let pair = world.pair(place(&telegram, source), place(&discord, &sink)).await;
    say(&world, source, &person, plans, "one").await;
    say(&world, source, &person, plans, "two").await;
    world.controls.telegram.say(source, person.user, "loose\nwith a second line").await.unwrap();
    let sent = world.all_sent(&pair.id, 3).await;
    // A post has the id of its first message.
    let post = |index: usize| sent[index]["destination_message_ids"][0].as_str().unwrap().to_owned();
    world.discord_holds(&post(2), &["one", "two"]).await;
    world.discord_holds(&post(0), &["loose\nwith a second line"]).await;
}

#[tokio::test]
async fn a_topic_that_was_deleted_is_made_anew() {
    let stack = harness::shared().await;
    let Forums { world, person, source, sink, plans, chatter } = Forums::new(&stack).await;
    say(&world, source, &person, plans, "one").await;
    say(&world, source, &person, chatter, "two").await;
    world.telegram_holds(sink, &["one", "two"]).await;
    // What Telegram answers when the topic that is written to is not there any more.
    let fault = json!({ "kind": "rpc_error", "method": "messages.sendMessage", "user": person.user, "times": 1,
                        "code": 400, "message": "REPLY_MESSAGE_ID_INVALID" });
    world.controls.telegram.fault(&fault).await.unwrap();
    say(&world, source, &person, plans, "three").await;
    say(&world, source, &person, plans, "four").await;
    world.telegram_holds(sink, &["one", "two", "three", "four"]).await;
    let standing = world.controls.telegram.messages(sink).await.unwrap();
    let at: Vec<_> = standing.iter().map(|one| one.rest["topic"].as_i64()).collect();
    assert!(at[2] == at[3] && at[2] != at[0] && at[2] != at[1], "{at:?}");
    assert_eq!(topics(&world, sink).await.len(), 3);
}

#[tokio::test]
async fn two_forums_that_are_bridged_both_ways_share_their_topics() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let there = forum(&world, &person).await;
    let plans = topic(&world, there, "plans").await;
    let here = world.controls.discord.create_forum(&bot.guild, "posts").await.unwrap();
    let (telegram, discord) = (world.link_person(&person).await, world.link_bot(&bot).await);
    let out = world.pair(place(&telegram, there), place(&discord, &here)).await;
    let back = world.pair(place(&discord, &here), place(&telegram, there)).await;
    say(&world, there, &person, plans, "a plan").await;
    let sent = world.all_sent(&out.id, 1).await;
    let post = sent[0]["destination_message_ids"][0].as_str().unwrap().to_owned();
    world.controls.discord.say(&post, &bot.human, "an objection").await.unwrap();
    world.telegram_holds(there, &["a plan", "an objection"]).await;
    say(&world, there, &person, plans, "the end").await;
    world.discord_holds(&post, &["a plan", "an objection", "the end"]).await;
    assert_eq!(topics(&world, there).await, [plans], "what was answered in a post goes to its topic");
    let standing = world.controls.telegram.messages(there).await.unwrap();
    assert!(standing.iter().all(|one| one.rest["topic"] == json!(plans)), "{standing:?}");
    // What each pair wrote is known to the other, and goes no further.
    let skipped = |found: &[Value]| found.iter().filter(|one| one["state"] == "skipped").count();
    world.deliveries(&back.id, |found| skipped(found) == 2).await;
    world.deliveries(&out.id, |found| skipped(found) == 1 && found.len() == 3).await;
}

#[tokio::test]
async fn a_channel_carries_its_threads() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let sink = world.channel(&person, &[]).await;
    let (telegram, discord) = (world.link_person(&person).await, world.link_bot(&bot).await);
    let pair = world.pair(place(&discord, &bot.channel), place(&telegram, sink)).await;
    let thread = world.controls.discord.create_thread(&bot.guild, &bot.channel, "side").await.unwrap();
    let said = world.controls.discord.say(&thread, &bot.human, "in the thread").await.unwrap();
    world.telegram_holds(sink, &["in the thread"]).await;
    let unseen = trace(&world, &discord, &thread, said.parse::<i64>().unwrap() + 1).await;
    assert_eq!(
        (&unseen["explanation_code"], &unseen["pairs"][0]["pair"]),
        (&json!("not_seen_yet"), &json!(pair.id)),
        "{unseen:#}"
    );
    world.controls.discord.say(&bot.channel, &bot.human, "in the channel").await.unwrap();
    world.telegram_holds(sink, &["in the thread", "in the channel"]).await;
}

#[tokio::test]
async fn a_thread_is_written_to_and_read_alone() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let channel = world.channel(&person, &[]).await;
    let thread = world.controls.discord.create_thread(&bot.guild, &bot.channel, "side").await.unwrap();
    let (telegram, discord) = (world.link_person(&person).await, world.link_bot(&bot).await);
    world.pair(place(&telegram, channel), place(&discord, &thread)).await;
    world.pair(place(&discord, &thread), place(&telegram, channel)).await;
    world.controls.telegram.say(channel, person.user, "to the thread").await.unwrap();
    world.discord_holds(&thread, &["to the thread"]).await;
    world.controls.discord.say(&bot.channel, &bot.human, "beside it").await.unwrap();
    world.controls.discord.say(&thread, &bot.human, "an answer").await.unwrap();
    world.telegram_holds(channel, &["to the thread", "an answer"]).await;
    assert!(world.discord_texts(&bot.channel).await.iter().all(|text| text != "to the thread"));
}

/// The topics of a Telegram forum.
async fn topics(world: &World, forum: i64) -> Vec<i64> {
    let chats: Value = world.controls.telegram.http().get("/chats").await.unwrap();
    let chat = chats.as_array().unwrap().iter().find(|chat| chat["dialog_id"] == forum).unwrap();
    chat["topics"].as_array().unwrap().iter().map(|topic| topic["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn a_topic_whose_making_was_not_heard_of_is_found_and_not_made_again() {
    let stack = harness::exclusive().await;
    let Forums { world, person, source, sink, plans, chatter } = Forums::new(&stack).await;
    // The worker dies between the making of the topic and its record.
    let controls = &world.controls.telegram;
    controls.fault(&json!({ "kind": "delay", "method": "messages.createForumTopic", "ms": 60_000 })).await.unwrap();
    say(&world, source, &person, plans, "one").await;
    let made = async || Ok(Some(topics(&world, sink).await).filter(|topics| topics.len() == 1));
    let made = sandbox::scene::until("the topic", PATIENCE, made).await.unwrap();
    let running = stack.stack();
    on_stack_runtime(running.kill_part(Part::Worker)).await;
    controls.clear_faults().await.unwrap();
    on_stack_runtime(running.start_part(Part::Worker)).await.unwrap();
    world.telegram_holds(sink, &["one"]).await;
    assert_eq!(topics(&world, sink).await, made);
    // The answer is lost, and the worker lives on.
    controls.fault(&json!({ "kind": "lose_answer", "method": "messages.createForumTopic" })).await.unwrap();
    say(&world, source, &person, chatter, "two").await;
    say(&world, source, &person, plans, "three").await;
    world.telegram_holds(sink, &["one", "two", "three"]).await;
    let made = topics(&world, sink).await;
    let standing = world.controls.telegram.messages(sink).await.unwrap();
    let stand_in: Vec<_> = standing.iter().map(|one| one.rest["topic"].as_i64().unwrap()).collect();
    assert_eq!((made.len(), stand_in), (2, vec![made[0], made[1], made[0]]));
}
