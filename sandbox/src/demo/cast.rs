//! Who takes part: a user of Causeway with two Telegram accounts and a Discord bot, and the people who write.

use std::{collections::BTreeMap, time::Instant};

use serde_json::json;

use crate::{
    client::{CausewayClient, NewUser},
    scene::{Controls, Direction, Route, Spot, lift_limits, link_discord, link_telegram, marker, register_by_mail},
    stack::{Progress, Stack},
};

/// Alice's second factor.
const ALICE_PASSWORD: &str = "a second factor";

/// The user's own e-mail; the payload check looks for it in Temporal.
pub const EMAIL: &str = "demo@example.org";

/// Everyone and everything on stage.
pub struct Cast {
    /// The user's session with the API.
    pub api: CausewayClient,
    /// The sandboxes.
    pub controls: Controls,
    /// One pair per direction.
    pub routes: Vec<Route>,
    /// How many messages were written in each direction.
    pub written: BTreeMap<Direction, usize>,
}

/// The ids of the linked accounts.
struct Accounts {
    alice: String,
    bob: String,
    courier: String,
}

/// The people, as the platforms know them.
struct People {
    alice: i64,
    bob: i64,
    walter: i64,
    dora: String,
    courier: String,
    courier_token: String,
}

impl Cast {
    /// Registers, links the accounts, lists their chats and makes the pairs.
    ///
    /// # Errors
    /// When a step fails.
    pub async fn assemble(stack: &Stack) -> anyhow::Result<Self> {
        let (progress, urls) = (stack.options().progress, stack.urls());
        let controls = Controls::new(&urls)?;
        // The limits of the real Discord would only make the demonstration long; tests turn them on.
        controls.discord.limits(false).await?;
        let people = People::invite(&controls).await?;
        let spots = people.make_places(&controls).await?;

        progress.heading("A user arrives");
        let started = Instant::now();
        let password = "correct horse battery staple";
        let (api, mail) = register_by_mail(&urls.api, &controls.smtp, EMAIL, password).await?;
        lift_limits(stack, &api).await?;
        let subject = mail.subject.unwrap_or_default();
        progress.done(started, &format!("{EMAIL} registered, got the mail “{subject}”, and followed its link"));
        let accounts = link(progress, &api, &controls, &people).await?;
        for (name, account) in [("Alice", &accounts.alice), ("Bob", &accounts.bob), ("the bot", &accounts.courier)] {
            let started = Instant::now();
            let chats = api.chats(account).await?;
            let titles: Vec<&str> = chats.iter().map(|chat| chat.title.as_str()).collect();
            progress.done(started, &format!("{name} sees {}", titles.join(", ")));
        }
        let routes = make_routes(progress, &api, &accounts, spots).await?;
        Ok(Self { api, controls, routes, written: BTreeMap::new() })
    }

    /// Takes the next number of a direction: from here on the message counts as written.
    pub fn next_number(&mut self, direction: Direction) -> usize {
        let written = self.written.entry(direction).or_default();
        *written += 1;
        *written - 1
    }

    /// Writes message `number` with bold, italic and code, in the way of the source's platform.
    ///
    /// # Errors
    /// When the sandbox refuses.
    pub async fn say_formatted(&self, route: &Route, number: usize) -> anyhow::Result<()> {
        let marker = marker(route.direction, number);
        match &route.source {
            Spot::Telegram { dialog, writer } => {
                let text = format!("{marker} bold italic code");
                let bold = marker.len() + 1;
                let entities = json!([
                    { "type": "bold", "offset": bold, "length": 4 },
                    { "type": "italic", "offset": bold + 5, "length": 6 },
                    { "type": "code", "offset": bold + 12, "length": 4 },
                ]);
                let message = json!({ "from": writer, "text": text, "entities": entities });
                self.controls.telegram.post(*dialog, &message).await?;
            }
            Spot::Discord { channel, writer } => {
                let text = format!("{marker} **bold** *italic* `code`");
                self.controls.discord.say(channel, writer, &text).await?;
            }
        }
        Ok(())
    }
}

impl People {
    async fn invite(controls: &Controls) -> anyhow::Result<Self> {
        let person = |name: &str, phone: &str, password: Option<&str>| NewUser {
            phone: phone.to_owned(),
            first_name: name.to_owned(),
            password: password.map(str::to_owned),
            ..NewUser::default()
        };
        let bot = controls.discord.create_bot("courier").await?;
        Ok(Self {
            alice: controls.telegram.create_user(&person("Alice", "+15550000001", Some(ALICE_PASSWORD))).await?,
            bob: controls.telegram.create_user(&person("Bob", "+15550000002", None)).await?,
            walter: controls.telegram.create_user(&person("Walter", "+15550000003", None)).await?,
            dora: controls.discord.create_user("dora").await?,
            courier: bot.id,
            courier_token: bot.token,
        })
    }

    /// The chats: per direction a source and a destination.
    async fn make_places(&self, controls: &Controls) -> anyhow::Result<[(Direction, Spot, Spot); 4]> {
        let telegram = async |title: &str, creator: i64, members: &[i64], writer: i64| {
            let chat = controls.telegram.create_chat("channel", title, creator, members).await?;
            anyhow::Ok(Spot::Telegram { dialog: chat.dialog_id, writer })
        };
        let guild = controls.discord.create_guild("Office", &[&self.courier]).await?;
        let archive = controls.discord.create_guild("Archive", &[&self.courier]).await?;
        let discord = |channel: String| Spot::Discord { channel, writer: self.dora.clone() };
        let talk = controls.discord.create_channel(&guild.id, "talk").await?;
        let log = controls.discord.create_channel(&guild.id, "log").await?;
        Ok([
            (
                Direction::TelegramToDiscord,
                telegram("News", self.walter, &[self.alice], self.walter).await?,
                discord(guild.channel_id),
            ),
            (
                Direction::DiscordToTelegram,
                discord(talk),
                telegram("Talk of the office", self.alice, &[], self.alice).await?,
            ),
            (
                Direction::TelegramToTelegram,
                telegram("Weather", self.walter, &[self.alice], self.walter).await?,
                telegram("Weather for Bob", self.bob, &[], self.bob).await?,
            ),
            (Direction::DiscordToDiscord, discord(log), discord(archive.channel_id)),
        ])
    }
}

async fn link(
    progress: Progress,
    api: &CausewayClient,
    controls: &Controls,
    people: &People,
) -> anyhow::Result<Accounts> {
    let started = Instant::now();
    let alice = link_telegram(api, &controls.telegram, "+15550000001", Some(ALICE_PASSWORD)).await?;
    progress.done(started, "Alice's Telegram account linked: phone, code, two-step password");
    let started = Instant::now();
    let bob = link_telegram(api, &controls.telegram, "+15550000002", None).await?;
    progress.done(started, "Bob's Telegram account linked: phone, code");
    let started = Instant::now();
    let courier = link_discord(api, &people.courier_token).await?;
    progress.done(started, "the Discord bot linked by its token");
    Ok(Accounts { alice, bob, courier })
}

async fn make_routes(
    progress: Progress,
    api: &CausewayClient,
    accounts: &Accounts,
    spots: [(Direction, Spot, Spot); 4],
) -> anyhow::Result<Vec<Route>> {
    progress.heading("Four forwarding pairs");
    let mut routes = Vec::new();
    for (direction, source, destination) in spots {
        let (from, to) = match direction {
            Direction::TelegramToDiscord => (&accounts.alice, &accounts.courier),
            Direction::DiscordToTelegram => (&accounts.courier, &accounts.alice),
            Direction::TelegramToTelegram => (&accounts.alice, &accounts.bob),
            Direction::DiscordToDiscord => (&accounts.courier, &accounts.courier),
        };
        let started = Instant::now();
        let route = Route::create(api, direction, (from, source), (to, destination)).await?;
        progress.done(started, &format!("{direction:<20} {}", route.pair.id));
        routes.push(route);
    }
    Ok(routes)
}
