//! Requests: faults first, then who asks, then the table of methods.

mod account;
mod auth;
mod bots;
mod channels;
mod chats;
mod dialogs;
mod edit;
pub(crate) mod failure;
mod forum;
mod forward;
mod help;
mod history;
mod media;
mod peers;
mod routes;
mod send;
mod updates;
mod upload;
mod users;

use grammers_tl_types::{self as tl, Deserializable, Identifiable as _, Serializable as _, deserialize, functions};

pub(crate) use self::auth::parse_phone;
pub(crate) use self::bots::start_text;
pub(crate) use self::edit::{mailbox_deletion, target};
use self::failure::Failure;
pub(crate) use self::forum::topic_post;
pub(crate) use self::help::{CAPTION_MAX, MESSAGE_MAX};
pub(crate) use self::send::{reply, trim};
use super::clock;
use super::faults::{Kind, Request};
use super::net::session::{constructor, gunzip};
use super::state::{Server, State};
use super::wire::View;
use super::world::event::{Effect, Event};
use super::world::peer::Peer;

const RPC_RESULT: u32 = 0xf35c_6d01;
const GZIP_PACKED: u32 = 0x3072_cfa1;

/// Which session a request came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    pub(crate) key_id: i64,
    pub(crate) session_id: i64,
}

/// What the connection does with a request's outcome.
#[derive(Debug)]
pub(crate) enum Verdict {
    Answer(Vec<u8>),
    /// Answer after so many milliseconds.
    Late(Vec<u8>, u64),
    /// Close without an answer.
    Hang,
}

/// A request being carried out.
pub(crate) struct Call<'a> {
    pub(crate) server: &'a Server,
    pub(crate) state: &'a mut State,
    pub(crate) caller: Caller,
    /// The account; 0 before login, when only the methods of login can be reached.
    pub(crate) me: i64,
}

impl Call<'_> {
    /// The world as the caller sees it.
    pub(crate) fn view(&self) -> View<'_> {
        View::new(&self.state.world, self.me)
    }

    /// Makes events durable and true, and tells everybody but the calling session.
    pub(crate) fn commit(&mut self, events: Vec<Event>) -> Result<Vec<Effect>, Failure> {
        let except = (self.caller.key_id, self.caller.session_id);
        Ok(self.state.commit_and_push(events, Some(except))?)
    }

    /// Counts `messages` that the caller is about to write in `to` against the limits that were set.
    pub(crate) fn spend(&mut self, to: Peer, messages: usize) -> Result<(), Failure> {
        let refused = self.state.limits.spend(self.me, to, messages, clock::since_epoch());
        refused.map_err(|wait| Failure::new(420, format!("FLOOD_WAIT_{wait}")))
    }
}

/// The rest of a request inside a wrapper: everything up to the end.
struct Rest(Vec<u8>);

impl Deserializable for Rest {
    fn deserialize(cursor: &mut deserialize::Cursor<'_>) -> deserialize::Result<Self> {
        let mut bytes = Vec::new();
        cursor.read_to_end(&mut bytes)?;
        Ok(Self(bytes))
    }
}

/// `rpc_result` around an answer.
pub(crate) fn result(msg_id: i64, answer: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(12 + answer.len());
    RPC_RESULT.serialize(&mut out);
    msg_id.serialize(&mut out);
    out.extend_from_slice(answer);
    out
}

/// Carries out one request.
pub(crate) fn handle(server: &Server, state: &mut State, caller: Caller, body: &[u8]) -> Verdict {
    let unwrapped = match unwrap(state, caller, body.to_vec()) {
        Ok(body) => body,
        Err(error) => return Verdict::Answer(Failure::from(error).to_bytes()),
    };
    let Some(id) = constructor(&unwrapped) else {
        return Verdict::Answer(Failure::bad("INPUT_REQUEST_TOO_LONG").to_bytes());
    };
    let me = state.user_of(caller.key_id).unwrap_or(0);
    let request = Request { constructor: id, user: me, body: &unwrapped };
    if let Some(fault) = state.faults.take(&[Kind::FloodWait, Kind::RpcError], request) {
        tracing::info!(rpc.method = tl::name_for_id(id), user.id = me, "A fault answers the request.");
        return Verdict::Answer(Failure::injected(&fault).to_bytes());
    }
    let late = state.faults.take(&[Kind::LoseAnswer, Kind::Delay], request);
    let outcome = routes::route(&mut Call { server, state, caller, me }, id, &unwrapped[4..]);
    if let Err(failure) = &outcome {
        tracing::debug!(rpc.method = tl::name_for_id(id), user.id = me, rpc.error = %failure, "A request was refused.");
    }
    let answer = outcome.unwrap_or_else(|failure| failure.to_bytes());
    match late {
        Some(fault) if fault.kind == Kind::LoseAnswer => Verdict::Hang,
        Some(fault) => Verdict::Late(answer, fault.ms.unwrap_or(1000)),
        None => Verdict::Answer(answer),
    }
}

/// Takes off the wrappers around a request.
fn unwrap(state: &mut State, caller: Caller, mut body: Vec<u8>) -> Result<Vec<u8>, deserialize::Error> {
    loop {
        let Some(id) = constructor(&body) else { return Ok(body) };
        let arguments = &body[4..];
        body = match id {
            functions::InvokeWithLayer::<Rest>::CONSTRUCTOR_ID => {
                functions::InvokeWithLayer::<Rest>::from_bytes(arguments)?.query.0
            }
            functions::InitConnection::<Rest>::CONSTRUCTOR_ID => {
                functions::InitConnection::<Rest>::from_bytes(arguments)?.query.0
            }
            functions::InvokeAfterMsg::<Rest>::CONSTRUCTOR_ID => {
                functions::InvokeAfterMsg::<Rest>::from_bytes(arguments)?.query.0
            }
            functions::InvokeWithoutUpdates::<Rest>::CONSTRUCTOR_ID => {
                state.live.silence(caller.key_id, caller.session_id);
                functions::InvokeWithoutUpdates::<Rest>::from_bytes(arguments)?.query.0
            }
            GZIP_PACKED => gunzip(arguments)?,
            _ => return Ok(body),
        };
    }
}

/// The present second, for what is written down.
fn now() -> i32 {
    clock::now()
}
