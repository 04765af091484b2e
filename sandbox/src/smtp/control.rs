//! The control API: looking into mailboxes and breaking things. JSON over plain HTTP on loopback.

use std::sync::Arc;

use salvo::{
    Scribe, affix_state,
    http::StatusCode,
    prelude::{Depot, Json, Request, Response, Router, Text, Writer, async_trait, handler},
};
use serde_json::{Value, json};

use super::{faults::Fault, letter, sink::Sink};

/// The largest body: one fault.
const BODY_BYTES_MAX: usize = 64 << 10;

/// What a handler answers: JSON, or a refusal.
type Answer = Result<Json<Value>, Refusal>;

/// A refused control request: `{"error": ...}` with a fitting status.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    error: String,
}

impl Refusal {
    fn bad(error: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error: error.into() }
    }

    fn missing() -> Self {
        Self { status: StatusCode::NOT_FOUND, error: "no such thing".to_owned() }
    }
}

#[async_trait]
impl Writer for Refusal {
    async fn write(self, _: &mut Request, _: &mut Depot, response: &mut Response) {
        response.status_code(self.status);
        Json(json!({ "error": self.error })).render(response);
    }
}

/// All routes. Documented in `docs/sandbox.md`.
pub fn router(sink: Arc<Sink>) -> Router {
    Router::new()
        .hoop(affix_state::inject(sink))
        .push(Router::with_path("health").get(health))
        .push(Router::with_path("mails").get(list).delete(clear).push(Router::with_path("{id}/raw").get(raw)))
        .push(
            Router::with_path("faults")
                .get(faults)
                .post(add_fault)
                .delete(clear_faults)
                .push(Router::with_path("{id}").delete(remove_fault)),
        )
}

#[handler]
async fn health() -> Json<Value> {
    Json(json!({ "ok": true }))
}

/// The mails to an address, or all, oldest first; only those after a number.
#[handler]
async fn list(request: &mut Request, depot: &mut Depot) -> Answer {
    let (to, after) = (request.query::<String>("to"), request.query::<u64>("after").unwrap_or(0));
    let sink = sink(depot)?;
    // Undoing many mails takes a while, and no client may wait for it to hand one in.
    let mails: Vec<_> = sink.mailbox().to(to.as_deref()).filter(|mail| mail.id > after).cloned().collect();
    let mails: Vec<Value> = mails.iter().map(letter::shown).collect();
    Ok(Json(json!({ "mails": mails })))
}

#[handler]
async fn clear(request: &mut Request, depot: &mut Depot) -> Answer {
    let to = request.query::<String>("to");
    let cleared = sink(depot)?
        .mailbox()
        .clear(to.as_deref())
        .map_err(|error| Refusal { status: StatusCode::INTERNAL_SERVER_ERROR, error: error.to_string() })?;
    Ok(Json(json!({ "cleared": cleared })))
}

#[handler]
async fn raw(request: &mut Request, depot: &mut Depot) -> Result<Text<String>, Refusal> {
    let id = id(request)?;
    let text = sink(depot)?.mailbox().find(id).map(super::mailbox::Mail::raw).ok_or_else(Refusal::missing)?;
    Ok(Text::Plain(String::from_utf8_lossy(&text).into_owned()))
}

#[handler]
async fn faults(depot: &mut Depot) -> Answer {
    Ok(Json(json!(sink(depot)?.faults().active())))
}

#[handler]
async fn add_fault(request: &mut Request, depot: &mut Depot) -> Answer {
    let bytes = request.payload_with_max_size(BODY_BYTES_MAX).await.map_err(|error| Refusal::bad(error.to_string()))?;
    let fault: Fault = serde_json::from_slice(bytes).map_err(|error| Refusal::bad(error.to_string()))?;
    if fault.code.is_some_and(|code| !(400..600).contains(&code)) {
        return Err(Refusal::bad("code is 400 to 599"));
    }
    Ok(Json(json!({ "id": sink(depot)?.faults().add(fault) })))
}

#[handler]
async fn clear_faults(depot: &mut Depot) -> Answer {
    sink(depot)?.faults().remove(None);
    Ok(Json(json!({})))
}

#[handler]
async fn remove_fault(request: &mut Request, depot: &mut Depot) -> Answer {
    sink(depot)?.faults().remove(Some(id(request)?));
    Ok(Json(json!({})))
}

fn id(request: &Request) -> Result<u64, Refusal> {
    request.params().get("id").and_then(|id| id.parse().ok()).ok_or_else(Refusal::missing)
}

fn sink(depot: &Depot) -> Result<Arc<Sink>, Refusal> {
    depot.get_typed::<Arc<Sink>>().cloned().map_err(|_| Refusal::bad("the server is not ready"))
}
