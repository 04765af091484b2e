//! The Discord sandbox against stock serenity: over TLS, with serenity's own limiter and Discord's own addresses.

#[cfg(test)]
#[path = "discord/world.rs"]
mod world;

#[cfg(test)]
#[path = "discord/faults.rs"]
mod faults;
#[cfg(test)]
#[path = "discord/gateway.rs"]
mod gateway;
#[cfg(test)]
#[path = "discord/kinds.rs"]
mod kinds;
#[cfg(test)]
#[path = "discord/limits.rs"]
mod limits;
#[cfg(test)]
#[path = "discord/messages.rs"]
mod messages;
#[cfg(test)]
#[path = "discord/refusals.rs"]
mod refusals;
#[cfg(test)]
#[path = "discord/restart.rs"]
mod restart;
#[cfg(test)]
#[path = "discord/rooms.rs"]
mod rooms;
