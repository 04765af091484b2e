//! The receiving half of a connection: bytes to packets, packets to messages, messages to requests.

use std::sync::Arc;
use std::time::Duration;

use grammers_tl_types::RawVec;
use grammers_tl_types::{
    Deserializable as _, Identifiable as _, Serializable as _, deserialize, enums, functions, types,
};
use thiserror::Error;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::mpsc;

use super::crypto::{self, BadPacket};
use super::framing::{Framing, FramingError, Kind};
use super::handshake::{Handshake, HandshakeError};
use super::session::{Incoming, Packet, SERVER_SALT, Seen, constructor};
use super::writer;
use crate::telegram::clock;
use crate::telegram::live::{Connection, Out};
use crate::telegram::rpc::{self, Caller, Verdict};
use crate::telegram::state::Server;
use crate::telegram::world::event::Event;
use crate::telegram::world::journal::JournalError;

/// The transport error for a key that the server does not know.
const UNKNOWN_KEY: i32 = -404;
/// How long a salt is said to be valid; clients renew before it ends.
const SALT_VALID_SECONDS: i32 = 3600;

/// Why a connection ended before its client closed it.
#[derive(Debug, Error)]
pub(crate) enum ConnectionError {
    #[error("the socket failed")]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Framing(#[from] FramingError),
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    #[error(transparent)]
    Packet(#[from] BadPacket),
    #[error("a message is malformed")]
    Malformed(#[from] deserialize::Error),
    #[error("the client uses a key that is not known here")]
    UnknownKey,
    #[error("the connection was refused by a fault")]
    Refused,
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Serves one client until either side ends it.
pub(crate) async fn serve(server: Arc<Server>, socket: TcpStream) -> Result<(), ConnectionError> {
    socket.set_nodelay(true)?;
    let (reading, writing) = socket.into_split();
    let (out, queue) = mpsc::unbounded_channel();
    let connection = server.lock().live.connect(out);
    let id = connection.id;
    let mut reader = Reader { server: Arc::clone(&server), connection, handshake: Handshake::default(), session: None };
    let result = tokio::select! {
        result = reader.run(reading) => result,
        // The writer ends when it is told to close, and takes the reader with it.
        result = writer::run(writing, queue) => result.map_err(ConnectionError::from),
    };
    server.lock().live.disconnect(id);
    result
}

struct Reader {
    server: Arc<Server>,
    connection: Connection,
    handshake: Handshake,
    session: Option<Session>,
}

/// The session that the last packet belonged to.
struct Session {
    key: crypto::AuthKeyBytes,
    key_id: i64,
    id: i64,
    seen: Seen,
}

impl Reader {
    async fn run(&mut self, mut socket: OwnedReadHalf) -> Result<(), ConnectionError> {
        let mut bytes = Vec::new();
        let mut framing = None;
        let mut chunk = vec![0; 64 << 10];
        loop {
            let read = socket.read(&mut chunk).await?;
            if read == 0 {
                return Ok(());
            }
            bytes.extend_from_slice(&chunk[..read]);
            if framing.is_none() {
                let Some((kind, announced)) = Kind::sniff(&bytes) else { continue };
                bytes.drain(..announced);
                framing = Some(Framing::new(kind));
                self.send(Out::Transport(kind));
            }
            let Some(framing) = framing.as_mut() else { continue };
            let mut consumed = 0;
            while let Some((range, next)) = framing.unpack(&mut bytes[consumed..])? {
                let packet = &bytes[consumed + range.start..consumed + range.end];
                let outcome = self.packet(packet);
                consumed += next;
                if let Err(ConnectionError::UnknownKey) = outcome {
                    self.send(Out::Refuse(UNKNOWN_KEY));
                    // The writer says it and ends the connection; nothing more is read.
                    std::future::pending::<()>().await;
                }
                outcome?;
            }
            bytes.drain(..consumed);
        }
    }

    fn send(&self, item: Out) {
        // The queue is gone only when the connection is.
        let _ = self.connection.out.send(item);
    }

    fn packet(&mut self, packet: &[u8]) -> Result<(), ConnectionError> {
        let Some((key_id, _)) = packet.split_first_chunk::<8>() else { return Err(BadPacket.into()) };
        match i64::from_le_bytes(*key_id) {
            0 => self.exchange(packet.get(20..).unwrap_or_default()),
            key_id => self.encrypted(key_id, packet),
        }
    }

    fn exchange(&mut self, body: &[u8]) -> Result<(), ConnectionError> {
        let step = self.handshake.step(&self.server.rsa, body)?;
        if let Some(key) = step.new_key {
            self.server.lock().commit(vec![Event::KeyMade { key: hex::encode(key) }])?;
        }
        self.send(Out::Plain(step.answer));
        Ok(())
    }

    fn encrypted(&mut self, key_id: i64, packet: &[u8]) -> Result<(), ConnectionError> {
        let key = match &self.session {
            Some(session) if session.key_id == key_id => session.key,
            _ => self.server.lock().world.keys.get(&key_id).copied().ok_or(ConnectionError::UnknownKey)?,
        };
        let packet = Packet::read(&crypto::decrypt_from_client(packet, &key)?)?;
        if self.session.as_ref().is_none_or(|s| (s.key_id, s.id) != (key_id, packet.session_id)) {
            self.open_session(key, key_id, &packet)?;
        }
        for message in packet.messages {
            self.message(key_id, packet.session_id, message)?;
        }
        Ok(())
    }

    fn open_session(&mut self, key: crypto::AuthKeyBytes, key_id: i64, packet: &Packet) -> Result<(), ConnectionError> {
        let mut state = self.server.lock();
        let user = state.user_of(key_id);
        if user.is_some() && state.faults.refuses(user) {
            return Err(ConnectionError::Refused);
        }
        let session_id = packet.session_id;
        self.send(Out::Session { key: Box::new(key), key_id, session_id });
        let created = types::NewSessionCreated {
            first_msg_id: packet.first_msg_id,
            unique_id: i64::from_le_bytes(crypto::random()),
            server_salt: SERVER_SALT,
        };
        self.send(Out::Push(enums::NewSession::Created(created).to_bytes()));
        state.live.attach(key_id, session_id, &self.connection);
        drop(state);
        self.session = Some(Session { key, key_id, id: session_id, seen: Seen::default() });
        Ok(())
    }

    fn message(&mut self, key_id: i64, session_id: i64, message: Incoming) -> Result<(), ConnectionError> {
        let Incoming { msg_id, body } = message;
        let Some(id) = constructor(&body) else { return Ok(()) };
        let arguments = &body[4..];
        match id {
            types::MsgsAck::CONSTRUCTOR_ID | types::MsgsStateReq::CONSTRUCTOR_ID | types::HttpWait::CONSTRUCTOR_ID => {}
            functions::Ping::CONSTRUCTOR_ID => {
                self.pong(msg_id, functions::Ping::from_bytes(arguments)?.ping_id);
            }
            functions::PingDelayDisconnect::CONSTRUCTOR_ID => {
                self.pong(msg_id, functions::PingDelayDisconnect::from_bytes(arguments)?.ping_id);
            }
            functions::GetFutureSalts::CONSTRUCTOR_ID => self.salts(msg_id),
            functions::RpcDropAnswer::CONSTRUCTOR_ID => {
                self.send(Out::Reply(rpc::result(msg_id, &enums::RpcDropAnswer::RpcAnswerUnknown.to_bytes())));
            }
            functions::DestroySession::CONSTRUCTOR_ID => {
                let session_id = functions::DestroySession::from_bytes(arguments)?.session_id;
                let none = types::DestroySessionNone { session_id };
                self.send(Out::Reply(enums::DestroySessionRes::DestroySessionNone(none).to_bytes()));
            }
            _ => {
                let is_new = self.session.as_mut().is_some_and(|session| session.seen.insert(msg_id));
                if is_new {
                    self.request(Caller { key_id, session_id }, msg_id, &body);
                }
            }
        }
        Ok(())
    }

    fn request(&self, caller: Caller, msg_id: i64, body: &[u8]) {
        // The answer is queued under the lock, so that it stands in order with the pushes of other requests.
        let mut state = self.server.lock();
        match rpc::handle(&self.server, &mut state, caller, body) {
            Verdict::Answer(answer) => self.send(Out::Reply(rpc::result(msg_id, &answer))),
            Verdict::Late(answer, by) => {
                let (out, reply) = (self.connection.out.clone(), rpc::result(msg_id, &answer));
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(by)).await;
                    let _ = out.send(Out::Reply(reply));
                });
            }
            Verdict::Hang => self.send(Out::Close),
        }
    }

    fn pong(&self, msg_id: i64, ping_id: i64) {
        self.send(Out::Reply(enums::Pong::Pong(types::Pong { msg_id, ping_id }).to_bytes()));
    }

    fn salts(&self, req_msg_id: i64) {
        let now = clock::now();
        let salts = (0..4).map(|n| types::FutureSalt {
            valid_since: now + n * SALT_VALID_SECONDS / 2,
            valid_until: now + n * SALT_VALID_SECONDS / 2 + SALT_VALID_SECONDS,
            salt: SERVER_SALT,
        });
        let salts = types::FutureSalts { req_msg_id, now, salts: RawVec(salts.collect()) };
        self.send(Out::Reply(enums::FutureSalts::Salts(salts).to_bytes()));
    }
}
