//! Bots, and what people do to them: press start, block.

use salvo::prelude::{Depot, Json, Request, handler};
use serde::Deserialize;
use serde_json::json;

use super::chats::require_user;
use super::users::free_username;
use super::{Answer, Refusal, body, path, server};
use crate::telegram::clock;
use crate::telegram::net::crypto::random;
use crate::telegram::rpc::start_text;
use crate::telegram::world::World;
use crate::telegram::world::event::{Effect, Event, Holder, Post};
use crate::telegram::world::model::{Change, Content, LogEntry, User};
use crate::telegram::world::peer::Peer;

#[derive(Deserialize)]
struct NewBot {
    username: String,
    /// The username when absent.
    name: Option<String>,
    /// `<id>:<secret>`; made up when absent. The same bot may be asked for again.
    token: Option<String>,
}

#[derive(Deserialize)]
struct Start {
    user: i64,
    /// What the deep link says.
    #[serde(default)]
    payload: String,
}

#[derive(Deserialize)]
struct Block {
    user: i64,
    blocked: bool,
}

#[handler]
pub(super) async fn create(request: &mut Request, depot: &mut Depot) -> Answer {
    let new: NewBot = body(request).await?;
    let server = server(depot)?;
    let mut state = server.lock();
    let (id, token) = match new.token {
        None => {
            let id = state.world.next_id();
            (id, format!("{id}:{}", hex::encode(random::<18>())))
        }
        Some(token) => (id_of(&token).ok_or_else(|| Refusal::bad("a token is <id>:<secret>"))?, token),
    };
    if let Some(known) = state.world.users.get(&id) {
        // Whoever sets up a world twice means the same bot.
        let is_same = known.bot_token.as_deref() == Some(&token) && known.username.as_deref() == Some(&new.username);
        return match is_same {
            true => Ok(Json(json!({ "id": id, "token": token }))),
            false => Err(Refusal::bad("the id is taken")),
        };
    }
    free_username(&state.world, Some(&new.username))?;
    let user = User {
        id,
        phone: None,
        first_name: new.name.unwrap_or_else(|| new.username.clone()),
        last_name: String::new(),
        username: Some(new.username),
        bot_token: Some(token.clone()),
        password: None,
        photo: None,
    };
    state.commit(vec![Event::UserSaved { user }])?;
    Ok(Json(json!({ "id": id, "token": token })))
}

fn id_of(token: &str) -> Option<i64> {
    let (id, secret) = token.split_once(':')?;
    let id = id.parse().ok().filter(|id| *id > 0)?;
    (!secret.is_empty()).then_some(id)
}

#[handler]
pub(super) async fn show(request: &mut Request, depot: &mut Depot) -> Answer {
    let id: i64 = path(request, "bot_id")?;
    let server = server(depot)?;
    let state = server.lock();
    let bot = bot(&state.world, id)?;
    Ok(Json(json!({
        "id": bot.id,
        "username": bot.username,
        "name": bot.first_name,
        "commands": state.world.commands.get(&id).map_or(&[][..], Vec::as_slice),
        "sessions": state.world.keys_of.get(&id).map_or(0, |keys| keys.len()),
    })))
}

/// A person presses "start", or "restart" after a block, as the apps do it: the block ends first.
#[handler]
pub(super) async fn start(request: &mut Request, depot: &mut Depot) -> Answer {
    let id: i64 = path(request, "bot_id")?;
    let Start { user, payload } = body(request).await?;
    let text = start_text(&payload).ok_or_else(|| Refusal::bad("no deep link can hold this payload"))?;
    let server = server(depot)?;
    let mut state = server.lock();
    bot(&state.world, id)?;
    require_user(&state.world, user)?;
    let content = Content { text, ..Content::by(user, clock::now()) };
    let post = Post { to: Peer::User(id), reply: None, content };
    let events = vec![Event::BlockSet { by: user, user: id, blocked: false }, Event::Posted { post: Box::new(post) }];
    let effects = state.commit_and_push(events, None)?;
    let message = effects.iter().find_map(|effect| match effect {
        Effect::Step { holder, entry: LogEntry { change: Change::New(id), .. } }
            if *holder == Holder::Account(user) =>
        {
            Some(*id)
        }
        _ => None,
    });
    Ok(Json(json!({ "id": message })))
}

#[handler]
pub(super) async fn block(request: &mut Request, depot: &mut Depot) -> Answer {
    let id: i64 = path(request, "bot_id")?;
    let Block { user, blocked } = body(request).await?;
    let server = server(depot)?;
    let mut state = server.lock();
    bot(&state.world, id)?;
    require_user(&state.world, user)?;
    state.commit(vec![Event::BlockSet { by: user, user: id, blocked }])?;
    Ok(Json(json!({ "ok": true })))
}

fn bot(world: &World, id: i64) -> Result<&User, Refusal> {
    world.users.get(&id).filter(|user| user.is_bot()).ok_or_else(|| Refusal::missing("bot"))
}
