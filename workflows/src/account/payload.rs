//! What goes in and out of `account_session` and its activities. Changed by addition only.

use domain::{AccountId, AccountStatus, ChatFacts, ChatId, Platform, UserId};
use serde::{Deserialize, Serialize};

/// What an account's workflow is started with, and what it carries over when it continues as new.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccountInput {
    /// The account.
    pub account: AccountId,
    /// Whose it is.
    pub user: UserId,
    /// Where it lives.
    pub platform: Platform,
    /// Its state, as far as the workflow knows.
    #[serde(default = "new_account")]
    pub status: AccountStatus,
    /// Events after which to continue as new; 0 means [`crate::options::HISTORY_EVENTS_MAX`]. Tests make it small.
    #[serde(default)]
    pub history_max: u32,
}

const fn new_account() -> AccountStatus {
    AccountStatus::New
}

/// Names an account to an activity.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct AccountRef {
    /// The account.
    pub account: AccountId,
}

/// A step of a login, asked for by the user. What they typed is sealed by the payload codec.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum LoginStep {
    /// Telegram: send a code to the account's phone.
    RequestCode,
    /// Telegram: send it again, by the next means.
    ResendCode,
    /// Telegram: the code that the user received.
    SubmitCode {
        /// As typed.
        code: String,
    },
    /// Telegram: the two-step verification password.
    SubmitPassword {
        /// As typed.
        password: String,
    },
    /// Discord: is the stored token good, and does the bot have what forwarding needs?
    VerifyToken,
    /// A newer API's word that this worker does not know: refused.
    #[serde(other)]
    Unknown,
}

impl LoginStep {
    /// What an operator reads of it in the workflow's history.
    pub(super) const fn summary(&self) -> &'static str {
        match self {
            Self::RequestCode => "request a login code",
            Self::ResendCode => "request the login code again",
            Self::SubmitCode { .. } => "submit the login code",
            Self::SubmitPassword { .. } => "submit the password",
            Self::VerifyToken => "verify the bot token",
            Self::Unknown => "refuse an unknown step",
        }
    }
}

/// A login step on its way to the activity.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoginRequest {
    /// The account.
    pub account: AccountId,
    /// What to do.
    pub step: LoginStep,
}

/// Why a request about an account was refused, for the API's problem document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Stable code, such as `code_invalid`.
    pub code: String,
    /// For people.
    pub detail: String,
    /// When trying again makes sense.
    #[serde(default)]
    pub retry_after_seconds: Option<u64>,
}

/// What came of a login step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginReply {
    /// The account's state now.
    pub status: AccountStatus,
    /// Why the step was refused.
    #[serde(default)]
    pub refusal: Option<Refusal>,
}

impl LoginReply {
    /// The platform was not reached: the account stays in `status`.
    pub(super) fn unavailable(status: AccountStatus) -> Self {
        let refusal = Refusal {
            code: "platform_unavailable".into(),
            detail: "the platform could not be reached; try again".into(),
            retry_after_seconds: Some(30),
        };
        Self { status, refusal: Some(refusal) }
    }
}

/// The code of a refusal for want of a connection.
pub const ACCOUNT_NOT_ONLINE: &str = "account_not_online";

/// A question about a chat.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ChatRequest {
    /// The account that asks.
    pub account: AccountId,
    /// One chat, or all of them.
    #[serde(default)]
    pub chat: Option<ChatId>,
}

/// What the platform says of chats. They are in the database too.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ChatReply {
    /// The chat that was asked for; empty for all, which are read from the database.
    #[serde(default)]
    pub chat: Option<ChatFacts>,
    /// Why there is no answer.
    #[serde(default)]
    pub refusal: Option<Refusal>,
}

impl ChatReply {
    /// Nobody could be asked: the account is not connected. It may be soon.
    #[must_use]
    pub fn offline() -> Self {
        let refusal = Refusal {
            code: ACCOUNT_NOT_ONLINE.to_owned(),
            detail: "the account is not connected just now".to_owned(),
            retry_after_seconds: Some(5),
        };
        Self { chat: None, refusal: Some(refusal) }
    }

    /// Is this [`ChatReply::offline`]?
    #[must_use]
    pub fn is_offline(&self) -> bool {
        self.refusal.as_ref().is_some_and(|refusal| refusal.code == ACCOUNT_NOT_ONLINE)
    }
}

/// Where an account is hosted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Located {
    /// The host's task queue.
    #[serde(default)]
    pub queue: Option<String>,
    /// The worker's setting, in seconds; 0 for the default.
    #[serde(default)]
    pub health_check_seconds: u64,
    /// Temporal priority by the plan of the account's user; 0 for the default.
    #[serde(default)]
    pub priority_key: u32,
    /// Share by plan; 0 for the default.
    #[serde(default)]
    pub fairness_weight: f32,
}

/// How a hosting ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum HostOutcome {
    /// The workflow asked it to stop.
    Stopped,
    /// The account is out until its user acts; the database has the reason.
    Gone {
        /// Limited, revoked or banned; paused, when the plan keeps it from being hosted.
        status: AccountStatus,
    },
    /// The account was taken by another host.
    Lost,
    /// A newer worker's word.
    #[serde(other)]
    Unknown,
}

/// A change of state to record.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct StatusChange {
    /// The account.
    pub account: AccountId,
    /// Its new state.
    pub status: AccountStatus,
}

/// What an operator or the API sees of an account's workflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    /// The account's state, as far as the workflow knows.
    pub status: AccountStatus,
    /// A hosting activity is running or waiting for a worker.
    #[serde(default)]
    pub hosting: bool,
    /// Hostings that ended badly, in a row.
    #[serde(default)]
    pub failures: u32,
    /// Health checks that passed in this run.
    #[serde(default)]
    pub health_checks: u32,
}
