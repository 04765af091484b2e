//! Channels and what stands in them, written and read as anybody.

use std::ops::Bound;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::discord::{
    action::{self, Draft},
    call::{Answer, Call, Reply},
    clock::iso,
    error::ApiError,
    files::Upload,
    id::Id,
    model::{Attachment, Author, Channel, ChannelKind, Message, Overwrite, Record},
    permission,
    server::Sandbox,
};

#[derive(Deserialize)]
struct NewChannel {
    name: String,
    #[serde(default = "text")]
    kind: ChannelKind,
    parent: Option<Id>,
}

pub fn create(sandbox: &Sandbox, call: &Call) -> Answer {
    let new: NewChannel = call.json()?;
    let guild = call.id("guild")?;
    let mut core = sandbox.core();
    let opener = core.guild(guild)?.owner;
    if new.kind.is_thread() != new.parent.is_some() || new.kind == ChannelKind::Direct {
        return Err(ApiError::form("parent", "BASE_TYPE_REQUIRED", "A thread has a parent, and nothing else has one."));
    }
    let thread = new.parent.map(|parent| (parent, opener));
    let channel = action::add_channel(&mut core, &sandbox.ids, guild, new.kind, new.name, thread)?;
    Ok(Reply::json(&json!({ "id": channel.id })))
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

/// What stands in a channel, oldest first, without any client's rights.
pub fn messages(sandbox: &Sandbox, call: &Call) -> Answer {
    let core = sandbox.core();
    let channel = core.channel(call.id("channel")?)?.id;
    let after = (Bound::Excluded(call.query_id("after")?.unwrap_or_default()), Bound::Unbounded);
    let standing = core.store.messages(channel).into_iter().flat_map(|messages| messages.range(after));
    Ok(Reply::json(&standing.map(|(_, message)| plain(message)).collect()))
}

#[derive(Deserialize)]
struct Say {
    author: Id,
    #[serde(default)]
    content: String,
    #[serde(default)]
    attachments: Vec<InlineFile>,
    reply_to: Option<Id>,
}

#[derive(Deserialize)]
struct InlineFile {
    name: String,
    mime: Option<String>,
    base64: String,
}

/// Writes as any account; one that is not in the guild joins it.
pub fn say(sandbox: &Sandbox, call: &Call) -> Answer {
    let say: Say = call.json()?;
    let attachments = keep(sandbox, say.attachments)?;
    if say.content.is_empty() && attachments.is_empty() {
        return Err(ApiError::empty_message());
    }
    let id = call.id("channel")?;
    let mut core = sandbox.core();
    let channel = core.channel(id)?;
    core.account(say.author)?;
    if say.reply_to.is_some_and(|target| core.store.message(id, target).is_none()) {
        return Err(ApiError::unknown_message());
    }
    if let Some(guild) = channel.guild {
        action::join(&mut core, &sandbox.ids, guild, say.author)?;
    }
    let draft = Draft {
        channel: id,
        author: Author::Account(say.author),
        content: say.content,
        nonce: None,
        reply_to: say.reply_to,
        attachments,
        embeds: Vec::new(),
        flags: 0,
    };
    Ok(Reply::json(&plain(&*action::post(&mut core, &sandbox.ids, draft)?)))
}

#[derive(Deserialize)]
struct NewText {
    content: String,
}

pub fn edit(sandbox: &Sandbox, call: &Call) -> Answer {
    let NewText { content } = call.json()?;
    let mut core = sandbox.core();
    let known = core.store.message(call.id("channel")?, call.id("message")?).ok_or_else(ApiError::unknown_message)?;
    let changed = Message { content, ..Message::clone(known) };
    Ok(Reply::json(&plain(&*action::edit(&mut core, changed)?)))
}

pub fn delete(sandbox: &Sandbox, call: &Call) -> Answer {
    action::delete(&mut sandbox.core(), call.id("channel")?, &[call.id("message")?])?;
    Ok(Reply::json(&json!({})))
}

fn keep(sandbox: &Sandbox, files: Vec<InlineFile>) -> Result<Vec<Attachment>, ApiError> {
    let kept = files.into_iter().map(|file| {
        let bytes = BASE64_STANDARD
            .decode(&file.base64)
            .map_err(|_| ApiError::form("base64", "BASE_TYPE_INVALID", "The file is not base64."))?;
        let upload = Upload { name: file.name, content_type: file.mime, description: None, bytes: bytes.into() };
        Ok(sandbox.files.keep(&sandbox.ids, upload)?)
    });
    kept.collect()
}

fn plain(message: &Message) -> Value {
    let files = message.attachments.iter().map(
        |it| json!({ "filename": it.filename, "size": it.size, "sha256": it.sha256, "content_type": it.content_type }),
    );
    let webhook = match &message.author {
        Author::Webhook { name, .. } => Some(name),
        Author::Account(_) => None,
    };
    json!({
        "id": message.id, "author_id": message.author.id(), "webhook_name": webhook, "content": message.content,
        "nonce": message.nonce, "timestamp": iso(message.id.created_ms()), "edited_timestamp": message.edited_ms.map(iso),
        "reply_to": message.reply_to, "flags": message.flags, "embeds": message.embeds, "attachments": files.collect::<Value>(),
    })
}

const fn text() -> ChannelKind {
    ChannelKind::Text
}
