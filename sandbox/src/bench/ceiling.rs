//! The ceiling: what serenity alone does with the same messages, the same sandbox, the same TLS, and nothing durable.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use anyhow::Context as _;
use futures::future::try_join_all;
use serenity::{
    all::{ChannelId, CreateMessage, Nonce},
    http::{Http, HttpBuilder},
};

use super::load::{Load, body, count};
use crate::{
    scene::Direction,
    stack::{Progress, Stack},
};

/// Sends `messages` to each of as many new channels as there are pairs, one after the other in each channel and all
/// channels at once, and returns the messages per second.
///
/// # Errors
/// When a send fails.
pub async fn run(progress: Progress, stack: &Stack, load: &Load, messages: usize) -> anyhow::Result<f64> {
    let discord = &load.controls.discord;
    let mut channels = Vec::new();
    for bot in load.bots.iter().cycle().take(load.routes(Direction::TelegramToDiscord).count()) {
        let guild = discord.create_guild("Ceiling", &[&bot.id]).await?;
        channels.push((guild.channel_id.parse::<u64>()?, bot.token.clone()));
    }
    let clients = load
        .bots
        .iter()
        .map(|bot| Ok((bot.token.clone(), Arc::new(client(stack, &bot.token)?))))
        .collect::<anyhow::Result<std::collections::BTreeMap<_, _>>>()?;
    let started = Instant::now();
    try_join_all(channels.iter().map(|(channel, token)| send(clients.get(token), *channel, messages))).await?;
    let rate = count(channels.len() * messages) / started.elapsed().as_secs_f64();
    progress.done(started, &format!("{:<20} {rate:.0} messages/s", "bare serenity loop"));
    Ok(rate)
}

async fn send(client: Option<&Arc<Http>>, channel: u64, messages: usize) -> anyhow::Result<()> {
    let http = client.context("a channel without a bot")?;
    for number in 0..messages {
        let message = CreateMessage::new()
            .content(body(Direction::TelegramToDiscord, number))
            .nonce(Nonce::String(format!("{channel}-{number}").chars().rev().take(25).collect()))
            .enforce_nonce(true);
        ChannelId::new(channel).send_message(http, message).await?;
    }
    Ok(())
}

/// serenity as the product uses it: its own address and limiter, our listener and certificate authority.
fn client(stack: &Stack, token: &str) -> anyhow::Result<Http> {
    let urls = stack.urls();
    let address: SocketAddr = urls.discord_tls.parse()?;
    let authority = reqwest::Certificate::from_pem(&std::fs::read(&urls.discord_ca)?)?;
    let client = reqwest::Client::builder()
        .no_proxy()
        .use_rustls_tls()
        .tls_built_in_root_certs(false)
        .add_root_certificate(authority)
        .resolve("discord.com", address)
        .build()?;
    Ok(HttpBuilder::new(token).client(client).build())
}
