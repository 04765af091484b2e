//! Changes of the world with the events that announce them, as REST and the control API share them.

mod guild;
mod message;

pub use guild::{add_channel, create_guild, join, kick, remove_channel, update_channel};
pub use message::{Draft, delete, edit, post};
