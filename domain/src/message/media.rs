//! Attachments, by reference.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::chat::ChatId;

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
