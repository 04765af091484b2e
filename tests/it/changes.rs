//! Edits and deletions in all four directions: after sending, folded while a delivery waits, and missed while the worker
//! was away. Each is done twice.

use reqwest::Method;
use sandbox::stack::Part;
use serde_json::{Value, json};

use crate::{
    harness::{self, on_stack_runtime},
    world::{Bot, Person, World, place},
};

/// One person, two bots and a pair in each direction between chats of their own.
struct Scene {
    world: World,
    person: Person,
    discord: Bot,
    telegram_source: i64,
    pairs: [String; 4],
    /// Telegram to Discord, Discord to Telegram, Telegram to Telegram, Discord to Discord.
    discord_sink: String,
    telegram_sink: i64,
    telegram_twin: i64,
    discord_twin: String,
}

/// A message in both sources.
struct Said {
    telegram: i64,
    discord: String,
}

impl Scene {
    async fn new(world: World) -> Self {
        let (person, discord, sink) = (world.person(None).await, world.bot().await, world.bot().await);
        let telegram_source = world.channel(&person, &[]).await;
        let (telegram_sink, telegram_twin) = (world.channel(&person, &[]).await, world.channel(&person, &[]).await);
        let discord_twin = world.controls.discord.create_channel(&sink.guild, "twin").await.unwrap();
        let (telegram, reader) = (world.link_person(&person).await, world.link_bot(&discord).await);
        let writer = world.link_bot(&sink).await;
        let (from_telegram, from_discord) = (place(&telegram, telegram_source), place(&reader, &discord.channel));
        let pairs = [
            world.pair(from_telegram.clone(), place(&writer, &sink.channel)).await.id,
            world.pair(from_discord.clone(), place(&telegram, telegram_sink)).await.id,
            world.pair(from_telegram, place(&telegram, telegram_twin)).await.id,
            world.pair(from_discord, place(&writer, &discord_twin)).await.id,
        ];
        let discord_sink = sink.channel;
        Self {
            world,
            person,
            discord,
            telegram_source,
            pairs,
            discord_sink,
            telegram_sink,
            telegram_twin,
            discord_twin,
        }
    }

    async fn say(&self, text: &str) -> Said {
        let telegram = self.world.controls.telegram.say(self.telegram_source, self.person.user, text).await.unwrap();
        let discord = self.world.controls.discord.say(&self.discord.channel, &self.discord.human, text).await.unwrap();
        Said { telegram, discord }
    }

    async fn edit(&self, said: &Said, text: &str) {
        for _ in 0..2 {
            let path = format!("/chats/{}/messages/{}", self.telegram_source, said.telegram);
            let body = json!({ "text": text });
            let _: Value = self.world.controls.telegram.http().call(Method::PATCH, &path, Some(&body)).await.unwrap();
            let path = format!("/channels/{}/messages/{}", self.discord.channel, said.discord);
            let body = json!({ "content": text });
            let _: Value = self.world.controls.discord.http().call(Method::PATCH, &path, Some(&body)).await.unwrap();
        }
    }

    async fn delete(&self, said: &Said) {
        let path = format!("/chats/{}/messages/{}", self.telegram_source, said.telegram);
        let _: Value = self.world.controls.telegram.http().call(Method::DELETE, &path, None::<&()>).await.unwrap();
        let path = format!("/channels/{}/messages/{}", self.discord.channel, said.discord);
        let _: Value = self.world.controls.discord.http().call(Method::DELETE, &path, None::<&()>).await.unwrap();
    }

    async fn all_hold(&self, texts: &[&str]) {
        self.world.discord_holds(&self.discord_sink, texts).await;
        self.world.telegram_holds(self.telegram_sink, texts).await;
        self.world.telegram_holds(self.telegram_twin, texts).await;
        self.world.discord_holds(&self.discord_twin, texts).await;
    }

    async fn pause(&self, paused: bool) {
        for pair in &self.pairs {
            let done = if paused { self.world.api.pause(pair).await } else { self.world.api.resume(pair).await };
            done.unwrap();
        }
    }
}

#[tokio::test]
async fn edits_and_deletions_follow_in_all_directions() {
    let stack = harness::shared().await;
    let scene = Scene::new(World::new(&stack).await).await;
    let (one, two) = (scene.say("one").await, scene.say("two").await);
    scene.say("three").await;
    scene.all_hold(&["one", "two", "three"]).await;
    scene.edit(&one, "ONE").await;
    scene.all_hold(&["ONE", "two", "three"]).await;
    scene.delete(&two).await;
    scene.all_hold(&["ONE", "three"]).await;
    for pair in &scene.pairs {
        let settled = scene.world.all_sent(pair, 5).await;
        let operations: Vec<_> = settled.iter().map(|one| one["operation"].as_str().unwrap()).collect();
        assert_eq!(operations, ["delete", "edit", "post", "post", "post"], "the same edit twice is one");
        assert_eq!((&settled[0]["root_seq"], &settled[1]["root_seq"]), (&json!(2), &json!(1)));
    }
}

#[tokio::test]
async fn what_waits_is_sent_as_it_reads_then_and_what_is_gone_is_not_sent() {
    let stack = harness::shared().await;
    let scene = Scene::new(World::new(&stack).await).await;
    scene.pause(true).await;
    let (one, two) = (scene.say("one").await, scene.say("two").await);
    scene.say("three").await;
    for pair in &scene.pairs {
        scene.world.deliveries(pair, |found| found.len() == 3).await;
    }
    scene.edit(&one, "ONE").await;
    scene.delete(&two).await;
    for pair in &scene.pairs {
        let folded = |found: &[Value]| {
            let kinds = |one: &Value| {
                one["steps"].as_array().is_some_and(|steps| steps.iter().any(|step| step["kind"] == "folded"))
            };
            found.len() == 3 && kinds(&found[2]) && found[1]["reason_code"] == "deleted_at_source"
        };
        scene.world.deliveries(pair, folded).await;
    }
    scene.pause(false).await;
    scene.all_hold(&["ONE", "three"]).await;
}

#[tokio::test]
async fn a_text_that_grows_and_shrinks_keeps_one_message_for_each_part() {
    let stack = harness::shared().await;
    let scene = Scene::new(World::new(&stack).await).await;
    let said = scene.say("short").await;
    scene.all_hold(&["short"]).await;
    let long = ["a".repeat(1_500), "b".repeat(1_500)].join("\n");
    scene.edit(&said, &long).await;
    scene.world.deliveries_in(&scene.discord_sink, |texts| texts.len() == 2 && texts[1].starts_with('b')).await;
    scene.world.telegram_holds(scene.telegram_sink, &[&long]).await;
    scene.edit(&said, "short again").await;
    scene.all_hold(&["short again"]).await;
}

#[tokio::test]
async fn edits_and_deletions_survive_a_killed_worker() {
    let stack = harness::exclusive().await;
    let scene = Scene::new(World::new(&stack).await).await;
    let (one, two) = (scene.say("one").await, scene.say("two").await);
    scene.say("three").await;
    scene.all_hold(&["one", "two", "three"]).await;
    let running = stack.stack();
    on_stack_runtime(running.kill_part(Part::Worker)).await;
    scene.edit(&one, "ONE").await;
    scene.delete(&two).await;
    scene.say("four").await;
    on_stack_runtime(running.start_part(Part::Worker)).await.unwrap();
    scene.all_hold(&["ONE", "three", "four"]).await;
}

#[tokio::test]
async fn a_worker_killed_in_the_middle_of_changes_ends_with_the_last_of_them() {
    let stack = harness::exclusive().await;
    let scene = Scene::new(World::new(&stack).await).await;
    let mut said = Vec::new();
    for number in 0..6 {
        said.push(scene.say(&format!("message {number}")).await);
    }
    let running = stack.stack();
    for (number, one) in said.iter().enumerate() {
        scene.edit(one, &format!("edited {number}")).await;
        if number % 3 == 1 {
            on_stack_runtime(running.kill_part(Part::Worker)).await;
            scene.delete(&said[number - 1]).await;
            on_stack_runtime(running.start_part(Part::Worker)).await.unwrap();
        }
    }
    scene.all_hold(&["edited 1", "edited 2", "edited 4", "edited 5"]).await;
}

#[tokio::test]
async fn a_message_that_vanished_at_the_destination_blocks_nobody() {
    let stack = harness::shared().await;
    let scene = Scene::new(World::new(&stack).await).await;
    let one = scene.say("one").await;
    scene.all_hold(&["one"]).await;
    let standing = scene.world.controls.discord.messages(&scene.discord_sink).await.unwrap().remove(0).id;
    let path = format!("/channels/{}/messages/{standing}", scene.discord_sink);
    let _: Value = scene.world.controls.discord.http().call(Method::DELETE, &path, None::<&()>).await.unwrap();
    scene.edit(&one, "ONE").await;
    scene.say("two").await;
    scene.world.discord_holds(&scene.discord_sink, &["two"]).await;
    let found =
        scene.world.deliveries(&scene.pairs[0], |found| found.iter().any(|one| one["operation"] == "edit")).await;
    let edit = found.iter().find(|one| one["operation"] == "edit").unwrap();
    assert_eq!((&edit["state"], &edit["reason_code"]), (&json!("skipped"), &json!("message_gone")));
}
