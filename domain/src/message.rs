//! The message model: what a platform message becomes before anything is decided about it.
//!
//! It is stored as JSON in `source_messages.content`, so changes must be additive (`#[serde(default)]`).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{chat::ChatId, text::RichText};

/// A message as the source platform showed it, in words that both platforms share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Where it was written.
    pub chat: ChatId,
    /// The platform's id of the message: Telegram's per-chat number or Discord's snowflake.
    pub message_id: i64,
    /// 0 for the message as first written; each edit adds one. (Edits are carried by a later revision.)
    #[serde(default)]
    pub revision: i32,
    /// When the platform says that it was written.
    pub sent_at: DateTime<Utc>,
    /// Who wrote it; `None` for an anonymous channel post.
    #[serde(default)]
    pub author: Option<Author>,
    /// The chat's title at that time, for the attribution line.
    #[serde(default)]
    pub chat_title: Option<String>,
    /// The account itself wrote it (by any of its clients), so it may be something that we sent.
    #[serde(default)]
    pub outgoing: bool,
    /// Text or caption with its formatting.
    #[serde(default)]
    pub text: RichText,
    /// Photos and documents, in order.
    #[serde(default)]
    pub media: Vec<Media>,
    /// The message that it answers, in the same chat.
    #[serde(default)]
    pub reply_to: Option<i64>,
    /// Telegram's album id; messages that share it belong together.
    #[serde(default)]
    pub album: Option<i64>,
    /// Telegram topic or Discord thread starter, where the chat has them.
    #[serde(default)]
    pub topic: Option<i64>,
    /// Name of a kind of content that is not carried yet (poll, location, service message, …).
    #[serde(default)]
    pub unsupported: Option<String>,
}

impl Message {
    /// True when nothing of the message can be carried.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.text.is_empty() && self.media.is_empty()
    }

    /// The rule by which no pair carries the message, whatever its settings: stable code and text for the history.
    #[must_use]
    pub fn skip_rule(&self) -> Option<(&'static str, &'static str)> {
        match self.unsupported.as_deref() {
            Some("service") => Some(("service_message", "a service message, not written by anybody")),
            Some(_) => None,
            None if self.is_empty() => Some(("empty", "the message has no content that could be carried")),
            None => None,
        }
    }
}

/// Who wrote a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// The platform's id of the person or bot.
    pub id: i64,
    /// The name that people see.
    pub name: String,
    /// A bot or webhook wrote it.
    #[serde(default)]
    pub bot: bool,
}

/// What an attachment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// An image shown in the chat.
    Photo,
    /// Any other file.
    Document,
}

/// One attachment, by reference: the bytes are fetched after the message is durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// What it is.
    pub kind: MediaKind,
    /// File name; made up for a Telegram photo.
    pub file_name: String,
    /// MIME type; `application/octet-stream` when the platform does not say.
    pub mime: String,
    /// Size in bytes as the platform states it.
    pub size_bytes: u64,
    /// How the source platform finds the bytes again.
    pub source: MediaSource,
}

/// How to find an attachment's bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "via")]
pub enum MediaSource {
    /// Read the Telegram message again: a file reference expires, a message id does not.
    TelegramMessage {
        /// The chat that holds the message.
        chat: ChatId,
        /// The message that holds the file.
        message_id: i64,
    },
    /// An attachment of a Discord message: its URL is signed and expires, so the message is read again when it has.
    DiscordAttachment {
        /// The channel that holds the message.
        chat: ChatId,
        /// The message that holds the attachment.
        message_id: i64,
        /// The attachment's id.
        attachment_id: i64,
        /// The URL as first seen.
        url: String,
    },
}
