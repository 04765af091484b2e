//! A Telegram message in the words of the domain. Pure: the names of people and chats come from outside.

use chrono::{DateTime, Utc};
use domain::{
    Author, ChatId, Message, RichText,
    message::{Avatar, Origin},
};
use grammers_tl_types::{enums, types};

use super::{
    entities::to_rich_text,
    media::{Content, content},
    names::{Name, Names, dialog_id},
};

/// The message, or `None` for a hole left by a deletion.
pub(super) fn message(message: &enums::Message, names: &Names, me: i64) -> Option<Message> {
    match message {
        enums::Message::Message(message) => Some(ordinary(message, names, me)),
        enums::Message::Service(message) => Some(service(message, names, me)),
        enums::Message::Empty(_) => None,
    }
}

/// The chat that a message belongs to.
pub(super) const fn peer_of(message: &enums::Message) -> Option<&enums::Peer> {
    match message {
        enums::Message::Message(message) => Some(&message.peer_id),
        enums::Message::Service(message) => Some(&message.peer_id),
        enums::Message::Empty(message) => message.peer_id.as_ref(),
    }
}

/// A message's number in its chat.
pub(super) const fn id_of(message: &enums::Message) -> i32 {
    match message {
        enums::Message::Message(message) => message.id,
        enums::Message::Service(message) => message.id,
        enums::Message::Empty(message) => message.id,
    }
}

fn ordinary(message: &types::Message, names: &Names, me: i64) -> Message {
    let chat = ChatId::new(dialog_id(&message.peer_id));
    let message_id = i64::from(message.id);
    let (mut media, mut extras, mut unsupported) = (Vec::new(), Vec::new(), None);
    match content(message.media.as_ref(), chat, message_id) {
        Content::Nothing => {}
        Content::File(file) => media.push(file),
        Content::Extra(extra) => extras.push(extra),
        Content::Unsupported(name) => unsupported = Some(name.to_owned()),
    }
    let (reply_to, topic) = references(message.reply_to.as_ref());
    // A reaction or a preview also counts as an edit, which Telegram then asks not to show.
    let edited = message.edit_date.filter(|_| !message.edit_hide);
    Message {
        author: author(message, names, me),
        chat_title: names.get(chat.get()).map(|name| name.title),
        outgoing: message.out,
        text: to_rich_text(message.message.clone(), message.entities.as_deref()),
        media,
        extras,
        reply_to,
        quote: quote(message.reply_to.as_ref()),
        forwarded_from: message.fwd_from.as_ref().map(|header| origin(header, names)),
        album: message.grouped_id,
        topic,
        edited_at: edited.map(moment),
        unsupported,
        ..Message::new(chat, message_id, moment(message.date))
    }
}

fn moment(seconds: i32) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds.into(), 0).unwrap_or_default()
}

/// The piece of the answered message that the author quoted.
fn quote(header: Option<&enums::MessageReplyHeader>) -> Option<RichText> {
    let Some(enums::MessageReplyHeader::Header(header)) = header else { return None };
    let text = header.quote_text.as_ref().filter(|text| !text.is_empty())?;
    Some(to_rich_text(text.clone(), header.quote_entities.as_deref()))
}

/// Where a forwarded message was first written; an author may hide the account and leave only a name.
fn origin(header: &enums::MessageFwdHeader, names: &Names) -> Origin {
    let enums::MessageFwdHeader::Header(header) = header;
    let named = header.from_id.as_ref().and_then(|from| names.get(dialog_id(from))).map(|name| name.title);
    Origin { name: named.or_else(|| header.from_name.clone()).or_else(|| header.post_author.clone()) }
}

/// Somebody joined, a title changed, a message was pinned: recorded as not carried.
fn service(message: &types::MessageService, names: &Names, me: i64) -> Message {
    let chat = ChatId::new(dialog_id(&message.peer_id));
    let (reply_to, topic) = references(message.reply_to.as_ref());
    let writer = writer_id(message.from_id.as_ref(), &message.peer_id, message.out, message.post, me);
    Message {
        author: writer.map(|id| named(id, names)),
        chat_title: names.get(chat.get()).map(|name| name.title),
        outgoing: message.out,
        reply_to,
        topic,
        unsupported: Some("service".to_owned()),
        ..Message::new(chat, message.id.into(), moment(message.date))
    }
}

fn author(message: &types::Message, names: &Names, me: i64) -> Option<Author> {
    let writer = writer_id(message.from_id.as_ref(), &message.peer_id, message.out, message.post, me);
    match (writer, &message.post_author) {
        (Some(id), _) => Some(named(id, names)),
        // A signed channel post names its writer and gives no id.
        (None, Some(signature)) => Some(Author {
            id: dialog_id(&message.peer_id),
            name: signature.clone(),
            username: None,
            bot: message.via_bot_id.is_some(),
            avatar: None,
        }),
        (None, None) => None,
    }
}

/// Who wrote it, as a Bot API dialog id; a channel post has no writer.
fn writer_id(from: Option<&enums::Peer>, peer: &enums::Peer, out: bool, post: bool, me: i64) -> Option<i64> {
    match (from, peer) {
        (Some(from), _) => Some(dialog_id(from)),
        (None, _) if post => None,
        (None, _) if out => Some(me),
        (None, enums::Peer::User(user)) => Some(user.user_id),
        (None, enums::Peer::Chat(_) | enums::Peer::Channel(_)) => None,
    }
}

fn named(id: i64, names: &Names) -> Author {
    let Some(Name { title, username, bot, photo_id, access_hash: _ }) = names.get(id) else {
        return Author { id, name: format!("user {id}"), username: None, bot: false, avatar: None };
    };
    let avatar = photo_id.map(|photo_id| Avatar::TelegramPhoto { photo_id });
    Author { id, name: title, username, bot, avatar }
}

/// The answered message and the forum topic.
pub(super) fn references(header: Option<&enums::MessageReplyHeader>) -> (Option<i64>, Option<i64>) {
    let Some(enums::MessageReplyHeader::Header(header)) = header else { return (None, None) };
    // An answer to a message of another chat cannot be linked.
    let answered = header.reply_to_msg_id.filter(|_| header.reply_to_peer_id.is_none()).map(i64::from);
    let top = header.reply_to_top_id.map(i64::from);
    match (header.forum_topic, top) {
        (false, _) => (answered, None),
        (true, Some(topic)) => (answered, Some(topic)),
        // In a topic every message "answers" the topic's first message.
        (true, None) => (None, answered),
    }
}

#[cfg(test)]
#[path = "normalise_tests.rs"]
pub(super) mod tests;
