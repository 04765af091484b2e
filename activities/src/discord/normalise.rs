//! Discord messages in the words of the domain.

use chrono::{DateTime, Utc};
use domain::chat::ChatId;
use domain::message::{Author, Avatar, Message, Origin};
use domain::text::RichText;
use domain::text::discord::{self, Mentions};
use serde::Deserialize;
use serde_json::{Map, Value};
use serenity::all::{
    Attachment, Embed, Message as Source, MessageFlags, MessageReferenceKind, MessageSnapshot, MessageType, RoleId,
    StickerItem, Timestamp, User,
};

use super::names::Names;
use super::snowflake;

mod embeds;
mod media;

/// Name of what cannot be carried when a message, or a part of it, could not even be decoded.
const UNDECODABLE: &str = "undecodable";
/// Name of what Discord itself writes: somebody joined, pinned a message or opened a thread.
const SERVICE: &str = "service";
/// The fields without which a message says nothing; whatever else it has may be new to us.
const ESSENTIAL: [&str; 20] = [
    "id",
    "type",
    "channel_id",
    "guild_id",
    "author",
    "content",
    "timestamp",
    "edited_timestamp",
    "tts",
    "mention_everyone",
    "mentions",
    "mention_roles",
    "attachments",
    "embeds",
    "pinned",
    "flags",
    "message_reference",
    "webhook_id",
    "application_id",
    "sticker_items",
];
/// Of those, the ones that may hold what we cannot decode; dropped one after the other.
const DISPENSABLE: [&str; 7] =
    ["message_reference", "sticker_items", "embeds", "mention_roles", "mentions", "flags", "attachments"];

/// Translates messages for one bot.
pub(super) struct Normaliser<'a> {
    /// The bot's own user id: what it wrote is outgoing.
    pub(super) me: i64,
    /// Names of channels.
    pub(super) names: &'a Names,
}

/// What a message shows: its own content, or that of the message it forwards.
struct Shown<'a> {
    content: &'a str,
    people: &'a [User],
    roles: &'a [RoleId],
    attachments: &'a [Attachment],
    embeds: &'a [Embed],
    stickers: &'a [StickerItem],
    flags: MessageFlags,
}

impl<'a> Shown<'a> {
    fn of(source: &'a Source, forwarded: Option<&'a MessageSnapshot>) -> Self {
        match forwarded {
            Some(original) => Self {
                content: &original.content,
                people: &original.mentions,
                roles: &original.mention_roles,
                attachments: &original.attachments,
                embeds: &original.embeds,
                stickers: &original.sticker_items,
                flags: original.flags.unwrap_or_default(),
            },
            None => Self {
                content: &source.content,
                people: &source.mentions,
                roles: &source.mention_roles,
                attachments: &source.attachments,
                embeds: &source.embeds,
                stickers: &source.sticker_items,
                flags: source.flags.unwrap_or_default(),
            },
        }
    }
}

impl Normaliser<'_> {
    /// One message as serenity decoded it.
    pub(super) fn message(&self, source: &Source) -> Message {
        let mut message = self.framed(source);
        if is_service(source.kind) {
            message.unsupported = Some(SERVICE.to_owned());
            return message;
        }
        let shown = Shown::of(source, forwarded(source));
        let mentions = self.mentions(shown.content, shown.people, shown.roles);
        // A forward pings nobody, and neither does a box.
        let pinging = match forwarded(source) {
            Some(_) => mentions.clone(),
            None => mentions.clone().pinging(source.mention_everyone),
        };
        message.text = discord::parse(shown.content, &pinging);
        let voice = shown.flags.contains(MessageFlags::IS_VOICE_MESSAGE);
        message.media = shown
            .attachments
            .iter()
            .map(|attachment| media::attachment(message.chat, message.message_id, attachment, voice))
            .chain(shown.stickers.iter().filter_map(media::sticker))
            .collect();
        message.extras = source.poll.iter().map(|poll| embeds::poll(poll)).collect();
        let by_bot = source.author.bot || source.webhook_id.is_some() || forwarded(source).is_some();
        message
            .extras
            .extend(shown.embeds.iter().filter_map(|embed| embeds::embed(embed, shown.content, by_bot, &mentions)));
        message.unsupported = unsupported(source, &shown, &message).map(ToOwned::to_owned);
        message
    }

    /// The message without its content.
    fn framed(&self, source: &Source) -> Message {
        let chat = ChatId::new(snowflake::signed(source.channel_id.get()));
        let message_id = snowflake::signed(source.id.get());
        let author = author(source);
        let place = self.names.known(chat.get());
        let parent = place.as_ref().and_then(|place| place.parent);
        let title = place.map(|place| place.name);
        Message {
            outgoing: author.id == self.me || self.is_own_webhook(source),
            author: Some(author),
            thread_title: title.clone().filter(|_| parent.is_some()),
            chat_title: title,
            parent,
            reply_to: reply_to(source),
            forwarded_from: self.origin(source),
            edited_at: source.edited_timestamp.map(utc),
            ..Message::new(chat, message_id, snowflake::time(message_id))
        }
    }

    /// Written by a webhook that this bot's application made.
    fn is_own_webhook(&self, source: &Source) -> bool {
        let Some(webhook) = source.webhook_id else { return false };
        let ours = source.application_id.is_some_and(|application| snowflake::signed(application.get()) == self.me);
        ours || self.names.is_own_webhook(snowflake::signed(webhook.get()))
    }

    /// Where a forward comes from: Discord names the channel, and never the author.
    fn origin(&self, source: &Source) -> Option<Origin> {
        let reference = source.message_reference.as_ref()?;
        (reference.kind == MessageReferenceKind::Forward)
            .then(|| Origin { name: self.names.get(snowflake::signed(reference.channel_id.get())) })
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

    /// One message as Discord sent it. Of what serenity cannot decode as much is kept as can be: the text and the files
    /// when only the rest is new, else the id, so that a cursor can pass it and the history can name it. `None` for
    /// something without an id.
    pub(super) fn raw(&self, value: &Value) -> Option<Message> {
        match Source::deserialize(value) {
            Ok(source) => Some(self.message(&source)),
            Err(error) => {
                let head = Head::deserialize(value).ok()?;
                let error = without_value(&error);
                tracing::warn!(discord.message_id = %head.id, error, "A Discord message cannot be decoded as a whole.");
                let message = essential(value).map(|source| self.message(&source)).or_else(|| head.bare())?;
                Some(Message { unsupported: Some(UNDECODABLE.to_owned()), ..message })
            }
        }
    }
}

/// What serde says, without the value that it quotes: that may be what somebody wrote.
fn without_value(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(", expected ") {
        Some((_, expected)) => format!("expected {expected}"),
        None => text,
    }
}

/// What every message has, whatever Discord adds to the rest.
#[derive(Deserialize)]
struct Head {
    id: String,
    channel_id: String,
}

impl Head {
    fn bare(&self) -> Option<Message> {
        let message_id: i64 = self.id.parse().ok()?;
        Some(Message::new(self.channel_id.parse().ok()?, message_id, snowflake::time(message_id)))
    }
}

/// The message without the fields that cannot be decoded.
fn essential(value: &Value) -> Option<Source> {
    let mut fields: Map<String, Value> = Map::new();
    for name in ESSENTIAL {
        fields.extend(value.get(name).map(|field| (name.to_owned(), field.clone())));
    }
    let mut dispensable = DISPENSABLE.iter();
    loop {
        if let Ok(source) = Source::deserialize(&Value::Object(fields.clone())) {
            return Some(source);
        }
        let name = dispensable.next()?;
        if matches!(*name, "message_reference" | "flags" | "sticker_items") {
            fields.remove(*name);
        } else {
            fields.insert((*name).to_owned(), Value::Array(Vec::new()));
        }
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
        // A webhook writes under whatever name it is given.
        username: source.webhook_id.is_none().then(|| user.name.clone()),
        bot: user.bot || source.webhook_id.is_some(),
        avatar: user.avatar_url().map(|url| Avatar::Url { url }),
    }
}

fn shown_name(user: &User) -> &str {
    user.global_name.as_deref().unwrap_or(&user.name)
}

fn utc(timestamp: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(timestamp.timestamp_millis()).unwrap_or_default()
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

/// What nobody wrote. Answers of bots to commands are messages like others.
const fn is_service(kind: MessageType) -> bool {
    !matches!(
        kind,
        MessageType::Regular
            | MessageType::InlineReply
            | MessageType::ChatInputCommand
            | MessageType::ContextMenuCommand
    )
}

/// The name of content that is not carried.
fn unsupported(source: &Source, shown: &Shown<'_>, message: &Message) -> Option<&'static str> {
    if shown.stickers.iter().any(|sticker| media::sticker(sticker).is_none()) {
        Some("animated_sticker")
    } else if !message.is_empty() {
        None
    } else if message.forwarded_from.is_some() {
        Some("forward")
    } else if source.author.bot || source.webhook_id.is_some() {
        // Bots may write with components alone, of which serenity knows only the oldest.
        Some("component")
    } else {
        Some("empty")
    }
}

/// Empty text, for what an embed does not say.
fn parsed(markdown: Option<&String>, mentions: &Mentions) -> RichText {
    markdown.map(|markdown| discord::parse(markdown, mentions)).unwrap_or_default()
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
