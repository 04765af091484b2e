//! Messages, with or without what the Message Content intent hides.

use serde_json::{Value, json};

use super::{guild::partial_member, user};
use crate::discord::{
    clock::iso,
    core::Core,
    id::Id,
    model::{Attachment, Author, Message},
};

/// Message type of a reply; everything else here is 0.
const REPLY: u8 = 19;

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
        let guild = core.store.channels.get(&shown.channel).and_then(|channel| channel.guild);
        value["type"] = json!(REPLY);
        value["message_reference"] =
            json!({ "type": 0, "message_id": target, "channel_id": shown.channel, "guild_id": guild });
        value["referenced_message"] =
            core.store.message(shown.channel, target).map_or(Value::Null, |target| bare(core, target, sight));
    }
    value
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
    let attachments: Vec<Value> = if full { attachments(core, shown) } else { Vec::new() };
    let mut value = json!({
        "id": shown.id, "type": 0, "channel_id": shown.channel, "author": author(core, shown),
        "content": if full { shown.content.as_str() } else { "" }, "timestamp": iso(shown.id.created_ms()),
        "edited_timestamp": shown.edited_ms.map(iso), "tts": false, "mention_everyone": false,
        "mentions": mentions(core, &shown.content), "mention_roles": [], "attachments": attachments,
        "embeds": if full { shown.embeds.as_slice() } else { &[] }, "pinned": false, "components": [],
        "flags": shown.flags,
    });
    if let Author::Webhook { id, .. } = &shown.author {
        value["webhook_id"] = json!(id);
    }
    value
}

fn author(core: &Core, shown: &Message) -> Value {
    match &shown.author {
        Author::Account(id) => core.store.accounts.get(id).map_or(Value::Null, user),
        Author::Webhook { id, name } => json!({
            "id": id, "username": name, "discriminator": "0000", "global_name": null, "avatar": null, "bot": true,
            "public_flags": 0, "flags": 0,
        }),
    }
}

fn attachments(core: &Core, shown: &Message) -> Vec<Value> {
    shown.attachments.iter().map(|it| attachment(&core.links.url(shown.channel, it), it)).collect()
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
    value
}

/// The users that a text names as `<@id>` or `<@!id>`.
fn mentions(core: &Core, text: &str) -> Vec<Value> {
    let ids = text.split("<@").skip(1).filter_map(|rest| {
        let (id, _) = rest.split_once('>')?;
        id.trim_start_matches('!').parse::<Id>().ok()
    });
    let mut seen = Vec::new();
    for id in ids {
        if !seen.contains(&id) {
            seen.push(id);
        }
    }
    seen.iter().filter_map(|id| core.store.accounts.get(id)).map(user).collect()
}
