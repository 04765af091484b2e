//! What measurements need: when messages came to stand, and keys for clients that shall not spend time on logging in.

use salvo::prelude::{Depot, Json, Request, handler};
use serde::Deserialize;
use serde_json::json;

use super::{Answer, body, chats::require_user, server};
use crate::telegram::net::crypto::{self, random};
use crate::telegram::world::event::Event;
use crate::telegram::world::model::Login;

#[derive(Deserialize)]
struct NewKey {
    user_id: i64,
}

/// What came to stand since the number `from` of the query.
#[handler]
pub(super) async fn arrivals(request: &mut Request, depot: &mut Depot) -> Answer {
    let from = request.query("from").unwrap_or(0);
    Ok(Json(json!(server(depot)?.lock().arrivals.since(from))))
}

/// A new authorisation key, in hex, that is signed in as the user already.
#[handler]
pub(super) async fn make_key(request: &mut Request, depot: &mut Depot) -> Answer {
    let NewKey { user_id } = body(request).await?;
    let server = server(depot)?;
    let mut state = server.lock();
    require_user(&state.world, user_id)?;
    let key = random::<256>();
    let made = Event::KeyMade { key: hex::encode(key) };
    let bound = Event::KeyBound { key_id: crypto::key_id(&key), login: Login::User(user_id) };
    state.commit(vec![made, bound])?;
    Ok(Json(json!({ "key": hex::encode(key) })))
}
