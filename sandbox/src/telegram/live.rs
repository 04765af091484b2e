//! Who is connected, and the queue of each connection.

use std::collections::HashMap;

use tokio::sync::mpsc::UnboundedSender;

use super::net::crypto::AuthKeyBytes;
use super::net::framing::Kind;

/// What a connection's writer is told to do, in order.
#[derive(Debug)]
pub(crate) enum Out {
    /// The transport was recognised.
    Transport(Kind),
    /// The packets from here on belong to this session.
    Session { key: Box<AuthKeyBytes>, key_id: i64, session_id: i64 },
    /// An unencrypted packet of the key exchange.
    Plain(Vec<u8>),
    /// An answer to a message of the client.
    Reply(Vec<u8>),
    /// Something that the client did not ask for.
    Push(Vec<u8>),
    /// A transport error code, then the end.
    Refuse(i32),
    /// The end.
    Close,
}

/// One connection as others reach it.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) id: u64,
    pub(crate) out: UnboundedSender<Out>,
}

/// A session of a key.
#[derive(Debug)]
struct Session {
    id: i64,
    connection: Connection,
    /// The client asked for no updates here (a file transfer, say).
    is_quiet: bool,
}

/// All connected sessions, by key.
#[derive(Debug, Default)]
pub(crate) struct Live {
    by_key: HashMap<i64, Vec<Session>>,
    /// Every open connection, with or without a session.
    connections: HashMap<u64, Connection>,
    last_connection: u64,
}

impl Live {
    pub(crate) fn connect(&mut self, out: UnboundedSender<Out>) -> Connection {
        self.last_connection += 1;
        let connection = Connection { id: self.last_connection, out };
        self.connections.insert(connection.id, connection.clone());
        connection
    }

    pub(crate) fn disconnect(&mut self, connection: u64) {
        self.connections.remove(&connection);
        self.by_key.retain(|_, sessions| {
            sessions.retain(|session| session.connection.id != connection);
            !sessions.is_empty()
        });
    }

    /// The session now speaks over this connection.
    pub(crate) fn attach(&mut self, key_id: i64, session_id: i64, connection: &Connection) {
        let sessions = self.by_key.entry(key_id).or_default();
        sessions.retain(|session| session.id != session_id);
        sessions.push(Session { id: session_id, connection: connection.clone(), is_quiet: false });
    }

    pub(crate) fn silence(&mut self, key_id: i64, session_id: i64) {
        let sessions = self.by_key.get_mut(&key_id).into_iter().flatten();
        for session in sessions.filter(|session| session.id == session_id) {
            session.is_quiet = true;
        }
    }

    /// Queues `body` for every listening session of the key, except one.
    pub(crate) fn push(&self, key_id: i64, except: Option<i64>, body: &[u8]) {
        for session in self.by_key.get(&key_id).into_iter().flatten() {
            if !session.is_quiet && Some(session.id) != except {
                // A connection that is gone is noticed by its own task.
                let _ = session.connection.out.send(Out::Push(body.to_vec()));
            }
        }
    }

    pub(crate) fn has_listeners(&self, key_id: i64, except: Option<i64>) -> bool {
        self.by_key.get(&key_id).is_some_and(|s| s.iter().any(|s| !s.is_quiet && Some(s.id) != except))
    }

    /// Closes the key's connections.
    pub(crate) fn close_key(&self, key_id: i64) {
        for session in self.by_key.get(&key_id).into_iter().flatten() {
            let _ = session.connection.out.send(Out::Close);
        }
    }

    /// Closes every connection.
    pub(crate) fn close_all(&self) {
        for connection in self.connections.values() {
            let _ = connection.out.send(Out::Close);
        }
    }
}
