//! The Telegram adapter against the Telegram sandbox: real sockets, real encryption, real grammers.

// Says to the linter that helpers here are test code as well.
#![cfg(test)]

mod albums;
mod bot;
mod changes;
mod chats;
mod contents;
mod harness;
mod login;
mod media;
mod sending;
mod trouble;
mod updates;
