//! A message made up to try rules on.

use chrono::{DateTime, Datelike as _, Utc};
use domain::{
    Author, Media, MediaKind, Message,
    message::{MediaSource, Origin},
    text::{RichText, Span},
};
use salvo::prelude::*;
use serde::Deserialize;
use store::pairs::Pair;

use super::wrong;
use crate::error::ApiError;

/// The longest text of a sample, in UTF-16 units: what Telegram takes.
const TEXT_UTF16_MAX: usize = 4_096;
/// The most attachments of a sample: an album.
const MEDIA_MAX: usize = 10;
/// The most stretches of formatting: what Telegram keeps.
const ENTITIES_MAX: usize = 100;

/// Both platforms are younger, and reckoning far beyond a lifetime leaves what times can hold.
const SENT_IN_YEARS: std::ops::Range<i32> = 2000..2200;

/// A message made up for a try.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = SampleMessage))]
#[serde(deny_unknown_fields)]
pub(crate) struct SampleIn {
    /// Text or caption, at most 4,096 UTF-16 units.
    #[serde(default)]
    text: String,
    /// Formatting: `{offset, length, style}` in UTF-16 units; styles such as `"bold"` or `{"link": {"url": "…"}}`.
    #[serde(default)]
    #[salvo(schema(value_type = Option<Vec<Object>>))]
    entities: Vec<Span>,
    /// Who wrote it; nobody for a channel post.
    author: Option<SampleAuthor>,
    /// Attachments; several are an album. At most 10.
    #[serde(default)]
    media: Vec<SampleMedia>,
    /// It answers another message.
    #[serde(default)]
    reply: bool,
    /// It was forwarded from elsewhere.
    #[serde(default)]
    forwarded: bool,
    /// When it was written; now unless given.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    sent_at: Option<DateTime<Utc>>,
}

/// The author of a sample.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = SampleAuthor))]
#[serde(deny_unknown_fields)]
struct SampleAuthor {
    /// The platform's id, decimal.
    id: Option<String>,
    /// The name that people see.
    #[serde(default)]
    name: String,
    /// It is a bot.
    #[serde(default)]
    bot: bool,
}

/// An attachment of a sample.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = SampleMedia))]
#[serde(deny_unknown_fields)]
struct SampleMedia {
    /// `photo`, `video`, `video_note`, `animation`, `audio`, `voice`, `sticker` or `document`.
    #[salvo(schema(value_type = crate::wire::MediaKindDoc))]
    kind: MediaKind,
    /// In bytes.
    #[serde(default)]
    size_bytes: u64,
    /// Its name.
    file_name: Option<String>,
}

impl SampleIn {
    /// The message as if it had been written at the pair's source.
    pub(super) fn into_message(self, pair: &Pair, now: DateTime<Utc>) -> Result<Message, ApiError> {
        if self.text.encode_utf16().count() > TEXT_UTF16_MAX {
            return Err(wrong("message.text", "a text has at most 4,096 UTF-16 units"));
        }
        if self.media.len() > MEDIA_MAX {
            return Err(wrong("message.media", "a message has at most 10 attachments"));
        }
        if self.entities.len() > ENTITIES_MAX {
            return Err(wrong("message.entities", "a message has at most 100 entities"));
        }
        let length = self.text.encode_utf16().count();
        if self.entities.iter().any(|entity| entity.end() > length) {
            return Err(wrong("message.entities", "an entity lies outside of the text"));
        }
        let sent_at = self.sent_at.unwrap_or(now);
        if !SENT_IN_YEARS.contains(&sent_at.year()) {
            return Err(wrong("message.sent_at", "expected a time in the years 2000 to 2199"));
        }
        let author = self.author.map(SampleAuthor::into_author).transpose()?;
        let media = self.media.into_iter().map(|media| {
            // Nothing is fetched in a try.
            let source = MediaSource::PublicUrl { url: String::new() };
            let name = media.file_name.unwrap_or_else(|| "file".to_owned());
            Media::new(media.kind, name, "application/octet-stream".to_owned(), media.size_bytes, source)
        });
        Ok(Message {
            author,
            chat_title: pair.source_title.clone(),
            text: RichText { text: self.text, spans: self.entities },
            media: media.collect(),
            reply_to: self.reply.then_some(1),
            forwarded_from: self.forwarded.then(Origin::default),
            ..Message::new(pair.source_chat_id, 1, sent_at)
        })
    }
}

impl SampleAuthor {
    fn into_author(self) -> Result<Author, ApiError> {
        let id = match self.id {
            Some(id) => id.parse().map_err(|_| wrong("message.author.id", "expected a decimal number"))?,
            None => 0,
        };
        Ok(Author { id, name: self.name, username: None, bot: self.bot, avatar: None })
    }
}
