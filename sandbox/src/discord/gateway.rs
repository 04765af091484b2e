//! The gateway: live events over WebSocket, sessions that can be resumed, and the intents that filter them.

mod event;
mod hub;
mod link;
mod session;

pub use event::{Audience, Event, intent};
pub use hub::{Hub, Outgoing};
pub use link::serve;
