//! What stands in a chat, and writing, editing and deleting there as anybody.

use salvo::prelude::{Depot, Json, Request, handler};
use serde::Deserialize;
use serde_json::{Value, json};

use super::attachments::{self, Attachments};
use super::chats::{creator, require_user};
use super::{Answer, Refusal, body, chat, path, server};
use crate::telegram::clock;
use crate::telegram::rpc::{self, CAPTION_MAX, MESSAGE_MAX};
use crate::telegram::state::{Server, State};
use crate::telegram::world::World;
use crate::telegram::world::entity::Entity;
use crate::telegram::world::event::{Effect, Event, Holder, Post};
use crate::telegram::world::model::{Attached, Change, Content, Forward, LogEntry, Message, Quote, Reply};
use crate::telegram::world::peer::Peer;

#[derive(Deserialize)]
struct NewMessage {
    from: i64,
    #[serde(default)]
    text: String,
    #[serde(default)]
    entities: Vec<Entity>,
    reply_to: Option<i32>,
    /// The quoted piece of the answered message.
    quote: Option<Quote>,
    topic: Option<i32>,
    #[serde(flatten)]
    attachments: Attachments,
    /// Where the message is said to come from.
    fwd_from: Option<NewForward>,
    via_bot: Option<i64>,
    /// The name under a post of a channel.
    signature: Option<String>,
    /// Messages with the same number form an album.
    grouped_id: Option<i64>,
    #[serde(default)]
    silent: bool,
}

#[derive(Deserialize)]
struct NewForward {
    from: Peer,
    /// Set for an author who hides the account from those who forward.
    hidden_name: Option<String>,
    message_id: Option<i32>,
}

#[derive(Deserialize)]
struct Batch {
    messages: Vec<NewMessage>,
}

#[derive(Deserialize)]
struct Rewrite {
    /// Whose view of a private chat or basic group the message id belongs to.
    from: Option<i64>,
    /// The old text stays when absent.
    text: Option<String>,
    #[serde(default)]
    entities: Vec<Entity>,
    /// Replaces what hangs on the message, when there is one.
    #[serde(flatten)]
    attachments: Attachments,
}

#[handler]
pub(super) async fn list(request: &mut Request, depot: &mut Depot) -> Answer {
    let chat = chat(request)?;
    let server = server(depot)?;
    let state = server.lock();
    let (viewer, peer) = holder(&state.world, chat, request.query("as"))?;
    let ids: Vec<i32> = match (chat, request.query::<i64>("as")) {
        // A person's whole mailbox, in its own view.
        (Peer::User(user), None) => {
            state.world.accounts.get(&user).map(|a| a.messages.keys().copied().collect()).unwrap_or_default()
        }
        _ => state.world.ids(viewer, peer).to_vec(),
    };
    let message = |id: &i32| match chat {
        Peer::Channel(_) => state.world.message(viewer, peer, *id),
        _ => state.world.accounts.get(&viewer)?.messages.get(id),
    };
    let after: i32 = request.query("after").unwrap_or(0);
    let messages = ids.iter().filter(|id| **id > after).filter_map(message).filter(|m| m.content.action.is_none());
    Ok(Json(Value::Array(messages.map(|m| describe(&state.world, m)).collect())))
}

fn describe(world: &World, message: &Message) -> Value {
    let content = &message.content;
    let (media, extra) = attachments::describe(world, &content.attached);
    let forward = content.forward.as_ref().map(|forward| {
        json!({ "from": forward.from, "date": forward.date, "message_id": forward.channel_post,
            "hidden_name": forward.hidden_name })
    });
    json!({
        "id": message.id,
        "chat": message.peer,
        "from": content.author,
        "date": content.date,
        "edit_date": content.edit_date,
        "text": content.text,
        "entities": content.entities,
        "reply_to": message.reply.map(|reply| reply.to),
        "topic": message.reply.and_then(|reply| reply.topic),
        "random_id": content.random_id,
        "grouped_id": content.grouped_id,
        "fwd_from": forward,
        "silent": content.silent,
        "no_webpage": content.no_webpage,
        "media": media,
        "extra": extra,
        "quote": content.quote,
        "via_bot": content.via_bot,
    })
}

#[handler]
pub(super) async fn create(request: &mut Request, depot: &mut Depot) -> Answer {
    let to = chat(request)?;
    let new: NewMessage = body(request).await?;
    let server = server(depot)?;
    let ids = post(&server, to, vec![new])?;
    Ok(Json(json!({ "id": ids.first() })))
}

/// Many messages with one write and one packet to each client: albums, and what fills a backlog.
#[handler]
pub(super) async fn create_batch(request: &mut Request, depot: &mut Depot) -> Answer {
    let to = chat(request)?;
    let Batch { messages } = body(request).await?;
    let server = server(depot)?;
    Ok(Json(json!({ "ids": post(&server, to, messages)? })))
}

/// Writes the messages, all or none, and names the id of each as its writer sees it.
fn post(server: &Server, to: Peer, messages: Vec<NewMessage>) -> Result<Vec<i32>, Refusal> {
    let mut state = server.lock();
    match to {
        Peer::User(user) => require_user(&state.world, user)?,
        Peer::Group(_) | Peer::Channel(_) => drop(creator(&state.world, to)?),
    }
    let mut events = Vec::with_capacity(messages.len());
    let mut writers = Vec::with_capacity(messages.len());
    for new in messages {
        writers.push(new.from);
        events.push(Event::Posted { post: Box::new(composed(server, &mut state, to, new)?) });
    }
    let mut effects = state.commit_and_push(events, None)?.into_iter();
    let ids = writers.into_iter().map(|writer| {
        effects.by_ref().find_map(|effect| match effect {
            Effect::Step { holder, entry: LogEntry { change: Change::New(id), .. } }
                if matches!(holder, Holder::Channel(_)) || holder == Holder::Account(writer) =>
            {
                Some(id)
            }
            _ => None,
        })
    });
    Ok(ids.flatten().collect())
}

fn composed(server: &Server, state: &mut State, to: Peer, new: NewMessage) -> Result<Post, Refusal> {
    require_user(&state.world, new.from)?;
    let attached = new.attachments.store(server, state)?;
    let max = if attached.is_captioned() { CAPTION_MAX } else { MESSAGE_MAX };
    let (text, entities) = rpc::trim(&new.text, new.entities, max)?;
    if text.is_empty() && !attached.stands_alone() {
        return Err(Refusal::bad("the message is empty"));
    }
    let reply = match (new.reply_to, new.topic) {
        (Some(id), topic) => {
            Some(rpc::reply(new.from, to, id, topic, &state.world).ok_or_else(|| Refusal::missing("message"))?)
        }
        (None, Some(topic)) => Some(Reply { to: topic, topic: Some(topic) }),
        (None, None) => None,
    };
    let date = clock::now();
    let forward = new.fwd_from.map(|forward| Forward {
        from: forward.from,
        date,
        hidden_name: forward.hidden_name,
        channel_post: forward.message_id,
    });
    let content = Content {
        text,
        entities,
        attached,
        forward,
        quote: new.quote,
        via_bot: new.via_bot,
        signature: new.signature,
        grouped_id: new.grouped_id,
        silent: new.silent,
        ..Content::by(new.from, date)
    };
    Ok(Post { to, reply, content })
}

#[handler]
pub(super) async fn edit(request: &mut Request, depot: &mut Depot) -> Answer {
    let chat = chat(request)?;
    let id: i32 = path(request, "message_id")?;
    let change: Rewrite = body(request).await?;
    let server = server(depot)?;
    let mut state = server.lock();
    let (viewer, peer) = holder(&state.world, chat, change.from)?;
    let message = state.world.message(viewer, peer, id).cloned().ok_or_else(|| Refusal::missing("message"))?;
    let old = &message.content;
    let fresh = change.attachments.store(&server, &mut state)?;
    let attached = if fresh == Attached::default() { old.attached.clone() } else { fresh };
    let max = if attached.is_captioned() { CAPTION_MAX } else { MESSAGE_MAX };
    let (text, entities) = match change.text {
        Some(text) => rpc::trim(&text, change.entities, max)?,
        None => (old.text.clone(), old.entities.clone()),
    };
    let target = rpc::target(peer, &message);
    state.commit_and_push(
        vec![Event::Edited { target, text, entities, attached, no_webpage: false, date: clock::now() }],
        None,
    )?;
    Ok(Json(json!({ "ok": true })))
}

#[handler]
pub(super) async fn remove(request: &mut Request, depot: &mut Depot) -> Answer {
    let chat = chat(request)?;
    let id: i32 = path(request, "message_id")?;
    let server = server(depot)?;
    let mut state = server.lock();
    let (viewer, peer) = holder(&state.world, chat, request.query("from"))?;
    if state.world.message(viewer, peer, id).is_none() {
        return Err(Refusal::missing("message"));
    }
    let events = match peer {
        Peer::Channel(channel) => {
            vec![Event::Deleted { holder: Holder::Channel(channel), ids: vec![id], date: clock::now() }]
        }
        Peer::User(_) | Peer::Group(_) => rpc::mailbox_deletion(&state, viewer, &[id], true),
    };
    state.commit_and_push(events, None)?;
    Ok(Json(json!({ "ok": true })))
}

/// Whose mailbox to look into, and under which peer. Ids of private chats and basic groups belong to one mailbox: the
/// named one's, else the group's creator's, else the person's own.
fn holder(world: &World, chat: Peer, named: Option<i64>) -> Result<(i64, Peer), Refusal> {
    match (chat, named) {
        (Peer::Channel(id), _) if world.channels.contains_key(&id) => Ok((0, chat)),
        (Peer::Group(_), named) => Ok((named.map_or_else(|| creator(world, chat), Ok)?, chat)),
        (Peer::User(user), Some(named)) if world.users.contains_key(&user) => Ok((named, chat)),
        (Peer::User(user), None) if world.users.contains_key(&user) => Ok((user, chat)),
        _ => Err(Refusal::missing("chat")),
    }
}
