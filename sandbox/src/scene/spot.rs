//! The four directions, and writing and reading at either end.

use std::fmt;

use crate::{
    client::{CallError, CausewayClient, DiscordControl, NewPair, Pair, Place, SmtpControl, TelegramControl},
    stack::Urls,
};

/// From which platform to which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Telegram to Discord.
    TelegramToDiscord,
    /// Discord to Telegram.
    DiscordToTelegram,
    /// Telegram to Telegram.
    TelegramToTelegram,
    /// Discord to Discord.
    DiscordToDiscord,
}

impl Direction {
    /// All four.
    pub const ALL: [Self; 4] =
        [Self::TelegramToDiscord, Self::DiscordToTelegram, Self::TelegramToTelegram, Self::DiscordToDiscord];

    /// The name in result files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TelegramToDiscord => "telegram_to_discord",
            Self::DiscordToTelegram => "discord_to_telegram",
            Self::TelegramToTelegram => "telegram_to_telegram",
            Self::DiscordToDiscord => "discord_to_discord",
        }
    }

    /// Two letters for message texts.
    #[must_use]
    pub const fn letters(self) -> &'static str {
        match self {
            Self::TelegramToDiscord => "TD",
            Self::DiscordToTelegram => "DT",
            Self::TelegramToTelegram => "TT",
            Self::DiscordToDiscord => "DD",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::TelegramToDiscord => "Telegram → Discord",
            Self::DiscordToTelegram => "Discord → Telegram",
            Self::TelegramToTelegram => "Telegram → Telegram",
            Self::DiscordToDiscord => "Discord → Discord",
        })
    }
}

/// Both sandboxes.
#[derive(Clone, Debug)]
pub struct Controls {
    /// Telegram's.
    pub telegram: TelegramControl,
    /// Discord's.
    pub discord: DiscordControl,
    /// The mail sandbox's.
    pub smtp: SmtpControl,
}

impl Controls {
    /// The control APIs of a stack.
    ///
    /// # Errors
    /// When an HTTP client cannot be built.
    pub fn new(urls: &Urls) -> anyhow::Result<Self> {
        Ok(Self {
            telegram: TelegramControl::new(&urls.telegram_control)?,
            discord: DiscordControl::new(&urls.discord_control)?,
            smtp: SmtpControl::new(&urls.smtp_control)?,
        })
    }
}

/// A chat on one of the platforms, and who writes in it.
#[derive(Clone, Debug)]
pub enum Spot {
    /// A Telegram chat.
    Telegram {
        /// Its dialog id.
        dialog: i64,
        /// The user who writes.
        writer: i64,
    },
    /// A Discord channel.
    Discord {
        /// Its id.
        channel: String,
        /// The user who writes.
        writer: String,
    },
}

impl Spot {
    /// The id under which the product knows the chat.
    #[must_use]
    pub fn chat(&self) -> String {
        match self {
            Self::Telegram { dialog, .. } => dialog.to_string(),
            Self::Discord { channel, .. } => channel.clone(),
        }
    }

    /// Writes `text` there.
    ///
    /// # Errors
    /// When the sandbox refuses.
    pub async fn say(&self, controls: &Controls, text: &str) -> Result<(), CallError> {
        match self {
            Self::Telegram { dialog, writer } => controls.telegram.say(*dialog, *writer, text).await.map(drop),
            Self::Discord { channel, writer } => controls.discord.say(channel, writer, text).await.map(drop),
        }
    }

    /// The texts that stand there, oldest first.
    ///
    /// # Errors
    /// When the sandbox refuses.
    pub async fn texts(&self, controls: &Controls) -> Result<Vec<String>, CallError> {
        match self {
            Self::Telegram { dialog, .. } => {
                let messages = controls.telegram.messages(*dialog).await?;
                Ok(messages.into_iter().map(|message| message.text).collect())
            }
            Self::Discord { channel, .. } => {
                let messages = controls.discord.messages(channel).await?;
                Ok(messages.into_iter().map(|message| message.content).collect())
            }
        }
    }
}

/// A forwarding pair and the chats at its ends.
#[derive(Clone, Debug)]
pub struct Route {
    /// From where to where.
    pub direction: Direction,
    /// Where people write.
    pub source: Spot,
    /// Where it must arrive.
    pub destination: Spot,
    /// The pair.
    pub pair: Pair,
}

impl Route {
    /// Makes the pair between two chats, each seen by one linked account.
    ///
    /// # Errors
    /// When the API refuses it.
    pub async fn create(
        api: &CausewayClient,
        direction: Direction,
        (source_account, source): (&str, Spot),
        (destination_account, destination): (&str, Spot),
    ) -> Result<Self, CallError> {
        let pair = NewPair {
            name: direction.to_string(),
            source: Place { account: source_account.to_owned(), chat: source.chat() },
            destination: Place { account: destination_account.to_owned(), chat: destination.chat() },
            mode: None,
            delay_seconds: None,
            silent: None,
        };
        Ok(Self { direction, source, destination, pair: api.create_pair(&pair).await? })
    }
}
