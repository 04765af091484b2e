//! The HTTP server: how much of a request is read, for how long, and over how many connections.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use salvo::{
    conn::{Acceptor, tcp::TcpAcceptor},
    prelude::Server,
    rt::tokio::TokioTimer,
};
use tokio::net::TcpSocket;

use crate::{
    connections::{Admission, Connections},
    state::AppState,
};

/// Header fields of one request; ours need a dozen.
const HEADERS_MAX: usize = 64;
/// Bytes of a request before its body: the longest is a cookie or two that are not ours.
const HEAD_BYTES_MAX: u16 = 16 * 1024;
/// Bytes of one connection that wait in either direction.
const BUFFER_BYTES_MAX: usize = 64 * 1024;
/// Requests at once over one HTTP/2 connection.
const STREAMS_MAX: u32 = 64;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;
/// An HTTP/2 peer is asked this often whether it is still there, and must say so within as long again.
const HTTP2_PING_EVERY: Duration = Duration::from_secs(20);

/// How long callers may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// For a request's head, from its first byte (of a connection's first request: from the connection) to its last.
    pub(crate) head: Duration,
    /// For a body, from when it is wanted to its last byte.
    pub(crate) body: Duration,
    /// Between two requests, and between any two bytes. Longer than a request may take, and than the usual 60 s for
    /// which proxies keep connections, so that it is they who close them.
    pub(crate) idle: Duration,
    /// Between two requests while few connections are left.
    pub(crate) idle_crowded: Duration,
    /// For taking any part of an answer.
    pub(crate) write: Duration,
}

impl Patience {
    /// As it should be with callers on slow lines, and no longer.
    pub(crate) const USUAL: Self = Self {
        head: Duration::from_secs(10),
        body: Duration::from_secs(30),
        idle: Duration::from_secs(75),
        idle_crowded: Duration::from_secs(5),
        write: Duration::from_secs(30),
    };
}

/// Listens on `address`. Answers leave at once: the end of one that does not fill a packet would otherwise wait until the
/// other side has acknowledged its beginning. Accepted connections inherit that from the listener.
///
/// # Errors
/// When the address is not ours or in use.
pub fn listen(address: SocketAddr) -> anyhow::Result<TcpAcceptor> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.set_nodelay(true)?;
    socket.bind(address)?;
    Ok(socket.listen(BACKLOG)?.try_into()?)
}

/// A server on `acceptor` with the bounds of `state`. It must be made within a tokio runtime: a task of its own cuts
/// slow callers.
pub fn server<A: Acceptor + Send>(acceptor: A, state: &AppState) -> Server<A> {
    let mut server = Server::new(acceptor)
        .fuse_policy(Admission(Arc::clone(&state.connections)))
        .max_connections(state.connections.connections_max());
    server.http1_mut().max_headers(HEADERS_MAX).max_header_size(HEAD_BYTES_MAX.into()).max_buf_size(BUFFER_BYTES_MAX);
    server
        .http2_mut()
        .timer(TokioTimer::new())
        .max_header_list_size(HEAD_BYTES_MAX.into())
        .max_concurrent_streams(STREAMS_MAX)
        .keep_alive_interval(HTTP2_PING_EVERY)
        .keep_alive_timeout(HTTP2_PING_EVERY);
    tokio::spawn(Connections::cut_slow(Arc::downgrade(&state.connections)));
    server
}

#[cfg(test)]
mod tests;
