//! Changes of the world with the events that announce them, as REST and the control API share them.

mod guild;
mod message;

pub use guild::{NewChannel, add_channel, create_guild, join, kick, remove_channel, update_channel};
pub use message::{Told, delete, edit, open_thread, post};
