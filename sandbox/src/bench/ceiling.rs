//! The ceiling: what serenity alone does with the same messages, the same sandbox, the same TLS, and nothing durable.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use futures::future::try_join_all;
use serenity::{
    all::{ChannelId, CreateMessage, Nonce},
    http::{Http, HttpBuilder},
};

use super::load::{body, count};
use crate::{
    client::DiscordControl,
    scene::Direction,
    stack::{Progress, Stack},
};

/// Sends `messages` to each of `channels` new channels, one after the other in each channel and all channels at once,
/// and returns the messages per second. The bots are new, so that no worker of ours listens to what they cause.
///
/// # Errors
/// When a send fails.
pub async fn run(
    progress: Progress,
    stack: &Stack,
    discord: &DiscordControl,
    (bots, channels): (usize, usize),
    messages: usize,
) -> anyhow::Result<f64> {
    let mut clients = Vec::new();
    for index in 0..bots {
        let bot = discord.create_bot(&format!("ceiling{index}")).await?;
        clients.push((bot.id, Arc::new(client(stack, &bot.token)?)));
    }
    let mut targets = Vec::new();
    for (bot, client) in clients.iter().cycle().take(channels) {
        let guild = discord.create_guild("Ceiling", &[bot]).await?;
        targets.push((Arc::clone(client), guild.channel_id.parse::<u64>()?));
    }
    let started = Instant::now();
    try_join_all(targets.iter().map(|(client, channel)| send(client, *channel, messages))).await?;
    let rate = count(targets.len() * messages) / started.elapsed().as_secs_f64();
    progress.done(started, &format!("{:<20} {rate:.0} messages/s", "bare serenity loop"));
    Ok(rate)
}

async fn send(http: &Http, channel: u64, messages: usize) -> anyhow::Result<()> {
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
