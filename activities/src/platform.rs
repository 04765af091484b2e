//! What the rest of the crate knows of a platform: one connection, one stream of events, one set of errors.
//!
//! `telegram` and `discord` implement it; nothing above this module names a grammers or serenity type.

mod content;
mod error;
mod rate;
mod request;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use domain::{ChatFacts, ChatId, Media, Message, Update};
use store::avatars::Portrait;

pub use self::{
    content::{ByteSink, ByteSource, CHUNK_BYTES},
    error::{MISSING_PERMISSION, PlatformError, RATE_LIMITED, RATE_LIMITED_GLOBAL, READ_FLOOD_WAIT, SLOWMODE_WAIT},
    rate::{RateHeaders, RateObserver, Unobserved},
    request::{DeleteRequest, EditRequest, KeptAttachments, Mentions, Persona, SendBody, SendRequest, Sent, Upload},
};

/// Who the platform says that we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The platform's id of the account: Telegram user id or Discord bot user id.
    pub external_id: i64,
    /// The name that people see.
    pub display_name: String,
}

/// A thread that is a chat of its own, below a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Below {
    /// The thread.
    pub chat: ChatId,
    /// What was written in it since the moment asked about has an id above this.
    pub after: i64,
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

    /// Messages of `chat` with an id above `after`, oldest first, at most `limit`. None means that there are none:
    /// [`PlatformError::Chat`] when the account may not read what was written before.
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
