//! Topics, threads and forum posts, as source and as destination.

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
    say(&world, source, &person, chatter, "in chatter").await;
    world.discord_holds(&bot.channel, &["in plans", "in chatter"]).await;
    world.telegram_holds(sink, &["in plans"]).await;
    let standing = world.controls.telegram.messages(sink).await.unwrap();
    assert_eq!(standing[0].rest["topic"], json!(inbox));
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
async fn a_channel_carries_its_threads() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let sink = world.channel(&person, &[]).await;
    let (telegram, discord) = (world.link_person(&person).await, world.link_bot(&bot).await);
    world.pair(place(&discord, &bot.channel), place(&telegram, sink)).await;
    let thread = world.controls.discord.create_thread(&bot.guild, &bot.channel, "side").await.unwrap();
    world.controls.discord.say(&thread, &bot.human, "in the thread").await.unwrap();
    world.telegram_holds(sink, &["in the thread"]).await;
    world.controls.discord.say(&bot.channel, &bot.human, "in the channel").await.unwrap();
    world.telegram_holds(sink, &["in the thread", "in the channel"]).await;
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
