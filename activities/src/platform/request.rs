//! What is asked of a platform, in words that both share: sends, edits, deletions.

use std::sync::Arc;

use domain::{ChatId, IdempotencyKey, Media, PartText};

use super::ByteSource;

/// One attachment with its bytes, ready to be sent.
#[derive(Clone, Debug)]
pub struct Upload {
    /// Name, kind and type.
    pub media: Media,
    /// The bytes; bounded by the destination's limit.
    pub content: Arc<dyn ByteSource>,
}

/// One send: one message at the destination, or one Telegram album.
#[derive(Clone, Debug)]
pub struct SendRequest {
    /// Where to.
    pub chat: ChatId,
    /// Which Telegram topic, or which Discord thread (a channel id) of the chat.
    pub thread: Option<i64>,
    /// The chat is a Discord forum and there is no thread yet: make a post of this name that starts with this message.
    pub thread_title: Option<String>,
    /// The same for every attempt at this send.
    pub key: IdempotencyKey,
    /// What to send.
    pub body: SendBody,
    /// The message to answer, when its counterpart at the destination is known.
    pub reply_to: Option<i64>,
    /// No notification sound.
    pub silent: bool,
    /// Write under this name through a webhook (Discord). Webhooks know no idempotency key.
    pub persona: Option<Persona>,
    /// Whether anybody named in the text is notified.
    pub mentions: Mentions,
    /// The platform may show what is behind the links in the text.
    pub link_previews: bool,
}

impl SendRequest {
    /// A plain send into the chat itself: no thread, no answer, with sound, under our own name, notifying nobody, with
    /// previews of links.
    #[must_use]
    pub const fn new(chat: ChatId, key: IdempotencyKey, body: SendBody) -> Self {
        Self {
            chat,
            thread: None,
            thread_title: None,
            key,
            body,
            reply_to: None,
            silent: false,
            persona: None,
            mentions: Mentions::None,
            link_previews: true,
        }
    }
}

/// Whose name and picture a webhook shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Persona {
    /// The name; adapters cut it to what the platform takes.
    pub name: String,
    /// A public address of the picture.
    pub avatar_url: Option<String>,
}

/// Whether people named in a carried message are notified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mentions {
    /// Nobody, whatever the text contains.
    #[default]
    None,
    /// Whom the text names, as if a person had written it.
    Allowed,
}

/// What one send carries. Text is already converted for the platform and split to its limit; a [`PartText`] of the
/// other platform is a mistake of the caller, answered by [`PlatformError::Message`] `wrong_platform`.
///
/// [`PlatformError::Message`]: super::PlatformError::Message
#[derive(Clone, Debug)]
pub enum SendBody {
    /// Text only.
    Text(PartText),
    /// Attachments with a caption: one message with up to ten attachments on Discord, one message or an album of two to
    /// ten on Telegram.
    Media {
        /// The caption; may be empty.
        caption: PartText,
        /// The attachments, in order.
        uploads: Vec<Upload>,
    },
    /// Telegram's native forward of messages that this account can see.
    Forward {
        /// The chat that holds the messages.
        from: ChatId,
        /// The messages, ascending.
        message_ids: Vec<i64>,
    },
}

/// What a send left at the destination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// One id, or one for each message of an album or of several forwarded messages, in order. Never empty.
    pub message_ids: Vec<i64>,
    /// The thread that was made for [`SendRequest::thread_title`].
    pub thread: Option<i64>,
}

impl Sent {
    /// One message.
    #[must_use]
    pub fn one(message_id: i64) -> Self {
        Self { message_ids: vec![message_id], thread: None }
    }
}

/// A change of the text (or caption) of a message that we wrote.
#[derive(Clone, Debug)]
pub struct EditRequest {
    /// Where it stands.
    pub chat: ChatId,
    /// The thread that it stands in.
    pub thread: Option<i64>,
    /// Which message.
    pub message_id: i64,
    /// The new text or caption; an empty caption removes it.
    pub text: PartText,
    /// It was written through our webhook.
    pub by_webhook: bool,
    /// As in [`SendRequest::mentions`].
    pub mentions: Mentions,
    /// As in [`SendRequest::link_previews`].
    pub link_previews: bool,
    /// Discord: attachments go and these stay; `None`: all that are there stay.
    pub keep: Option<KeptAttachments>,
}

/// Attachments of a message that stay where others go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAttachments {
    /// How many the message has before: what tells a first attempt from one that is repeated.
    pub of: usize,
    /// Which of them stay, by their places from 0, ascending; never none, and fewer than [`Self::of`].
    pub places: Vec<usize>,
}

/// A deletion of messages that we wrote.
#[derive(Clone, Debug)]
pub struct DeleteRequest {
    /// Where they stand.
    pub chat: ChatId,
    /// The thread that they stand in.
    pub thread: Option<i64>,
    /// Which messages.
    pub message_ids: Vec<i64>,
    /// They were written through our webhook.
    pub by_webhook: bool,
}
