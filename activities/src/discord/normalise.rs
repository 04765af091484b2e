//! Discord messages in the words of the domain.

use domain::chat::ChatId;
use domain::message::{Author, Media, MediaKind, MediaSource, Message};
use domain::text::RichText;
use serde::Deserialize;
use serenity::all::{Attachment, Message as Source, MessageReferenceKind, MessageSnapshot, MessageType, User};

use super::names::Names;
use super::snowflake;

/// Name of what cannot be carried when a message could not even be decoded.
const UNDECODABLE: &str = "undecodable";

/// Translates messages for one bot.
pub(super) struct Normaliser<'a> {
    /// The bot's own user id: what it wrote is outgoing.
    pub(super) me: i64,
    /// Names of channels.
    pub(super) names: &'a Names,
}

impl Normaliser<'_> {
    /// One message as serenity decoded it.
    pub(super) fn message(&self, source: &Source) -> Message {
        let chat = ChatId::new(snowflake::signed(source.channel_id.get()));
        let message_id = snowflake::signed(source.id.get());
        let author = author(source);
        let forwarded = forwarded(source);
        let (content, mentions, attachments) = match forwarded {
            Some(original) => (&original.content, &original.mentions, &original.attachments),
            None => (&source.content, &source.mentions, &source.attachments),
        };
        let mut message = Message {
            chat,
            message_id,
            revision: 0,
            sent_at: snowflake::time(message_id),
            outgoing: author.id == self.me,
            author: Some(author),
            chat_title: self.names.get(chat.get()),
            text: rich_text(content, mentions),
            media: attachments.iter().map(|attachment| media(chat, message_id, attachment)).collect(),
            reply_to: reply_to(source),
            album: None,
            topic: None,
            unsupported: None,
        };
        message.unsupported = unsupported(source, &message).map(ToOwned::to_owned);
        if is_system(source.kind) {
            message.text = RichText::default();
            message.media.clear();
        }
        message
    }

    /// One message as Discord sent it. What serenity cannot decode keeps its id, so that a cursor can pass it and the
    /// history can name it. `None` for something without an id.
    pub(super) fn raw(&self, value: serde_json::Value) -> Option<Message> {
        let head = Head::deserialize(&value).ok()?;
        match serde_json::from_value::<Source>(value) {
            Ok(source) => Some(self.message(&source)),
            Err(error) => {
                tracing::warn!(discord.message_id = %head.id, %error, "A Discord message cannot be decoded.");
                head.into_undecodable()
            }
        }
    }
}

/// What every message has, whatever Discord adds to the rest.
#[derive(Deserialize)]
struct Head {
    id: String,
    channel_id: String,
}

impl Head {
    fn into_undecodable(self) -> Option<Message> {
        let message_id: i64 = self.id.parse().ok()?;
        Some(Message {
            chat: self.channel_id.parse().ok()?,
            message_id,
            revision: 0,
            sent_at: snowflake::time(message_id),
            author: None,
            chat_title: None,
            outgoing: false,
            text: RichText::default(),
            media: Vec::new(),
            reply_to: None,
            album: None,
            topic: None,
            unsupported: Some(UNDECODABLE.to_owned()),
        })
    }
}

fn rich_text(content: &str, _mentions: &[User]) -> RichText {
    RichText::plain(content)
}

fn author(source: &Source) -> Author {
    let user = &source.author;
    Author {
        id: snowflake::signed(user.id.get()),
        name: user.global_name.clone().unwrap_or_else(|| user.name.clone()),
        bot: user.bot || source.webhook_id.is_some(),
    }
}

/// The original of a forwarded message: Discord leaves the forward itself empty.
fn forwarded(source: &Source) -> Option<&MessageSnapshot> {
    let reference = source.message_reference.as_ref()?;
    (reference.kind == MessageReferenceKind::Forward).then(|| source.message_snapshots.first()).flatten()
}

fn reply_to(source: &Source) -> Option<i64> {
    let reference = source.message_reference.as_ref()?;
    let answers = source.kind == MessageType::InlineReply
        && reference.kind == MessageReferenceKind::Default
        && reference.channel_id == source.channel_id;
    answers.then_some(reference.message_id).flatten().map(|id| snowflake::signed(id.get()))
}

fn media(chat: ChatId, message_id: i64, attachment: &Attachment) -> Media {
    let mime = attachment.content_type.as_deref().unwrap_or("application/octet-stream");
    Media {
        kind: kind_of(mime),
        file_name: attachment.filename.clone(),
        mime: mime.to_owned(),
        size_bytes: u64::from(attachment.size),
        source: MediaSource::DiscordAttachment {
            chat,
            message_id,
            attachment_id: snowflake::signed(attachment.id.get()),
            url: attachment.url.clone(),
        },
    }
}

/// A photo is what both platforms show in the chat; other images travel as files.
fn kind_of(mime: &str) -> MediaKind {
    match mime.split(';').next().unwrap_or_default().trim() {
        "image/png" | "image/jpeg" | "image/webp" | "image/gif" => MediaKind::Photo,
        _ => MediaKind::Document,
    }
}

const fn is_system(kind: MessageType) -> bool {
    !matches!(kind, MessageType::Regular | MessageType::InlineReply)
}

/// The name of content that is not carried. Embeds beside text are previews of its links and are no loss.
fn unsupported(source: &Source, message: &Message) -> Option<&'static str> {
    let forwarded = forwarded(source);
    let stickers = forwarded.map_or(&source.sticker_items, |original| &original.sticker_items);
    let embeds = forwarded.map_or(&source.embeds, |original| &original.embeds);
    if is_system(source.kind) {
        Some("system_message")
    } else if source.poll.is_some() {
        Some("poll")
    } else if !stickers.is_empty() {
        Some("sticker")
    } else if !message.is_empty() {
        None
    } else if !embeds.is_empty() {
        Some("embed")
    } else if !source.components.is_empty() {
        Some("component")
    } else {
        Some("empty")
    }
}

#[cfg(test)]
mod tests;
