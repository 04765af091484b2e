//! Messages, with or without what the Message Content intent hides.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{guild::partial_member, user};
use crate::discord::{
    clock::iso,
    core::Core,
    id::Id,
    model::{Attachment, Author, Forward, Message, Sticker},
};

/// Message type of a reply.
const REPLY: u8 = 19;
/// Message type of a thread's first message when it hangs on another one, which stands in the channel above.
const THREAD_STARTER: u8 = 21;

/// Whether text, files and embeds are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// All of it.
    Full,
    /// Blank, as for a bot without the Message Content intent.
    Blank,
}

/// A message as REST gives it.
#[must_use]
pub fn message(core: &Core, shown: &Message, sight: Sight) -> Value {
    let mut value = bare(core, shown, sight);
    if let Some(target) = shown.reply_to {
        let channel = core.store.channels.get(&shown.channel);
        let place = channel.and_then(|channel| channel.parent).filter(|_| shown.kind == THREAD_STARTER);
        let place = place.unwrap_or(shown.channel);
        value["type"] = json!(if shown.kind == 0 { REPLY } else { shown.kind });
        value["message_reference"] = json!({
            "type": 0, "message_id": target, "channel_id": place, "guild_id": channel.and_then(|channel| channel.guild),
        });
        value["referenced_message"] =
            core.store.message(place, target).map_or(Value::Null, |target| bare(core, target, sight));
    }
    if let Some(forward) = &shown.forward {
        value["message_reference"] = json!({
            "type": 1, "message_id": forward.message, "channel_id": forward.channel, "guild_id": forward.guild,
        });
        let snapshot = if sight == Sight::Full { snapshot(core, forward) } else { json!({}) };
        value["message_snapshots"] = json!([{ "message": snapshot }]);
    }
    value
}

/// The least that Discord says of an edit.
#[must_use]
pub fn terse_update(core: &Core, shown: &Message) -> Value {
    let guild = core.store.channels.get(&shown.channel).and_then(|channel| channel.guild);
    json!({
        "id": shown.id, "channel_id": shown.channel, "guild_id": guild, "edited_timestamp": shown.edited_ms.map(iso),
    })
}

/// A message as the gateway gives it: with its guild and, unless a webhook wrote it, the writer's membership. The nonce
/// is part of it only until the first edit: Discord does not keep it.
#[must_use]
pub fn message_event(core: &Core, shown: &Message, sight: Sight) -> Value {
    let mut value = message(core, shown, sight);
    if let (Some(nonce), None) = (&shown.nonce, shown.edited_ms) {
        value["nonce"] = nonce.clone();
    }
    let guild = core.store.channels.get(&shown.channel).and_then(|channel| channel.guild);
    if let Some(guild) = guild.and_then(|guild| core.store.guilds.get(&guild)) {
        value["guild_id"] = json!(guild.id);
        if let Author::Account(author) = &shown.author
            && let Some(member) = guild.members.get(author)
        {
            value["member"] = partial_member(member);
        }
    }
    value
}

fn bare(core: &Core, shown: &Message, sight: Sight) -> Value {
    let full = sight == Sight::Full;
    let files: Vec<Value> = if full { attachments(core, shown.channel, &shown.attachments) } else { Vec::new() };
    let mut value = json!({
        "id": shown.id, "type": shown.kind, "channel_id": shown.channel, "author": author(core, shown),
        "content": if full { shown.content.as_str() } else { "" }, "timestamp": iso(shown.id.created_ms()),
        "edited_timestamp": shown.edited_ms.map(iso), "tts": false, "mention_everyone": shown.pings.everyone,
        "mentions": mentions(core, &shown.content), "mention_roles": mentioned_roles(&shown.content),
        "attachments": files, "embeds": if full { shown.embeds.as_slice() } else { &[] }, "pinned": false,
        "components": [], "flags": shown.flags,
    });
    if let Author::Webhook { id, .. } = &shown.author {
        value["webhook_id"] = json!(id);
        value["application_id"] = json!(core.store.webhooks.get(id).map(|webhook| webhook.owner));
    }
    if !shown.stickers.is_empty() && full {
        value["sticker_items"] = stickers(&shown.stickers);
    }
    if let Some(poll) = shown.poll.as_ref().filter(|_| full) {
        value["poll"] = poll.clone();
    }
    value
}

/// A forwarded message: without its author, its id and its channel.
fn snapshot(core: &Core, forward: &Forward) -> Value {
    let kept = &forward.snapshot;
    let mut value = json!({
        "type": 0, "content": kept.content, "timestamp": iso(kept.sent_ms), "edited_timestamp": kept.edited_ms.map(iso),
        "mentions": mentions(core, &kept.content), "mention_roles": mentioned_roles(&kept.content),
        "attachments": attachments(core, forward.channel, &kept.attachments), "embeds": kept.embeds,
        "components": [], "flags": kept.flags,
    });
    if !kept.stickers.is_empty() {
        value["sticker_items"] = stickers(&kept.stickers);
    }
    value
}

fn stickers(shown: &[Sticker]) -> Value {
    shown.iter().map(|it| json!({ "id": it.id, "name": it.name, "format_type": it.format.number() })).collect()
}

fn author(core: &Core, shown: &Message) -> Value {
    match &shown.author {
        Author::Account(id) => core.store.accounts.get(id).map_or(Value::Null, user),
        Author::Webhook { id, name, avatar } => json!({
            "id": id, "username": name, "discriminator": "0000", "global_name": null, "bot": true,
            // Discord keeps a copy of the picture and names it by its hash.
            "avatar": avatar.as_ref().map(|url| hex::encode(&Sha256::digest(url)[..16])),
            "public_flags": 0, "flags": 0,
        }),
    }
}

fn attachments(core: &Core, channel: Id, kept: &[Attachment]) -> Vec<Value> {
    kept.iter().map(|it| attachment(&core.links.url(channel, it), it)).collect()
}

fn attachment(url: &str, it: &Attachment) -> Value {
    let proxy = url.replacen("cdn.discordapp.com", "media.discordapp.net", 1);
    let mut value = json!({ "id": it.id, "filename": it.filename, "size": it.size, "url": url, "proxy_url": proxy });
    if let Some(kind) = &it.content_type {
        value["content_type"] = json!(kind);
    }
    if let Some(description) = &it.description {
        value["description"] = json!(description);
    }
    if let Some((width, height)) = it.dimensions {
        value["width"] = json!(width);
        value["height"] = json!(height);
    }
    if let Some(seconds) = it.duration_s {
        value["duration_secs"] = json!(seconds);
        value["waveform"] = json!(it.waveform.as_deref().unwrap_or_default());
    }
    value
}

/// The users that a text names as `<@id>` or `<@!id>`, each once.
#[must_use]
pub fn mentioned(text: &str) -> Vec<Id> {
    each_once(text.split("<@").skip(1).filter_map(|rest| {
        let (id, _) = rest.split_once('>')?;
        id.trim_start_matches('!').parse().ok()
    }))
}

/// The roles that a text names as `<@&id>`, each once.
#[must_use]
pub fn mentioned_roles(text: &str) -> Vec<Id> {
    each_once(text.split("<@&").skip(1).filter_map(|rest| rest.split_once('>')?.0.parse().ok()))
}

fn each_once(ids: impl Iterator<Item = Id>) -> Vec<Id> {
    let mut seen = Vec::new();
    for id in ids {
        if !seen.contains(&id) {
            seen.push(id);
        }
    }
    seen
}

fn mentions(core: &Core, text: &str) -> Vec<Value> {
    mentioned(text).iter().filter_map(|id| core.store.accounts.get(id)).map(user).collect()
}
