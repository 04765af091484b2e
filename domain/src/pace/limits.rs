//! Where budgets start and how far they may go, each number with its reason.

use std::str::FromStr;

use chrono::TimeDelta;

use crate::Platform;

use super::Scope;

/// Bounds of one budget. Rates are messages per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Before anything was learned.
    pub start: f64,
    /// Never slower: a budget must be able to learn that things are better.
    pub floor: f64,
    /// Never faster, whatever went well.
    pub ceiling: f64,
    /// Messages that may go at once after a rest.
    pub burst: f64,
    /// Added to the rate after each quiet period.
    pub step: f64,
    /// How long use must be quiet to earn a step.
    pub quiet: TimeDelta,
}

/// Whose figures hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// What the platforms publish, or what was seen of them.
    #[default]
    Standard,
    /// Nothing is assumed: only what the server says (headers, waits) slows down. For sandboxes, which have no limits
    /// until they are told to, so that measurements measure the machinery.
    Open,
}

/// A text that names no mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `standard` or `open`")]
pub struct ModeError;

impl FromStr for Mode {
    type Err = ModeError;

    fn from_str(text: &str) -> Result<Self, ModeError> {
        match text {
            "standard" => Ok(Self::Standard),
            "open" => Ok(Self::Open),
            _ => Err(ModeError),
        }
    }
}

/// Quiet time that earns a step. Telegram's and Discord's windows are seconds to a minute long: a shorter time proves
/// nothing.
const QUIET: TimeDelta = TimeDelta::seconds(60);

/// Telegram publishes no figure for user accounts. One message a second led to waits of 23 minutes after about 3,000
/// forwards; so a new account begins there and earns more slowly.
const TELEGRAM_ACCOUNT: Limits = Limits {
    start: 1.0,
    // One message in 30 s: slower than any pace that was ever seen refused for long.
    floor: 1.0 / 30.0,
    // Telegram's published figure for bots over all chats.
    ceiling: 30.0,
    // A short exchange after a rest goes unhindered.
    burst: 20.0,
    // 30 messages a second take half an hour of full, quiet use from the start.
    step: 1.0,
    quiet: QUIET,
};

/// Published for bots: about one message a second into one chat, 20 a minute into a group. The start is the second, the
/// ceiling the first, and a minute's worth may go at once.
const TELEGRAM_CHAT: Limits =
    Limits { start: 20.0 / 60.0, floor: 1.0 / 60.0, ceiling: 1.0, burst: 20.0, step: 0.1, quiet: QUIET };

/// Telegram's published figure for bots over everything; questions about history and files count here as well.
const TELEGRAM_GLOBAL: Limits = Limits { start: 30.0, floor: 0.5, ceiling: 30.0, burst: 30.0, step: 2.0, quiet: QUIET };

/// Telegram publishes no figure for questions. About 30 pages of history in a row pass before it asks for a wait, and one
/// a second passes for hours; a catch-up reads two pages a chat, so it may begin faster and learns.
const TELEGRAM_READS: Limits =
    Limits { start: 5.0, floor: 1.0 / 30.0, ceiling: 20.0, burst: 30.0, step: 1.0, quiet: QUIET };

/// Discord knows no limit on messages of a bot besides the global one; this one exists to be halved when Discord
/// slows the bot down as a whole.
const DISCORD_ACCOUNT: Limits = Limits { start: 40.0, floor: 0.5, ceiling: 40.0, burst: 10.0, step: 4.0, quiet: QUIET };

/// Observed: 5 messages per 5 s into a channel. The headers of the first answer replace the start.
const DISCORD_CHAT: Limits = Limits { start: 1.0, floor: 0.1, ceiling: 5.0, burst: 5.0, step: 0.25, quiet: QUIET };

/// Published: 50 requests a second per bot. 40 and a burst of 10 never exceed it in any second.
const DISCORD_GLOBAL: Limits = Limits { start: 40.0, floor: 1.0, ceiling: 40.0, burst: 10.0, step: 4.0, quiet: QUIET };

/// Faster than any machine sends: only the server's own word slows down.
const OPEN: Limits = Limits {
    start: 100_000.0,
    floor: 0.1,
    ceiling: 100_000.0,
    burst: 100_000.0,
    step: 10_000.0,
    quiet: TimeDelta::seconds(10),
};

impl Limits {
    /// The bounds of a platform's budget.
    #[must_use]
    pub const fn of(mode: Mode, platform: Platform, scope: Scope) -> Self {
        match (mode, platform, scope) {
            (Mode::Open, _, _) => OPEN,
            (Mode::Standard, Platform::Telegram, Scope::Account) => TELEGRAM_ACCOUNT,
            (Mode::Standard, Platform::Telegram, Scope::Chat) => TELEGRAM_CHAT,
            (Mode::Standard, Platform::Telegram, Scope::Global) => TELEGRAM_GLOBAL,
            (Mode::Standard, Platform::Telegram, Scope::Reads) => TELEGRAM_READS,
            (Mode::Standard, Platform::Discord, Scope::Account) => DISCORD_ACCOUNT,
            (Mode::Standard, Platform::Discord, Scope::Chat) => DISCORD_CHAT,
            // Discord counts questions per route, with headers, and all together in the global limit.
            (Mode::Standard, Platform::Discord, Scope::Global | Scope::Reads) => DISCORD_GLOBAL,
        }
    }

    /// The rate inside the bounds; what is not a number becomes the floor.
    #[must_use]
    pub const fn clamp(&self, rate: f64) -> f64 {
        rate.max(self.floor).min(self.ceiling)
    }
}
