//! Forwarding pairs: a source, a destination and how to carry.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{account::Platform, chat::ChatId, ids::AccountId, lineage::Place};

/// The longest delay a pair may ask for: a day.
pub const DELAY_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// The longest name of a pair, in characters.
pub const PAIR_NAME_CHARS_MAX: usize = 100;

/// How a message stands at the destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "copy_mode", rename_all = "snake_case"))]
#[serde(rename_all = "snake_case")]
pub enum CopyMode {
    /// Posted as the destination account's own message.
    #[default]
    Copy,
    /// Telegram's native forward where one account sees both chats; an attribution line elsewhere.
    Forward,
}

impl CopyMode {
    /// The platform itself forwards what `reader` sees and `writer` posts at `platform`, attachments and all: on Telegram,
    /// where both are one account.
    #[must_use]
    pub fn is_native(self, reader: AccountId, writer: AccountId, platform: Platform) -> bool {
        self == Self::Forward && platform == Platform::Telegram && reader == writer
    }
}

/// The state of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "pair_status", rename_all = "snake_case"))]
#[serde(rename_all = "snake_case")]
pub enum PairStatus {
    /// Messages are carried.
    Active,
    /// The user paused it: messages are recorded and wait.
    Paused,
    /// The destination refuses us; retried slowly, at once on resume. Messages wait.
    Blocked,
}

/// One end of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Endpoint {
    /// The linked account that reads or writes.
    pub account: AccountId,
    /// Where the account lives.
    pub platform: Platform,
    /// The chat.
    pub chat: ChatId,
    /// One topic of it; `None`: all of it.
    #[serde(default)]
    pub topic: Option<i64>,
}

impl Endpoint {
    /// The place, whichever account sees it.
    #[must_use]
    pub const fn place(self) -> Place {
        Place { platform: self.platform, chat: self.chat, topic: self.topic }
    }
}

/// Why a pair cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PairError {
    /// A message would be carried to where it came from, for ever.
    #[error("the source is also the destination")]
    SourceIsDestination,
    /// The delay is over [`DELAY_MAX`].
    #[error("the delay is longer than a day")]
    DelayTooLong,
    /// The name is empty or over [`PAIR_NAME_CHARS_MAX`].
    #[error("the name must have 1 to 100 characters")]
    BadName,
}

/// Checks the rules that need nothing but the pair itself.
///
/// # Errors
/// The first rule that is broken.
pub fn validate(name: &str, source: Endpoint, destination: Endpoint, delay: Duration) -> Result<(), PairError> {
    if source.place().overlaps(&destination.place()) {
        return Err(PairError::SourceIsDestination);
    }
    if delay > DELAY_MAX {
        return Err(PairError::DelayTooLong);
    }
    if name.trim().is_empty() || name.chars().count() > PAIR_NAME_CHARS_MAX {
        return Err(PairError::BadName);
    }
    Ok(())
}
