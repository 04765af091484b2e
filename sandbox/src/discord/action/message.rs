//! Writing, changing and deleting messages.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::discord::{
    clock::now_ms,
    core::Core,
    error::ApiError,
    gateway::{Event, intent},
    id::{Id, Ids},
    model::{Attachment, Author, Channel, Message, Record},
    wire::{self, Sight},
};

/// A message before it has an id.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Where to.
    pub channel: Id,
    /// Who writes.
    pub author: Author,
    /// Text.
    pub content: String,
    /// The writer's own mark.
    pub nonce: Option<Value>,
    /// The message that it answers.
    pub reply_to: Option<Id>,
    /// Files, already kept.
    pub attachments: Vec<Attachment>,
    /// Embeds, as given.
    pub embeds: Vec<Value>,
    /// Flags, as given.
    pub flags: u64,
}

/// Writes a message and announces it.
///
/// # Errors
/// 10003, or when it cannot be stored.
pub fn post(core: &mut Core, ids: &Ids, draft: Draft) -> Result<Arc<Message>, ApiError> {
    let channel = core.channel(draft.channel)?.clone();
    unarchive(core, &channel)?;
    let id = ids.next();
    let message = Message {
        id,
        channel: draft.channel,
        author: draft.author,
        content: draft.content,
        edited_ms: None,
        nonce: draft.nonce,
        reply_to: draft.reply_to,
        attachments: draft.attachments,
        embeds: draft.embeds,
        flags: draft.flags,
    };
    put(core, &channel, message, "MESSAGE_CREATE")
}

/// Replaces a message by its changed self and announces it.
///
/// # Errors
/// 10003, or when it cannot be stored.
pub fn edit(core: &mut Core, changed: Message) -> Result<Arc<Message>, ApiError> {
    let channel = core.channel(changed.channel)?.clone();
    put(core, &channel, Message { edited_ms: Some(now_ms()), ..changed }, "MESSAGE_UPDATE")
}

/// Deletes messages of one channel and announces it: one by one, or as a bulk.
///
/// # Errors
/// 10008 for the first that is not there; then nothing was deleted.
pub fn delete(core: &mut Core, channel: Id, messages: &[Id]) -> Result<(), ApiError> {
    let at = core.channel(channel)?.clone();
    if messages.iter().any(|id| core.store.message(channel, *id).is_none()) {
        return Err(ApiError::unknown_message());
    }
    for id in messages {
        core.commit(Record::MessageGone { channel, id: *id })?;
    }
    let event = match messages {
        [id] => Event::new(
            "MESSAGE_DELETE",
            asked_by(&at),
            &json!({ "id": id, "channel_id": channel, "guild_id": at.guild }),
        ),
        many => Event::new(
            "MESSAGE_DELETE_BULK",
            asked_by(&at),
            &json!({ "ids": many, "channel_id": channel, "guild_id": at.guild }),
        ),
    };
    core.announce(&at, &event);
    Ok(())
}

fn put(core: &mut Core, channel: &Channel, message: Message, name: &'static str) -> Result<Arc<Message>, ApiError> {
    let id = message.id;
    core.commit(Record::Message(Box::new(message)))?;
    let message = core.store.message(channel.id, id).map(Arc::clone).ok_or_else(ApiError::unknown_message)?;
    let full = wire::message_event(core, &message, Sight::Full);
    let addressed = full["mentions"].as_array().into_iter().flatten();
    let addressed = addressed.filter_map(|user| serde_json::from_value(user["id"].clone()).ok()).collect();
    // Content is never hidden in a direct conversation.
    let blank = channel.guild.map(|_| wire::message_event(core, &message, Sight::Blank).to_string());
    let event = Event {
        full: full.to_string(),
        blank,
        author: owner(core, &message.author),
        addressed,
        ..Event::new(name, asked_by(channel), &Value::Null)
    };
    core.announce(channel, &event);
    Ok(message)
}

/// The account behind a message: for a webhook the bot that made it.
fn owner(core: &Core, author: &Author) -> Id {
    match author {
        Author::Account(id) => *id,
        Author::Webhook { id, .. } => core.store.webhooks.get(id).map_or(Id(0), |webhook| webhook.owner),
    }
}

const fn asked_by(channel: &Channel) -> u64 {
    if channel.guild.is_some() { intent::GUILD_MESSAGES } else { intent::DIRECT_MESSAGES }
}

/// A message brings an archived thread back into the list.
fn unarchive(core: &mut Core, channel: &Channel) -> Result<(), ApiError> {
    let Some(thread) = channel.thread.as_ref().filter(|thread| thread.archived) else { return Ok(()) };
    let thread = crate::discord::model::Thread { archived: false, ..thread.clone() };
    super::update_channel(core, Channel { thread: Some(thread), ..channel.clone() })
}
