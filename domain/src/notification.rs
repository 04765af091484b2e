//! Messages to the people who use Causeway and to its operator: which kinds there are, by which channel each one goes,
//! when, and how it looks.

use serde::{Deserialize, Serialize};

mod content;
mod quiet;
mod render;
pub mod retry;
mod route;
#[cfg(test)]
mod tests;
mod unsubscribe;

pub use content::{BLOCKS_MAX, Block, Button, Content, LIST_ITEMS_MAX, SUBJECT_CHARS_MAX, TEXT_CHARS_MAX};
pub use quiet::{QuietError, QuietHours};
pub use render::{Footer, Letter};
pub use route::{DropReason, Route, Wishes, route};
pub use unsubscribe::{Topic, Unsubscribe, UnsubscribeError, Unsubscriber};

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "notification_kind", rename_all = "snake_case"))]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Proves that an address is its user's.
    EmailVerification,
    /// Lets somebody who forgot the password choose another.
    PasswordReset,
    /// Proves that the new address of a user is theirs, or tells the old one of it.
    EmailChange,
    /// Something was done to the account that its owner should know of.
    SecurityNotice,
    /// A platform session is about to end, or has ended.
    SessionWarning,
    /// A limit of the plan is reached.
    LimitReached,
    /// An account or a pair has stopped carrying messages.
    HealthAlert,
    /// News of the operator; a promotional one is subject to the user's opt-out.
    Announcement,
    /// A report is ready.
    Report,
    /// A payment is due, was made or has failed.
    Payment,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::EmailVerification,
        Self::PasswordReset,
        Self::EmailChange,
        Self::SecurityNotice,
        Self::SessionWarning,
        Self::LimitReached,
        Self::HealthAlert,
        Self::Announcement,
        Self::Report,
        Self::Payment,
    ];

    /// The kinds about which a user has a choice.
    pub const CHOSEN: [Self; 6] =
        [Self::SessionWarning, Self::LimitReached, Self::HealthAlert, Self::Announcement, Self::Report, Self::Payment];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EmailVerification => "email_verification",
            Self::PasswordReset => "password_reset",
            Self::EmailChange => "email_change",
            Self::SecurityNotice => "security_notice",
            Self::SessionWarning => "session_warning",
            Self::LimitReached => "limit_reached",
            Self::HealthAlert => "health_alert",
            Self::Announcement => "announcement",
            Self::Report => "report",
            Self::Payment => "payment",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// True for what belongs to the account itself: it always goes by e-mail, at once, and cannot be turned off.
    #[must_use]
    pub const fn is_transactional(self) -> bool {
        match self {
            Self::EmailVerification | Self::PasswordReset | Self::EmailChange | Self::SecurityNotice => true,
            Self::SessionWarning
            | Self::LimitReached
            | Self::HealthAlert
            | Self::Announcement
            | Self::Report
            | Self::Payment => false,
        }
    }

    /// What holds for a user who has not chosen.
    #[must_use]
    pub const fn default_preference(self) -> Preference {
        match self {
            Self::SessionWarning | Self::LimitReached | Self::HealthAlert | Self::Announcement | Self::Payment => {
                Preference::Both
            }
            Self::EmailVerification | Self::PasswordReset | Self::EmailChange | Self::SecurityNotice | Self::Report => {
                Preference::Email
            }
        }
    }

    /// Who goes first where many wait, 0 before 1: somebody sits before the screen and waits for a password reset, and
    /// nobody for an announcement to thousands.
    #[must_use]
    pub const fn priority(self) -> i16 {
        match self {
            Self::EmailVerification | Self::PasswordReset | Self::EmailChange | Self::SecurityNotice => 0,
            Self::SessionWarning | Self::LimitReached | Self::HealthAlert | Self::Report | Self::Payment => 1,
            Self::Announcement => 2,
        }
    }

    /// Why the reader gets it, for the foot of the message.
    #[must_use]
    pub const fn why(self) -> &'static str {
        match self {
            Self::EmailVerification | Self::PasswordReset | Self::EmailChange | Self::SecurityNotice => {
                "You get this because it concerns the safety of an account with this address."
            }
            Self::SessionWarning => "You get this because you are told when one of your sessions ends.",
            Self::LimitReached => "You get this because you are told when a limit of your plan is reached.",
            Self::HealthAlert => "You get this because you are told when something stops carrying messages.",
            Self::Announcement => "You get this because you have an account here.",
            Self::Report => "You get this because you asked for reports.",
            Self::Payment => "You get this because you are told about payments.",
        }
    }
}

/// How a message reaches somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "notification_channel", rename_all = "snake_case"))]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// By e-mail.
    Email,
    /// By the Telegram bot, once the user has linked it.
    Bot,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 2] = [Self::Email, Self::Bot];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Bot => "bot",
        }
    }

    /// The channel of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == name)
    }
}

/// How a user wants one kind of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(
    feature = "sqlx",
    derive(sqlx::Type),
    sqlx(type_name = "notification_preference", rename_all = "snake_case")
)]
#[serde(rename_all = "snake_case")]
pub enum Preference {
    /// By e-mail only.
    Email,
    /// By the bot only; not at all while no bot is linked.
    Bot,
    /// By e-mail, and by the bot while it is linked.
    Both,
    /// Not at all.
    Off,
}

impl Preference {
    /// Every preference.
    pub const ALL: [Self; 4] = [Self::Email, Self::Bot, Self::Both, Self::Off];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Bot => "bot",
            Self::Both => "both",
            Self::Off => "off",
        }
    }

    /// The same without e-mail.
    #[must_use]
    pub const fn without_email(self) -> Self {
        match self {
            Self::Email | Self::Off => Self::Off,
            Self::Both | Self::Bot => Self::Bot,
        }
    }

    /// The channels that both name.
    #[must_use]
    pub const fn within(self, other: Self) -> Self {
        match (self, other) {
            (Self::Off, _) | (_, Self::Off) | (Self::Email, Self::Bot) | (Self::Bot, Self::Email) => Self::Off,
            (Self::Both, one) | (one, Self::Both) => one,
            (Self::Email, Self::Email) => Self::Email,
            (Self::Bot, Self::Bot) => Self::Bot,
        }
    }
}

/// Where one message stands on one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "notification_state", rename_all = "snake_case"))]
#[serde(rename_all = "snake_case")]
pub enum SendState {
    /// Waits until it is due.
    Pending,
    /// Was claimed: it may be under way, or have arrived.
    Sending,
    /// The other side has taken it.
    Sent,
    /// Given up; the reason says why.
    Failed,
    /// Not sent by decision: a preference, an opt-out, an end that has come.
    Dropped,
}

impl SendState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Sending, Self::Sent, Self::Failed, Self::Dropped];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }

    /// True when nothing more will happen.
    #[must_use]
    pub const fn is_settled(self) -> bool {
        match self {
            Self::Pending | Self::Sending => false,
            Self::Sent | Self::Failed | Self::Dropped => true,
        }
    }
}
