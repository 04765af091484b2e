//! Many pairs under load: written at the source as fast as the sandbox takes it, counted at the destination.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures::future::try_join_all;

use crate::{
    client::{CausewayClient, NewUser},
    scene::{Controls, Direction, Route, Spot, link_discord, link_telegram, marker, tally},
    stack::{Progress, Stack},
};

/// How long nothing may arrive before the rest counts as lost.
const STALL_PATIENCE: Duration = Duration::from_secs(120);

/// How often a destination that is not complete is looked at. Looking takes processor time from what is measured.
const LOOK_PERIOD: Duration = Duration::from_millis(50);

/// The pairs of the bench.
pub struct Load {
    /// The sandboxes.
    pub controls: Controls,
    routes: Vec<Route>,
    /// Messages written so far, by pair.
    written: BTreeMap<String, usize>,
}

/// A linked account and who it is on its platform.
struct Linked<T> {
    account: String,
    identity: T,
}

impl Load {
    /// Makes `pairs` pairs in each direction between Telegram and Discord, spread over `accounts` accounts of each.
    ///
    /// # Errors
    /// When a step fails.
    pub async fn prepare(stack: &Stack, pairs: usize, accounts: usize) -> anyhow::Result<Self> {
        let (progress, urls, started) = (stack.options().progress, stack.urls(), Instant::now());
        let controls = Controls::new(&urls)?;
        controls.discord.limits(false).await?;
        let api = CausewayClient::register(&urls.api, "bench@example.org", "correct horse battery staple").await?;
        let writer = controls.telegram.create_user(&person(0)).await?;
        let author = controls.discord.create_user("writer").await?;
        let mut people = Vec::new();
        let mut bots = Vec::new();
        for index in 1..=accounts {
            let user = person(index);
            let identity = controls.telegram.create_user(&user).await?;
            let account = link_telegram(&api, &controls.telegram, &user.phone, None).await?;
            people.push(Linked { account, identity });
            let bot = controls.discord.create_bot(&format!("courier{index}")).await?;
            bots.push(Linked { account: link_discord(&api, &bot.token).await?, identity: bot.id });
        }
        progress.done(started, &format!("{accounts} accounts of each platform linked"));

        let started = Instant::now();
        let mut routes = Vec::new();
        for (index, (person, bot)) in people.iter().cycle().zip(bots.iter().cycle()).take(pairs).enumerate() {
            let guild = controls.discord.create_guild(&format!("Guild {index}"), &[&bot.identity]).await?;
            let back = controls.discord.create_channel(&guild.id, "back").await?;
            let telegram = async |title: &str, creator: i64, members: &[i64]| {
                let chat = controls.telegram.create_chat("channel", title, creator, members).await?;
                anyhow::Ok(Spot::Telegram { dialog: chat.dialog_id, writer: creator })
            };
            let discord = |channel: String| Spot::Discord { channel, writer: author.clone() };
            let news = telegram(&format!("News {index}"), writer, &[person.identity]).await?;
            let mirror = telegram(&format!("Mirror {index}"), person.identity, &[]).await?;
            for (direction, from, to) in [
                (Direction::TelegramToDiscord, (&*person.account, news), (&*bot.account, discord(guild.channel_id))),
                (Direction::DiscordToTelegram, (&*bot.account, discord(back)), (&*person.account, mirror)),
            ] {
                routes.push(Route::create(&api, direction, from, to).await?);
            }
        }
        progress.done(started, &format!("{} pairs made", routes.len()));
        Ok(Self { controls, routes, written: BTreeMap::new() })
    }

    /// The pairs of one direction.
    pub fn routes(&self, direction: Direction) -> impl Iterator<Item = &Route> {
        self.routes.iter().filter(move |route| route.direction == direction)
    }

    /// Takes the next message number of a pair.
    pub fn next_number(&mut self, route: &Route) -> usize {
        let written = self.written.entry(route.pair.id.clone()).or_default();
        *written += 1;
        *written - 1
    }

    /// Writes `messages` into every source of a direction, all sources at once, and returns how many messages per
    /// second there were from the first one written to the last one standing at its destination.
    ///
    /// # Errors
    /// When a message is lost, doubled or out of order: such a rate would mean nothing.
    pub async fn run(&mut self, progress: Progress, direction: Direction, messages: usize) -> anyhow::Result<f64> {
        let routes: Vec<Route> = self.routes(direction).cloned().collect();
        let work: Vec<(Route, Vec<usize>)> = routes
            .into_iter()
            .map(|route| {
                let numbers = (0..messages).map(|_| self.next_number(&route)).collect();
                (route, numbers)
            })
            .collect();
        let started = Instant::now();
        try_join_all(work.iter().map(|(route, numbers)| self.write(route, numbers))).await?;
        let wrote = started.elapsed();
        for (route, _) in &work {
            self.wait_for(progress, route).await?;
        }
        let all = started.elapsed();
        let rate = count(work.len() * messages) / all.as_secs_f64();
        progress.done(
            started,
            &format!("{direction:<20} {rate:.0} messages/s, written within {:.1} s", wrote.as_secs_f64()),
        );
        Ok(rate)
    }

    async fn write(&self, route: &Route, numbers: &[usize]) -> anyhow::Result<()> {
        for number in numbers {
            route.source.say(&self.controls, &body(route.direction, *number)).await?;
        }
        Ok(())
    }

    async fn wait_for(&self, progress: Progress, route: &Route) -> anyhow::Result<()> {
        let written = self.written.get(&route.pair.id).copied().unwrap_or(0);
        let (mut seen, mut changed) = (0, Instant::now());
        loop {
            let texts = route.destination.texts(&self.controls).await?;
            let found = tally(route.direction, written, &texts);
            if found.lost == 0 || changed.elapsed() > STALL_PATIENCE {
                anyhow::ensure!(found.is_clean(), "{}: {found:?} of {written}", route.pair.id);
                return Ok(());
            }
            if texts.len() != seen {
                (seen, changed) = (texts.len(), Instant::now());
            }
            progress.waiting(&format!("{} of {}", route.direction, route.pair.id));
            tokio::time::sleep(LOOK_PERIOD).await;
        }
    }
}

/// The text of message `number`: an ordinary line of some length.
#[must_use]
pub fn body(direction: Direction, number: usize) -> String {
    format!(
        "{} The quick brown fox jumps over the lazy dog, and nobody knows why it still does.",
        marker(direction, number)
    )
}

/// A number of messages for a division.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of messages are far below 2^52")]
pub const fn count(messages: usize) -> f64 {
    messages as f64
}

fn person(index: usize) -> NewUser {
    NewUser { phone: format!("+1555010{index:04}"), first_name: format!("Person {index}"), ..NewUser::default() }
}
