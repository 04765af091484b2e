//! Injecting faults.

use salvo::prelude::{Depot, Json, Request, handler};
use serde_json::json;

use super::{Answer, Refusal, body, server};
use crate::telegram::faults::{Fault, Kind};
use crate::telegram::rpc::parse_phone;
use crate::telegram::state::State;
use crate::telegram::world::event::Event;

#[handler]
pub(super) async fn list(depot: &mut Depot) -> Answer {
    let server = server(depot)?;
    let state = server.lock();
    Ok(Json(json!(state.faults.list())))
}

#[handler]
pub(super) async fn clear(depot: &mut Depot) -> Answer {
    let server = server(depot)?;
    server.lock().faults.clear();
    Ok(Json(json!({ "ok": true })))
}

#[handler]
pub(super) async fn add(request: &mut Request, depot: &mut Depot) -> Answer {
    let fault: Fault = body(request).await?;
    let server = server(depot)?;
    let mut state = server.lock();
    act(&mut state, &fault)?;
    Ok(Json(json!({ "id": state.faults.add(fault) })))
}

/// Does at once what does not wait for a request.
fn act(state: &mut State, fault: &Fault) -> Result<(), Refusal> {
    match fault.kind {
        Kind::DropConnections => match fault.user {
            Some(user) => state.close_user(user),
            None => state.live.close_all(),
        },
        Kind::Revoke => {
            let user = fault.user.ok_or_else(|| Refusal::bad("revoke needs a user"))?;
            state.revoke(user, fault.message.as_deref() == Some("SESSION_REVOKED"))?;
        }
        Kind::Ban => {
            let phone = phone(fault)?;
            let user = state.world.user_by_phone(&phone).map(|user| user.id);
            state.commit(vec![Event::PhoneBanned { phone }])?;
            user.into_iter().for_each(|user| state.nudge(user));
        }
        Kind::ExpireCode => {
            let phone = phone(fault)?;
            let mut code = state.world.codes.get(&phone).cloned().ok_or_else(|| Refusal::missing("code"))?;
            code.expires_at = 0;
            state.commit(vec![Event::CodeSet { code }])?;
        }
        Kind::FloodWait | Kind::RpcError | Kind::RefuseConnections | Kind::LoseAnswer | Kind::Delay | Kind::TooLong => {
        }
    }
    Ok(())
}

fn phone(fault: &Fault) -> Result<String, Refusal> {
    fault.phone.as_deref().and_then(parse_phone).ok_or_else(|| Refusal::bad("the fault needs a phone number"))
}
