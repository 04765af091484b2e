//! The message model: what a platform message becomes before anything is decided about it.
//!
//! It is stored as JSON in `source_messages.content`, so changes must be additive (`#[serde(default)]`).

mod album;
mod headline;
mod sameness;

use std::borrow::Cow;

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

/// What an attachment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// An image shown in the chat.
    Photo,
    /// A video with its picture in the chat.
    Video,
    /// A short round video (Telegram).
    VideoNote,
    /// A short video without sound that plays by itself: a GIF.
    Animation,
    /// Music, with title and performer where the platform knows them.
    Audio,
    /// A spoken message.
    Voice,
    /// A sticker: WebP or PNG, animated (`application/x-tgsticker`, APNG, GIF) or a video (WebM).
    Sticker,
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
    /// Hidden until somebody touches it.
    #[serde(default)]
    pub spoiler: bool,
    /// In pixels, where the platform says.
    #[serde(default)]
    pub width: Option<u32>,
    /// In pixels, where the platform says.
    #[serde(default)]
    pub height: Option<u32>,
    /// Playing time in seconds, where the platform says.
    #[serde(default)]
    pub duration_seconds: Option<u32>,
    /// The emoji that a sticker stands for.
    #[serde(default)]
    pub emoji: Option<String>,
    /// What a piece of music is called.
    #[serde(default)]
    pub title: Option<String>,
    /// Who plays it.
    #[serde(default)]
    pub performer: Option<String>,
}

impl Media {
    /// The name that says most to people: performer and title of a piece of music, with the ending of its file; else the
    /// file's name.
    #[must_use]
    pub fn label(&self) -> Cow<'_, str> {
        let parts = [self.performer.as_deref(), self.title.as_deref()];
        let track = parts.into_iter().flatten().filter(|part| !part.trim().is_empty()).collect::<Vec<_>>().join(" - ");
        if track.is_empty() || self.kind != MediaKind::Audio {
            return Cow::Borrowed(&self.file_name);
        }
        let ending = self.file_name.rsplit_once('.').map(|(_, ending)| ending);
        let ending =
            ending.filter(|ending| ending.len() <= 5 && ending.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        Cow::Owned(ending.map_or(track.clone(), |ending| format!("{track}.{ending}")))
    }

    /// An attachment of which only the ordinary facts are known.
    #[must_use]
    pub const fn new(kind: MediaKind, file_name: String, mime: String, size_bytes: u64, source: MediaSource) -> Self {
        Self {
            kind,
            file_name,
            mime,
            size_bytes,
            source,
            spoiler: false,
            width: None,
            height: None,
            duration_seconds: None,
            emoji: None,
            title: None,
            performer: None,
        }
    }
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
    /// A file at a lasting public address on the platform's own servers, such as a Discord sticker.
    PublicUrl {
        /// The address; adapters fetch it from their platform's hosts only.
        url: String,
    },
}

/// What a message carries beside text and files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Extra {
    /// A question with answers to choose from.
    Poll(Poll),
    /// A place.
    Location(Location),
    /// Somebody's card.
    Contact(Contact),
    /// A box beside the text: a bot's embed or the preview of a link.
    Embed(Box<Embed>),
    /// A throw of dice or another game of chance (Telegram).
    Dice {
        /// Which game, as its emoji.
        emoji: String,
        /// What came out.
        value: i32,
    },
}

/// A poll as it stood when the message was read; votes are not carried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poll {
    /// What is asked.
    pub question: String,
    /// The answers, in order.
    pub options: Vec<String>,
    /// More than one answer may be chosen.
    #[serde(default)]
    pub multiple: bool,
    /// One answer is right.
    #[serde(default)]
    pub quiz: bool,
    /// Nobody can vote any more.
    #[serde(default)]
    pub closed: bool,
}

/// A place on the map.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// Degrees north, in units of 10⁻⁷ degree.
    pub latitude_e7: i64,
    /// Degrees east, in units of 10⁻⁷ degree.
    pub longitude_e7: i64,
    /// Name of the place.
    #[serde(default)]
    pub title: Option<String>,
    /// Postal address.
    #[serde(default)]
    pub address: Option<String>,
    /// It moved on the sender's map; only where it was first is carried.
    #[serde(default)]
    pub live: bool,
}

/// Somebody's card.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Their name.
    pub name: String,
    /// Their number, as the platform writes it.
    pub phone: String,
}

/// A box beside the text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Embed {
    /// It is the preview of a link that stands in the text: the destination makes its own.
    #[serde(default)]
    pub preview: bool,
    /// Where the title leads.
    #[serde(default)]
    pub url: Option<String>,
    /// Headline.
    #[serde(default)]
    pub title: Option<String>,
    /// Body, with its formatting.
    #[serde(default)]
    pub description: RichText,
    /// Name of the author or site.
    #[serde(default)]
    pub author: Option<String>,
    /// Small print.
    #[serde(default)]
    pub footer: Option<String>,
    /// Named values, in order.
    #[serde(default)]
    pub fields: Vec<EmbedField>,
    /// Address of its picture.
    #[serde(default)]
    pub image_url: Option<String>,
}

/// A named value of an [`Embed`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmbedField {
    /// Its name.
    pub name: String,
    /// Its value, with its formatting.
    pub value: RichText,
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
