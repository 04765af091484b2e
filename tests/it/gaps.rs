//! Gaps: what happens at a source while nobody listens is carried afterwards, whatever the platform says of the gap.

use reqwest::Method;
use sandbox::stack::{Part, Stack};
use serde_json::{Value, json};

use crate::{
    harness::{self, on_stack_runtime},
    world::{Bot, Person, World, place},
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

    async fn say(&self, text: &str) {
        self.world.controls.telegram.say(self.source, self.owner.user, text).await.unwrap();
        let (channel, human) = (&self.back_source.channel, &self.back_source.human);
        self.world.controls.discord.say(channel, human, text).await.unwrap();
    }

    async fn both_hold(&self, texts: &[&str]) {
        self.world.discord_holds(&self.bot.channel, texts).await;
        self.world.telegram_holds(self.back, texts).await;
    }

    /// Lets the reading accounts into their sources, or out of them.
    async fn set_access(&self, allowed: bool) {
        let role = if allowed { "member" } else { "kicked" };
        self.world.controls.telegram.set_member(self.source, self.person.user, role).await.unwrap();
        let deny = if allowed { json!([]) } else { json!(["VIEW_CHANNEL"]) };
        let path = format!("/channels/{}/permissions", self.back_source.channel);
        let body = json!({ "bot": self.back_source.id, "deny": deny });
        let _: Value = self.world.controls.discord.http().call(Method::PUT, &path, Some(&body)).await.unwrap();
    }
}

#[tokio::test]
async fn what_happened_while_the_worker_was_away_is_carried_although_the_difference_is_too_long() {
    let stack = harness::exclusive().await;
    let scene = Scene::new(&stack).await;
    scene.say("one").await;
    scene.both_hold(&["one"]).await;
    let running = stack.stack();
    on_stack_runtime(running.kill_part(Part::Worker)).await;
    scene.say("three").await;
    scene.say("four").await;
    for fault in [
        json!({ "kind": "too_long", "times": 20 }),
        json!({ "kind": "too_long", "method": "updates.getDifference", "times": 20 }),
    ] {
        scene.world.controls.telegram.fault(&fault).await.unwrap();
    }
    on_stack_runtime(running.start_part(Part::Worker)).await.unwrap();
    scene.both_hold(&["one", "three", "four"]).await;
    scene.world.controls.telegram.clear_faults().await.unwrap();
    scene.say("five").await;
    scene.both_hold(&["one", "three", "four", "five"]).await;
}

#[tokio::test]
async fn what_happened_before_a_new_session_is_carried() {
    let stack = harness::exclusive().await;
    let scene = Scene::new(&stack).await;
    scene.say("one").await;
    scene.both_hold(&["one"]).await;
    // No connection gets through until all has happened, and the old sessions are worth nothing then.
    let (telegram, discord) = (&scene.world.controls.telegram, &scene.world.controls.discord);
    discord.fault(&json!({ "kind": "invalid_session" })).await.unwrap();
    discord.fault(&json!({ "kind": "refuse_connections" })).await.unwrap();
    telegram.fault(&json!({ "kind": "refuse_connections" })).await.unwrap();
    telegram.fault(&json!({ "kind": "drop_connections" })).await.unwrap();
    scene.say("three").await;
    discord.clear_faults().await.unwrap();
    telegram.clear_faults().await.unwrap();
    scene.both_hold(&["one", "three"]).await;
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
