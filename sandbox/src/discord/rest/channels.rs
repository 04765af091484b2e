//! Channels and threads by themselves.

use serde::Deserialize;
use serde_json::json;

use crate::discord::{
    action,
    call::{Answer, Call, Reply},
    clock::now_ms,
    gateway::{Event, intent},
    model::{Channel, Thread},
    permission,
    server::Sandbox,
    wire,
};

pub fn one(sandbox: &Sandbox, call: &Call) -> Answer {
    let core = sandbox.core();
    let (channel, _) = core.seen_channel(call.id("channel")?, call.bot)?;
    Ok(Reply::json(&wire::channel(&core.store, channel)))
}

#[derive(Deserialize)]
struct Change {
    name: Option<String>,
    topic: Option<String>,
    archived: Option<bool>,
    locked: Option<bool>,
}

/// Changes name or topic, or archives and locks a thread. A thread's opener may do so without permission.
pub fn change(sandbox: &Sandbox, call: &Call) -> Answer {
    let change: Change = call.json()?;
    let mut core = sandbox.core();
    let id = call.id("channel")?;
    let (seen, _) = core.seen_channel(id, call.bot)?;
    let opened = seen.thread.as_ref().is_some_and(|thread| thread.owner == call.bot);
    let known = if opened { seen } else { core.channel_with(id, call.bot, permission::MANAGE_CHANNELS)? }.clone();
    let thread = known.thread.clone().map(|thread| {
        let (archived, locked) = (change.archived.unwrap_or(thread.archived), change.locked.unwrap_or(thread.locked));
        Thread { locked, ..thread.with_archived(archived) }
    });
    let channel = Channel {
        name: change.name.unwrap_or_else(|| known.name.clone()),
        topic: change.topic.or_else(|| known.topic.clone()),
        thread,
        ..known
    };
    action::update_channel(&mut core, channel.clone())?;
    Ok(Reply::json(&wire::channel(&core.store, &channel)))
}

pub fn remove(sandbox: &Sandbox, call: &Call) -> Answer {
    let mut core = sandbox.core();
    let id = core.channel_with(call.id("channel")?, call.bot, permission::MANAGE_CHANNELS)?.id;
    let gone = action::remove_channel(&mut core, id)?;
    Ok(Reply::json(&wire::channel(&core.store, &gone)))
}

pub fn typing(sandbox: &Sandbox, call: &Call) -> Answer {
    /// `GUILD_MESSAGE_TYPING`.
    const TYPING: u64 = 1 << 11;
    let mut core = sandbox.core();
    let channel = core.channel_with(call.id("channel")?, call.bot, permission::SEND_MESSAGES)?.clone();
    let data = json!({
        "channel_id": channel.id, "guild_id": channel.guild, "user_id": call.bot, "timestamp": now_ms() / 1000,
    });
    let asked_by = if channel.guild.is_some() { TYPING } else { intent::DIRECT_MESSAGES << 2 };
    core.announce(&channel, &Event::new("TYPING_START", asked_by, &data));
    Ok(Reply::empty())
}
