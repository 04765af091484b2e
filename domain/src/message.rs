//! The message model: what a platform message becomes before anything is decided about it.
//!
//! It is stored as JSON, sealed, in `source_messages.sealed_content`, so changes must be additive (`#[serde(default)]`).

mod album;
mod extra;
mod media;
mod sameness;
#[cfg(test)]
mod tests;
mod thread;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use self::{
    extra::{Contact, Embed, EmbedField, Extra, Location, Poll},
    media::{Media, MediaKind, MediaSource},
    thread::GENERAL_TOPIC,
};
use crate::{chat::ChatId, text::RichText};

/// A message as the source platform showed it, in words that both platforms share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Where it was written.
    pub chat: ChatId,
    /// The platform's id of the message: Telegram's per-chat number or Discord's snowflake.
    pub message_id: i64,
    /// 0 for the message as first written; each edit adds one. Given by the ledger, not by the platform.
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
    /// The piece of the answered message that the author quoted (Telegram).
    #[serde(default)]
    pub quote: Option<RichText>,
    /// The message is a forward: where it came from.
    #[serde(default)]
    pub forwarded_from: Option<Origin>,
    /// Telegram topic or Discord thread starter, where the chat has them.
    #[serde(default)]
    pub topic: Option<i64>,
    /// The channel that a Discord thread or forum post hangs under; the thread is the [`Self::chat`].
    #[serde(default)]
    pub parent: Option<ChatId>,
    /// Name of the topic, thread or forum post, where the platform says it.
    #[serde(default)]
    pub thread_title: Option<String>,
    /// What is neither text nor a file: polls, places, contacts, embeds.
    #[serde(default)]
    pub extras: Vec<Extra>,
    /// When it was last edited; `None` for a message as first written.
    #[serde(default)]
    pub edited_at: Option<DateTime<Utc>>,
    /// Name of a kind of content that is not carried yet (poll, location, service message, …).
    #[serde(default)]
    pub unsupported: Option<String>,
}

impl Message {
    /// A message of which nothing is known but its place and time.
    #[must_use]
    pub fn new(chat: ChatId, message_id: i64, sent_at: DateTime<Utc>) -> Self {
        Self {
            chat,
            message_id,
            revision: 0,
            sent_at,
            author: None,
            chat_title: None,
            outgoing: false,
            text: RichText::default(),
            media: Vec::new(),
            reply_to: None,
            album: None,
            quote: None,
            forwarded_from: None,
            topic: None,
            parent: None,
            thread_title: None,
            extras: Vec::new(),
            edited_at: None,
            unsupported: None,
        }
    }

    /// True when nothing of the message can be carried.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.text.is_empty() && self.media.is_empty() && self.extras.is_empty()
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
    /// The name that the platform gives to nobody else, without the `@`, where there is one; not shown.
    #[serde(default)]
    pub username: Option<String>,
    /// A bot or webhook wrote it.
    #[serde(default)]
    pub bot: bool,
    /// The author's picture, where the platform shows one.
    #[serde(default)]
    pub avatar: Option<Avatar>,
}

/// Where an author's picture is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "via")]
pub enum Avatar {
    /// A public address on the platform's own servers (Discord).
    Url {
        /// The address.
        url: String,
    },
    /// A Telegram profile photo; its bytes must be fetched by an account that sees the author.
    TelegramPhoto {
        /// Telegram's id of the photo: another one means another picture.
        photo_id: i64,
    },
}

/// Where a forwarded message was first written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The name of its author or chat; `None` when the platform hides it.
    #[serde(default)]
    pub name: Option<String>,
}

/// Something that happened to a message at the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// It was written.
    Posted(Message),
    /// Its content was changed; the message is as it stands now.
    Edited(Message),
    /// Messages were deleted.
    Deleted(Deletion),
}

/// Messages that were deleted at the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// Where; `None` where the platform does not say: Telegram numbers the messages of all private chats and basic
    /// groups together, per account, and names only the numbers.
    pub chat: Option<ChatId>,
    /// Which.
    pub message_ids: Vec<i64>,
}
