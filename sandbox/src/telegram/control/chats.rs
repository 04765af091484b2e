//! Channels and groups, who is in them, and topics.

use salvo::prelude::{Depot, Json, Request, handler};
use serde::Deserialize;
use serde_json::{Value, json};

use super::users::free_username;
use super::{Answer, Refusal, body, chat, server};
use crate::telegram::clock;
use crate::telegram::rpc::topic_post;
use crate::telegram::world::World;
use crate::telegram::world::event::{Effect, Event, NewChat};
use crate::telegram::world::model::{Change, ChatKind, LogEntry, Member, Role};
use crate::telegram::world::peer::Peer;

#[derive(Deserialize)]
struct NewChatBody {
    kind: ChatKind,
    title: String,
    username: Option<String>,
    creator: i64,
    #[serde(default)]
    members: Vec<i64>,
}

#[derive(Deserialize)]
struct MemberBody {
    user_id: i64,
    role: Role,
}

#[derive(Deserialize)]
struct TopicBody {
    title: String,
    /// The chat's creator when absent.
    creator: Option<i64>,
}

#[handler]
pub(super) async fn list(depot: &mut Depot) -> Answer {
    let server = server(depot)?;
    let state = server.lock();
    let groups = state
        .world
        .groups
        .values()
        .map(|group| describe(Peer::Group(group.id), ChatKind::Group, &group.title, None, &group.members));
    let channels = state.world.channels.values().map(|channel| {
        let username = channel.username.as_deref();
        let mut value = describe(Peer::Channel(channel.id), channel.kind, &channel.title, username, &channel.members);
        value["pts"] = channel.pts.into();
        value["topics"] = channel.topics.iter().map(|(id, topic)| json!({ "id": id, "title": topic.title })).collect();
        value
    });
    let mut all: Vec<Value> = groups.chain(channels).collect();
    all.sort_by_key(|chat| chat["id"].as_i64());
    Ok(Json(Value::Array(all)))
}

fn describe(
    peer: Peer,
    kind: ChatKind,
    title: &str,
    username: Option<&str>,
    members: &std::collections::BTreeMap<i64, Member>,
) -> Value {
    let id = match peer {
        Peer::User(id) | Peer::Group(id) | Peer::Channel(id) => id,
    };
    let members: Vec<Value> =
        members.iter().map(|(user, member)| json!({ "user_id": user, "role": member.role })).collect();
    json!({
        "id": id,
        "dialog_id": peer.dialog_id(),
        "kind": kind,
        "title": title,
        "username": username,
        "members": members,
    })
}

#[handler]
pub(super) async fn create(request: &mut Request, depot: &mut Depot) -> Answer {
    let new: NewChatBody = body(request).await?;
    let server = server(depot)?;
    let mut state = server.lock();
    for user in new.members.iter().chain([&new.creator]) {
        require_user(&state.world, *user)?;
    }
    if new.title.trim().is_empty() {
        return Err(Refusal::bad("the title is empty"));
    }
    if new.kind == ChatKind::Group && new.username.is_some() {
        return Err(Refusal::bad("a basic group has no username"));
    }
    free_username(&state.world, new.username.as_deref())?;
    let id = state.world.next_id();
    let peer = if new.kind == ChatKind::Group { Peer::Group(id) } else { Peer::Channel(id) };
    let chat = NewChat {
        id,
        kind: new.kind,
        title: new.title,
        username: new.username,
        creator: new.creator,
        members: new.members,
        date: clock::now(),
    };
    state.commit_and_push(vec![Event::ChatMade { chat }], None)?;
    Ok(Json(json!({ "id": id, "dialog_id": peer.dialog_id() })))
}

#[handler]
pub(super) async fn set_member(request: &mut Request, depot: &mut Depot) -> Answer {
    let chat = chat(request)?;
    let member: MemberBody = body(request).await?;
    let server = server(depot)?;
    let mut state = server.lock();
    require_user(&state.world, member.user_id)?;
    let by = creator(&state.world, chat)?;
    let MemberBody { user_id: user, role } = member;
    state.commit_and_push(vec![Event::MemberSet { chat, user, role, by, date: clock::now() }], None)?;
    Ok(Json(json!({ "ok": true })))
}

#[handler]
pub(super) async fn create_topic(request: &mut Request, depot: &mut Depot) -> Answer {
    let chat = chat(request)?;
    let topic: TopicBody = body(request).await?;
    let server = server(depot)?;
    let mut state = server.lock();
    let Peer::Channel(id) = chat else { return Err(Refusal::bad("only a forum has topics")) };
    if state.world.channels.get(&id).is_none_or(|channel| channel.kind != ChatKind::Forum) {
        return Err(Refusal::bad("only a forum has topics"));
    }
    let author = topic.creator.map_or_else(|| creator(&state.world, chat), Ok)?;
    let effects = state.commit_and_push(vec![topic_post(id, author, topic.title, None)], None)?;
    let made = effects.iter().find_map(|effect| match effect {
        Effect::Step { entry: LogEntry { change: Change::New(id), .. }, .. } => Some(*id),
        _ => None,
    });
    Ok(Json(json!({ "id": made })))
}

/// Who founded the chat; acts where the control API names nobody.
pub(super) fn creator(world: &World, chat: Peer) -> Result<i64, Refusal> {
    let members = match chat {
        Peer::Group(id) => world.groups.get(&id).map(|group| &group.members),
        Peer::Channel(id) => world.channels.get(&id).map(|channel| &channel.members),
        Peer::User(_) => None,
    };
    let creator = members.and_then(|members| members.iter().find(|(_, m)| m.role == Role::Creator));
    creator.map(|(user, _)| *user).ok_or_else(|| Refusal::missing("chat"))
}

pub(super) fn require_user(world: &World, user: i64) -> Result<(), Refusal> {
    match world.users.contains_key(&user) {
        true => Ok(()),
        false => Err(Refusal::missing("user")),
    }
}
