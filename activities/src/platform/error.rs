//! What goes wrong at a platform, by what must happen next.

use std::time::Duration;

use domain::pace::Scope;

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

/// The code of a [`PlatformError::Chat`]: the account sees the chat and lacks a permission in it.
pub const MISSING_PERMISSION: &str = "missing_permission";
/// The code of a wait that one chat asks of everybody in it (Telegram's slow mode).
pub const SLOWMODE_WAIT: &str = "slowmode_wait";
/// The code of a wait that a platform asks for questions (history, files, chats): messages may go on.
pub const READ_FLOOD_WAIT: &str = "read_flood_wait";
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
            READ_FLOOD_WAIT => Scope::Reads,
            _ => Scope::Account,
        }
    }
}
