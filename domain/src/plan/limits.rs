//! How much a plan allows.

use super::Allowance;
use crate::account::Platform;

/// What a plan limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Pairs that are not deleted.
    Pairs,
    /// Telegram accounts that are not logged out.
    TelegramAccounts,
    /// Discord bots that are not logged out.
    DiscordAccounts,
    /// Messages in one minute of the clock, over all accounts.
    MessagesPerMinute,
    /// Messages in one UTC day, over all accounts.
    MessagesPerDay,
    /// Requests to the API in one minute.
    RequestsPerMinute,
    /// Bytes of one attachment.
    MediaBytes,
}

impl Limit {
    /// Every limit.
    pub const ALL: [Self; 7] = [
        Self::Pairs,
        Self::TelegramAccounts,
        Self::DiscordAccounts,
        Self::MessagesPerMinute,
        Self::MessagesPerDay,
        Self::RequestsPerMinute,
        Self::MediaBytes,
    ];

    /// The limit on accounts of a platform.
    #[must_use]
    pub const fn accounts(platform: Platform) -> Self {
        match platform {
            Platform::Telegram => Self::TelegramAccounts,
            Platform::Discord => Self::DiscordAccounts,
        }
    }

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pairs => "pairs",
            Self::TelegramAccounts => "telegram_accounts",
            Self::DiscordAccounts => "discord_accounts",
            Self::MessagesPerMinute => "messages_per_minute",
            Self::MessagesPerDay => "messages_per_day",
            Self::RequestsPerMinute => "requests_per_minute",
            Self::MediaBytes => "media_bytes",
        }
    }

    /// What is counted, for people.
    #[must_use]
    pub const fn as_words(self) -> &'static str {
        match self {
            Self::Pairs => "pairs",
            Self::TelegramAccounts => "Telegram accounts",
            Self::DiscordAccounts => "Discord accounts",
            Self::MessagesPerMinute => "messages a minute",
            Self::MessagesPerDay => "messages a day",
            Self::RequestsPerMinute => "requests a minute",
            Self::MediaBytes => "bytes in a file",
        }
    }
}

/// How much of everything; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// [`Limit::Pairs`].
    pub pairs_max: Option<u32>,
    /// [`Limit::TelegramAccounts`].
    pub telegram_accounts_max: Option<u32>,
    /// [`Limit::DiscordAccounts`].
    pub discord_accounts_max: Option<u32>,
    /// [`Limit::MessagesPerMinute`].
    pub messages_per_minute: Option<u32>,
    /// [`Limit::MessagesPerDay`].
    pub messages_per_day: Option<u32>,
    /// [`Limit::RequestsPerMinute`].
    pub requests_per_minute: Option<u32>,
    /// [`Limit::MediaBytes`].
    pub media_bytes_max: Option<u64>,
}

impl Limits {
    /// One of them.
    #[must_use]
    pub fn get(&self, limit: Limit) -> Option<u64> {
        match limit {
            Limit::Pairs => self.pairs_max.map(u64::from),
            Limit::TelegramAccounts => self.telegram_accounts_max.map(u64::from),
            Limit::DiscordAccounts => self.discord_accounts_max.map(u64::from),
            Limit::MessagesPerMinute => self.messages_per_minute.map(u64::from),
            Limit::MessagesPerDay => self.messages_per_day.map(u64::from),
            Limit::RequestsPerMinute => self.requests_per_minute.map(u64::from),
            Limit::MediaBytes => self.media_bytes_max,
        }
    }

    /// These, where `other` names none.
    #[must_use]
    pub fn except(self, other: Self) -> Self {
        Self {
            pairs_max: other.pairs_max.or(self.pairs_max),
            telegram_accounts_max: other.telegram_accounts_max.or(self.telegram_accounts_max),
            discord_accounts_max: other.discord_accounts_max.or(self.discord_accounts_max),
            messages_per_minute: other.messages_per_minute.or(self.messages_per_minute),
            messages_per_day: other.messages_per_day.or(self.messages_per_day),
            requests_per_minute: other.requests_per_minute.or(self.requests_per_minute),
            media_bytes_max: other.media_bytes_max.or(self.media_bytes_max),
        }
    }

    /// Those of messages.
    #[must_use]
    pub const fn allowance(&self) -> Allowance {
        Allowance { per_minute: self.messages_per_minute, per_day: self.messages_per_day }
    }

    /// False when messages or requests are forbidden altogether.
    #[must_use]
    pub fn has_rates(&self) -> bool {
        [self.messages_per_minute, self.messages_per_day, self.requests_per_minute].iter().all(|rate| *rate != Some(0))
    }
}
