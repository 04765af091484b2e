//! Channels and threads, made, opened and closed as anybody.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::discord::{
    action::{self, NewChannel},
    call::{Answer, Call, Reply},
    error::ApiError,
    gateway::{Event, intent},
    id::Id,
    model::{Channel, ChannelKind, Guild, Overwrite, Record, Thread},
    permission,
    server::Sandbox,
};

#[derive(Deserialize)]
struct Wanted {
    name: String,
    #[serde(default = "text")]
    kind: ChannelKind,
    parent: Option<Id>,
    /// Threads: who opens it; the guild's owner unless told.
    opener: Option<Id>,
    /// Threads: the message of the parent that it hangs on.
    message: Option<Id>,
}

/// Makes a channel, a thread or an empty post of a forum.
pub fn create(sandbox: &Sandbox, call: &Call) -> Answer {
    let new: Wanted = call.json()?;
    let guild = call.id("guild")?;
    let mut core = sandbox.core();
    let owner = core.guild(guild)?.owner;
    if new.kind.is_thread() != new.parent.is_some() || new.kind == ChannelKind::Direct {
        return Err(ApiError::form("parent", "BASE_TYPE_REQUIRED", "A thread has a parent, and nothing else has one."));
    }
    let (opener, starter) = (new.opener.unwrap_or(owner), new.message);
    let wanted = NewChannel { parent: new.parent, opener, starter, ..NewChannel::plain(guild, new.kind, new.name) };
    let channel = action::add_channel(&mut core, &sandbox.ids, wanted)?;
    Ok(Reply::json(&json!({ "id": channel.id })))
}

#[derive(Deserialize)]
struct GuildChange {
    premium_tier: u8,
}

/// Changes how far a guild is boosted.
pub fn change_guild(sandbox: &Sandbox, call: &Call) -> Answer {
    let GuildChange { premium_tier } = call.json()?;
    let mut core = sandbox.core();
    let guild = Guild { premium_tier, ..core.guild(call.id("guild")?)?.clone() };
    core.commit(Record::Guild(guild))?;
    Ok(Reply::json(&json!({})))
}

#[derive(Deserialize)]
struct ThreadChange {
    archived: Option<bool>,
    locked: Option<bool>,
    name: Option<String>,
}

/// Renames a channel; archives or locks a thread.
pub fn change(sandbox: &Sandbox, call: &Call) -> Answer {
    let change: ThreadChange = call.json()?;
    let mut core = sandbox.core();
    let mut channel = core.channel(call.id("channel")?)?.clone();
    channel.name = change.name.unwrap_or(channel.name);
    channel.thread = channel.thread.map(|thread| {
        let (archived, locked) = (change.archived.unwrap_or(thread.archived), change.locked.unwrap_or(thread.locked));
        Thread { locked, ..thread.with_archived(archived) }
    });
    action::update_channel(&mut core, channel)?;
    Ok(Reply::json(&json!({})))
}

#[derive(Deserialize)]
struct RawEvent {
    name: String,
    data: Value,
}

/// Sends any event to the bots that see the channel, such as one that no client knows.
pub fn event(sandbox: &Sandbox, call: &Call) -> Answer {
    let RawEvent { name, data } = call.json()?;
    let mut core = sandbox.core();
    let channel = core.channel(call.id("channel")?)?.clone();
    core.announce(&channel, &Event::new(name, intent::GUILD_MESSAGES, &data));
    Ok(Reply::json(&json!({})))
}

pub fn remove(sandbox: &Sandbox, call: &Call) -> Answer {
    action::remove_channel(&mut sandbox.core(), call.id("channel")?)?;
    Ok(Reply::json(&json!({})))
}

pub fn remove_webhook(sandbox: &Sandbox, call: &Call) -> Answer {
    let mut core = sandbox.core();
    let id = call.id("webhook")?;
    core.store.webhooks.get(&id).ok_or_else(ApiError::unknown_webhook)?;
    core.commit(Record::WebhookGone(id))?;
    Ok(Reply::json(&json!({})))
}

#[derive(Deserialize)]
struct Permissions {
    bot: Id,
    #[serde(default)]
    deny: Vec<String>,
    #[serde(default)]
    allow: Vec<String>,
}

/// Replaces the channel's exception for one bot; two empty lists remove it.
pub fn permissions(sandbox: &Sandbox, call: &Call) -> Answer {
    let wanted: Permissions = call.json()?;
    let bits = |names: &[String]| {
        names.iter().try_fold(0, |bits, name| {
            let unknown = || ApiError::form("permissions", "BASE_TYPE_CHOICES", format!("{name} is not known."));
            permission::by_name(name).map(|bit| bits | bit).ok_or_else(unknown)
        })
    };
    let (allow, deny) = (bits(&wanted.allow)?, bits(&wanted.deny)?);
    let mut core = sandbox.core();
    let mut channel: Channel = core.channel(call.id("channel")?)?.clone();
    channel.overwrites.retain(|overwrite| overwrite.id != wanted.bot);
    if allow | deny != 0 {
        channel.overwrites.push(Overwrite { id: wanted.bot, member: true, allow, deny });
    }
    action::update_channel(&mut core, channel)?;
    Ok(Reply::json(&json!({})))
}

const fn text() -> ChannelKind {
    ChannelKind::Text
}
