//! Announcements: news of the operator to all tenants of some plans. Which states there are, what one may say, who gets
//! it by which channel, and how fast.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::notification::{BLOCKS_MAX, Block, Content, LIST_ITEMS_MAX, Preference, SUBJECT_CHARS_MAX, TEXT_CHARS_MAX};

#[cfg(test)]
mod tests;

/// Messages asked for in a minute unless chosen otherwise.
pub const PER_MINUTE_DEFAULT: u32 = 600;
/// The most that may be asked for in a minute: more than any mail server takes, so that the outbox is the bound.
pub const PER_MINUTE_MAX: u32 = 6_000;
/// Tenants looked at in one transaction: it takes well under a second.
pub const BATCH_MAX: u32 = 100;
/// The furthest that one may be scheduled ahead.
pub const AHEAD_MAX: TimeDelta = TimeDelta::days(365);
/// At a low rate, batches come about so often instead of one message at a time.
const BATCHES_PER_MINUTE: u32 = 12;

/// Where an announcement stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "announcement_state", rename_all = "snake_case"))]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Written, and not yet to be sent.
    Draft,
    /// Begins by itself at its time.
    Scheduled,
    /// Is being handed to the outbox, batch after batch.
    Running,
    /// Held until it is resumed.
    Paused,
    /// Ended before everybody had it.
    Canceled,
    /// Everybody had their turn.
    Done,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 6] = [Self::Draft, Self::Scheduled, Self::Running, Self::Paused, Self::Canceled, Self::Done];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Scheduled => "scheduled",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Canceled => "canceled",
            Self::Done => "done",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// True when nothing more will happen.
    #[must_use]
    pub const fn is_over(self) -> bool {
        match self {
            Self::Draft | Self::Scheduled | Self::Running | Self::Paused => false,
            Self::Canceled | Self::Done => true,
        }
    }
}

/// What somebody wants done with an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Change what it says or to whom.
    Change,
    /// Begin, now or at its time.
    Start,
    /// Hold.
    Pause,
    /// Go on.
    Resume,
    /// End for good.
    Cancel,
}

/// The state after an act; `None` when it cannot be done in this state. `begun`: it has been handed to somebody already.
/// An act that was done before changes nothing.
#[must_use]
pub const fn after(state: State, begun: bool, act: Act) -> Option<State> {
    match (act, state) {
        (Act::Change, State::Draft | State::Scheduled | State::Paused) if !begun => Some(state),
        (Act::Start, State::Draft | State::Scheduled) => Some(State::Scheduled),
        (Act::Start, State::Running) => Some(State::Running),
        (Act::Pause, State::Scheduled | State::Running | State::Paused) => Some(State::Paused),
        (Act::Resume, State::Paused) if begun => Some(State::Running),
        (Act::Resume, State::Paused) => Some(State::Scheduled),
        (Act::Resume, State::Scheduled | State::Running) => Some(state),
        (Act::Cancel, State::Draft | State::Scheduled | State::Running | State::Paused | State::Canceled) => {
            Some(State::Canceled)
        }
        (Act::Change | Act::Start | Act::Pause | Act::Resume, _) | (Act::Cancel, State::Done) => None,
    }
}

/// What is wrong with an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnnouncementError {
    /// There is no subject, or a long one.
    #[error("a subject is one line of 1 to {SUBJECT_CHARS_MAX} characters")]
    Subject,
    /// There is nothing below the subject, or too much.
    #[error("an announcement has 1 to {BLOCKS_MAX} blocks")]
    Blocks,
    /// A paragraph is empty or long, or a list has no or too many items.
    #[error(
        "a block is either a paragraph of 1 to {TEXT_CHARS_MAX} characters or a list of 1 to {LIST_ITEMS_MAX} such items"
    )]
    Block,
    /// The button leads nowhere.
    #[error("a button has a label of 1 to {SUBJECT_CHARS_MAX} characters and a link of https, http or tg")]
    Button,
    /// The small print is empty or long.
    #[error("a note has 1 to {TEXT_CHARS_MAX} characters")]
    Note,
    /// It would go to nobody.
    #[error("an announcement goes to at least one plan, each named once")]
    Plans,
    /// It would go nowhere.
    #[error("an announcement goes by at least one channel, each named once")]
    Channels,
    /// Too fast, or not at all.
    #[error("an announcement goes to 1 to {PER_MINUTE_MAX} tenants a minute")]
    Rate,
    /// The time is past, or far away.
    #[error("an announcement begins in the future, within a year")]
    Schedule,
}

/// Checks what an announcement says: a message that is too long would be cut where it is built.
///
/// # Errors
/// The first rule that is broken.
pub fn check(content: &Content) -> Result<(), AnnouncementError> {
    if !fits(&content.subject, SUBJECT_CHARS_MAX) || content.subject.contains(char::is_control) {
        return Err(AnnouncementError::Subject);
    }
    if !(1..=BLOCKS_MAX).contains(&content.blocks.len()) {
        return Err(AnnouncementError::Blocks);
    }
    let good = |block: &Block| match block {
        Block::Paragraph(text) | Block::Code(text) => fits(text, TEXT_CHARS_MAX),
        Block::List(items) => {
            (1..=LIST_ITEMS_MAX).contains(&items.len()) && items.iter().all(|item| fits(item, TEXT_CHARS_MAX))
        }
    };
    if !content.blocks.iter().all(good) {
        return Err(AnnouncementError::Block);
    }
    if content.button.as_ref().is_some_and(|button| !fits(&button.label, SUBJECT_CHARS_MAX) || !button.is_link()) {
        return Err(AnnouncementError::Button);
    }
    if content.note.as_ref().is_some_and(|note| !fits(note, TEXT_CHARS_MAX)) {
        return Err(AnnouncementError::Note);
    }
    Ok(())
}

fn fits(text: &str, chars_max: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= chars_max
}

/// Checks how many tenants a minute it goes to.
///
/// # Errors
/// [`AnnouncementError::Rate`].
pub const fn check_rate(per_minute: u32) -> Result<(), AnnouncementError> {
    if per_minute == 0 || per_minute > PER_MINUTE_MAX { Err(AnnouncementError::Rate) } else { Ok(()) }
}

/// Checks when it is to begin.
///
/// # Errors
/// [`AnnouncementError::Schedule`].
pub fn check_schedule(at: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), AnnouncementError> {
    if at <= now || at > now + AHEAD_MAX { Err(AnnouncementError::Schedule) } else { Ok(()) }
}

/// What is known of a tenant when their turn comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reader {
    /// They may do nothing at present.
    pub suspended: bool,
    /// They have proven that the address is theirs.
    pub verified: bool,
    /// How they want announcements.
    pub preference: Preference,
    /// They take promotions.
    pub promotions: bool,
    /// They have linked the bot.
    pub bot_linked: bool,
}

/// Why a tenant does not get an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Skip {
    /// They do not want it, or not by its channels.
    OptOut,
    /// They are suspended.
    Suspended,
    /// It would go to an address that nobody has proven to be theirs.
    Unverified,
    /// It goes by the bot, which they have not linked.
    BotNotLinked,
}

impl Skip {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::OptOut, Self::Suspended, Self::Unverified, Self::BotNotLinked];

    /// Stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::OptOut => "opt_out",
            Self::Suspended => "suspended",
            Self::Unverified => "unverified",
            Self::BotNotLinked => "bot_not_linked",
        }
    }
}

/// By which channels a tenant gets an announcement that goes by `via`: those that they want and that reach them.
///
/// # Errors
/// Why they do not get it.
pub fn way(reader: &Reader, promotional: bool, via: Preference) -> Result<Preference, Skip> {
    if reader.suspended {
        return Err(Skip::Suspended);
    }
    let wanted = reader.preference.within(via);
    if wanted == Preference::Off || promotional && !reader.promotions {
        return Err(Skip::OptOut);
    }
    let linked = if reader.bot_linked { wanted } else { wanted.within(Preference::Email) };
    if linked == Preference::Off {
        return Err(Skip::BotNotLinked);
    }
    let proven = if reader.verified { linked } else { linked.without_email() };
    if proven == Preference::Off { Err(Skip::Unverified) } else { Ok(proven) }
}

/// How many tenants one batch looks at, at this rate.
#[must_use]
pub const fn batch(per_minute: u32) -> u32 {
    let even = per_minute.div_ceil(BATCHES_PER_MINUTE);
    if even < 1 {
        1
    } else if even > BATCH_MAX {
        BATCH_MAX
    } else {
        even
    }
}

/// How long the next batch waits after one in which `asked` messages were asked for. Who was skipped costs nothing.
#[must_use]
pub fn pause(asked: u32, per_minute: u32) -> Duration {
    Duration::from_millis(u64::from(asked) * 60_000 / u64::from(per_minute.max(1)))
}
