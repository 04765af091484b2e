//! The HTTP API under load: reading a list, reading while others sign in, and what stands before every handler.

use std::time::Duration;

use serde_json::json;

use crate::{
    bench::{
        Bench, Field,
        figure::{Figure, Target},
        probe,
        wrk::{Load, Outcome},
    },
    client::{CausewayClient, NewPair, NewUser, Place},
    scene::{link_discord, link_telegram, register_unlimited},
    stack::Part,
};

/// Connections that read at once.
const CONNECTIONS: usize = 64;
/// Connections that sign in at once, beside those that read.
const SIGNING_IN: usize = 8;
/// Chats that the reader's pairs read, and chats that each of them is carried to.
const SOURCES: usize = 5;
const DESTINATIONS: usize = 4;
/// How often memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

const EMAIL: &str = "reader@example.org";
const PASSWORD: &str = "correct horse battery staple";

pub(super) async fn run(bench: &Bench<'_>, field: &mut Field) -> anyhow::Result<Vec<Figure>> {
    let base = bench.stack.urls().api;
    let reader = reader(bench, field).await?;
    let token = reader.http().token().unwrap_or_default();
    let lasts = Duration::from_secs(bench.either(30, 8));
    let list = Load::get(&base, "/api/pairs", token, 200)?;
    // The first requests compile plans and fill caches.
    list.run(CONNECTIONS, Duration::from_secs(3)).await?;
    let mut figures = alone(bench, &list, lasts).await?;
    figures.extend(beside_log_ins(bench, &list, &base, lasts).await?);
    figures.extend(costs(bench, token, &base, lasts / 2).await?);
    Ok(figures)
}

/// A user with twenty pairs that nothing goes through.
async fn reader(bench: &Bench<'_>, field: &Field) -> anyhow::Result<CausewayClient> {
    let (telegram, discord) = (&field.controls.telegram, &field.controls.discord);
    let api = register_unlimited(bench.stack, EMAIL, PASSWORD).await?;
    let person = NewUser { phone: "+15550200001".into(), first_name: "Reader".into(), username: None, password: None };
    let owner = telegram.create_user(&person).await?;
    let source = link_telegram(&api, telegram, &person.phone, None).await?;
    let bot = discord.create_bot("reader").await?;
    let destination = link_discord(&api, &bot.token).await?;
    let guild = discord.create_guild("Reader", &[&bot.id]).await?;
    let mut channels = vec![guild.channel_id];
    for number in 1..DESTINATIONS {
        channels.push(discord.create_channel(&guild.id, &format!("channel-{number}")).await?);
    }
    for number in 0..SOURCES {
        bench.progress.waiting(&format!("pairs of chat {number} of {SOURCES}"));
        let chat = telegram.create_chat("channel", &format!("Read {number}"), owner, &[]).await?.dialog_id.to_string();
        for channel in &channels {
            api.create_pair(&NewPair {
                name: format!("from {number}"),
                source: Place { account: source.clone(), chat: chat.clone() },
                destination: Place { account: destination.clone(), chat: channel.clone() },
                mode: None,
                delay_seconds: None,
                silent: None,
            })
            .await?;
        }
    }
    Ok(api)
}

async fn alone(bench: &Bench<'_>, list: &Load, lasts: Duration) -> anyhow::Result<Vec<Figure>> {
    let before = probe::cpu(bench.stack)?;
    let (read, memory_mb) = watched(bench, list.run(CONNECTIONS, lasts)).await?;
    let after = probe::cpu(bench.stack)?;
    let cost = |part: Part| (after[&part] - before[&part]) * 1e6 / read.requests();
    let pairs = SOURCES * DESTINATIONS;
    Ok(vec![
        Figure::new(format!("read of {pairs} pairs, {CONNECTIONS} connections"), read.per_second(), "requests/s")
            .target(Target::AtLeast(8_000.0)),
        Figure::new("read, p50", read.percentile_ms(50), "ms"),
        Figure::new("read, p99", read.percentile_ms(99), "ms").target(Target::AtMost(25.0)),
        Figure::new("API, most memory while reading", memory_mb, "MB").target(Target::AtMost(60.0)),
        Figure::new("read, processor time of the API", cost(Part::Api), "µs"),
        Figure::new("read, processor time of PostgreSQL", cost(Part::Postgres), "µs"),
    ])
}

async fn beside_log_ins(bench: &Bench<'_>, list: &Load, base: &str, lasts: Duration) -> anyhow::Result<Vec<Figure>> {
    let body = json!({ "email": EMAIL, "password": PASSWORD }).to_string();
    let log_in = Load::post(base, "/api/auth/login", &body, 200)?;
    let both = async { tokio::try_join!(list.run(CONNECTIONS, lasts), log_in.run(SIGNING_IN, lasts)) };
    let ((read, signed_in), memory_mb): ((Outcome, Outcome), f64) = watched(bench, both).await?;
    Ok(vec![
        Figure::new(format!("log-ins, {SIGNING_IN} connections, beside reads"), signed_in.per_second(), "requests/s"),
        Figure::new("log-ins, p50", signed_in.percentile_ms(50), "ms"),
        Figure::new("log-ins, p99", signed_in.percentile_ms(99), "ms"),
        Figure::new("read beside log-ins", read.per_second(), "requests/s"),
        Figure::new("read beside log-ins, p50", read.percentile_ms(50), "ms"),
        Figure::new("read beside log-ins, p99", read.percentile_ms(99), "ms").target(Target::AtMost(100.0)),
        Figure::new("API, most memory beside log-ins", memory_mb, "MB").target(Target::AtMost(60.0)),
    ])
}

/// Processor time of the API for a request that reads nothing: without a caller, with one, and with one whose limit is
/// kept; and for one that reads what the gate is asked with. The last two are told apart by a second API that keeps none.
async fn costs(bench: &Bench<'_>, token: &str, base: &str, lasts: Duration) -> anyhow::Result<Vec<Figure>> {
    let stack = bench.stack;
    let pid = stack.pid(Part::Api).unwrap_or_default();
    // An id that cannot be one is looked at after the caller and before the database.
    let nothing = |base: &str| Load::get(base, "/api/pairs/none", token, 404);
    let floor = cost_us(&Load::get(base, "/health/live", token, 200)?, pid, lasts).await?;
    let limited = cost_us(&nothing(base)?, pid, lasts).await?;
    // Plan, exceptions and use of a tenant, as the gate is asked with before every change.
    let gated = cost_us(&Load::get(base, "/api/me/usage", token, 200)?, pid, lasts).await?;
    let free = stack.start_replica("unlimited", &[("REQUESTS_PER_MINUTE_FACTOR", "0")]).await?;
    let unlimited = cost_us(&nothing(free.url())?, free.pid(), lasts).await;
    free.stop().await;
    let unlimited = unlimited?;
    Ok(vec![
        Figure::new("processor time of a request that asks nobody", floor, "µs"),
        Figure::new("more for knowing the caller", unlimited - floor, "µs"),
        Figure::new("more for keeping the caller's limit", limited - unlimited, "µs"),
        Figure::new("more for reading what the gate is asked with", gated - limited, "µs"),
    ])
}

/// Processor microseconds of a process per request.
async fn cost_us(load: &Load, pid: i32, lasts: Duration) -> anyhow::Result<f64> {
    load.run(CONNECTIONS, Duration::from_secs(1)).await?;
    let before = probe::cpu_of(pid)?;
    let outcome = load.run(CONNECTIONS, lasts).await?;
    Ok((probe::cpu_of(pid)? - before) * 1e6 / outcome.requests())
}

/// The API's largest resident memory meanwhile, in MB.
async fn watched<T>(bench: &Bench<'_>, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<(T, f64)> {
    let mut most = 0.0_f64;
    let mut beat = tokio::time::interval(LOOK_EVERY);
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return Ok((done?, most)),
            _ = beat.tick() => most = most.max(probe::resident_mb(bench.stack, Part::Api)?),
        }
    }
}
