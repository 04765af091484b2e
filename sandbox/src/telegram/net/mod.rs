//! From bytes on a socket to requests, and back.

pub(crate) mod connection;
pub(crate) mod crypto;
pub(crate) mod framing;
pub(crate) mod handshake;
pub(crate) mod rsa;
pub(crate) mod session;
pub(crate) mod srp;
pub(crate) mod writer;
