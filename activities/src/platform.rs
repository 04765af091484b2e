//! What the rest of the crate knows of a platform: one connection, one stream of events, one set of errors.
//!
//! `telegram` and `discord` implement it; nothing above this module names a grammers or serenity type.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{ChatFacts, ChatId, IdempotencyKey, Media, Message, PartText};

/// Who the platform says that we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The platform's id of the account: Telegram user id or Discord bot user id.
    pub external_id: i64,
    /// The name that people see.
    pub display_name: String,
}

/// One attachment with its bytes, ready to be sent.
#[derive(Clone, Debug)]
pub struct Upload {
    /// Name, kind and type.
    pub media: Media,
    /// The bytes; bounded by the destination's limit before they are loaded.
    pub bytes: bytes::Bytes,
}

/// One send: at most one message at the destination.
#[derive(Clone, Debug)]
pub struct SendRequest {
    /// Where to.
    pub chat: ChatId,
    /// The same for every attempt at this send.
    pub key: IdempotencyKey,
    /// What to send.
    pub body: SendBody,
    /// The message to answer, when its counterpart at the destination is known.
    pub reply_to: Option<i64>,
    /// No notification sound.
    pub silent: bool,
}

/// What one send carries. Text is already converted for the platform and split to its limit; a [`PartText`] of the
/// other platform is a mistake of the caller, answered by [`PlatformError::Message`] `wrong_platform`.
#[derive(Clone, Debug)]
pub enum SendBody {
    /// Text only.
    Text(PartText),
    /// Attachments (Telegram: exactly one; Discord: up to ten) with a caption.
    Media {
        /// The caption; may be empty.
        caption: PartText,
        /// The attachments, in order.
        uploads: Vec<Upload>,
    },
    /// Telegram's native forward of one message that this account can see.
    Forward {
        /// The chat that holds the message.
        from: ChatId,
        /// The message.
        message_id: i64,
    },
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

/// What a hosted account's stream yields.
#[derive(Debug)]
pub enum PlatformEvent {
    /// Messages as they came, oldest first. Acknowledge after they are durable. May be empty: then only the
    /// platform's cursors moved.
    Messages(Vec<Message>),
    /// The link is up (first time, or again after trouble): gaps must be fetched by history before going on.
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

    /// Sends once. Sending the same key again within the platform's memory returns the first message's id.
    async fn send(&self, request: &SendRequest) -> Result<i64, PlatformError>;

    /// Looks for an earlier, ambiguous send of `request` among our own messages written since `since`.
    async fn read_back(&self, request: &SendRequest, since: DateTime<Utc>) -> Result<Option<i64>, PlatformError>;

    /// All chats that the account can see.
    async fn chats(&self) -> Result<Vec<ChatFacts>, PlatformError>;

    /// One chat, asked of the platform now. [`PlatformError::Chat`] when the account cannot see it.
    async fn chat(&self, chat: ChatId) -> Result<ChatFacts, PlatformError>;

    /// Messages of `chat` with an id above `after`, oldest first, at most `limit`.
    async fn history_after(&self, chat: ChatId, after: i64, limit: usize) -> Result<Vec<Message>, PlatformError>;

    /// Fetches an attachment, at most `bytes_max` bytes ([`PlatformError::Message`] `media_too_large` beyond).
    async fn download(&self, media: &Media, bytes_max: u64) -> Result<bytes::Bytes, PlatformError>;

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
