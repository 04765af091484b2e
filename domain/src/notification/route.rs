//! By which channels a message goes, and when.

use chrono::{DateTime, Utc};

use super::{Channel, Kind, Preference, QuietHours};

/// What its reader wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wishes {
    /// How they want messages of this kind.
    pub preference: Preference,
    /// They take promotions.
    pub promotions: bool,
    /// They have linked the bot.
    pub bot_linked: bool,
    /// When they do not want to be disturbed.
    pub quiet: Option<QuietHours>,
}

impl Wishes {
    /// Somebody of whom only an address is known, or the operator.
    pub const BY_EMAIL: Self = Self { preference: Preference::Email, promotions: true, bot_linked: false, quiet: None };
}

/// Why a message is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// The user has turned this kind off.
    PreferenceOff,
    /// The user takes no promotions.
    PromotionsOff,
    /// It was to go by the bot, and none is linked.
    BotNotLinked,
    /// What it says is not true any more.
    Expired,
    /// There is nobody to send it to.
    NoAddress,
}

impl DropReason {
    /// Stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::PreferenceOff => "preference_off",
            Self::PromotionsOff => "promotions_off",
            Self::BotNotLinked => "bot_not_linked",
            Self::Expired => "expired",
            Self::NoAddress => "no_address",
        }
    }

    /// For people.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::PreferenceOff => "messages of this kind are turned off",
            Self::PromotionsOff => "promotions are turned off",
            Self::BotNotLinked => "no bot is linked",
            Self::Expired => "it could not be sent before it was out of date",
            Self::NoAddress => "there is no address to send it to",
        }
    }
}

/// One channel of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// By which way.
    pub channel: Channel,
    /// When it is due, or why it is not sent.
    pub fate: Result<DateTime<Utc>, DropReason>,
}

/// The channels of a message of this kind: at least one, which says why when nothing is sent.
#[must_use]
pub fn route(kind: Kind, promotional: bool, wishes: &Wishes, now: DateTime<Utc>) -> Vec<Route> {
    let to = |channel, fate| Route { channel, fate };
    if kind.is_transactional() {
        return vec![to(Channel::Email, Ok(now))];
    }
    let due = wishes.quiet.as_ref().map_or(now, |quiet| quiet.end_after(now));
    if promotional && !wishes.promotions {
        return vec![to(Channel::Email, Err(DropReason::PromotionsOff))];
    }
    match (wishes.preference, wishes.bot_linked) {
        (Preference::Off, _) => vec![to(Channel::Email, Err(DropReason::PreferenceOff))],
        (Preference::Bot, false) => vec![to(Channel::Bot, Err(DropReason::BotNotLinked))],
        (Preference::Bot, true) => vec![to(Channel::Bot, Ok(due))],
        (Preference::Email, _) | (Preference::Both, false) => vec![to(Channel::Email, Ok(due))],
        (Preference::Both, true) => vec![to(Channel::Email, Ok(due)), to(Channel::Bot, Ok(due))],
    }
}
