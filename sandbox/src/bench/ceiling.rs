//! The ceilings: what the client libraries alone do with the same messages and the same sandboxes, and nothing durable.

mod discord;
mod telegram;

use crate::{
    scene::{Controls, Direction},
    stack::Stack,
};

/// How much a bare loop does.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Clients, as many as the product has accounts.
    pub clients: usize,
    /// Chats, as many as the product has pairs.
    pub chats: usize,
    /// Messages into each chat.
    pub messages: usize,
}

/// Messages per second of a bare loop to the direction's destination: one message after the other in each chat, all
/// chats at once. Clients and chats are new, so that no worker of ours listens to what they cause.
///
/// # Errors
/// When a send fails.
pub async fn run(stack: &Stack, controls: &Controls, direction: Direction, size: Size) -> anyhow::Result<f64> {
    match direction {
        Direction::TelegramToDiscord | Direction::DiscordToDiscord => discord::run(stack, controls, size).await,
        Direction::DiscordToTelegram | Direction::TelegramToTelegram => telegram::run(stack, controls, size).await,
    }
}
