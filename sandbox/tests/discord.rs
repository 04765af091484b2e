//! The Discord sandbox against stock serenity: over TLS, with serenity's own limiter and Discord's own addresses.

#[path = "discord/world.rs"]
mod world;

#[path = "discord/faults.rs"]
mod faults;
#[path = "discord/gateway.rs"]
mod gateway;
#[path = "discord/limits.rs"]
mod limits;
#[path = "discord/messages.rs"]
mod messages;
#[path = "discord/refusals.rs"]
mod refusals;
#[path = "discord/restart.rs"]
mod restart;
#[path = "discord/rooms.rs"]
mod rooms;
