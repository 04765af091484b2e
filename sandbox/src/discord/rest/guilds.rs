//! Guilds, their channels, roles and members, for bots that are in them.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::discord::{
    action,
    call::{Answer, Call, Reply},
    error::ApiError,
    id::Id,
    model::ChannelKind,
    permission,
    server::Sandbox,
    wire,
};

pub fn one(sandbox: &Sandbox, call: &Call) -> Answer {
    let core = sandbox.core();
    let guild = core.joined_guild(call.id("guild")?, call.bot)?;
    Ok(Reply::json(&wire::guild(&core.store, guild)))
}

/// All channels without threads, also those that the bot cannot see.
pub fn channels(sandbox: &Sandbox, call: &Call) -> Answer {
    let core = sandbox.core();
    let guild = core.joined_guild(call.id("guild")?, call.bot)?.id;
    let inside = core.store.channels.values().filter(|it| it.guild == Some(guild) && !it.kind.is_thread());
    Ok(Reply::json(&inside.map(|it| wire::channel(&core.store, it)).collect()))
}

#[derive(Deserialize)]
struct NewChannel {
    name: String,
    #[serde(default, rename = "type")]
    kind: u8,
}

pub fn create_channel(sandbox: &Sandbox, call: &Call) -> Answer {
    let new: NewChannel = call.json()?;
    let kind = [ChannelKind::Text, ChannelKind::Announcement, ChannelKind::Forum]
        .into_iter()
        .find(|kind| kind.number() == new.kind)
        .ok_or_else(|| ApiError::form("type", "BASE_TYPE_CHOICES", "Not a type that is served here."))?;
    let mut core = sandbox.core();
    let guild = core.joined_guild(call.id("guild")?, call.bot)?;
    if permission::in_guild(guild, call.bot) & permission::MANAGE_CHANNELS == 0 {
        return Err(ApiError::missing_permissions());
    }
    let guild = guild.id;
    let channel = action::add_channel(&mut core, &sandbox.ids, action::NewChannel::plain(guild, kind, new.name))?;
    Ok(Reply::with_status(201, &wire::channel(&core.store, &channel)))
}

pub fn roles(sandbox: &Sandbox, call: &Call) -> Answer {
    let core = sandbox.core();
    let guild = core.joined_guild(call.id("guild")?, call.bot)?;
    Ok(Reply::json(&Value::Array(wire::roles(guild))))
}

/// Threads that are not archived and that the bot can see, newest first.
pub fn active_threads(sandbox: &Sandbox, call: &Call) -> Answer {
    let core = sandbox.core();
    let guild = core.joined_guild(call.id("guild")?, call.bot)?.id;
    let threads: Vec<Value> = core
        .store
        .channels
        .values()
        .rev()
        .filter(|it| it.guild == Some(guild) && it.thread.as_ref().is_some_and(|thread| !thread.archived))
        .filter(|it| core.permissions(it, call.bot) & permission::VIEW_CHANNEL != 0)
        .map(|it| wire::channel(&core.store, it))
        .collect();
    Ok(Reply::json(&json!({ "threads": threads, "members": [] })))
}

pub fn members(sandbox: &Sandbox, call: &Call) -> Answer {
    let (limit, after) = (call.limit(1..=1000, 1)?, call.query_id("after")?.unwrap_or_default());
    let core = sandbox.core();
    let guild = core.joined_guild(call.id("guild")?, call.bot)?;
    let ids = guild.members.keys().filter(|id| **id > after).take(limit);
    Ok(Reply::json(&ids.filter_map(|id| wire::member(&core.store, guild, *id)).collect()))
}

pub fn own_member(sandbox: &Sandbox, call: &Call) -> Answer {
    answer_member(sandbox, call, call.bot)
}

pub fn member(sandbox: &Sandbox, call: &Call) -> Answer {
    answer_member(sandbox, call, call.id("user")?)
}

fn answer_member(sandbox: &Sandbox, call: &Call, user: Id) -> Answer {
    let core = sandbox.core();
    let guild = core.joined_guild(call.id("guild")?, call.bot)?;
    wire::member(&core.store, guild, user).map(|member| Reply::json(&member)).ok_or_else(ApiError::unknown_member)
}
