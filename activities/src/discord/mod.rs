//! The Discord adapter: one bot account as a [`Connection`](crate::platform::Connection) and an
//! [`EventStream`](crate::platform::EventStream), over serenity.
//!
//! It owns everything that knows Discord: the endpoint, the gateway's thread, error classes, permissions, snowflakes.
//! serenity's rate-limit buckets stay in use; waits that are longer than [`DiscordConfig::wait_in_place`] surface as
//! [`PlatformError::Wait`](crate::platform::PlatformError::Wait) instead of holding the caller.
//!
//! serenity prints message bodies at `warn` when it cannot decode an event and puts request bodies into spans at
//! `info`, so a log filter must contain [`LOG_DIRECTIVE`].

mod ask;
mod backoff;
mod change;
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
mod permit;
mod read_back;
mod rest;
mod send;
mod snowflake;
mod threads;
mod token;
mod webhooks;

pub use connection::{connect, connect_observed};
pub use endpoint::{DiscordConfig, DiscordEndpoint};
pub use token::verify_token;

/// The filter directive without which serenity would write message bodies into the log.
pub const LOG_DIRECTIVE: &str = "serenity=error";
