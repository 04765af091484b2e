//! What stands in a chat, and writing, editing and deleting there as anybody.

use base64::Engine as _;
use salvo::prelude::{Depot, Json, Request, handler};
use serde::Deserialize;
use serde_json::{Value, json};

use super::chats::{creator, require_user};
use super::{Answer, Refusal, body, chat, path, server};
use crate::telegram::clock;
use crate::telegram::files::{self, NewFile};
use crate::telegram::rpc::{self, CAPTION_MAX, MESSAGE_MAX};
use crate::telegram::state::{Server, State};
use crate::telegram::world::World;
use crate::telegram::world::entity::Entity;
use crate::telegram::world::event::{Effect, Event, Holder, Post};
use crate::telegram::world::model::{Change, Content, FileKind, LogEntry, Message, Reply};
use crate::telegram::world::peer::Peer;

#[derive(Deserialize)]
struct NewMessage {
    from: i64,
    #[serde(default)]
    text: String,
    #[serde(default)]
    entities: Vec<Entity>,
    reply_to: Option<i32>,
    topic: Option<i32>,
    photo: Option<Attachment>,
    document: Option<Attachment>,
    /// Messages with the same number form an album.
    grouped_id: Option<i64>,
    #[serde(default)]
    silent: bool,
}

#[derive(Deserialize)]
struct Attachment {
    name: String,
    mime: String,
    base64: String,
}

#[derive(Deserialize)]
struct Rewrite {
    /// Whose view of a private chat or basic group the message id belongs to.
    from: Option<i64>,
    text: String,
    #[serde(default)]
    entities: Vec<Entity>,
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
    let media = content.media.and_then(|id| world.files.get(&id)).map(|file| {
        json!({
            "kind": file.kind,
            "name": file.name,
            "mime": file.mime,
            "size": file.size,
            "sha256": file.sha256,
        })
    });
    let forward = content
        .forward
        .as_ref()
        .map(|forward| json!({ "from": forward.from, "date": forward.date, "message_id": forward.channel_post }));
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
        "media": media,
    })
}

#[handler]
pub(super) async fn create(request: &mut Request, depot: &mut Depot) -> Answer {
    let to = chat(request)?;
    let new: NewMessage = body(request).await?;
    let server = server(depot)?;
    let mut state = server.lock();
    require_user(&state.world, new.from)?;
    match to {
        Peer::User(user) => require_user(&state.world, user)?,
        Peer::Group(_) | Peer::Channel(_) => drop(creator(&state.world, to)?),
    }
    let has_media = new.photo.is_some() || new.document.is_some();
    let max = if has_media { CAPTION_MAX } else { MESSAGE_MAX };
    let (text, entities) = rpc::trim(&new.text, new.entities, max)?;
    if text.is_empty() && !has_media {
        return Err(Refusal::bad("the message is empty"));
    }
    let reply = match (new.reply_to, new.topic) {
        (Some(id), topic) => {
            Some(rpc::reply(new.from, to, id, topic, &state.world).ok_or_else(|| Refusal::missing("message"))?)
        }
        (None, Some(topic)) => Some(Reply { to: topic, topic: Some(topic) }),
        (None, None) => None,
    };
    let media = match (new.photo, new.document) {
        (Some(photo), _) => Some(attach(&server, &mut state, FileKind::Photo, photo)?),
        (None, Some(document)) => Some(attach(&server, &mut state, FileKind::Document, document)?),
        (None, None) => None,
    };
    let content = Content {
        uid: 0,
        author: new.from,
        date: clock::now(),
        edit_date: None,
        text,
        entities,
        media,
        forward: None,
        grouped_id: new.grouped_id,
        random_id: None,
        silent: new.silent,
        action: None,
    };
    let effects = state.commit_and_push(vec![Event::Posted { post: Post { to, reply, content } }], None)?;
    let id = effects.iter().find_map(|effect| match effect {
        Effect::Step { entry: LogEntry { change: Change::New(id), .. }, .. } => Some(*id),
        _ => None,
    });
    Ok(Json(json!({ "id": id })))
}

fn attach(server: &Server, state: &mut State, kind: FileKind, attachment: Attachment) -> Result<i64, Refusal> {
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(attachment.base64)
        .map_err(|error| Refusal::bad(error.to_string()))?;
    let new = NewFile { kind, name: attachment.name, mime: attachment.mime, attributes: Vec::new() };
    let file = files::store(&server.folder, state.world.next_id(), new, &bytes)?;
    let id = file.id;
    state.commit(vec![Event::FileSaved { file }])?;
    Ok(id)
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
    let media = message.content.media;
    let max = if media.is_some() { CAPTION_MAX } else { MESSAGE_MAX };
    let (text, entities) = rpc::trim(&change.text, change.entities, max)?;
    let target = rpc::target(peer, &message);
    state.commit_and_push(vec![Event::Edited { target, text, entities, media, date: clock::now() }], None)?;
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
