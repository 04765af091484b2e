//! Stock client library against a running sandbox: everything goes over real sockets.

mod catch_up;
mod handshake;
mod login;
mod messages;
mod support;
