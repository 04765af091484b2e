//! People, bots, and the codes that were sent to phones.

use salvo::prelude::{Depot, Json, Request, handler};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Refusal, attachments, body, path, server};
use crate::telegram::net::srp::Verifier;
use crate::telegram::rpc::parse_phone;
use crate::telegram::world::event::Event;
use crate::telegram::world::model::User;

#[derive(Deserialize)]
struct NewUser {
    phone: String,
    first_name: String,
    #[serde(default)]
    last_name: String,
    username: Option<String>,
    password: Option<String>,
}

#[handler]
pub(super) async fn list(depot: &mut Depot) -> Answer {
    let server = server(depot)?;
    let state = server.lock();
    let mut users: Vec<&User> = state.world.users.values().collect();
    users.sort_by_key(|user| user.id);
    let describe = |user: &User| {
        json!({
            "id": user.id,
            "phone": user.phone,
            "first_name": user.first_name,
            "last_name": user.last_name,
            "username": user.username,
            "bot": user.is_bot(),
            "token": user.bot_token,
            "has_password": user.password.is_some(),
            "sessions": state.world.keys_of.get(&user.id).map_or(0, |keys| keys.len()),
        })
    };
    Ok(Json(Value::Array(users.into_iter().map(describe).collect())))
}

#[handler]
pub(super) async fn create(request: &mut Request, depot: &mut Depot) -> Answer {
    let new: NewUser = body(request).await?;
    let phone = parse_phone(&new.phone).ok_or_else(|| Refusal::bad("the phone number is not usable"))?;
    // Slow on purpose, so it happens before the lock is taken.
    let password = new.password.as_deref().map(Verifier::of);
    let server = server(depot)?;
    let mut state = server.lock();
    if state.world.user_by_phone(&phone).is_some() {
        return Err(Refusal::bad("the phone number is taken"));
    }
    free_username(&state.world, new.username.as_deref())?;
    let id = state.world.next_id();
    let user = User {
        id,
        phone: Some(phone),
        first_name: new.first_name,
        last_name: new.last_name,
        username: new.username,
        bot_token: None,
        password,
        photo: None,
    };
    state.commit(vec![Event::UserSaved { user }])?;
    Ok(Json(json!({ "id": id })))
}

#[handler]
pub(super) async fn code(request: &mut Request, depot: &mut Depot) -> Answer {
    let phone: String = path(request, "phone")?;
    let phone = parse_phone(&phone).ok_or_else(|| Refusal::bad("the phone number is not usable"))?;
    let server = server(depot)?;
    let state = server.lock();
    let sent = state.world.codes.get(&phone).ok_or_else(|| Refusal::missing("code"))?;
    Ok(Json(json!({ "code": sent.code })))
}

pub(super) fn free_username(world: &crate::telegram::world::World, username: Option<&str>) -> Result<(), Refusal> {
    match username {
        Some(username) if world.by_username(username).is_some() => Err(Refusal::bad("the username is taken")),
        _ => Ok(()),
    }
}

#[derive(Deserialize)]
struct Portrait {
    base64: String,
}

/// Gives a person or bot a profile picture.
#[handler]
pub(super) async fn set_photo(request: &mut Request, depot: &mut Depot) -> Answer {
    let id: i64 = path(request, "user_id")?;
    let portrait: Portrait = body(request).await?;
    let server = server(depot)?;
    let mut state = server.lock();
    let user = state.world.users.get(&id).cloned().ok_or_else(|| Refusal::missing("user"))?;
    let photo = attachments::store_portrait(&server, &mut state, &portrait.base64)?;
    state.commit(vec![Event::UserSaved { user: User { photo: Some(photo), ..user } }])?;
    Ok(Json(json!({ "photo_id": photo })))
}
