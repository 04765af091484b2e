//! What a platform lets an adapter know of its limits.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use domain::ChatId;

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
/// What is not `async` returns at once and may be called from anywhere.
#[async_trait]
pub trait RateObserver: Send + Sync + fmt::Debug {
    /// A send was answered with these headers.
    fn answered(&self, headers: RateHeaders);

    /// A request other than a send, an edit or a deletion is about to be made: a question about chats, history, a file.
    /// Returns when it is its turn.
    ///
    /// # Errors
    /// How long to stay away: the platform has asked for silence, or the address is closed.
    async fn read(&self) -> Result<(), Duration>;

    /// The platform refused a question and asks for silence. Returns when that is on record.
    async fn read_refused(&self, wait: Duration);

    /// An answer counts as invalid at the platform: 401, 403, or 429 but for the scope `shared`.
    fn invalid(&self);

    /// A new session is about to be identified (Discord's IDENTIFY, not RESUME). Counted at once when it may.
    ///
    /// # Errors
    /// How long to wait before asking again.
    async fn identify(&self) -> Result<(), Duration>;
}

/// Nobody's observer: for logging in to Telegram, before there is an account, and for tests of an adapter alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

#[async_trait]
impl RateObserver for Unobserved {
    fn answered(&self, _: RateHeaders) {}

    async fn read(&self) -> Result<(), Duration> {
        Ok(())
    }

    async fn read_refused(&self, _: Duration) {}

    fn invalid(&self) {}

    async fn identify(&self) -> Result<(), Duration> {
        Ok(())
    }
}
