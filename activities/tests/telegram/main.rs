//! The Telegram adapter against the Telegram sandbox: real sockets, real encryption, real grammers.

mod chats;
mod harness;
mod login;
mod media;
mod sending;
mod trouble;
mod updates;
