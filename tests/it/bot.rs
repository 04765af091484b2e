//! The Telegram bot from the outside: linked by its deep link, asked, told to pause, and telling.

use domain::notification::Kind;
use reqwest::Method;
use sandbox::{
    scene::{operator, until},
    stack::{Part, Stack, TELEGRAM_BOT},
};
use serde_json::{Value, json};

use crate::{
    harness::{self, on_stack_runtime},
    mail::Mailing,
    world::{PATIENCE, Person, World, assert_refused, place},
};

/// A tenant, a person on Telegram, and the bot.
pub struct Chat {
    mailing: Mailing,
    person: Person,
    bot: i64,
}

impl Chat {
    pub async fn new(stack: &Stack) -> Self {
        let mailing = Mailing::new(stack).await;
        let person = mailing.world.person(None).await;
        Self { mailing, person, bot: stack.telegram_bot() }
    }

    fn world(&self) -> &World {
        &self.mailing.world
    }

    /// Asks for a link, as soon as there is a bot, and returns what it carries.
    async fn invite(&self) -> String {
        let answer = until("an invitation", PATIENCE, async || {
            match self.world().api.http().post::<Value>("/me/bot/link", &json!({})).await {
                Ok(answer) => Ok(Some(answer)),
                Err(error) if error.code() == "bot_unavailable" => Ok(None),
                Err(error) => Err(error.into()),
            }
        });
        let answer = answer.await.expect("there is a bot");
        assert!(answer["expires_at"].is_string(), "{answer}");
        let url = answer["url"].as_str().expect("a link");
        let payload = url.strip_prefix(&format!("https://t.me/{TELEGRAM_BOT}?start=")).expect("a deep link");
        assert!((22..=64).contains(&payload.len()), "{payload}");
        payload.to_owned()
    }

    async fn press_start(&self, person: &Person, payload: &str) {
        let telegram = &self.world().controls.telegram;
        telegram.press_start(self.bot, person.user, payload).await.expect("the link can be followed");
    }

    /// Links the person, and returns what the link has carried.
    pub async fn link(&self) -> String {
        let payload = self.invite().await;
        self.press_start(&self.person, &payload).await;
        self.heard(&self.person, "You are linked.", 1).await;
        payload
    }

    async fn say(&self, text: &str) {
        let telegram = &self.world().controls.telegram;
        telegram.say(self.bot, self.person.user, text).await.expect("it can be said");
    }

    /// Says it, and waits for one more answer that has `expected` in it.
    pub async fn ask(&self, text: &str, expected: &str) -> String {
        let before = self.told(&self.person, expected).await.len();
        self.say(text).await;
        self.heard(&self.person, expected, before + 1).await
    }

    /// What the bot has written to somebody that has `part` in it.
    async fn told(&self, person: &Person, part: &str) -> Vec<String> {
        let seen = self.world().controls.telegram.private_chat(person.user, self.bot).await;
        let from_bot =
            seen.expect("the chat can be read").into_iter().filter(|message| message.from == json!(self.bot));
        from_bot.map(|message| message.text).filter(|text| text.contains(part)).collect()
    }

    /// Waits until the bot has written so many messages with `part` in them; the newest one.
    async fn heard(&self, person: &Person, part: &str, count: usize) -> String {
        let found = until("the bot's answer", PATIENCE, async || {
            let mut told = self.told(person, part).await;
            Ok(if told.len() >= count { told.pop() } else { None })
        });
        match found.await {
            Ok(text) => text,
            Err(_) => panic!("no {count} of {part:?} in {:#?}", self.told(person, "").await),
        }
    }

    async fn read(&self) -> Value {
        self.world().api.http().get("/me/bot").await.expect("the link can be read")
    }

    /// The newest notification's send by the bot, once it satisfies `wanted`.
    async fn bot_send(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let found = until("the message's state", PATIENCE, async || {
            let page: Value = self.world().api.http().get("/me/notifications?limit=1").await?;
            let sends = page["notifications"][0]["sends"].as_array().cloned().unwrap_or_default();
            last = sends.into_iter().find(|send| send["channel"] == "bot").unwrap_or_default();
            Ok(wanted(&last).then_some(()))
        });
        let found = found.await;
        assert!(found.is_ok(), "the message stands so: {last}");
        last
    }

    /// From now on health alerts go by the bot alone.
    async fn by_bot_alone(&self) {
        self.mailing.prefer(json!({ "kinds": { "health_alert": "bot" } })).await;
    }
}

#[tokio::test]
async fn a_deep_link_links_once_and_in_time() {
    let stack = harness::shared().await;
    let chat = Chat::new(&stack).await;
    let before = chat.read().await;
    assert_eq!((&before["linked"], &before["name"], &before["linked_at"]), (&json!(false), &Value::Null, &Value::Null));
    let payload = chat.link().await;
    let linked = chat.read().await;
    assert_eq!((&linked["linked"], &linked["bot"]), (&json!(true), &json!(TELEGRAM_BOT)));
    assert_eq!(linked["name"], format!("Person {}", chat.person.phone));
    assert!(linked["linked_at"].is_string() && linked["blocked_at"].is_null(), "{linked}");
    let other = chat.world().person(None).await;
    chat.press_start(&other, &payload).await;
    chat.heard(&other, "This link was used already.", 1).await;
    let late = chat.invite().await;
    let pool = store::connect(&stack.urls().database.into()).unwrap();
    let ended = "UPDATE bot_link_tokens SET expires_at = created_at WHERE user_id = $1";
    sqlx::query(ended).bind(chat.mailing.user.as_uuid()).execute(&pool).await.unwrap();
    chat.press_start(&other, &late).await;
    chat.heard(&other, "This link has expired.", 1).await;
    chat.press_start(&other, "never-made").await;
    chat.heard(&other, "I do not know this link", 1).await;
    assert_eq!(chat.read().await["name"], linked["name"], "the first one is still linked");
    for _ in 0..2 {
        let gone: Value = chat.world().api.http().call(Method::DELETE, "/me/bot", None::<&()>).await.unwrap();
        assert_eq!(gone, Value::Null);
        assert_eq!(chat.read().await["linked"], false);
    }
    chat.ask("/status", "I do not know you yet.").await;
}

#[tokio::test]
async fn nobody_is_linked_without_a_session() {
    let stack = harness::shared().await;
    let anonymous = sandbox::client::CausewayClient::anonymous(&stack.urls().api).unwrap();
    for (method, path) in [(Method::GET, "/me/bot"), (Method::DELETE, "/me/bot"), (Method::POST, "/me/bot/link")] {
        let answer = anonymous.http().call::<Value>(method, path, None::<&()>).await;
        assert_refused(&answer.unwrap_err(), 401, "unauthorized");
    }
}

#[tokio::test]
async fn commands_are_answered() {
    let stack = harness::shared().await;
    let chat = Chat::new(&stack).await;
    chat.ask("/pairs", "I do not know you yet.").await;
    chat.link().await;
    let help = chat.ask("/help", "I am the bot of Causeway").await;
    assert!(help.contains("/status") && help.contains("/resume"), "{help}");
    chat.ask("good morning", "I am the bot of Causeway").await;
    chat.ask("/link", "You are linked already.").await;
    chat.ask("/status", "You have no accounts and no pairs yet.").await;
    chat.ask("/pairs", "You have no pairs yet.").await;
    chat.ask("/pause 1", "You have no pairs yet.").await;
    let usage = chat.ask("/usage", "Plan: ").await;
    assert!(usage.contains("Pairs: 0 of "), "{usage}");
    let menu = chat.world().controls.telegram.bot(chat.bot).await.unwrap().commands;
    assert!(menu.iter().any(|entry| entry.command == "pause"), "{menu:?}");
}

#[tokio::test]
async fn pausing_and_resuming_by_the_bot_is_real() {
    let stack = harness::shared().await;
    let chat = Chat::new(&stack).await;
    let (world, owner) = (chat.world(), &chat.person);
    let bot = world.bot().await;
    let source = world.channel(owner, &[]).await;
    let (reader, writer) = (world.link_person(owner).await, world.link_bot(&bot).await);
    let pair = world.pair(place(&reader, source), place(&writer, &bot.channel)).await;
    chat.link().await;
    let say = async |text: &str| world.controls.telegram.say(source, owner.user, text).await.unwrap();
    say("one").await;
    world.discord_holds(&bot.channel, &["one"]).await;
    chat.ask("/status", "Accounts: 2 of 2 online").await;
    chat.ask("/pairs", &format!("1. {} \u{2013} active", pair.name)).await;
    chat.ask("/pause 2", "no pair with the number 2").await;
    chat.ask("/pause 1", &format!("Paused: {}", pair.name)).await;
    assert_eq!(world.read_pair(&pair.id).await["status"], "paused");
    say("two").await;
    let waits = |found: &[Value]| found.len() == 2 && found[0]["state"] == "pending";
    world.deliveries(&pair.id, waits).await;
    chat.ask("/pairs", "paused, 1 waiting").await;
    assert_eq!(world.discord_texts(&bot.channel).await, ["one"]);
    chat.ask("/resume all", &format!("Resumed: {}", pair.name)).await;
    world.discord_holds(&bot.channel, &["one", "two"]).await;
    assert_eq!(world.read_pair(&pair.id).await["status"], "active");
    // With one pair there is no need to name it; a second time changes nothing.
    chat.ask("/pause", &format!("Paused: {}", pair.name)).await;
    chat.ask("/pause 1", &format!("Paused: {}", pair.name)).await;
    world.api.resume(&pair.id).await.unwrap();
    say("three").await;
    world.discord_holds(&bot.channel, &["one", "two", "three"]).await;
}

#[tokio::test]
async fn a_resume_by_the_bot_asks_the_gate() {
    let stack = harness::shared().await;
    let chat = Chat::new(&stack).await;
    let (world, owner) = (chat.world(), &chat.person);
    let bot = world.bot().await;
    let (first, second) = (world.channel(owner, &[]).await, world.channel(owner, &[]).await);
    let (reader, writer) = (world.link_person(owner).await, world.link_bot(&bot).await);
    let older = world.pair(place(&reader, first), place(&writer, &bot.channel)).await;
    let newer = world.pair(place(&reader, second), place(&writer, &bot.channel)).await;
    chat.link().await;
    chat.ask("/pause 2", &format!("Paused: {}", newer.name)).await;
    // From now on there is room for one.
    let one = json!({
        "limits": { "pairs": 1, "telegram_accounts": 9, "discord_accounts": 9, "requests_per_minute": 1_000_000 },
        "features": { "copy_mode": true, "discord_forwarding": true },
        "reason": "a test",
    });
    let path = format!("/operator/users/{}/limits", chat.mailing.user);
    let _: Value = operator(&stack).unwrap().call(Method::PUT, &path, Some(&one)).await.unwrap();
    let refused = chat.ask("/resume 2", "stays paused").await;
    assert!(refused.contains(&newer.name) && refused.contains("the plan allows 1 pairs"), "{refused}");
    assert_eq!(world.read_pair(&newer.id).await["status"], "paused");
    chat.ask("/pause 1", &format!("Paused: {}", older.name)).await;
    chat.ask("/resume 2", &format!("Resumed: {}", newer.name)).await;
    assert_eq!(world.read_pair(&newer.id).await["status"], "active");
    assert!(chat.ask("/usage", "Plan: ").await.contains("Pairs: 2 of 1"));
}

#[tokio::test]
async fn a_notification_comes_by_the_bot_and_looks_like_one() {
    let stack = harness::shared().await;
    let chat = Chat::new(&stack).await;
    chat.link().await;
    chat.by_bot_alone().await;
    chat.mailing.ask(Kind::HealthAlert, "Your queue has stopped").await.expect("it is new");
    let text = chat.heard(&chat.person, "Your queue has stopped", 1).await;
    assert_eq!(text, "Your queue has stopped\n\nSomething has happened.\nLook at <it> & decide.\n\nLook at it");
    let sent = chat.bot_send(|send| send["state"] == "sent").await;
    assert_eq!(sent["attempts"], 1, "{sent}");
    assert!(chat.mailing.mails().await.is_empty(), "it was wanted by the bot alone");
}

#[tokio::test]
async fn a_notification_and_an_answer_come_once_although_the_worker_is_killed_in_between() {
    let stack = harness::exclusive().await;
    let chat = Chat::new(&stack).await;
    chat.link().await;
    chat.by_bot_alone().await;
    let telegram = &chat.world().controls.telegram;
    let sessions = telegram.bot(chat.bot).await.unwrap().sessions;
    // Telegram has taken it, and the worker dies before it hears so.
    let late = json!({ "kind": "delay", "method": "messages.sendMessage", "user": chat.bot, "ms": 20_000 });
    telegram.fault(&late).await.unwrap();
    chat.mailing.ask(Kind::HealthAlert, "Only once").await.expect("it is new");
    chat.heard(&chat.person, "Only once", 1).await;
    assert_eq!(chat.bot_send(|send| send["state"] == "sending").await["attempts"], 1);
    let running = stack.stack();
    on_stack_runtime(running.kill_part(Part::Worker)).await;
    chat.say("/pairs").await;
    on_stack_runtime(running.start_part(Part::Worker)).await.unwrap();
    let sent = chat.bot_send(|send| send["state"] == "sent").await;
    assert_eq!(sent["attempts"], 2, "{sent}");
    chat.heard(&chat.person, "You have no pairs yet.", 1).await;
    chat.ask("/help", "I am the bot of Causeway").await;
    assert_eq!(chat.told(&chat.person, "Only once").await.len(), 1);
    assert_eq!(chat.told(&chat.person, "You have no pairs yet.").await.len(), 1);
    assert_eq!(telegram.bot(chat.bot).await.unwrap().sessions, sessions, "the session is kept and used again");
}

#[tokio::test]
async fn a_flood_wait_is_kept() {
    let stack = harness::exclusive().await;
    let chat = Chat::new(&stack).await;
    chat.link().await;
    let telegram = &chat.world().controls.telegram;
    let flood = json!({ "kind": "flood_wait", "method": "messages.sendMessage", "user": chat.bot, "seconds": 3 });
    telegram.fault(&flood).await.unwrap();
    let started = std::time::Instant::now();
    chat.ask("/pairs", "You have no pairs yet.").await;
    assert!(started.elapsed().as_secs() >= 3, "it came after {:?}", started.elapsed());
    assert_eq!(chat.told(&chat.person, "You have no pairs yet.").await.len(), 1);
}

#[tokio::test]
async fn who_blocks_the_bot_is_unlinked_and_a_new_link_heals_it() {
    let stack = harness::shared().await;
    let chat = Chat::new(&stack).await;
    chat.link().await;
    let telegram = &chat.world().controls.telegram;
    telegram.block_bot(chat.bot, chat.person.user, true).await.unwrap();
    chat.mailing.ask(Kind::HealthAlert, "Nobody hears").await.expect("it is new");
    let failed = chat.bot_send(|send| send["state"] == "failed").await;
    assert_eq!(failed["reason_code"], "bot_blocked", "{failed}");
    let mails = chat.mailing.arrived(1).await;
    assert_eq!(mails[0].subject.as_deref(), Some("Nobody hears"), "the other channel has it");
    let link = chat.read().await;
    assert_eq!(link["linked"], false);
    assert!(link["blocked_at"].is_string(), "{link}");
    assert!(chat.told(&chat.person, "Nobody hears").await.is_empty());
    // To press "start" again ends the block, and links nobody by itself.
    chat.press_start(&chat.person, "").await;
    chat.heard(&chat.person, "I do not know you yet.", 1).await;
    let payload = chat.invite().await;
    chat.press_start(&chat.person, &payload).await;
    chat.heard(&chat.person, "You are linked.", 2).await;
    let link = chat.read().await;
    assert_eq!((&link["linked"], &link["blocked_at"]), (&json!(true), &Value::Null));
    chat.by_bot_alone().await;
    chat.mailing.ask(Kind::HealthAlert, "Heard again").await.expect("it is new");
    chat.heard(&chat.person, "Heard again", 1).await;
}
