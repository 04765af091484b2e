//! The control API: JSON over HTTP on loopback, for people, tests and the demonstration. Nothing here needs a login.

mod attachments;
mod bench;
mod bots;
mod chats;
mod faults;
mod limits;
mod messages;
mod users;

use std::sync::Arc;

use salvo::http::StatusCode;
use salvo::prelude::{Depot, Json, Request, Response, Router, Text, Writer, async_trait, handler};
use salvo::{Scribe, affix_state};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::rpc::failure::Failure;
use super::state::Server;
use super::world::journal::JournalError;
use super::world::peer::Peer;

/// The largest body: a file of the size that the tests use, in base64.
const BODY_MAX_BYTES: usize = 96 << 20;

/// What a handler answers: JSON, or a refusal.
type Answer = Result<Json<Value>, Refusal>;

/// A refused control request: `{"error": ...}` with a fitting status.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    error: String,
}

impl Refusal {
    pub(super) fn bad(error: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error: error.into() }
    }

    pub(super) fn missing(what: &str) -> Self {
        Self { status: StatusCode::NOT_FOUND, error: format!("no such {what}") }
    }
}

impl From<JournalError> for Refusal {
    fn from(error: JournalError) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, error: error.to_string() }
    }
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, error: error.to_string() }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::bad(failure.to_string())
    }
}

#[async_trait]
impl Writer for Refusal {
    async fn write(self, _: &mut Request, _: &mut Depot, response: &mut Response) {
        response.status_code(self.status);
        Json(json!({ "error": self.error })).render(response);
    }
}

/// All routes.
pub(super) fn router(server: Arc<Server>) -> Router {
    Router::new()
        .hoop(affix_state::inject(server))
        .push(Router::with_path("health").get(health))
        .push(Router::with_path("rsa.pem").get(rsa_pem))
        .push(
            Router::with_path("users")
                .get(users::list)
                .post(users::create)
                .push(Router::with_path("{user_id}/photo").put(users::set_photo)),
        )
        .push(Router::with_path("limits").get(limits::show).put(limits::set))
        .push(
            Router::with_path("bots").post(bots::create).push(
                Router::with_path("{bot_id}")
                    .get(bots::show)
                    .push(Router::with_path("start").post(bots::start))
                    .push(Router::with_path("block").post(bots::block)),
            ),
        )
        .push(Router::with_path("codes/{phone}").get(users::code))
        .push(
            Router::with_path("chats")
                .get(chats::list)
                .post(chats::create)
                .push(Router::with_path("{dialog_id}/members").post(chats::set_member))
                .push(Router::with_path("{dialog_id}/topics").post(chats::create_topic))
                .push(
                    Router::with_path("{dialog_id}/messages")
                        .get(messages::list)
                        .post(messages::create)
                        .push(Router::with_path("batch").post(messages::create_batch))
                        .push(Router::with_path("{message_id}").patch(messages::edit).delete(messages::remove)),
                ),
        )
        .push(Router::with_path("arrivals").get(bench::arrivals))
        .push(Router::with_path("keys").post(bench::make_key))
        .push(Router::with_path("faults").get(faults::list).post(faults::add).delete(faults::clear))
}

#[handler]
async fn health() -> Json<Value> {
    Json(json!({ "ok": true }))
}

#[handler]
async fn rsa_pem(depot: &mut Depot) -> Result<Text<String>, Refusal> {
    Ok(Text::Plain(server(depot)?.rsa.public_pem()))
}

fn server(depot: &Depot) -> Result<Arc<Server>, Refusal> {
    depot.get_typed::<Arc<Server>>().cloned().map_err(|_| Refusal::bad("the server is not ready"))
}

async fn body<T: DeserializeOwned>(request: &mut Request) -> Result<T, Refusal> {
    let bytes = request.payload_with_max_size(BODY_MAX_BYTES).await.map_err(|e| Refusal::bad(e.to_string()))?;
    serde_json::from_slice(bytes).map_err(|e| Refusal::bad(e.to_string()))
}

fn path<T: std::str::FromStr>(request: &Request, name: &str) -> Result<T, Refusal> {
    let value = request.params().get(name).and_then(|value| value.parse().ok());
    value.ok_or_else(|| Refusal::bad(format!("{name} is not usable")))
}

fn chat(request: &Request) -> Result<Peer, Refusal> {
    Ok(Peer::from_dialog_id(path(request, "dialog_id")?))
}
