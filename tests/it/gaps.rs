//! Gaps: what happens at a source while nobody listens is carried afterwards, whatever the platform says of the gap.

use reqwest::Method;
use sandbox::{
    scene::until,
    stack::{Part, Stack},
};
use serde_json::{Value, json};

use crate::{
    harness::{self, on_stack_runtime},
    world::{Bot, PATIENCE, Person, World, place},
};

/// A pair from Telegram to Discord, whose source somebody else owns, and one back.
struct Scene {
    world: World,
    owner: Person,
    person: Person,
    bot: Bot,
    source: i64,
    back_source: Bot,
    back: i64,
}

/// A message in both sources.
struct Said {
    telegram: i64,
    discord: String,
}

impl Scene {
    async fn new(stack: &Stack) -> Self {
        let world = World::new(stack).await;
        let (owner, person) = (world.person(None).await, world.person(None).await);
        let (bot, back_source) = (world.bot().await, world.bot().await);
        let (source, back) = (world.channel(&owner, &[&person]).await, world.channel(&person, &[]).await);
        let (telegram, discord) = (world.link_person(&person).await, world.link_bot(&bot).await);
        let reader = world.link_bot(&back_source).await;
        world.pair(place(&telegram, source), place(&discord, &bot.channel)).await;
        world.pair(place(&reader, &back_source.channel), place(&telegram, back)).await;
        Self { world, owner, person, bot, source, back_source, back }
    }

    async fn say(&self, text: &str) -> Said {
        let telegram = self.world.controls.telegram.say(self.source, self.owner.user, text).await.unwrap();
        let (channel, human) = (&self.back_source.channel, &self.back_source.human);
        Said { telegram, discord: self.world.controls.discord.say(channel, human, text).await.unwrap() }
    }

    async fn edit(&self, said: &Said, text: &str) {
        let (telegram, discord) = (&self.world.controls.telegram, &self.world.controls.discord);
        telegram.edit(self.source, said.telegram, text).await.unwrap();
        discord.edit(&self.back_source.channel, &said.discord, text).await.unwrap();
    }

    async fn delete(&self, said: &Said) {
        let (telegram, discord) = (&self.world.controls.telegram, &self.world.controls.discord);
        telegram.delete(self.source, said.telegram).await.unwrap();
        discord.delete(&self.back_source.channel, &said.discord).await.unwrap();
    }

    /// Writes in the Discord source alone and returns the ids.
    async fn say_on_discord(&self, texts: &[String]) -> Vec<String> {
        let author = &self.back_source.human;
        let messages: Vec<Value> = texts.iter().map(|text| json!({ "author": author, "content": text })).collect();
        let path = format!("/channels/{}/messages/batch", self.back_source.channel);
        let body = json!({ "messages": messages });
        let said: Value = self.world.controls.discord.http().call(Method::POST, &path, Some(&body)).await.unwrap();
        said["ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
    }

    /// The chat that reads the Discord source holds these texts.
    async fn back_holds(&self, texts: &[String]) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        self.world.telegram_holds(self.back, &texts).await;
    }

    async fn both_hold(&self, texts: &[&str]) {
        self.world.discord_holds(&self.bot.channel, texts).await;
        self.world.telegram_holds(self.back, texts).await;
    }

    /// Lets the reading accounts into their sources, or out of them.
    async fn set_access(&self, allowed: bool) {
        let role = if allowed { "member" } else { "kicked" };
        self.world.controls.telegram.set_member(self.source, self.person.user, role).await.unwrap();
        let denied: &[&str] = if allowed { &[] } else { &["VIEW_CHANNEL"] };
        self.world.deny(&self.back_source, denied).await;
    }
}

fn numbered(name: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{name} {number}")).collect()
}

#[tokio::test]
async fn what_happened_while_the_worker_was_away_is_carried_although_the_difference_is_too_long() {
    let stack = harness::exclusive().await;
    let scene = Scene::new(&stack).await;
    let (one, two) = (scene.say("one").await, scene.say("two").await);
    scene.both_hold(&["one", "two"]).await;
    let running = stack.stack();
    on_stack_runtime(running.kill_part(Part::Worker)).await;
    scene.say("three").await;
    let four = scene.say("four").await;
    scene.edit(&one, "ONE").await;
    scene.delete(&two).await;
    // What comes and changes within the gap was never anything else.
    scene.edit(&four, "FOUR").await;
    let gone = scene.say("gone").await;
    scene.delete(&gone).await;
    for fault in [
        json!({ "kind": "too_long", "times": 20 }),
        json!({ "kind": "too_long", "method": "updates.getDifference", "times": 20 }),
    ] {
        scene.world.controls.telegram.fault(&fault).await.unwrap();
    }
    on_stack_runtime(running.start_part(Part::Worker)).await.unwrap();
    scene.both_hold(&["ONE", "three", "FOUR"]).await;
    scene.world.controls.telegram.clear_faults().await.unwrap();
    scene.say("five").await;
    scene.both_hold(&["ONE", "three", "FOUR", "five"]).await;
}

#[tokio::test]
async fn what_happened_before_a_new_session_is_carried() {
    let stack = harness::exclusive().await;
    let scene = Scene::new(&stack).await;
    let (one, two) = (scene.say("one").await, scene.say("two").await);
    scene.both_hold(&["one", "two"]).await;
    // No connection gets through until all has happened, and the old sessions are worth nothing then.
    let (telegram, discord) = (&scene.world.controls.telegram, &scene.world.controls.discord);
    discord.fault(&json!({ "kind": "invalid_session" })).await.unwrap();
    discord.fault(&json!({ "kind": "refuse_connections" })).await.unwrap();
    telegram.fault(&json!({ "kind": "refuse_connections" })).await.unwrap();
    telegram.fault(&json!({ "kind": "drop_connections" })).await.unwrap();
    scene.say("three").await;
    scene.edit(&one, "ONE").await;
    scene.delete(&two).await;
    discord.clear_faults().await.unwrap();
    telegram.clear_faults().await.unwrap();
    scene.both_hold(&["ONE", "three"]).await;
}

#[tokio::test]
async fn threads_that_were_opened_while_the_worker_was_away_are_read() {
    let stack = harness::exclusive().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let (telegram, reader) = (world.link_person(&person).await, world.link_bot(&bot).await);
    let back = world.channel(&person, &[]).await;
    // As old as the pair, and known to nobody when the worker goes.
    let discord = world.controls.discord.clone();
    let open = async |name: &str| discord.create_thread(&bot.guild, &bot.channel, name).await.unwrap();
    let say = async |thread: &str, text: &str| drop(discord.say(thread, &bot.human, text).await.unwrap());
    let archive = async |thread: &str| {
        let path = format!("/channels/{thread}");
        let body = json!({ "archived": true });
        let _: Value = discord.http().call(Method::PATCH, &path, Some(&body)).await.unwrap();
    };
    let (quiet, early) = (open("quiet").await, open("early").await);
    say(&quiet, "before the pair").await;
    world.pair(place(&reader, &bot.channel), place(&telegram, back)).await;
    say(&early, "one").await;
    world.telegram_holds(back, &["one"]).await;
    let running = stack.stack();
    on_stack_runtime(running.kill_part(Part::Worker)).await;
    say(&bot.channel, "two").await;
    say(&early, "three").await;
    let (shown, hidden) = (open("shown").await, open("hidden").await);
    say(&shown, "four").await;
    say(&hidden, "five").await;
    say(&quiet, "six").await;
    archive(&hidden).await;
    archive(&quiet).await;
    on_stack_runtime(running.start_part(Part::Worker)).await.unwrap();
    // Chats do not wait for each other, so only the order within each is known.
    let mut last = Vec::new();
    let all = until("all texts", PATIENCE, async || {
        last = world.telegram_texts(back).await;
        last.sort();
        Ok((last.len() >= 6).then_some(()))
    });
    let all = all.await;
    assert!(all.is_ok() && last == ["five", "four", "one", "six", "three", "two"], "the chat holds {last:?}");
    say(&hidden, "seven").await;
    say(&shown, "eight").await;
    until("the live ones", PATIENCE, async || {
        let texts = world.telegram_texts(back).await;
        Ok((texts.len() == 8 && texts.ends_with(&["seven".to_owned(), "eight".to_owned()])).then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_chat_that_is_opened_again_while_the_worker_is_away_is_read() {
    let stack = harness::exclusive().await;
    let scene = Scene::new(&stack).await;
    scene.say("one").await;
    scene.both_hold(&["one"]).await;
    scene.set_access(false).await;
    scene.say("two").await;
    let running = stack.stack();
    on_stack_runtime(running.kill_part(Part::Worker)).await;
    scene.say("three").await;
    scene.set_access(true).await;
    scene.say("four").await;
    on_stack_runtime(running.start_part(Part::Worker)).await.unwrap();
    scene.both_hold(&["one", "two", "three", "four"]).await;
    scene.say("five").await;
    scene.both_hold(&["one", "two", "three", "four", "five"]).await;
}

#[tokio::test]
async fn changes_of_old_messages_are_carried_although_much_was_missed() {
    let stack = harness::exclusive().await;
    let scene = Scene::new(&stack).await;
    // More than one page was there before, and more than one is missed.
    let mut expected = numbered("old", 110);
    let old = scene.say_on_discord(&expected).await;
    scene.back_holds(&expected).await;
    let running = stack.stack();
    on_stack_runtime(running.kill_part(Part::Worker)).await;
    let missed = numbered("missed", 120);
    scene.say_on_discord(&missed).await;
    let (discord, source) = (&scene.world.controls.discord, &scene.back_source.channel);
    discord.edit(source, &old[0], "OLD").await.unwrap();
    discord.delete(source, &old[1]).await.unwrap();
    on_stack_runtime(running.start_part(Part::Worker)).await.unwrap();
    expected[0] = "OLD".to_owned();
    expected.remove(1);
    expected.extend(missed);
    scene.back_holds(&expected).await;
}

#[tokio::test]
async fn the_loss_of_all_messages_is_carried() {
    let stack = harness::exclusive().await;
    let scene = Scene::new(&stack).await;
    let (one, two) = (scene.say("one").await, scene.say("two").await);
    scene.both_hold(&["one", "two"]).await;
    let running = stack.stack();
    on_stack_runtime(running.kill_part(Part::Worker)).await;
    scene.delete(&one).await;
    scene.delete(&two).await;
    on_stack_runtime(running.start_part(Part::Worker)).await.unwrap();
    scene.both_hold(&[]).await;
}

#[tokio::test]
async fn a_gap_whose_history_is_closed_stays_open_until_it_can_be_read() {
    let stack = harness::exclusive().await;
    let scene = Scene::new(&stack).await;
    scene.say("one").await;
    scene.both_hold(&["one"]).await;
    let running = stack.stack();
    on_stack_runtime(running.kill_part(Part::Worker)).await;
    scene.say_on_discord(&["two".to_owned()]).await;
    scene.world.deny(&scene.back_source, &["READ_MESSAGE_HISTORY"]).await;
    on_stack_runtime(running.start_part(Part::Worker)).await.unwrap();
    let told = until("the refusal is told", PATIENCE, async || {
        let told: Value = scene.world.api.http().get("/errors").await?;
        let errors = told["errors"].as_array().cloned().unwrap_or_default();
        Ok(errors.iter().any(|error| error["code"] == "missing_permission").then_some(()))
    });
    told.await.unwrap();
    // It comes live all the same, nothing is taken for deleted, and what is missing is not forgotten over it.
    scene.say_on_discord(&["three".to_owned()]).await;
    scene.world.telegram_holds(scene.back, &["one", "three"]).await;
    on_stack_runtime(running.kill_part(Part::Worker)).await;
    scene.world.deny(&scene.back_source, &[]).await;
    on_stack_runtime(running.start_part(Part::Worker)).await.unwrap();
    scene.world.telegram_holds(scene.back, &["one", "three", "two"]).await;
}
