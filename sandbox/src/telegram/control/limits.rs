//! Limits on what accounts may write.

use salvo::prelude::{Depot, Json, Request, handler};
use serde_json::json;

use super::{Answer, Refusal, body, server};
use crate::telegram::limits::Allowed;

#[handler]
pub(super) async fn show(depot: &mut Depot) -> Answer {
    let server = server(depot)?;
    let state = server.lock();
    let limits = &state.limits;
    Ok(Json(json!({
        "allowed": limits.allowed(),
        "refused": limits.refused,
        "ignored_waits": limits.ignored_waits,
    })))
}

#[handler]
pub(super) async fn set(request: &mut Request, depot: &mut Depot) -> Answer {
    let allowed: Allowed = body(request).await?;
    let rates = [allowed.messages_per_s_account, allowed.messages_per_s_chat];
    if rates.into_iter().flatten().any(|rate| !rate.is_finite() || rate <= 0.0) {
        return Err(Refusal::bad("a rate is a number above 0"));
    }
    server(depot)?.lock().limits.set(allowed);
    Ok(Json(json!({ "ok": true })))
}
