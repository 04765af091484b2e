//! Chats and channels, named the same way on both platforms.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::account::Platform;

/// A chat of one platform.
///
/// Telegram: the Bot API dialog id (user `123`, basic group `-123`, channel or supergroup `-100123`).
/// Discord: the channel's snowflake; a thread is a channel of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
#[serde(try_from = "String", into = "String")]
pub struct ChatId(i64);

/// A text that is not a chat id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a chat id: expected a decimal number")]
pub struct ChatIdError;

impl ChatId {
    /// The id from the platform's number.
    #[must_use]
    pub const fn new(id: i64) -> Self {
        Self(id)
    }

    /// The platform's number.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// True when every account sees the same message ids in this chat. Telegram numbers the messages of private chats
    /// and basic groups per account; channels, supergroups and Discord number them for everybody.
    #[must_use]
    pub const fn message_ids_are_global(self, platform: Platform) -> bool {
        match platform {
            Platform::Discord => true,
            Platform::Telegram => self.0 <= -1_000_000_000_000,
        }
    }
}

impl fmt::Display for ChatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for ChatId {
    type Err = ChatIdError;

    fn from_str(text: &str) -> Result<Self, ChatIdError> {
        text.parse::<i64>().ok().filter(|id| *id != 0).map(Self).ok_or(ChatIdError)
    }
}

impl TryFrom<String> for ChatId {
    type Error = ChatIdError;

    fn try_from(text: String) -> Result<Self, ChatIdError> {
        text.parse()
    }
}

impl From<ChatId> for String {
    fn from(id: ChatId) -> Self {
        id.to_string()
    }
}

/// What a chat is, in words that both platforms share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "chat_kind", rename_all = "snake_case"))]
#[serde(rename_all = "snake_case")]
pub enum ChatKind {
    /// A private conversation (Telegram only).
    Direct,
    /// A Telegram basic group or supergroup.
    Group,
    /// A Telegram broadcast channel, or a Discord announcement channel.
    Channel,
    /// A Discord text channel.
    Text,
    /// A Discord thread or forum post.
    Thread,
    /// A chat whose messages stand in topics (Telegram) or posts (Discord).
    Forum,
}

/// What an account knows of a chat: whether it can be a source or a destination, and why not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatFacts {
    /// The chat.
    pub id: ChatId,
    /// Where it is.
    pub platform: Platform,
    /// What it is.
    pub kind: ChatKind,
    /// Its title; a person's name for a private conversation.
    pub title: String,
    /// The Discord guild's id, as text.
    pub guild_id: Option<String>,
    /// The Discord guild's name.
    pub guild_name: Option<String>,
    /// The public name of a Telegram channel or supergroup, without the `@`.
    #[serde(default)]
    pub username: Option<String>,
    /// The largest file that can be sent to it, in bytes, where the chat takes larger ones than its platform does
    /// everywhere (a boosted Discord server).
    #[serde(default)]
    pub file_bytes_max: Option<u64>,
    /// The account can read it, so it can be a source.
    pub can_read: bool,
    /// The account can write to it, so it can be a destination.
    pub can_write: bool,
    /// The newest message id known, 0 for an empty chat: where forwarding starts.
    pub last_message_id: i64,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn an_id_is_a_number_other_than_zero(text in "[-+0-9]{0,22}|.{0,12}") {
            match text.parse::<ChatId>() {
                Ok(id) => prop_assert_eq!(id.to_string().parse(), Ok(id)),
                Err(ChatIdError) => prop_assert!(text.parse::<i64>().is_err() || text.parse() == Ok(0_i64)),
            }
        }

        #[test]
        fn every_number_survives_the_wire(number: i64) {
            prop_assume!(number != 0);
            let json = serde_json::to_string(&ChatId::new(number)).unwrap();
            prop_assert_eq!(serde_json::from_str::<ChatId>(&json).unwrap(), ChatId::new(number));
        }
    }
}
