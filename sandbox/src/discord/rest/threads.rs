//! Threads and forum posts.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    draft::{self, Body},
    messages,
};
use crate::discord::{
    action::{self, NewChannel},
    call::{Answer, Call, Reply},
    error::ApiError,
    model::{Author, Channel, ChannelKind, Message},
    permission,
    server::Sandbox,
    wire,
};

#[derive(Deserialize)]
struct New {
    name: String,
    /// The first message of a forum post.
    message: Option<Value>,
}

/// A thread without a message, or in a forum a post with its first one.
pub fn create(sandbox: &Sandbox, call: &Call) -> Answer {
    let new: New = call.json()?;
    let parent = call.id("channel")?;
    let (guild, kind) = {
        let core = sandbox.core();
        let channel = core.channel_with(parent, call.bot, permission::CREATE_PUBLIC_THREADS)?;
        (channel.guild.ok_or_else(ApiError::not_a_text_channel)?, channel.kind)
    };
    if kind != ChannelKind::Forum {
        let mut core = sandbox.core();
        let plain = NewChannel::plain(guild, ChannelKind::Thread, new.name);
        let below = NewChannel { parent: Some(parent), opener: call.bot, ..plain };
        let thread = action::open_thread(&mut core, &sandbox.ids, below)?;
        return Ok(Reply::with_status(201, &wire::channel(&core.store, &thread)));
    }
    let first = new.message.ok_or_else(|| ApiError::form("message", "BASE_TYPE_REQUIRED", "This field is required"))?;
    let (body, uploads) = Body::read_value(sandbox, call, first)?;
    if body.is_empty(uploads.len()) {
        return Err(ApiError::empty_message());
    }
    let attachments = draft::keep(sandbox, uploads)?;
    let mut core = sandbox.core();
    let plain = NewChannel::plain(guild, ChannelKind::Thread, new.name);
    let below = NewChannel { parent: Some(parent), opener: call.bot, ..plain };
    let thread = action::add_channel(&mut core, &sandbox.ids, below)?;
    let draft = Message {
        // A post and its first message have one id.
        id: thread.id,
        channel: thread.id,
        author: Author::Account(call.bot),
        pings: body.pings(core.permissions(&thread, call.bot)),
        attachments,
        flags: body.flags.unwrap_or(0) & messages::FLAGS_OWN,
        content: body.content.unwrap_or_default(),
        embeds: body.embeds.unwrap_or_default(),
        ..Message::default()
    };
    let message = action::post(&mut core, &sandbox.ids, draft)?;
    let mut value = wire::channel(&core.store, &thread);
    value["message"] = messages::shown(&core, &message, call.bot);
    Ok(Reply::with_status(201, &value))
}

/// A thread that hangs on a message and has its id.
pub fn from_message(sandbox: &Sandbox, call: &Call) -> Answer {
    let new: New = call.json()?;
    let (parent, message) = (call.id("channel")?, call.id("message")?);
    let mut core = sandbox.core();
    let guild = core.channel_with(parent, call.bot, permission::CREATE_PUBLIC_THREADS)?.guild;
    core.store.message(parent, message).ok_or_else(ApiError::unknown_message)?;
    let guild = guild.ok_or_else(ApiError::not_a_text_channel)?;
    let plain = NewChannel::plain(guild, ChannelKind::Thread, new.name);
    let below = NewChannel { parent: Some(parent), opener: call.bot, starter: Some(message), ..plain };
    let thread = action::open_thread(&mut core, &sandbox.ids, below)?;
    Ok(Reply::with_status(201, &wire::channel(&core.store, &thread)))
}

/// Threads below a channel that were archived before `before`, latest archived first.
pub fn archived(sandbox: &Sandbox, call: &Call) -> Answer {
    let before = call.query_time("before")?.unwrap_or(u64::MAX);
    let limit = call.limit(2..=100, 50)?;
    let core = sandbox.core();
    let parent = core.channel_with(call.id("channel")?, call.bot, permission::READ_MESSAGE_HISTORY)?.id;
    let below = core.store.channels.values().filter(|it| it.parent == Some(parent));
    let mut hidden: Vec<(u64, &Channel)> = below
        .filter_map(|it| Some((it.thread.as_ref().filter(|thread| thread.archived)?.archive_changed_ms, it)))
        .filter(|(at, _)| *at < before)
        .collect();
    hidden.sort_by_key(|(at, it)| std::cmp::Reverse((*at, it.id)));
    let has_more = hidden.len() > limit;
    let threads: Vec<Value> = hidden.iter().take(limit).map(|(_, it)| wire::channel(&core.store, it)).collect();
    Ok(Reply::json(&json!({ "threads": threads, "members": [], "has_more": has_more })))
}
