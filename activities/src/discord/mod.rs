//! The Discord adapter: one bot account as a [`Connection`](crate::platform::Connection) and an
//! [`EventStream`](crate::platform::EventStream), over serenity.
//!
//! It owns everything that knows Discord: the endpoint, the gateway's thread, error classes, permissions, snowflakes.
//! serenity's rate limiter stays in use; waits that are longer than [`DiscordConfig::wait_in_place`] surface as
//! [`PlatformError::Wait`](crate::platform::PlatformError::Wait) instead of holding the caller.
//!
//! serenity prints message bodies at `warn` when it cannot decode an event and puts request bodies into spans at
//! `info`, so a log filter must contain [`LOG_DIRECTIVE`].

mod backoff;
mod chats;
mod connection;
mod endpoint;
mod errors;
mod events;
mod gateway;
mod handler;
mod link;
mod media;
mod names;
mod normalise;
mod rest;
mod send;
mod snowflake;
mod token;

pub use connection::connect;
pub use endpoint::{DiscordConfig, DiscordEndpoint};
pub use token::verify_token;

/// The filter directive without which serenity would write message bodies into the log.
pub const LOG_DIRECTIVE: &str = "serenity=error";
