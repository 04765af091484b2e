//! A tenant of one test's own, with people, chats and linked accounts on the shared stack.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use reqwest::Method;
use sandbox::{
    client::{CallError, CausewayClient, NewPair, NewUser, Pair, Place},
    scene::{self, Controls, until},
    stack::Stack,
};
use serde_json::{Value, json};

/// How long anything in a test may take.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// The password of every tenant.
pub const PASSWORD: &str = "correct horse battery";

static NUMBER: AtomicU64 = AtomicU64::new(1);

fn number() -> u64 {
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

/// A tenant.
pub struct World {
    pub api: CausewayClient,
    pub controls: Controls,
}

/// A person on Telegram.
pub struct Person {
    pub phone: String,
    pub user: i64,
}

/// A bot on Discord, in a guild with a channel and a human.
pub struct Bot {
    pub id: String,
    pub token: String,
    pub guild: String,
    pub channel: String,
    pub human: String,
}

impl World {
    /// A tenant whose plan limits nothing, but for messages, which the stack does not limit anyway.
    pub async fn new(stack: &Stack) -> Self {
        let world = Self::registered(stack).await;
        scene::lift_limits(stack, &world.api).await.expect("an exception can be made");
        world
    }

    /// A tenant with what Free allows.
    pub async fn on_free(stack: &Stack) -> Self {
        Self::registered(stack).await
    }

    async fn registered(stack: &Stack) -> Self {
        let urls = stack.urls();
        let email = format!("tenant{}@example.org", number());
        let api = CausewayClient::register(&urls.api, &email, PASSWORD).await.expect("a tenant can register");
        Self { api, controls: Controls::new(&urls).expect("the control APIs have addresses") }
    }

    pub async fn person(&self, password: Option<&str>) -> Person {
        let phone = format!("99966{:06}", number());
        let user = NewUser {
            phone: phone.clone(),
            first_name: format!("Person {phone}"),
            username: None,
            password: password.map(str::to_owned),
        };
        let user = self.controls.telegram.create_user(&user).await.expect("a person can be made");
        Person { phone, user }
    }

    /// A broadcast channel that `owner` writes in.
    pub async fn channel(&self, owner: &Person, members: &[&Person]) -> i64 {
        let members: Vec<i64> = members.iter().map(|person| person.user).collect();
        let title = format!("Channel {}", number());
        let chat = self.controls.telegram.create_chat("channel", &title, owner.user, &members).await;
        chat.expect("a channel can be made").dialog_id
    }

    pub async fn bot(&self) -> Bot {
        let discord = &self.controls.discord;
        let bot = discord.create_bot(&format!("bot{}", number())).await.expect("a bot can be made");
        let human = discord.create_user(&format!("human{}", number())).await.expect("a human can be made");
        let guild =
            discord.create_guild(&format!("Guild {}", number()), &[&bot.id]).await.expect("a guild can be made");
        Bot { id: bot.id, token: bot.token, guild: guild.id, channel: guild.channel_id, human }
    }

    pub async fn link_person(&self, person: &Person) -> String {
        scene::link_telegram(&self.api, &self.controls.telegram, &person.phone, None).await.expect("the phone links")
    }

    pub async fn link_bot(&self, bot: &Bot) -> String {
        scene::link_discord(&self.api, &bot.token).await.expect("the bot links")
    }

    pub async fn pair(&self, source: Place, destination: Place) -> Pair {
        self.api.create_pair(&pair(source, destination)).await.expect("the pair can be made")
    }

    /// From now on these permissions, and no others, are denied to the bot in its channel.
    pub async fn deny(&self, bot: &Bot, permissions: &[&str]) {
        let path = format!("/channels/{}/permissions", bot.channel);
        let body = json!({ "bot": bot.id, "deny": permissions });
        let _: Value = self.controls.discord.http().call(Method::PUT, &path, Some(&body)).await.expect("it is set");
    }

    /// The texts that a Discord channel holds.
    pub async fn discord_texts(&self, channel: &str) -> Vec<String> {
        let messages = self.controls.discord.messages(channel).await.expect("the channel can be read");
        messages.into_iter().map(|message| message.content).collect()
    }

    /// The texts that a Telegram chat holds.
    pub async fn telegram_texts(&self, dialog: i64) -> Vec<String> {
        let messages = self.controls.telegram.messages(dialog).await.expect("the chat can be read");
        messages.into_iter().map(|message| message.text).collect()
    }

    /// Waits until a Discord channel holds exactly these texts.
    pub async fn discord_holds(&self, channel: &str, texts: &[&str]) {
        let mut last = Vec::new();
        let held = until("the channel's texts", PATIENCE, async || {
            last = self.discord_texts(channel).await;
            Ok((last == texts).then_some(()))
        });
        let held = held.await;
        assert!(held.is_ok(), "the channel holds {last:?} instead of {texts:?}");
    }

    /// Waits until a Telegram chat holds exactly these texts.
    pub async fn telegram_holds(&self, dialog: i64, texts: &[&str]) {
        let mut last = Vec::new();
        let held = until("the chat's texts", PATIENCE, async || {
            last = self.telegram_texts(dialog).await;
            Ok((last == texts).then_some(()))
        });
        let held = held.await;
        assert!(held.is_ok(), "the chat holds {last:?} instead of {texts:?}");
    }

    /// Waits until the texts of a Discord channel satisfy `wanted`.
    pub async fn deliveries_in(&self, channel: &str, wanted: impl Fn(&[String]) -> bool) {
        let mut last = Vec::new();
        let found = until("the channel's texts", PATIENCE, async || {
            last = self.discord_texts(channel).await;
            Ok(wanted(&last).then_some(()))
        });
        let found = found.await;
        assert!(found.is_ok(), "the channel holds {last:?}");
    }

    /// Waits until the newest deliveries of a pair satisfy `wanted`.
    pub async fn deliveries(&self, pair: &str, mut wanted: impl FnMut(&[Value]) -> bool) -> Vec<Value> {
        let mut last = Vec::new();
        let found = until("the pair's deliveries", PATIENCE, async || {
            let answer = self.api.messages(pair, 50).await?;
            last = answer["messages"].as_array().cloned().unwrap_or_default();
            Ok(wanted(&last).then_some(()))
        });
        let found = found.await;
        assert!(found.is_ok(), "the deliveries are {last:#?}");
        last
    }

    /// Waits until the pair has so many deliveries, at most 50, and all are sent; newest first.
    pub async fn all_sent(&self, pair: &str, count: usize) -> Vec<Value> {
        let sent = |found: &[Value]| found.len() == count && found.iter().all(|one| one["state"] == "sent");
        self.deliveries(pair, sent).await
    }

    /// Waits until an account has the status.
    pub async fn status(&self, account: &str, status: &str) -> Value {
        let account = scene::wait_for_status(&self.api, account, status).await.expect("the status comes");
        Value::Object(account.rest)
    }

    /// The pair as the API shows it.
    pub async fn read_pair(&self, pair: &str) -> Value {
        self.api.http().get(&format!("/pairs/{pair}")).await.expect("the pair can be read")
    }

    /// A call that must be refused with this status and code.
    pub async fn refused(&self, path: &str, body: Value, status: u16, code: &str) -> CallError {
        let answer: Result<Value, CallError> = self.api.http().post(path, &body).await;
        let refusal = answer.expect_err(&format!("{path} {body} must be refused"));
        assert_refused(&refusal, status, code);
        refusal
    }
}

/// A refusal has this status and code.
pub fn assert_refused(refusal: &CallError, status: u16, code: &str) {
    let found = (refusal.status().map(|status| status.as_u16()), refusal.code());
    assert_eq!(found, (Some(status), code), "{refusal}");
}

pub fn place(account: &str, chat: impl ToString) -> Place {
    Place { account: account.to_owned(), chat: chat.to_string() }
}

pub fn pair(source: Place, destination: Place) -> NewPair {
    NewPair { name: format!("pair {}", number()), source, destination, mode: None, delay_seconds: None, silent: None }
}

/// Bold from `offset`, as the Telegram control API takes it.
pub fn bold(offset: usize, length: usize) -> Value {
    json!({ "type": "bold", "offset": offset, "length": length })
}
