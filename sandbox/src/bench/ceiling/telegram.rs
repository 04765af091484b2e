//! grammers alone: its own session and connection, raw sends with a random id each.

use std::{
    net::{Ipv6Addr, SocketAddr, SocketAddrV6},
    sync::Arc,
    time::Instant,
};

use anyhow::Context as _;
use futures::future::try_join_all;
use grammers_client::Client;
use grammers_mtsender::{ConnectionParams, NoRetries, SenderPool};
use grammers_session::{SessionData, storages::MemorySession, types::DcOption};
use grammers_tl_types::{enums, functions, types};
use serde::Deserialize;
use serde_json::json;
use tokio_util::task::AbortOnDropHandle;

use super::Size;
use crate::{
    bench::{field::body, trips::count},
    client::NewUser,
    scene::{Controls, Direction},
    stack::Stack,
};

#[derive(Deserialize)]
struct Key {
    key: String,
}

/// A signed-in client of somebody with chats of their own.
struct Sender {
    client: Client,
    chats: Vec<enums::InputPeer>,
    _runner: AbortOnDropHandle<()>,
}

pub(super) async fn run(stack: &Stack, controls: &Controls, size: Size) -> anyhow::Result<f64> {
    let mut senders = Vec::new();
    for index in 0..size.clients {
        // Spread as the product's pairs are: in turn.
        let chats = size.chats.saturating_sub(index).div_ceil(size.clients);
        senders.push(sender(stack, controls, chats).await?);
    }
    let started = Instant::now();
    let tasks = senders.iter().flat_map(|sender| {
        sender.chats.iter().map(|chat| {
            let (client, chat) = (sender.client.clone(), chat.clone());
            tokio::spawn(async move { send(&client, chat, size.messages).await })
        })
    });
    for sent in try_join_all(tasks).await? {
        sent?;
    }
    Ok(count(size.chats * size.messages) / started.elapsed().as_secs_f64())
}

async fn send(client: &Client, peer: enums::InputPeer, messages: usize) -> anyhow::Result<()> {
    for number in 0..messages {
        client.invoke(&message(peer.clone(), body(Direction::DiscordToTelegram, number))?).await?;
    }
    Ok(())
}

async fn sender(stack: &Stack, controls: &Controls, chats: usize) -> anyhow::Result<Sender> {
    let control = &controls.telegram;
    // Phone numbers of people that nobody else has: the bench's own begin with 1555.
    let phone = format!("1777{:07}", u32::from_le_bytes(random()?) % 10_000_000);
    let user = control.create_user(&NewUser { phone, first_name: "Ceiling".into(), ..NewUser::default() }).await?;
    for _ in 0..chats {
        control.create_chat("channel", "Ceiling", user, &[]).await?;
    }
    let Key { key } = control.http().post("/keys", &json!({ "user_id": user })).await?;
    let key: [u8; 256] = hex::decode(key)?.try_into().map_err(|_| anyhow::anyhow!("the key has another size"))?;
    let params = ConnectionParams { retry_policy: Box::new(NoRetries), ..ConnectionParams::default() };
    let pool = SenderPool::with_configuration(session(&stack.urls().telegram, key)?, 1, params);
    let runner = AbortOnDropHandle::new(tokio::spawn(pool.runner.run()));
    let client = Client::new(pool.handle);
    let chats = own_channels(&client).await?;
    Ok(Sender { client, chats, _runner: runner })
}

/// A session that knows the sandbox as its only data centre.
fn session(address: &str, key: [u8; 256]) -> anyhow::Result<Arc<MemorySession>> {
    let SocketAddr::V4(ipv4) = address.parse()? else { anyhow::bail!("{address} is not IPv4") };
    let ipv6 = SocketAddrV6::new(Ipv6Addr::LOCALHOST, ipv4.port(), 0, 0);
    let mut data = SessionData { home_dc: 2, ..SessionData::default() };
    data.dc_options.clear();
    data.dc_options.insert(2, DcOption { id: 2, ipv4, ipv6, auth_key: Some(key) });
    Ok(Arc::new(MemorySession::from(data)))
}

async fn own_channels(client: &Client) -> anyhow::Result<Vec<enums::InputPeer>> {
    let dialogs = functions::messages::GetDialogs {
        exclude_pinned: false,
        folder_id: None,
        offset_date: 0,
        offset_id: 0,
        offset_peer: enums::InputPeer::Empty,
        limit: 100,
        hash: 0,
    };
    let chats = match client.invoke(&dialogs).await? {
        enums::messages::Dialogs::Dialogs(dialogs) => dialogs.chats,
        enums::messages::Dialogs::Slice(dialogs) => dialogs.chats,
        enums::messages::Dialogs::NotModified(_) => anyhow::bail!("no dialogs were answered"),
    };
    let peers = chats.into_iter().filter_map(|chat| match chat {
        enums::Chat::Channel(channel) => Some((channel.id, channel.access_hash?)),
        _ => None,
    });
    Ok(peers.map(|(channel_id, access_hash)| types::InputPeerChannel { channel_id, access_hash }.into()).collect())
}

fn message(peer: enums::InputPeer, text: String) -> anyhow::Result<functions::messages::SendMessage> {
    Ok(functions::messages::SendMessage {
        no_webpage: false,
        silent: false,
        background: false,
        clear_draft: false,
        noforwards: false,
        update_stickersets_order: false,
        invert_media: false,
        allow_paid_floodskip: false,
        peer,
        reply_to: None,
        message: text,
        random_id: i64::from_le_bytes(random()?),
        reply_markup: None,
        entities: None,
        schedule_date: None,
        schedule_repeat_period: None,
        send_as: None,
        quick_reply_shortcut: None,
        effect: None,
        allow_paid_stars: None,
        suggested_post: None,
        rich_message: None,
    })
}

fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("{error}")).context("no randomness")?;
    Ok(bytes)
}
