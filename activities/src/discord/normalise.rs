//! Discord messages in the words of the domain.

use domain::chat::ChatId;
use domain::message::{Author, Media, MediaKind, MediaSource, Message};
use domain::text::RichText;
use domain::text::discord::{self, Mentions};
use serde::Deserialize;
use serenity::all::{Attachment, Message as Source, MessageReferenceKind, MessageSnapshot, MessageType, RoleId, User};

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
        let (content, people, roles, attachments) = match forwarded {
            Some(original) => (&original.content, &original.mentions, &original.mention_roles, &original.attachments),
            None => (&source.content, &source.mentions, &source.mention_roles, &source.attachments),
        };
        let mut message = Message {
            outgoing: author.id == self.me,
            author: Some(author),
            chat_title: self.names.get(chat.get()),
            text: discord::parse(content, &self.mentions(content, people, roles)),
            media: attachments.iter().map(|attachment| media(chat, message_id, attachment)).collect(),
            reply_to: reply_to(source),
            ..Message::new(chat, message_id, snowflake::time(message_id))
        };
        message.unsupported = unsupported(source, &message).map(ToOwned::to_owned);
        if is_system(source.kind) {
            message.text = RichText::default();
            message.media.clear();
        }
        message
    }

    /// Names for the ids in `content`, as far as they are known.
    fn mentions(&self, content: &str, people: &[User], roles: &[RoleId]) -> Mentions {
        let known = people.iter().fold(Mentions::default(), |known, person| {
            known.user(snowflake::signed(person.id.get()), shown_name(person))
        });
        let known = roles
            .iter()
            .map(|role| snowflake::signed(role.get()))
            .filter_map(|role| Some((role, self.names.get(role)?)))
            .fold(known, |known, (role, name)| known.role(role, name));
        mentioned_channels(content)
            .filter_map(|channel| Some((channel, self.names.get(channel)?)))
            .fold(known, |known, (channel, name)| known.channel(channel, name))
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
            unsupported: Some(UNDECODABLE.to_owned()),
            ..Message::new(self.channel_id.parse().ok()?, message_id, snowflake::time(message_id))
        })
    }
}

/// Ids of the channels that `content` mentions as `<#id>`.
fn mentioned_channels(content: &str) -> impl Iterator<Item = i64> {
    content.split("<#").skip(1).filter_map(|rest| rest.split_once('>')?.0.parse().ok())
}

fn author(source: &Source) -> Author {
    let user = &source.author;
    Author {
        id: snowflake::signed(user.id.get()),
        name: shown_name(user).to_owned(),
        bot: user.bot || source.webhook_id.is_some(),
        avatar: None,
    }
}

fn shown_name(user: &User) -> &str {
    user.global_name.as_deref().unwrap_or(&user.name)
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
    let source = MediaSource::DiscordAttachment {
        chat,
        message_id,
        attachment_id: snowflake::signed(attachment.id.get()),
        url: attachment.url.clone(),
    };
    Media::new(kind_of(mime), attachment.filename.clone(), mime.to_owned(), u64::from(attachment.size), source)
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
