//! Linked platform accounts and their states.

use serde::{Deserialize, Serialize};

/// Where an account lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "platform", rename_all = "snake_case"))]
#[serde(rename_all = "snake_case")]
pub enum Platform {
    /// A Telegram user session over MTProto.
    Telegram,
    /// A Discord bot.
    Discord,
}

impl Platform {
    /// Every platform.
    pub const ALL: [Self; 2] = [Self::Telegram, Self::Discord];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Telegram => "telegram",
            Self::Discord => "discord",
        }
    }
}

/// The life of a linked account. The `account_session` workflow is the only writer after creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "account_status", rename_all = "snake_case"))]
#[serde(rename_all = "snake_case")]
pub enum AccountStatus {
    /// Created; nothing was asked of the platform yet.
    New,
    /// Telegram sent a login code and waits for it.
    AwaitingCode,
    /// Telegram wants the two-step verification password.
    AwaitingPassword,
    /// Signed in; a host is connecting.
    Connecting,
    /// Hosted and receiving.
    Online,
    /// Hosted, but the platform cannot be reached just now; retried with backoff.
    Reconnecting,
    /// The user paused it.
    Paused,
    /// The platform says that the account writes too much (PEER_FLOOD): it rests until its user resumes it, or a day is
    /// over.
    Limited,
    /// The platform ended the session, the token is bad, or a required intent is missing: the user must act.
    Revoked,
    /// The platform has banned the number or account.
    Banned,
    /// Logged out by the user; terminal.
    LoggedOut,
}

impl AccountStatus {
    /// Every state, in the order of a life.
    pub const ALL: [Self; 11] = [
        Self::New,
        Self::AwaitingCode,
        Self::AwaitingPassword,
        Self::Connecting,
        Self::Online,
        Self::Reconnecting,
        Self::Paused,
        Self::Limited,
        Self::Revoked,
        Self::Banned,
        Self::LoggedOut,
    ];

    /// True from the first sign-in until the log-out: there is something to pause, resume or host.
    #[must_use]
    pub const fn is_linked(self) -> bool {
        match self {
            Self::New | Self::AwaitingCode | Self::AwaitingPassword | Self::LoggedOut => false,
            Self::Connecting
            | Self::Online
            | Self::Reconnecting
            | Self::Paused
            | Self::Limited
            | Self::Revoked
            | Self::Banned => true,
        }
    }

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::AwaitingCode => "awaiting_code",
            Self::AwaitingPassword => "awaiting_password",
            Self::Connecting => "connecting",
            Self::Online => "online",
            Self::Reconnecting => "reconnecting",
            Self::Paused => "paused",
            Self::Limited => "limited",
            Self::Revoked => "revoked",
            Self::Banned => "banned",
            Self::LoggedOut => "logged_out",
        }
    }

    /// True for states in which the account should be hosted by a worker.
    #[must_use]
    pub const fn wants_host(self) -> bool {
        match self {
            Self::Connecting | Self::Online | Self::Reconnecting => true,
            Self::New
            | Self::AwaitingCode
            | Self::AwaitingPassword
            | Self::Paused
            | Self::Limited
            | Self::Revoked
            | Self::Banned
            | Self::LoggedOut => false,
        }
    }
}
