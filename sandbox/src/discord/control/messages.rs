//! What stands in channels, written, changed and read as anybody.

use std::ops::Bound;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::discord::{
    action::{self, Told},
    call::{Answer, Call, Reply},
    clock::iso,
    core::Core,
    error::ApiError,
    files::Upload,
    id::Id,
    model::{Attachment, Author, Forward, Message, Pings, Sticker, StickerFormat},
    rest,
    server::Sandbox,
    wire,
};

/// Flag of a voice message.
const VOICE: u64 = 1 << 13;

/// What stands in a channel, oldest first, without any client's rights.
pub fn list(sandbox: &Sandbox, call: &Call) -> Answer {
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
    #[serde(default)]
    stickers: Vec<InlineSticker>,
    #[serde(default)]
    embeds: Vec<Value>,
    poll: Option<InlinePoll>,
    forward: Option<Target>,
    reply_to: Option<Id>,
    #[serde(default)]
    flags: u64,
    #[serde(default, rename = "type")]
    kind: u8,
}

#[derive(Deserialize)]
struct InlineFile {
    name: String,
    mime: Option<String>,
    base64: String,
    /// Makes the message a voice message of this length.
    voice_s: Option<f64>,
}

#[derive(Deserialize)]
struct InlineSticker {
    name: String,
    format: StickerFormat,
    base64: String,
}

#[derive(Deserialize)]
struct InlinePoll {
    question: String,
    answers: Vec<String>,
    #[serde(default)]
    multiple: bool,
    #[serde(default)]
    closed: bool,
}

#[derive(Deserialize)]
struct Target {
    channel: Id,
    message: Id,
}

/// Writes as any account; one that is not in the guild joins it.
pub fn say(sandbox: &Sandbox, call: &Call) -> Answer {
    Ok(Reply::json(&plain(&*write(sandbox, call.id("channel")?, call.json()?)?)))
}

#[derive(Deserialize)]
struct Batch {
    messages: Vec<Say>,
}

/// Writes many messages, in order; answers their ids. What was written before a refusal stays.
pub fn say_all(sandbox: &Sandbox, call: &Call) -> Answer {
    let channel = call.id("channel")?;
    let Batch { messages } = call.json()?;
    let ids: Result<Vec<Id>, ApiError> = messages.into_iter().map(|say| Ok(write(sandbox, channel, say)?.id)).collect();
    Ok(Reply::json(&json!({ "ids": ids? })))
}

fn write(sandbox: &Sandbox, channel: Id, say: Say) -> Result<std::sync::Arc<Message>, ApiError> {
    let voice = say.attachments.iter().any(|file| file.voice_s.is_some());
    let attachments = keep(sandbox, say.attachments)?;
    let stickers = say.stickers.into_iter().map(|it| keep_sticker(sandbox, it)).collect::<Result<Vec<_>, _>>()?;
    let mut core = sandbox.core();
    let forward = say.forward.map(|it| rest::forward_of(&core, it.channel, it.message)).transpose()?;
    let poll = say.poll.map(InlinePoll::shown);
    let draft = Message {
        channel,
        author: Author::Account(say.author),
        pings: Pings {
            everyone: say.content.contains("@everyone") || say.content.contains("@here"),
            users: wire::mentioned(&say.content),
            roles: wire::mentioned_roles(&say.content),
        },
        content: say.content,
        reply_to: say.reply_to,
        attachments,
        stickers,
        embeds: say.embeds,
        poll,
        forward,
        flags: say.flags | if voice { VOICE } else { 0 },
        kind: say.kind,
        ..Message::default()
    };
    // What Discord itself writes has no content.
    if is_empty(&draft) && draft.kind == 0 {
        return Err(ApiError::empty_message());
    }
    admit(&mut core, sandbox, &draft)?;
    action::post(&mut core, &sandbox.ids, draft)
}

fn admit(core: &mut Core, sandbox: &Sandbox, draft: &Message) -> Result<(), ApiError> {
    let guild = core.channel(draft.channel)?.guild;
    core.account(draft.author.id())?;
    if draft.reply_to.is_some_and(|target| core.store.message(draft.channel, target).is_none()) {
        return Err(ApiError::unknown_message());
    }
    match guild {
        Some(guild) => action::join(core, &sandbox.ids, guild, draft.author.id()),
        None => Ok(()),
    }
}

fn is_empty(draft: &Message) -> bool {
    draft.content.is_empty()
        && draft.attachments.is_empty()
        && draft.stickers.is_empty()
        && draft.embeds.is_empty()
        && draft.poll.is_none()
        && draft.forward.is_none()
}

#[derive(Deserialize)]
struct Change {
    content: Option<String>,
    embeds: Option<Vec<Value>>,
    /// New files besides those that stay.
    #[serde(default)]
    attachments: Vec<InlineFile>,
    /// Names of the files that stay; all unless told.
    keep: Option<Vec<String>>,
    /// Bots hear only that there was an edit.
    #[serde(default)]
    terse: bool,
    /// Nobody edits: Discord has looked at the links of the text.
    #[serde(default)]
    unfurl: bool,
}

/// Changes a message as its writer.
pub fn edit(sandbox: &Sandbox, call: &Call) -> Answer {
    let change: Change = call.json()?;
    let added = keep(sandbox, change.attachments)?;
    let mut core = sandbox.core();
    let known = core.store.message(call.id("channel")?, call.id("message")?).ok_or_else(ApiError::unknown_message)?;
    let mut changed = Message::clone(known);
    changed.content = change.content.unwrap_or(changed.content);
    changed.embeds = change.embeds.unwrap_or(changed.embeds);
    if let Some(names) = change.keep {
        changed.attachments.retain(|file| names.contains(&file.filename));
    }
    changed.attachments.extend(added);
    let told = match (change.unfurl, change.terse) {
        (true, _) => Told::Unfurl,
        (false, true) => Told::Terse,
        (false, false) => Told::Edit,
    };
    Ok(Reply::json(&plain(&*action::edit(&mut core, changed, told)?)))
}

pub fn delete(sandbox: &Sandbox, call: &Call) -> Answer {
    action::delete(&mut sandbox.core(), call.id("channel")?, &[call.id("message")?])?;
    Ok(Reply::json(&json!({})))
}

#[derive(Deserialize)]
struct Ids {
    ids: Vec<Id>,
}

/// Deletes messages in one go: bots hear of it as one event.
pub fn delete_all(sandbox: &Sandbox, call: &Call) -> Answer {
    let Ids { ids } = call.json()?;
    action::delete(&mut sandbox.core(), call.id("channel")?, &ids)?;
    Ok(Reply::json(&json!({})))
}

impl InlinePoll {
    fn shown(self) -> Value {
        let answers: Vec<Value> = (1..)
            .zip(self.answers)
            .map(|(id, text)| json!({ "answer_id": id, "poll_media": { "text": text } }))
            .collect();
        let expiry = if self.closed { "2020-01-01T00:00:00.000000+00:00" } else { "2099-01-01T00:00:00.000000+00:00" };
        json!({
            "question": { "text": self.question }, "answers": answers, "allow_multiselect": self.multiple,
            "expiry": expiry, "layout_type": 1, "results": { "is_finalized": self.closed, "answer_counts": [] },
        })
    }
}

fn keep(sandbox: &Sandbox, files: Vec<InlineFile>) -> Result<Vec<Attachment>, ApiError> {
    let kept = files.into_iter().map(|file| {
        let bytes = decoded(&file.base64)?;
        let upload = Upload { name: file.name, content_type: file.mime, description: None, bytes: bytes.into() };
        let waveform = file.voice_s.map(|_| BASE64_STANDARD.encode([0, 128, 255, 64]));
        Ok(Attachment { duration_s: file.voice_s, waveform, ..sandbox.files.keep(&sandbox.ids, upload)? })
    });
    kept.collect()
}

fn keep_sticker(sandbox: &Sandbox, sticker: InlineSticker) -> Result<Sticker, ApiError> {
    let id = sandbox.files.keep_bytes(&sandbox.ids, &decoded(&sticker.base64)?)?;
    Ok(Sticker { id, name: sticker.name, format: sticker.format })
}

fn decoded(base64: &str) -> Result<Vec<u8>, ApiError> {
    BASE64_STANDARD.decode(base64).map_err(|_| ApiError::form("base64", "BASE_TYPE_INVALID", "The file is not base64."))
}

fn plain(message: &Message) -> Value {
    let files = message.attachments.iter().map(
        |it| json!({ "filename": it.filename, "size": it.size, "sha256": it.sha256, "content_type": it.content_type }),
    );
    let (webhook, avatar) = match &message.author {
        Author::Webhook { name, avatar, .. } => (Some(name), avatar.as_ref()),
        Author::Account(_) => (None, None),
    };
    json!({
        "id": message.id, "author_id": message.author.id(), "webhook_name": webhook, "webhook_avatar": avatar,
        "content": message.content, "nonce": message.nonce, "timestamp": iso(message.id.created_ms()),
        "edited_timestamp": message.edited_ms.map(iso), "reply_to": message.reply_to, "flags": message.flags,
        "type": message.kind, "embeds": message.embeds, "attachments": files.collect::<Value>(),
        "stickers": message.stickers.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), "poll": message.poll,
        "forward_of": message.forward.as_deref().map(|it: &Forward| it.message),
        "pings": { "everyone": message.pings.everyone, "users": message.pings.users, "roles": message.pings.roles },
    })
}
