//! What the rest of the crate knows of a platform: one connection, one stream of events, one set of errors.
//!
//! `telegram` and `discord` implement it; nothing above this module names a grammers or serenity type.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use domain::{ChatFacts, ChatId, IdempotencyKey, Media, Message, PartText, Update, pace::Scope};
use store::avatars::Portrait;

/// Bytes of an attachment move in pieces of this size: Telegram's largest part.
pub const CHUNK_BYTES: usize = 512 * 1024;

/// Who the platform says that we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The platform's id of the account: Telegram user id or Discord bot user id.
    pub external_id: i64,
    /// The name that people see.
    pub display_name: String,
}

/// Where an attachment's bytes come from, piece by piece, so that no file is whole in memory. Reading again from any
/// piece gives the same bytes.
#[async_trait]
pub trait ByteSource: Send + Sync + fmt::Debug {
    /// How many bytes there are.
    fn size_bytes(&self) -> u64;

    /// Piece `index`, counted from 0: [`CHUNK_BYTES`] bytes, the last one fewer; empty past the end.
    async fn chunk(&self, index: u64) -> Result<Bytes, PlatformError>;
}

/// Where an attachment's bytes go, piece by piece and in order.
#[async_trait]
pub trait ByteSink: Send {
    /// Takes the next bytes, however many.
    async fn write(&mut self, bytes: Bytes) -> Result<(), PlatformError>;
}

/// Bytes that are in memory: small files, tests.
#[async_trait]
impl ByteSource for Bytes {
    fn size_bytes(&self) -> u64 {
        u64::try_from(self.len()).unwrap_or(u64::MAX)
    }

    async fn chunk(&self, index: u64) -> Result<Bytes, PlatformError> {
        let start = usize::try_from(index).unwrap_or(usize::MAX).saturating_mul(CHUNK_BYTES).min(self.len());
        Ok(self.slice(start..self.len().min(start.saturating_add(CHUNK_BYTES))))
    }
}

#[async_trait]
impl ByteSink for bytes::BytesMut {
    async fn write(&mut self, bytes: Bytes) -> Result<(), PlatformError> {
        self.extend_from_slice(&bytes);
        Ok(())
    }
}

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

/// A failure, classified by what must happen next. `code` is stable and lower_snake_case; `detail` is for people
/// and never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlatformError {
    /// Try again after a while: network trouble, time-out, 5xx. The outcome of a send is unknown.
    #[error("{code}: {detail}")]
    Retryable {
        /// Stable name of the reason.
        code: String,
        /// For people.
        detail: String,
    },
    /// The platform asks us to wait (FLOOD_WAIT, SLOWMODE_WAIT, 429). Nothing was sent.
    #[error("{code}: wait {} s", wait.as_secs())]
    Wait {
        /// Stable name of the reason.
        code: String,
        /// How long.
        wait: Duration,
    },
    /// This message will never be accepted; others may be.
    #[error("{code}: {detail}")]
    Message {
        /// Stable name of the reason.
        code: String,
        /// For people.
        detail: String,
    },
    /// The chat is closed to us: unknown, private, or no permission.
    #[error("{code}: {detail}")]
    Chat {
        /// Stable name of the reason.
        code: String,
        /// For people.
        detail: String,
    },
    /// The platform says that the account writes too much to strangers (PEER_FLOOD) and names no time: the account must
    /// stop, and its user must know.
    #[error("{code}: {detail}")]
    Flooded {
        /// Stable name of the reason.
        code: String,
        /// For people.
        detail: String,
    },
    /// The account itself is out: session revoked, token invalid, intent missing.
    #[error("{code}: {detail}")]
    Revoked {
        /// Stable name of the reason.
        code: String,
        /// For people.
        detail: String,
    },
    /// The platform banned the account or number.
    #[error("{code}: {detail}")]
    Banned {
        /// Stable name of the reason.
        code: String,
        /// For people.
        detail: String,
    },
    /// What a person typed was wrong (code, password, phone): tell them, change nothing.
    #[error("{code}: {detail}")]
    Input {
        /// Stable name of the reason.
        code: String,
        /// For people.
        detail: String,
    },
}

/// The code of a wait that one chat asks of everybody in it (Telegram's slow mode).
pub const SLOWMODE_WAIT: &str = "slowmode_wait";
/// The code of a wait for one route (Discord's buckets): other chats are not concerned.
pub const RATE_LIMITED: &str = "rate_limited";
/// The code of a wait for everything that the account does at its platform (Discord's global limit).
pub const RATE_LIMITED_GLOBAL: &str = "rate_limited_global";

impl PlatformError {
    /// What a [`PlatformError::Wait`] of this code concerns. A wait that nobody has named concerns the account: too
    /// careful is better than banned.
    #[must_use]
    pub fn wait_scope(code: &str) -> Scope {
        match code {
            SLOWMODE_WAIT | RATE_LIMITED => Scope::Chat,
            RATE_LIMITED_GLOBAL => Scope::Global,
            _ => Scope::Account,
        }
    }
}

/// A thread that is a chat of its own, below a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Below {
    /// The thread.
    pub chat: ChatId,
    /// What was written in it since the moment asked about has an id above this.
    pub after: i64,
}

/// What the headers of an answer to a *send* (creating a message, not editing, deleting or reading) said of the limit of
/// its chat.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateHeaders {
    /// [`SendRequest::chat`] of the send, also when it went into a thread of it.
    pub chat: ChatId,
    /// Requests per window.
    pub limit: u32,
    /// Requests left in this window.
    pub remaining: u32,
    /// Time until the window ends.
    pub reset_after: Duration,
}

/// Told by an adapter what the platform lets it know of its limits, and asked before what must not be done too often.
/// All but [`Self::identify`] return at once and may be called from anywhere.
#[async_trait]
pub trait RateObserver: Send + Sync + fmt::Debug {
    /// A send was answered with these headers.
    fn answered(&self, headers: RateHeaders);

    /// A request other than a send, an edit or a deletion is made: a question about chats, history, a file.
    fn asked(&self);

    /// An answer counts as invalid at the platform: 401, 403, or 429 but for the scope `shared`.
    fn invalid(&self);

    /// A new session is about to be identified (Discord's IDENTIFY, not RESUME). Counted at once when it may.
    ///
    /// # Errors
    /// How long to wait before asking again.
    async fn identify(&self) -> Result<(), Duration>;
}

/// Nobody's observer: for proofs of a token before there is an account, and for tests of an adapter alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

#[async_trait]
impl RateObserver for Unobserved {
    fn answered(&self, _: RateHeaders) {}

    fn asked(&self) {}

    fn invalid(&self) {}

    async fn identify(&self) -> Result<(), Duration> {
        Ok(())
    }
}

/// What a hosted account's stream yields.
#[derive(Debug)]
pub enum PlatformEvent {
    /// What happened to messages, in the order in which it happened. Acknowledge after it is durable. May be empty: then
    /// only the platform's cursors moved.
    Updates(Vec<Update>),
    /// The link is up (first time, or again after trouble): gaps must be fetched by history before going on, and edits
    /// and deletions may have been missed.
    Connected,
    /// The link is down; the connection is trying again by itself.
    Disconnected {
        /// For people.
        detail: String,
    },
    /// It will not come back without the user ([`PlatformError::Revoked`] or [`PlatformError::Banned`]).
    Gone(PlatformError),
}

/// A live, authorised connection of one account. Every call has a time-out of its own.
#[async_trait]
pub trait Connection: Send + Sync {
    /// Who we are.
    fn identity(&self) -> &Identity;

    /// Sends once. Sending the same key again within the platform's memory returns what the first send left.
    async fn send(&self, request: &SendRequest) -> Result<Sent, PlatformError>;

    /// Whether the platform recognises a repeated send of `request` by its key. Where it does not (a Discord webhook, the
    /// first message of a forum's post), an attempt of unknown outcome must be read back before it is repeated, however
    /// short ago it was.
    fn remembers(&self, _request: &SendRequest) -> bool {
        true
    }

    /// Looks for an earlier, ambiguous send of `request` among our own messages written since `since`.
    async fn read_back(&self, request: &SendRequest, since: DateTime<Utc>) -> Result<Option<Sent>, PlatformError>;

    /// Changes what we wrote. That it already reads so is success; [`PlatformError::Message`] `message_gone` when it is
    /// not there any more, `not_editable` when the platform does not allow it.
    async fn edit(&self, request: &EditRequest) -> Result<(), PlatformError>;

    /// Deletes what we wrote. That it is gone already is success.
    async fn delete(&self, request: &DeleteRequest) -> Result<(), PlatformError>;

    /// Makes a topic (Telegram forum) or a thread (Discord text channel) and returns its id. Doing it twice makes two.
    async fn open_thread(&self, chat: ChatId, title: &str) -> Result<i64, PlatformError>;

    /// Threads of exactly this title (as [`Self::open_thread`] shortens it) in `chat` that this account opened since
    /// `since`, oldest first: one that was opened without our hearing of it is found so.
    async fn opened_threads(&self, chat: ChatId, title: &str, since: DateTime<Utc>) -> Result<Vec<i64>, PlatformError>;

    /// Threads below `chat`, also archived ones, in which something was written since `since`. None where what stands in
    /// threads is part of the chat's own history.
    async fn threads(&self, _chat: ChatId, _since: DateTime<Utc>) -> Result<Vec<Below>, PlatformError> {
        Ok(Vec::new())
    }

    /// All chats that the account can see.
    async fn chats(&self) -> Result<Vec<ChatFacts>, PlatformError>;

    /// One chat, asked of the platform now. [`PlatformError::Chat`] when the account cannot see it.
    async fn chat(&self, chat: ChatId) -> Result<ChatFacts, PlatformError>;

    /// Messages of `chat` with an id above `after`, oldest first, at most `limit`.
    async fn history_after(&self, chat: ChatId, after: i64, limit: usize) -> Result<Vec<Message>, PlatformError>;

    /// Fetches an attachment into `sink`, at most `bytes_max` bytes ([`PlatformError::Message`] `media_too_large`
    /// beyond), and returns how many there were. After an error `sink` may hold a part of it.
    async fn download(&self, media: &Media, bytes_max: u64, sink: &mut dyn ByteSink) -> Result<u64, PlatformError>;

    /// Fetches the picture that a person wears; small enough to be in memory. Only Telegram's are not at public addresses.
    async fn portrait(&self, _portrait: &Portrait) -> Result<Bytes, PlatformError> {
        let detail = "pictures of people are at public addresses here".to_owned();
        Err(PlatformError::Message { code: "wrong_platform".to_owned(), detail })
    }

    /// Proves that the account still works.
    async fn health(&self) -> Result<(), PlatformError>;

    /// Closes the connection; the event stream ends.
    async fn close(&self);
}

/// The stream half of a connection; owned by the host's loop alone.
#[async_trait]
pub trait EventStream: Send {
    /// The next event; `None` after [`Connection::close`] or [`PlatformEvent::Gone`]. May be dropped while waiting
    /// without losing an event.
    async fn next(&mut self) -> Option<PlatformEvent>;

    /// Everything yielded so far is durable: advance the platform's update state and return the sealed-to-be session
    /// if it changed and has to be stored.
    async fn acknowledge(&mut self) -> Option<secrecy::SecretString>;
}
