//! Pace: limits and refusals hold back what they concern and nothing else, are remembered, and are shown.

use reqwest::Method;
use sandbox::{scene::until, stack::Part};
use serde_json::{Value, json};

use crate::{
    harness::{self, on_stack_runtime},
    world::{Bot, PATIENCE, Person, World, assert_refused, place},
};

/// A person with a linked account who writes into several chats, each the destination of a Discord channel of its own.
pub(crate) struct Writer {
    pub(crate) person: Person,
    pub(crate) account: String,
    pub(crate) reader: String,
    pub(crate) bot: Bot,
    /// Discord channel, Telegram destination, pair.
    pub(crate) ways: Vec<(String, i64, String)>,
}

impl Writer {
    pub(crate) async fn new(world: &World, ways: usize) -> Self {
        let (person, bot) = (world.person(None).await, world.bot().await);
        let (account, reader) = (world.link_person(&person).await, world.link_bot(&bot).await);
        let mut writer = Self { person, account, reader, bot, ways: Vec::new() };
        for _ in 0..ways {
            writer.add(world).await;
        }
        writer
    }

    async fn add(&mut self, world: &World) {
        let number = self.ways.len();
        let channel = world.controls.discord.create_channel(&self.bot.guild, &format!("way-{number}")).await.unwrap();
        let chat = world.channel(&self.person, &[]).await;
        let pair = world.pair(place(&self.reader, &channel), place(&self.account, chat)).await.id;
        self.ways.push((channel, chat, pair));
    }

    pub(crate) async fn say(&self, world: &World, way: usize, text: &str) {
        world.controls.discord.say(&self.ways[way].0, &self.bot.human, text).await.unwrap();
    }

    async fn flood(&self, world: &World, seconds: u32) {
        let fault = json!({ "kind": "flood_wait", "method": "messages.sendMessage", "user": self.person.user,
                            "seconds": seconds, "times": 1 });
        world.controls.telegram.fault(&fault).await.unwrap();
    }

    /// Telegram answers the next message with this error; then the account has this status, and writes nothing more.
    pub(crate) async fn is_stopped_by(&self, world: &World, (code, error): (u16, &str), status: &str) {
        let fault = json!({ "kind": "rpc_error", "method": "messages.sendMessage", "user": self.person.user,
                            "code": code, "message": error, "times": 1 });
        world.controls.telegram.fault(&fault).await.unwrap();
        self.say(world, 0, "one").await;
        let account = world.status(&self.account, status).await;
        assert_eq!(account["reason_code"], error.to_lowercase(), "{account:#}");
        // The fault struck once; a second try would pass, and must not happen.
        self.say(world, 1, "two").await;
        for (_, chat, pair) in &self.ways {
            until("the pair says why it waits", PATIENCE, async || {
                let pair = world.read_pair(pair).await;
                Ok(pair["live"]["reason"].as_str().is_some_and(|reason| reason.contains(status)).then_some(()))
            })
            .await
            .unwrap();
            assert_eq!(world.telegram_texts(*chat).await, Vec::<String>::new());
        }
    }

    pub(crate) async fn pace(&self, world: &World) -> Value {
        world.api.http().get(&format!("/accounts/{}/pace", self.account)).await.unwrap()
    }
}

/// Makes the tenant whose account this is pay for `plan`.
pub(crate) async fn pays_for(database: &sqlx::PgPool, account: &str, plan: &str) {
    let account: domain::AccountId = account.parse().unwrap();
    let paid = sqlx::query(
        "UPDATE users SET plan_id = (SELECT id FROM plans WHERE code = $2)
         WHERE id = (SELECT user_id FROM accounts WHERE id = $1)",
    );
    let paid = paid.bind(account.as_uuid()).bind(plan).execute(database).await.unwrap();
    assert_eq!(paid.rows_affected(), 1);
}

fn budget<'a>(pace: &'a Value, scope: &str) -> &'a Value {
    let budgets = pace["budgets"].as_array().unwrap();
    budgets.iter().find(|budget| budget["scope"] == scope).unwrap_or(&Value::Null)
}

#[tokio::test]
async fn a_flood_waited_account_delays_no_other_account_and_is_shown() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (slow, other) = (Writer::new(&world, 2).await, Writer::new(&world, 1).await);
    slow.flood(&world, 8).await;
    slow.say(&world, 0, "one").await;
    world.deliveries(&slow.ways[0].2, |found| found.iter().any(|one| one["reason_code"] == "flood_wait")).await;
    slow.say(&world, 1, "two").await;
    other.say(&world, 0, "three").await;
    world.telegram_holds(other.ways[0].1, &["three"]).await;
    let none = Vec::<String>::new();
    assert_eq!(world.telegram_texts(slow.ways[0].1).await, none, "the account was asked to wait");
    assert_eq!(world.telegram_texts(slow.ways[1].1).await, none, "the account was asked to wait, in all its chats");
    let pace = slow.pace(&world).await;
    let account = budget(&pace, "account");
    assert_eq!((account["waits"].as_i64(), account["last_wait_ms"].as_i64()), (Some(1), Some(8_000)), "{pace:#}");
    assert!(account["closed_until"].is_string(), "{pace:#}");
    assert!(account["rate"].as_f64() < account["ceiling"].as_f64(), "a refusal slows down: {pace:#}");
    world.telegram_holds(slow.ways[0].1, &["one"]).await;
    world.telegram_holds(slow.ways[1].1, &["two"]).await;
}

#[tokio::test]
async fn a_slow_chat_delays_only_itself() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let writer = Writer::new(&world, 2).await;
    let slow = json!({ "kind": "rpc_error", "method": "messages.sendMessage", "user": writer.person.user,
                       "code": 420, "message": "SLOWMODE_WAIT_6", "times": 1 });
    world.controls.telegram.fault(&slow).await.unwrap();
    writer.say(&world, 0, "one").await;
    world.deliveries(&writer.ways[0].2, |found| found.iter().any(|one| one["reason_code"] == "slowmode_wait")).await;
    writer.say(&world, 1, "two").await;
    world.telegram_holds(writer.ways[1].1, &["two"]).await;
    assert_eq!(world.telegram_texts(writer.ways[0].1).await, Vec::<String>::new());
    let pace = writer.pace(&world).await;
    assert_eq!(budget(&pace, "chat")["waits"], 1, "{pace:#}");
    world.telegram_holds(writer.ways[0].1, &["one"]).await;
}

#[tokio::test]
async fn what_was_learned_survives_a_killed_worker() {
    let stack = harness::alone().await;
    let world = World::new(&stack).await;
    let writer = Writer::new(&world, 1).await;
    writer.flood(&world, 1).await;
    writer.say(&world, 0, "one").await;
    world.telegram_holds(writer.ways[0].1, &["one"]).await;
    let learned = budget(&writer.pace(&world).await, "account")["rate"].as_f64().unwrap();
    let running = stack.stack();
    on_stack_runtime(running.kill_part(Part::Worker)).await;
    on_stack_runtime(running.start_part(Part::Worker)).await.unwrap();
    writer.flood(&world, 1).await;
    writer.say(&world, 0, "two").await;
    world.telegram_holds(writer.ways[0].1, &["one", "two"]).await;
    let pace = writer.pace(&world).await;
    let account = budget(&pace, "account");
    assert_eq!(account["waits"], 2, "{pace:#}");
    let rate = account["rate"].as_f64().unwrap();
    assert!((rate - learned / 2.0).abs() < 1e-6, "the second refusal begins where the first ended: {pace:#}");
}

#[tokio::test]
async fn peer_flood_stops_the_account_until_it_is_resumed() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let writer = Writer::new(&world, 2).await;
    writer.is_stopped_by(&world, (400, "PEER_FLOOD"), "limited").await;
    let _: Value = world.api.http().post(&format!("/accounts/{}/resume", writer.account), &json!({})).await.unwrap();
    world.telegram_holds(writer.ways[0].1, &["one"]).await;
    world.telegram_holds(writer.ways[1].1, &["two"]).await;
    world.status(&writer.account, "online").await;
}

#[tokio::test]
async fn a_dead_destination_delays_nobody() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let writer = Writer::new(&world, 2).await;
    let path = format!("/chats/{}/members", writer.ways[0].1);
    let kicked = json!({ "user_id": writer.person.user, "role": "kicked" });
    let _: Value = world.controls.telegram.http().post(&path, &kicked).await.unwrap();
    for number in 0..5 {
        writer.say(&world, 0, &format!("dead {number}")).await;
        writer.say(&world, 1, &format!("alive {number}")).await;
    }
    world.telegram_holds(writer.ways[1].1, &["alive 0", "alive 1", "alive 2", "alive 3", "alive 4"]).await;
    until("the dead pair is blocked", PATIENCE, async || {
        Ok((world.read_pair(&writer.ways[0].2).await["status"] == "blocked").then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn an_accounts_own_interval_holds_over_all_its_pairs() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let mut writer = Writer::new(&world, 1).await;
    let path = format!("/accounts/{}", writer.account);
    let set = async |ms: u32| {
        let body = json!({ "send_interval_ms": ms });
        world.api.http().call::<Value>(Method::PATCH, &path, Some(&body)).await
    };
    assert_refused(&set(3_600_001).await.unwrap_err(), 422, "interval_too_long");
    assert_eq!(set(1_500).await.unwrap()["send_interval_ms"], 1_500);
    writer.add(&world).await;
    // The account's host reads the wish within a few seconds; then two messages are never closer than that.
    let gap = until("the interval is kept", PATIENCE, async || {
        let texts = async |way: usize| world.telegram_texts(writer.ways[way].1).await.len();
        let (first, second) = (texts(0).await, texts(1).await);
        writer.say(&world, 0, &format!("first {first}")).await;
        writer.say(&world, 1, &format!("second {second}")).await;
        let mut came = Vec::new();
        until("both have come", PATIENCE, async || {
            for (way, before) in [(0, first), (1, second)] {
                if came.iter().all(|(found, _)| *found != way) && texts(way).await > before {
                    came.push((way, std::time::Instant::now()));
                }
            }
            Ok((came.len() == 2).then_some(()))
        })
        .await?;
        let gap = came[1].1 - came[0].1;
        Ok((gap.as_millis() >= 1_400).then_some(gap))
    });
    assert!(gap.await.is_ok());
}
