//! What the platforms take in one message.

use crate::{
    account::Platform,
    text::{discord, telegram},
};

/// The limits of a destination. An account may have higher ones (Telegram Premium, a boosted Discord server).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest text of a message, in UTF-16 units.
    pub text_utf16_max: usize,
    /// The longest text beside attachments, in UTF-16 units.
    pub caption_utf16_max: usize,
    /// The largest attachment, in bytes.
    pub media_bytes_max: u64,
    /// The most attachments in one send.
    pub attachments_max: usize,
    /// The most bytes of all attachments in one send.
    pub message_bytes_max: u64,
}

impl Limits {
    /// Any user account. Files: 4,000 parts of 512 KiB (core.telegram.org/api/files). Albums have at most ten members,
    /// each a message of its own, so that only the single file is bounded.
    pub const TELEGRAM: Self = Self {
        text_utf16_max: telegram::TEXT_UTF16_MAX,
        caption_utf16_max: telegram::CAPTION_UTF16_MAX,
        media_bytes_max: 4_000 * 512 * 1024,
        attachments_max: 10,
        message_bytes_max: u64::MAX,
    };

    /// Any bot in a server without boosts: 10 MiB for each file and 25 MiB for the request (discord/discord-api-docs,
    /// reference.mdx, "Uploading Files", and change log of 2025-04-03), less a MiB for everything that is not a file.
    /// Ten attachments is what Discord's own clients send; the documentation names no number.
    pub const DISCORD: Self = Self {
        text_utf16_max: discord::TEXT_UTF16_MAX,
        caption_utf16_max: discord::TEXT_UTF16_MAX,
        media_bytes_max: 10 * 1024 * 1024,
        attachments_max: 10,
        message_bytes_max: 24 * 1024 * 1024,
    };

    /// The same for a chat that takes files of `bytes_max`; `None` and less change nothing. Discord names no higher bound
    /// of a whole request there; one that holds a file of that size holds several that are as large together.
    #[must_use]
    pub fn with_files_of(self, bytes_max: Option<i64>) -> Self {
        let bytes_max = bytes_max.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0);
        Self {
            media_bytes_max: self.media_bytes_max.max(bytes_max),
            message_bytes_max: self.message_bytes_max.max(bytes_max),
            ..self
        }
    }

    /// The limits that every account of `platform` has.
    #[must_use]
    pub const fn of(platform: Platform) -> Self {
        match platform {
            Platform::Telegram => Self::TELEGRAM,
            Platform::Discord => Self::DISCORD,
        }
    }
}
