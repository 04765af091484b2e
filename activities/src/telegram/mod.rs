//! Telegram: a user's account over MTProto, by grammers.
//!
//! [`connect`] makes a live account of a stored session; [`login`] makes a session of a phone number. Nothing outside
//! of this module sees a grammers type.

mod account;
mod album;
mod backoff;
mod bot;
mod chats;
mod client;
mod differences;
mod download;
mod edit;
mod endpoint;
mod engine;
mod entities;
mod errors;
mod extras;
mod gaps;
mod group;
mod handshake;
mod history;
mod link;
pub mod login;
mod media;
mod names;
mod news;
mod normalise;
mod password;
#[cfg(test)]
mod properties;
mod read_back;
mod rsa_key;
mod send;
mod session;
mod session_document;
mod shown;
mod topics;
mod updates;
mod upload;

pub use bot::{BotConnection, BotLink, BotToken, BotTokenError, connect_bot, sign_in_bot};
pub use client::{SessionHandle, TelegramLink, connect, connect_observed};
pub use endpoint::{CALL_TIMEOUT, EndpointError, TelegramConfig, TelegramEndpoint};
pub use rsa_key::{RsaKeyError, RsaPublicKey};
