//! Trouble: lost answers, floods, closed destinations, and parts of the stack that are killed. Nothing is lost, nothing
//! is doubled, order is kept.

use sandbox::stack::Part;
use serde_json::json;

use crate::{
    harness::{self, on_stack_runtime},
    world::{Bot, Person, World, assert_refused, pair, place},
};

/// A pair from Telegram to Discord and one back, in chats of their own.
struct Scene {
    world: World,
    person: Person,
    bot: Bot,
    telegram: String,
    source: i64,
    forth: String,
    back_source: Bot,
    back: i64,
    backward: String,
}

impl Scene {
    async fn new(world: World) -> Self {
        let (person, bot) = (world.person(None).await, world.bot().await);
        let (back_source, source) = (world.bot().await, world.channel(&person, &[]).await);
        let back = world.channel(&person, &[]).await;
        let (telegram, discord) = (world.link_person(&person).await, world.link_bot(&bot).await);
        let reader = world.link_bot(&back_source).await;
        let forth = world.pair(place(&telegram, source), place(&discord, &bot.channel)).await.id;
        let backward = world.pair(place(&reader, &back_source.channel), place(&telegram, back)).await.id;
        Self { world, person, bot, telegram, source, forth, back_source, back, backward }
    }

    async fn say(&self, text: &str) {
        self.world.controls.telegram.say(self.source, self.person.user, text).await.unwrap();
        let (channel, human) = (&self.back_source.channel, &self.back_source.human);
        self.world.controls.discord.say(channel, human, text).await.unwrap();
    }

    async fn both_hold(&self, texts: &[&str]) {
        self.world.discord_holds(&self.bot.channel, texts).await;
        self.world.telegram_holds(self.back, texts).await;
    }
}

#[tokio::test]
async fn a_lost_answer_does_not_double_a_message() {
    let stack = harness::exclusive().await;
    let scene = Scene::new(World::new(&stack).await).await;
    scene.say("one").await;
    scene.both_hold(&["one"]).await;
    let lost = json!({ "kind": "lose_answer", "method": "messages.sendMessage", "times": 1 });
    scene.world.controls.telegram.fault(&lost).await.unwrap();
    let lost = json!({ "kind": "lose_answer", "method": "POST", "channel": scene.bot.channel, "times": 1 });
    scene.world.controls.discord.fault(&lost).await.unwrap();
    scene.say("two").await;
    scene.say("three").await;
    scene.both_hold(&["one", "two", "three"]).await;
    let retried = scene.world.all_sent(&scene.backward, 3).await;
    assert!(retried[1]["attempts"].as_u64() >= Some(2), "{retried:#?}");
    assert_eq!(scene.world.telegram_texts(scene.back).await, ["one", "two", "three"]);
}

#[tokio::test]
async fn a_flood_wait_is_waited_out_in_order_and_is_seen() {
    let stack = harness::exclusive().await;
    let scene = Scene::new(World::new(&stack).await).await;
    let flood = json!({ "kind": "flood_wait", "method": "messages.sendMessage", "user": scene.person.user, "seconds": 3, "times": 1 });
    scene.world.controls.telegram.fault(&flood).await.unwrap();
    for text in ["one", "two", "three"] {
        scene.say(text).await;
    }
    scene.both_hold(&["one", "two", "three"]).await;
    let history = scene.world.all_sent(&scene.backward, 3).await;
    let first = history.last().unwrap()["steps"].as_array().unwrap().clone();
    assert!(first.iter().any(|step| step["kind"] == "waiting"), "{first:#?}");
}

#[tokio::test]
async fn a_closed_destination_blocks_its_pair_and_a_resume_opens_it() {
    let stack = harness::shared().await;
    let scene = Scene::new(World::new(&stack).await).await;
    scene.world.deny(&scene.bot, &["SEND_MESSAGES"]).await;
    scene.say("one").await;
    scene.world.telegram_holds(scene.back, &["one"]).await;
    let blocked = async || scene.world.read_pair(&scene.forth).await;
    sandbox::scene::until("the pair is blocked", crate::world::PATIENCE, async || {
        Ok((blocked().await["status"] == "blocked").then_some(()))
    })
    .await
    .unwrap();
    assert!(blocked().await["reason_code"].is_string());
    scene.world.deny(&scene.bot, &[]).await;
    scene.world.api.resume(&scene.forth).await.unwrap();
    scene.both_hold(&["one"]).await;
    assert_eq!(blocked().await["status"], "active");
}

#[tokio::test]
async fn dropped_connections_and_sessions_lose_nothing() {
    let stack = harness::exclusive().await;
    let scene = Scene::new(World::new(&stack).await).await;
    scene.say("one").await;
    scene.both_hold(&["one"]).await;
    scene.world.controls.telegram.fault(&json!({ "kind": "drop_connections" })).await.unwrap();
    scene.world.controls.discord.fault(&json!({ "kind": "drop_gateway" })).await.unwrap();
    scene.say("two").await;
    scene.both_hold(&["one", "two"]).await;
    scene.world.controls.discord.fault(&json!({ "kind": "invalid_session" })).await.unwrap();
    scene.say("three").await;
    scene.both_hold(&["one", "two", "three"]).await;
}

#[tokio::test]
async fn a_killed_worker_carries_on_where_it_was() {
    let stack = harness::exclusive().await;
    let scene = Scene::new(World::new(&stack).await).await;
    scene.say("one").await;
    scene.both_hold(&["one"]).await;
    let running = stack.stack();
    on_stack_runtime(running.kill_part(Part::Worker)).await;
    scene.say("two").await;
    scene.say("three").await;
    let start = std::time::Instant::now();
    on_stack_runtime(running.start_part(Part::Worker)).await.unwrap();
    scene.say("four").await;
    scene.both_hold(&["one", "two", "three", "four"]).await;
    assert!(start.elapsed().as_secs() < 40, "the accounts were re-hosted only after {:?}", start.elapsed());
}

#[tokio::test]
async fn killed_servers_come_back_and_nothing_is_missing() {
    let stack = harness::exclusive().await;
    let scene = Scene::new(World::new(&stack).await).await;
    let running = stack.stack();
    let mut said: Vec<String> = Vec::new();
    for part in [Part::Telegram, Part::Discord, Part::Postgres, Part::Temporal] {
        on_stack_runtime(running.kill_part(part)).await;
        if matches!(part, Part::Postgres | Part::Temporal) {
            said.push(format!("while the {part} was down"));
            scene.say(said.last().unwrap()).await;
        }
        on_stack_runtime(running.start_part(part)).await.unwrap();
        said.push(format!("after the {part} came back"));
        scene.say(said.last().unwrap()).await;
        scene.both_hold(&said.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }
}

#[tokio::test]
async fn the_api_says_what_is_down() {
    let stack = harness::exclusive().await;
    let scene = Scene::new(World::new(&stack).await).await;
    let running = stack.stack();
    on_stack_runtime(running.kill_part(Part::Temporal)).await;
    let person = scene.world.person(None).await;
    scene.world.refused("/accounts/telegram", json!({ "phone": person.phone }), 503, "temporal_unavailable").await;
    on_stack_runtime(running.start_part(Part::Temporal)).await.unwrap();
    // The refused phone is not stranded.
    let account = scene.world.link_person(&person).await;
    scene.world.status(&account, "online").await;
    on_stack_runtime(running.kill_part(Part::Postgres)).await;
    let new = pair(place(&scene.telegram, scene.source), place(&scene.telegram, scene.back));
    let answer = scene.world.api.create_pair(&new).await;
    assert_refused(&answer.unwrap_err(), 503, "database_unavailable");
    on_stack_runtime(running.start_part(Part::Postgres)).await.unwrap();
    scene.say("still here").await;
    scene.both_hold(&["still here"]).await;
    // The next test shall meet no connection of before the kill.
    tokio::time::sleep(store::PROBE_AFTER).await;
}

#[tokio::test]
async fn a_sandbox_that_is_down_is_a_visible_waiting_state() {
    let stack = harness::exclusive().await;
    let scene = Scene::new(World::new(&stack).await).await;
    let running = stack.stack();
    on_stack_runtime(running.kill_part(Part::Discord)).await;
    let text = "nobody home";
    scene.world.controls.telegram.say(scene.source, scene.person.user, text).await.unwrap();
    let waiting = scene.world.deliveries(&scene.forth, |found| {
        found.first().is_some_and(|one| one["steps"].as_array().is_some_and(|steps| steps.len() > 1))
    });
    let waiting = waiting.await;
    assert_eq!(waiting[0]["steps"][1]["kind"], "waiting");
    on_stack_runtime(running.start_part(Part::Discord)).await.unwrap();
    scene.world.discord_holds(&scene.bot.channel, &[text]).await;
}

/// A second worker beside the stack's own, killed when dropped or when this thread dies.
pub(crate) struct SecondWorker(tokio::process::Child);

impl SecondWorker {
    pub(crate) fn start(stack: &sandbox::stack::Stack, more: &[(&str, &str)]) -> Self {
        let first = stack.pid(Part::Worker).expect("the first worker runs");
        let environment = std::fs::read(format!("/proc/{first}/environ")).expect("its settings can be read");
        let settings = environment.split(|byte| *byte == 0).filter_map(|entry| {
            let entry = std::str::from_utf8(entry).ok()?;
            entry.split_once('=')
        });
        let program = stack.options().program("causeway-worker").expect("the worker is built");
        let mut command = tokio::process::Command::new(program);
        command.env_clear().envs(settings).env("WORKER_NAME", "second").env("METRICS_LISTEN", "127.0.0.1:0");
        command.envs(more.iter().copied());
        command.stderr(std::process::Stdio::null()).kill_on_drop(true);
        sandbox::stack::die_with_parent(&mut command, nix::sys::signal::Signal::SIGKILL);
        Self(command.spawn().expect("a second worker starts"))
    }

    pub(crate) async fn kill(mut self) {
        self.0.kill().await.expect("the second worker can be killed");
    }
}

#[tokio::test]
async fn accounts_move_to_another_worker_and_back() {
    let stack = harness::exclusive().await;
    let scene = Scene::new(World::new(&stack).await).await;
    scene.say("one").await;
    scene.both_hold(&["one"]).await;
    let running = stack.stack();
    let second = SecondWorker::start(running, &[]);
    on_stack_runtime(running.kill_part(Part::Worker)).await;
    scene.say("two").await;
    scene.both_hold(&["one", "two"]).await;
    let moved = scene.world.api.account(&scene.telegram).await.unwrap();
    assert_eq!(moved.rest["host"], "second", "{:?}", moved.rest);
    on_stack_runtime(running.start_part(Part::Worker)).await.unwrap();
    second.kill().await;
    scene.say("three").await;
    scene.both_hold(&["one", "two", "three"]).await;
}

#[tokio::test]
async fn the_sweep_wakes_a_pair_whose_wake_was_lost() {
    let stack = harness::shared().await;
    let scene = Scene::new(World::new(&stack).await).await;
    scene.say("one").await;
    scene.both_hold(&["one"]).await;
    let pair: domain::PairId = scene.forth.parse().unwrap();
    let database = sqlx::PgPool::connect(&stack.urls().database).await.unwrap();
    sandbox::scene::until("the drain is over", crate::world::PATIENCE, async || {
        let asleep =
            sqlx::query_scalar::<_, bool>("SELECT NOT wake_pending AND drain_host IS NULL FROM pairs WHERE id = $1");
        Ok(asleep.bind(pair.as_uuid()).fetch_one(&database).await?.then_some(()))
    })
    .await
    .unwrap();
    // As if the worker had died between its commit and its signal: the flag says that a wake is on its way.
    let lost = sqlx::query("UPDATE pairs SET wake_pending = true WHERE id = $1").bind(pair.as_uuid());
    assert_eq!(lost.execute(&database).await.unwrap().rows_affected(), 1);
    scene.say("two").await;
    scene.world.telegram_holds(scene.back, &["one", "two"]).await;
    assert_eq!(scene.world.discord_texts(&scene.bot.channel).await, ["one"], "nobody has woken the pair");
    let client = crate::histories::temporal(&stack).await;
    sandbox::scene::until("the sweep wakes the pair", crate::world::PATIENCE, async || {
        crate::histories::sweep(&client).await;
        Ok((scene.world.discord_texts(&scene.bot.channel).await.len() == 2).then_some(()))
    })
    .await
    .unwrap();
    scene.both_hold(&["one", "two"]).await;
}
