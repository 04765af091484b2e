//! Stock client library against a running sandbox: everything goes over real sockets.

mod bots;
mod catch_up;
mod changes;
mod contents;
mod handshake;
mod login;
mod media;
mod messages;
mod support;
