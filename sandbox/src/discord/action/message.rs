//! Writing, changing and deleting messages.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::discord::{
    clock::now_ms,
    core::Core,
    error::ApiError,
    gateway::{Event, intent},
    id::{Id, Ids},
    model::{Author, Channel, Message, Record},
    wire::{self, Sight},
};

/// Writes a message and announces it. A draft without an id gets one.
///
/// # Errors
/// 10003, or when it cannot be stored.
pub fn post(core: &mut Core, ids: &Ids, draft: Message) -> Result<Arc<Message>, ApiError> {
    let channel = core.channel(draft.channel)?.clone();
    unarchive(core, &channel)?;
    let id = if draft.id == Id(0) { ids.next() } else { draft.id };
    put(core, &channel, Message { id, ..draft }, Told::Create)
}

/// Discord's type of the message that says in the channel above that a thread was opened.
const THREAD_CREATED: u8 = 18;
/// Discord's type of a thread's first message when it hangs on another one.
const THREAD_STARTER: u8 = 21;

/// Opens a thread below a text channel, with the message that Discord itself writes about it.
///
/// # Errors
/// As [`super::add_channel`].
pub fn open_thread(core: &mut Core, ids: &Ids, new: super::NewChannel) -> Result<Channel, ApiError> {
    let (name, parent, opener, starter) = (new.name.clone(), new.parent, new.opener, new.starter);
    let thread = super::add_channel(core, ids, new)?;
    let author = Author::Account(opener);
    match (starter, parent) {
        (Some(target), _) => {
            let kind = THREAD_STARTER;
            let note = Message { channel: thread.id, author, kind, reply_to: Some(target), ..Message::default() };
            post(core, ids, note)?;
        }
        (None, Some(channel)) => {
            post(core, ids, Message { channel, author, kind: THREAD_CREATED, content: name, ..Message::default() })?;
        }
        (None, None) => {}
    }
    Ok(thread)
}

/// What bots are told of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// A new message.
    Create,
    /// An edit, with the whole message.
    Edit,
    /// An edit of which only the time is said, which Discord's reference allows: clients have to look.
    Terse,
    /// The whole message, which nobody has edited: Discord has looked at its links.
    Unfurl,
}

/// Replaces a message by its changed self and announces it.
///
/// # Errors
/// 10003, or when it cannot be stored.
pub fn edit(core: &mut Core, changed: Message, told: Told) -> Result<Arc<Message>, ApiError> {
    let channel = core.channel(changed.channel)?.clone();
    let edited_ms = if told == Told::Unfurl { changed.edited_ms } else { Some(now_ms()) };
    put(core, &channel, Message { edited_ms, ..changed }, told)
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

fn put(core: &mut Core, channel: &Channel, message: Message, told: Told) -> Result<Arc<Message>, ApiError> {
    let id = message.id;
    core.commit(Record::Message(Box::new(message)))?;
    let message = core.store.message(channel.id, id).map(Arc::clone).ok_or_else(ApiError::unknown_message)?;
    let name = if told == Told::Create { "MESSAGE_CREATE" } else { "MESSAGE_UPDATE" };
    if told == Told::Terse {
        core.announce(channel, &Event::new(name, asked_by(channel), &wire::terse_update(core, &message)));
        return Ok(message);
    }
    let event = Event {
        full: wire::message_event(core, &message, Sight::Full).to_string(),
        // Content is never hidden in a direct conversation, and nobody looks at a blank that nobody gets.
        blank: (channel.guild.is_some() && core.hub.is_blind())
            .then(|| wire::message_event(core, &message, Sight::Blank).to_string()),
        author: owner(core, &message.author),
        addressed: wire::mentioned(&message.content),
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
    let thread = thread.clone().with_archived(false);
    super::update_channel(core, Channel { thread: Some(thread), ..channel.clone() })
}
