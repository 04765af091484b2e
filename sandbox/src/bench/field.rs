//! Linked accounts and many pairs, written to and counted.

mod arrivals;
mod writing;

use std::{collections::BTreeMap, time::Instant};

use futures::future::try_join_all;

pub use self::writing::body;
use super::Bench;
use crate::{
    client::{CausewayClient, NewPair, NewUser, Place},
    scene::{Controls, Direction, Route, Spot, link_discord, link_telegram, register_unlimited},
};

/// The accounts and pairs of a bench.
pub struct Field {
    /// The sandboxes.
    pub controls: Controls,
    /// The user's view of the product.
    pub api: CausewayClient,
    /// All pairs.
    pub routes: Vec<Route>,
    people: Vec<Linked<i64>>,
    bots: Vec<Linked<String>>,
    writer: i64,
    author: String,
    /// Messages written so far, by pair.
    written: BTreeMap<String, usize>,
    /// Where the reading of arrivals stands.
    telegram_next: u64,
    discord_next: u64,
}

/// A linked account and who it is on its platform.
struct Linked<T> {
    account: String,
    identity: T,
}

impl Field {
    /// Registers a user and links `accounts` accounts of each platform.
    ///
    /// # Errors
    /// When a step fails.
    pub async fn prepare(bench: &Bench<'_>, accounts: usize) -> anyhow::Result<Self> {
        let (urls, started) = (bench.stack.urls(), Instant::now());
        let controls = Controls::new(&urls)?;
        controls.discord.limits(false).await?;
        let api = register_unlimited(bench.stack, "bench@example.org", "correct horse battery staple").await?;
        let writer = controls.telegram.create_user(&person(0)).await?;
        let author = controls.discord.create_user("writer").await?;
        let mut field = Self {
            controls,
            api,
            routes: Vec::new(),
            people: Vec::new(),
            bots: Vec::new(),
            writer,
            author,
            written: BTreeMap::new(),
            telegram_next: 0,
            discord_next: 0,
        };
        field.link(accounts).await?;
        bench.progress.done(started, &format!("{accounts} accounts of each platform linked"));
        Ok(field)
    }

    /// Links `more` accounts of each platform.
    ///
    /// # Errors
    /// When a step fails.
    pub async fn link(&mut self, more: usize) -> anyhow::Result<()> {
        for index in self.people.len() + 1..=self.people.len() + more {
            let user = person(index);
            let identity = self.controls.telegram.create_user(&user).await?;
            let account = link_telegram(&self.api, &self.controls.telegram, &user.phone, None).await?;
            self.people.push(Linked { account, identity });
            let bot = self.controls.discord.create_bot(&format!("courier{index}")).await?;
            self.bots.push(Linked { account: link_discord(&self.api, &bot.token).await?, identity: bot.id });
        }
        Ok(())
    }

    /// The ids of all linked accounts.
    pub fn accounts(&self) -> impl Iterator<Item = &str> {
        self.people.iter().map(|person| &*person.account).chain(self.bots.iter().map(|bot| &*bot.account))
    }

    /// Makes pairs until there are `pairs` in each of two directions between Telegram and Discord, spread over the
    /// accounts.
    ///
    /// # Errors
    /// When a step fails.
    pub async fn pair_up(&mut self, bench: &Bench<'_>, pairs: usize) -> anyhow::Result<()> {
        let (started, made) = (Instant::now(), self.routes.len() / 2);
        let accounts = self.people.iter().cycle().zip(self.bots.iter().cycle());
        for (index, (person, bot)) in accounts.enumerate().take(pairs).skip(made) {
            bench.progress.waiting(&format!("pair {index} of {pairs}"));
            let discord = |channel: String| Spot::Discord { channel, writer: self.author.clone() };
            let guild = self.controls.discord.create_guild(&format!("Guild {index}"), &[&bot.identity]).await?;
            let back = self.controls.discord.create_channel(&guild.id, "back").await?;
            let news = self.channel(&format!("News {index}"), self.writer, &[person.identity]).await?;
            let mirror = self.channel(&format!("Mirror {index}"), person.identity, &[]).await?;
            for (direction, from, to) in [
                (Direction::TelegramToDiscord, (&*person.account, news), (&*bot.account, discord(guild.channel_id))),
                (Direction::DiscordToTelegram, (&*bot.account, discord(back)), (&*person.account, mirror)),
            ] {
                let route = Route::create(&self.api, direction, from, to).await?;
                self.routes.push(route);
            }
        }
        if pairs > made {
            bench.progress.done(started, &format!("{} pairs made", 2 * (pairs - made)));
        }
        Ok(())
    }

    /// Pairs to be made that never have anything to carry: from every account to every one of the other platform, from
    /// a few chats that nobody writes in to a few others.
    ///
    /// # Errors
    /// When a sandbox refuses.
    pub async fn idle_plans(&self, pairs: usize) -> anyhow::Result<Vec<NewPair>> {
        let combinations = self.people.len() * self.bots.len();
        let chats = (1..).find(|chats| chats * chats * combinations >= pairs).unwrap_or(1);
        let (mut sources, mut destinations) = (Vec::new(), Vec::new());
        for index in 0..chats {
            for person in &self.people {
                let quiet = self.channel(&format!("Quiet {index}"), self.writer, &[person.identity]).await?;
                sources.push(Place { account: person.account.clone(), chat: quiet.chat() });
            }
            for bot in &self.bots {
                let guild = self.controls.discord.create_guild(&format!("Quiet {index}"), &[&bot.identity]).await?;
                destinations.push(Place { account: bot.account.clone(), chat: guild.channel_id });
            }
        }
        let both = sources.iter().flat_map(|source| destinations.iter().map(move |to| (source.clone(), to.clone())));
        let plan = |(source, destination)| NewPair {
            name: "quiet".into(),
            source,
            destination,
            mode: None,
            delay_seconds: None,
            silent: None,
        };
        Ok(both.take(pairs).map(plan).collect())
    }

    /// Links one more bot, which no pair uses and which is not counted among the accounts, and answers its account.
    ///
    /// # Errors
    /// When a step fails.
    pub async fn guest(&self) -> anyhow::Result<String> {
        let bot = self.controls.discord.create_bot("guest").await?;
        link_discord(&self.api, &bot.token).await
    }

    async fn channel(&self, title: &str, creator: i64, members: &[i64]) -> anyhow::Result<Spot> {
        let chat = self.controls.telegram.create_chat("channel", title, creator, members).await?;
        Ok(Spot::Telegram { dialog: chat.dialog_id, writer: creator })
    }

    /// The pairs of one direction.
    #[must_use]
    pub fn routes(&self, direction: Direction) -> Vec<Route> {
        self.routes.iter().filter(|route| route.direction == direction).cloned().collect()
    }

    /// Pauses or resumes pairs, all at once.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn set_paused(&self, routes: &[Route], paused: bool) -> anyhow::Result<()> {
        try_join_all(routes.iter().map(async |route| {
            if paused { self.api.pause(&route.pair.id).await } else { self.api.resume(&route.pair.id).await }
        }))
        .await?;
        Ok(())
    }
}

fn person(index: usize) -> NewUser {
    NewUser { phone: format!("+1555010{index:04}"), first_name: format!("Person {index}"), ..NewUser::default() }
}
