//! Messages and all that can be in them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::discord::id::Id;

/// Who wrote a message.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// An account.
    Account(Id),
    /// A webhook under a name of its choice.
    Webhook {
        /// The webhook.
        id: Id,
        /// The name shown.
        name: String,
        /// The address of the picture shown, as given.
        #[serde(default)]
        avatar: Option<String>,
    },
}

impl Default for Author {
    fn default() -> Self {
        Self::Account(Id(0))
    }
}

impl Author {
    /// The id that stands as the message's author.
    #[must_use]
    pub const fn id(&self) -> Id {
        match self {
            Self::Account(id) | Self::Webhook { id, .. } => *id,
        }
    }
}

/// A message as it stands.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Message {
    /// The message; carries the time of writing.
    pub id: Id,
    /// Where it stands.
    pub channel: Id,
    /// Who wrote it.
    pub author: Author,
    /// Its text.
    pub content: String,
    /// Last edit, in milliseconds since 1970.
    pub edited_ms: Option<u64>,
    /// As given by the writer: text or number.
    pub nonce: Option<Value>,
    /// The message that it answers, in the same channel.
    pub reply_to: Option<Id>,
    /// Files.
    pub attachments: Vec<Attachment>,
    /// Rich embeds, as given.
    pub embeds: Vec<Value>,
    /// Message flags, such as 4096 for silent.
    pub flags: u64,
    /// Discord's message type besides 0 and 19, such as 7 for somebody's arrival.
    #[serde(default)]
    pub kind: u8,
    /// Stickers.
    #[serde(default)]
    pub stickers: Vec<Sticker>,
    /// A poll in Discord's shape.
    #[serde(default)]
    pub poll: Option<Value>,
    /// What it forwards; then it has no content of its own.
    #[serde(default)]
    pub forward: Option<Box<Forward>>,
    /// Whom it pings.
    #[serde(default)]
    pub pings: Pings,
}

/// A sticker; its bytes are kept under its id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sticker {
    /// The sticker.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// How it is drawn.
    pub format: StickerFormat,
}

/// How a sticker is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StickerFormat {
    /// A still picture.
    Png,
    /// A moving PNG.
    Apng,
    /// Vector animation in JSON.
    Lottie,
    /// A GIF.
    Gif,
}

impl StickerFormat {
    /// Discord's number for it.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Png => 1,
            Self::Apng => 2,
            Self::Lottie => 3,
            Self::Gif => 4,
        }
    }
}

/// A message inside another one that forwards it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Forward {
    /// The guild that it was written in.
    pub guild: Option<Id>,
    /// The channel that it was written in.
    pub channel: Id,
    /// The message.
    pub message: Id,
    /// What it said at that time.
    pub snapshot: Snapshot,
}

/// As much of a message as a forward keeps: not its author.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its text.
    pub content: String,
    /// When it was written, in milliseconds since 1970.
    pub sent_ms: u64,
    /// Last edit, in milliseconds since 1970.
    pub edited_ms: Option<u64>,
    /// Files.
    pub attachments: Vec<Attachment>,
    /// Rich embeds.
    pub embeds: Vec<Value>,
    /// Stickers.
    pub stickers: Vec<Sticker>,
    /// Message flags.
    pub flags: u64,
}

impl Snapshot {
    /// What a forward of `message` keeps.
    #[must_use]
    pub fn of(message: &Message) -> Self {
        Self {
            content: message.content.clone(),
            sent_ms: message.id.created_ms(),
            edited_ms: message.edited_ms,
            attachments: message.attachments.clone(),
            embeds: message.embeds.clone(),
            stickers: message.stickers.clone(),
            flags: message.flags,
        }
    }
}

/// Whom a message pings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pings {
    /// Everybody in the channel.
    pub everyone: bool,
    /// These accounts.
    pub users: Vec<Id>,
    /// The members of these roles.
    pub roles: Vec<Id>,
}

/// A file of a message.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attachment {
    /// The attachment; also names its bytes on disk.
    pub id: Id,
    /// The name, made safe for a URL.
    pub filename: String,
    /// Alternative text.
    pub description: Option<String>,
    /// MIME type.
    pub content_type: Option<String>,
    /// Bytes.
    pub size: usize,
    /// Hex.
    pub sha256: String,
    /// Width and height of a picture, in pixels.
    pub dimensions: Option<(u32, u32)>,
    /// Voice messages: length in seconds.
    #[serde(default)]
    pub duration_s: Option<f64>,
    /// Voice messages: loudness over time, in base64.
    #[serde(default)]
    pub waveform: Option<String>,
}
