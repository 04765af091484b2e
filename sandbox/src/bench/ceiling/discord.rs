//! serenity alone: same TLS, same nonces.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use futures::future::try_join_all;
use serenity::{
    all::{ChannelId, CreateMessage, Nonce},
    http::{Http, HttpBuilder},
};

use super::Size;
use crate::{
    bench::{field::body, trips::count},
    scene::{Controls, Direction},
    stack::Stack,
};

pub(super) async fn run(stack: &Stack, controls: &Controls, size: Size) -> anyhow::Result<f64> {
    let mut clients = Vec::new();
    for index in 0..size.clients {
        let bot = controls.discord.create_bot(&format!("ceiling{index}")).await?;
        clients.push((bot.id, Arc::new(client(stack, &bot.token)?)));
    }
    let mut targets = Vec::new();
    for (bot, client) in clients.iter().cycle().take(size.chats) {
        let guild = controls.discord.create_guild("Ceiling", &[bot]).await?;
        targets.push((Arc::clone(client), guild.channel_id.parse::<u64>()?));
    }
    let started = Instant::now();
    let tasks = targets
        .into_iter()
        .map(|(client, channel)| tokio::spawn(async move { send(&client, channel, size.messages).await }));
    for sent in try_join_all(tasks).await? {
        sent?;
    }
    Ok(count(size.chats * size.messages) / started.elapsed().as_secs_f64())
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
