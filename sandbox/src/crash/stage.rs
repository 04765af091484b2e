//! The accounts and pairs of a run, and what was written at their sources.

use std::time::Instant;

use super::{ledger::Ledger, schedule::Schedule};
use crate::{
    client::{CausewayClient, NewUser},
    scene::{Controls, Direction, Route, Spot, link_discord, link_telegram, register_unlimited},
    stack::{Progress, Stack},
};

/// Linked accounts per platform: fewer than pairs, so that pairs share them as they do in life.
const ACCOUNTS: usize = 4;

/// Everyone and everything on stage.
pub struct Stage {
    /// The user's session with the API.
    pub api: CausewayClient,
    /// The sandboxes.
    pub controls: Controls,
    /// The linked accounts.
    pub accounts: Vec<String>,
    /// One per script of the schedule, in its order.
    pub pairs: Vec<Lane>,
}

/// A pair and what was written at its source.
pub struct Lane {
    /// The pair and its ends.
    pub route: Route,
    /// What was written.
    pub ledger: Ledger,
}

/// A linked account and who it is on its platform.
struct Linked<T> {
    account: String,
    identity: T,
}

impl Stage {
    /// Links the accounts and makes the pairs.
    ///
    /// # Errors
    /// When a step fails.
    pub async fn set(stack: &Stack, schedule: &Schedule) -> anyhow::Result<Self> {
        let (progress, urls) = (stack.options().progress, stack.urls());
        let controls = Controls::new(&urls)?;
        // Limits come as faults of the schedule: the real ones would only make it long.
        controls.discord.limits(false).await?;
        let api = register_unlimited(stack, "crash@example.org", "correct horse battery staple").await?;
        let started = Instant::now();
        let mut people = Vec::new();
        let mut bots = Vec::new();
        for index in 1..=ACCOUNTS {
            let user = person(index);
            let identity = controls.telegram.create_user(&user).await?;
            let account = link_telegram(&api, &controls.telegram, &user.phone, None).await?;
            people.push(Linked { account, identity });
            let bot = controls.discord.create_bot(&format!("courier{index}")).await?;
            bots.push(Linked { account: link_discord(&api, &bot.token).await?, identity: bot.id });
        }
        progress.done(started, &format!("{ACCOUNTS} accounts of each platform linked"));
        let accounts = people.iter().map(|it| &it.account).chain(bots.iter().map(|it| &it.account)).cloned().collect();
        let builder = Builder {
            writer: controls.telegram.create_user(&person(0)).await?,
            author: controls.discord.create_user("writer").await?,
            api: &api,
            controls: &controls,
            people,
            bots,
        };
        let started = Instant::now();
        let mut pairs = Vec::new();
        for (index, script) in schedule.scripts.iter().enumerate() {
            let route = builder.route(index, script.direction).await?;
            pairs.push(Lane { route, ledger: Ledger::default() });
        }
        progress.done(started, &format!("{} pairs made", pairs.len()));
        drop(builder);
        Ok(Self { api, controls, accounts, pairs })
    }

    /// Messages written so far.
    pub fn written(&self) -> usize {
        self.pairs.iter().map(|lane| lane.ledger.len()).sum()
    }

    /// Messages of which we have seen a copy at their destination.
    pub fn arrived(&self) -> usize {
        self.pairs.iter().map(|lane| lane.ledger.arrived()).sum()
    }

    /// Tells the progress of the run.
    pub fn tell(&self, progress: Progress) {
        progress.waiting(&format!("{} written, {} arrived", self.written(), self.arrived()));
    }
}

struct Builder<'a> {
    api: &'a CausewayClient,
    controls: &'a Controls,
    writer: i64,
    author: String,
    people: Vec<Linked<i64>>,
    bots: Vec<Linked<String>>,
}

impl Builder<'_> {
    /// Pair number `index`: the accounts take turns, and the two ends are different accounts.
    async fn route(&self, index: usize, direction: Direction) -> anyhow::Result<Route> {
        let turn = index / Direction::ALL.len();
        let (from, to) = match direction {
            Direction::TelegramToDiscord => (self.channel(index, turn).await?, self.mirror_text(index, turn).await?),
            Direction::DiscordToTelegram => (self.text(index, turn).await?, self.mirror_channel(index, turn).await?),
            Direction::TelegramToTelegram => {
                (self.channel(index, turn).await?, self.mirror_channel(index, turn + 1).await?)
            }
            Direction::DiscordToDiscord => (self.text(index, turn).await?, self.mirror_text(index, turn + 1).await?),
        };
        Ok(Route::create(self.api, direction, (&from.0, from.1), (&to.0, to.1)).await?)
    }

    async fn channel(&self, index: usize, turn: usize) -> anyhow::Result<(String, Spot)> {
        let person = &self.people[turn % self.people.len()];
        let title = format!("News {index}");
        let chat = self.controls.telegram.create_chat("channel", &title, self.writer, &[person.identity]).await?;
        Ok((person.account.clone(), Spot::Telegram { dialog: chat.dialog_id, writer: self.writer }))
    }

    async fn mirror_channel(&self, index: usize, turn: usize) -> anyhow::Result<(String, Spot)> {
        let person = &self.people[turn % self.people.len()];
        let title = format!("Mirror {index}");
        let chat = self.controls.telegram.create_chat("channel", &title, person.identity, &[]).await?;
        Ok((person.account.clone(), Spot::Telegram { dialog: chat.dialog_id, writer: person.identity }))
    }

    async fn text(&self, index: usize, turn: usize) -> anyhow::Result<(String, Spot)> {
        self.guild(&format!("Talk {index}"), turn).await
    }

    async fn mirror_text(&self, index: usize, turn: usize) -> anyhow::Result<(String, Spot)> {
        self.guild(&format!("Mirror {index}"), turn).await
    }

    async fn guild(&self, name: &str, turn: usize) -> anyhow::Result<(String, Spot)> {
        let bot = &self.bots[turn % self.bots.len()];
        let guild = self.controls.discord.create_guild(name, &[&bot.identity]).await?;
        Ok((bot.account.clone(), Spot::Discord { channel: guild.channel_id, writer: self.author.clone() }))
    }
}

fn person(index: usize) -> NewUser {
    NewUser { phone: format!("+1555020{index:04}"), first_name: format!("Person {index}"), ..NewUser::default() }
}
