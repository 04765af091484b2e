//! Messages of bots: list, get, create, edit, delete.

use std::{ops::Bound, sync::Arc};

use serde::Deserialize;
use serde_json::Value;

use super::draft::{self, Body};
use crate::discord::{
    action::{self, Told},
    call::{Answer, Call, Reply},
    clock::now_ms,
    core::Core,
    error::ApiError,
    id::Id,
    model::{Author, Channel, ChannelKind, Message},
    permission::{self, Bits},
    server::Sandbox,
    wire::{self, Sight},
};

/// Flags that a client may set or, on an edit, change: suppress embeds, silent.
pub const FLAGS_OWN: u64 = 1 << 2 | 1 << 12;

/// Newest first, as Discord answers; with `after` the oldest that follow, still newest first.
pub fn list(sandbox: &Sandbox, call: &Call) -> Answer {
    let limit = call.limit(1..=100, 50)?;
    let (after, before, around) = (call.query_id("after")?, call.query_id("before")?, call.query_id("around")?);
    let core = sandbox.core();
    let (channel, may) = core.seen_channel(call.id("channel")?, call.bot)?;
    // Without this permission Discord answers an empty list, not an error.
    let known = core.store.messages(channel.id).filter(|_| may & permission::READ_MESSAGE_HISTORY != 0);
    let mut found: Vec<&Arc<Message>> = Vec::new();
    if let Some(known) = known {
        match (around, after, before) {
            (Some(around), _, _) => {
                found.extend(known.range(..around).rev().take(limit / 2).map(|(_, it)| it));
                found.extend(known.range(around..).take(limit - limit / 2).map(|(_, it)| it));
            }
            (None, Some(after), _) => {
                let later = (Bound::Excluded(after), Bound::Unbounded);
                found.extend(known.range(later).take(limit).map(|(_, it)| it));
            }
            (None, None, Some(before)) => found.extend(known.range(..before).rev().take(limit).map(|(_, it)| it)),
            (None, None, None) => found.extend(known.values().rev().take(limit)),
        }
    }
    found.sort_by_key(|message| std::cmp::Reverse(message.id));
    Ok(Reply::json(&found.into_iter().map(|message| shown(&core, message, call.bot)).collect()))
}

pub fn one(sandbox: &Sandbox, call: &Call) -> Answer {
    let core = sandbox.core();
    let channel = core.channel_with(call.id("channel")?, call.bot, permission::READ_MESSAGE_HISTORY)?.id;
    let message = core.store.message(channel, call.id("message")?).ok_or_else(ApiError::unknown_message)?;
    Ok(Reply::json(&shown(&core, message, call.bot)))
}

pub fn create(sandbox: &Sandbox, call: &Call) -> Answer {
    let id = call.id("channel")?;
    may_write(&sandbox.core(), id, call.bot, false)?;
    let (body, uploads) = Body::read(sandbox, call)?;
    if body.is_empty(uploads.len()) {
        return Err(ApiError::empty_message());
    }
    let has_files = !uploads.is_empty();
    let attachments = draft::keep(sandbox, uploads)?;

    let mut core = sandbox.core();
    let may = may_write(&core, id, call.bot, has_files)?;
    let nonce = body.nonce.clone().filter(|nonce| !nonce.is_null());
    if let Some(nonce) = nonce.as_ref().filter(|_| body.enforce_nonce == Some(true))
        && let Some(known) = core.store.by_nonce(call.bot, nonce, now_ms())
    {
        return Ok(Reply::json(&with_nonce(shown(&core, known, call.bot), known)));
    }
    let reply_to = reply_target(&core, id, may, &body)?;
    let draft = Message {
        channel: id,
        author: Author::Account(call.bot),
        nonce,
        reply_to,
        forward: body.forward(&core, call.bot)?,
        pings: body.pings(may),
        attachments,
        flags: body.flags.unwrap_or(0) & FLAGS_OWN,
        content: body.content.unwrap_or_default(),
        embeds: body.embeds.unwrap_or_default(),
        poll: body.poll.map(draft::NewPoll::shown),
        ..Message::default()
    };
    let message = action::post(&mut core, &sandbox.ids, draft)?;
    Ok(Reply::json(&with_nonce(shown(&core, &message, call.bot), &message)))
}

pub fn change(sandbox: &Sandbox, call: &Call) -> Answer {
    let (body, uploads) = Body::read(sandbox, call)?;
    let (channel, id) = (call.id("channel")?, call.id("message")?);
    let added = draft::keep(sandbox, uploads)?;
    let mut core = sandbox.core();
    core.seen_channel(channel, call.bot)?;
    let known = core.store.message(channel, id).ok_or_else(ApiError::unknown_message)?;
    if !matches!(known.author, Author::Account(author) if author == call.bot) {
        return Err(ApiError::not_the_author());
    }
    let changed = changed(known, body, added)?;
    let message = action::edit(&mut core, changed, Told::Edit)?;
    Ok(Reply::json(&shown(&core, &message, call.bot)))
}

pub fn remove(sandbox: &Sandbox, call: &Call) -> Answer {
    let mut core = sandbox.core();
    let (channel, may) = core.seen_channel(call.id("channel")?, call.bot)?;
    let (channel, id) = (channel.id, call.id("message")?);
    let known = core.store.message(channel, id).ok_or_else(ApiError::unknown_message)?;
    let own = matches!(known.author, Author::Account(author) if author == call.bot);
    if !own && may & permission::MANAGE_MESSAGES == 0 {
        return Err(ApiError::missing_permissions());
    }
    action::delete(&mut core, channel, &[id])?;
    Ok(Reply::empty())
}

#[derive(Deserialize)]
struct Bulk {
    messages: Vec<Id>,
}

pub fn bulk_delete(sandbox: &Sandbox, call: &Call) -> Answer {
    let Bulk { messages } = call.json()?;
    if !(2..=100).contains(&messages.len()) {
        return Err(ApiError::form("messages", "BASE_TYPE_BAD_LENGTH", "Must be between 2 and 100 in length."));
    }
    let mut core = sandbox.core();
    let channel = core.channel_with(call.id("channel")?, call.bot, permission::MANAGE_MESSAGES)?.id;
    action::delete(&mut core, channel, &messages)?;
    Ok(Reply::empty())
}

/// A message as this bot may see it.
pub fn shown(core: &Core, message: &Message, bot: Id) -> Value {
    let account = core.store.accounts.get(&bot).and_then(|account| account.bot.as_ref());
    let own = match &message.author {
        Author::Account(author) => *author == bot,
        Author::Webhook { id, .. } => core.store.webhooks.get(id).is_some_and(|webhook| webhook.owner == bot),
    };
    let direct = core.store.channels.get(&message.channel).is_some_and(|channel| channel.guild.is_none());
    let named = message.content.contains(&format!("<@{bot}>"));
    let full = own || direct || named || account.is_some_and(|bot| bot.message_content);
    wire::message(core, message, if full { Sight::Full } else { Sight::Blank })
}

/// Discord shows the nonce to the writer and in the event of the writing, and nowhere later.
fn with_nonce(mut shown: Value, message: &Message) -> Value {
    if let Some(nonce) = &message.nonce {
        shown["nonce"] = nonce.clone();
    }
    shown
}

/// A message after an edit: what the body does not name stays.
///
/// # Errors
/// 50006 when nothing is left.
pub fn changed(
    known: &Message,
    body: Body,
    added: Vec<crate::discord::model::Attachment>,
) -> Result<Message, ApiError> {
    let mut attachments = known.attachments.clone();
    if let Some(keep) = &body.attachments {
        attachments.retain(|attachment| keep.iter().any(|named| named.id == attachment.id));
    }
    attachments.extend(added);
    let flags = body.flags.map_or(known.flags, |flags| known.flags & !FLAGS_OWN | flags & FLAGS_OWN);
    let changed = Message {
        content: body.content.unwrap_or_else(|| known.content.clone()),
        embeds: body.embeds.unwrap_or_else(|| known.embeds.clone()),
        attachments,
        flags,
        ..known.clone()
    };
    if changed.content.trim().is_empty() && changed.attachments.is_empty() && changed.embeds.is_empty() {
        return Err(ApiError::empty_message());
    }
    Ok(changed)
}

/// Checks that a bot can write here and says what else it may do.
///
/// # Errors
/// 10003, 50001, 50008, 50013, or 160005 for a locked thread.
pub fn may_write(core: &Core, id: Id, bot: Id, files: bool) -> Result<Bits, ApiError> {
    let (channel, may) = core.seen_channel(id, bot)?;
    if channel.kind == ChannelKind::Forum {
        return Err(ApiError::not_a_text_channel());
    }
    let writing = writing(channel);
    let needed = if files { writing | permission::ATTACH_FILES } else { writing };
    if may & needed != needed {
        return Err(ApiError::missing_permissions());
    }
    if channel.thread.as_ref().is_some_and(|thread| thread.locked) {
        return Err(ApiError::new(400, 160_005, "Thread is locked"));
    }
    Ok(may)
}

const fn writing(channel: &Channel) -> Bits {
    if channel.kind.is_thread() { permission::SEND_MESSAGES_IN_THREADS } else { permission::SEND_MESSAGES }
}

fn reply_target(core: &Core, channel: Id, may: Bits, body: &Body) -> Result<Option<Id>, ApiError> {
    let Some(reference) = &body.message_reference else { return Ok(None) };
    let Some(target) = reference.message_id.filter(|_| reference.kind != Some(1)) else { return Ok(None) };
    if may & permission::READ_MESSAGE_HISTORY == 0 {
        return Err(ApiError::new(400, 160_002, "Cannot reply without permission to read message history"));
    }
    match core.store.message(channel, target) {
        Some(_) => Ok(Some(target)),
        None if reference.fail_if_not_exists == Some(false) => Ok(None),
        None => Err(ApiError::form("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message")),
    }
}
