//! The way of a message through chats that pairs connect: chains are carried on, circles are not.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{account::Platform, chat::ChatId, ids::PairId, message::Message};

/// A message is carried on at most so many times: longer chains are mistakes.
pub const HOPS_MAX: usize = 8;

/// A chat, or one topic or thread of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// Where it is.
    pub platform: Platform,
    /// The chat.
    pub chat: ChatId,
    /// The Telegram topic, or the Discord thread of the channel; `None` for the whole chat.
    #[serde(default)]
    pub topic: Option<i64>,
}

impl Place {
    /// Where a message was written.
    #[must_use]
    pub fn of(message: &Message, platform: Platform) -> Self {
        Self::below(message.parent, platform, message.chat, message.topic)
    }

    /// A chat or topic; a Discord thread is part of the channel that it hangs under, its `parent`.
    #[must_use]
    pub fn below(parent: Option<ChatId>, platform: Platform, chat: ChatId, topic: Option<i64>) -> Self {
        match parent {
            Some(parent) => Self { platform, chat: parent, topic: Some(chat.get()) },
            None => Self { platform, chat, topic },
        }
    }

    /// True when something in one of the two can be in the other.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let topics = match (self.topic, other.topic) {
            (Some(one), Some(two)) => one == two,
            (None, _) | (_, None) => true,
        };
        // A pair may name a Discord thread as its chat, whatever channel that hangs under.
        let thread =
            |thread: &Self, chat: &Self| self.platform == Platform::Discord && thread.topic == Some(chat.chat.get());
        let chats = self.chat == other.chat && topics;
        self.platform == other.platform && (chats || thread(self, other) || thread(other, self))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (platform, part) = match self.platform {
            Platform::Telegram => ("Telegram", "topic"),
            Platform::Discord => ("Discord", "thread"),
        };
        write!(f, "{platform} chat {}", self.chat)?;
        self.topic.map_or(Ok(()), |topic| write!(f, " {part} {topic}"))
    }
}

/// One step of the way: the message left `from` along `pair`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// The place that it left.
    pub from: Place,
    /// The pair that carried it.
    pub pair: PairId,
}

/// The places that a message has left, the origin first; empty for a message that somebody wrote where it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lineage(Vec<Hop>);

impl Lineage {
    /// The way of what a pair wrote: that of the message it carried, and the step from there.
    #[must_use]
    pub fn then(&self, hop: Hop) -> Self {
        Self(self.0.iter().copied().chain([hop]).collect())
    }

    /// True for a message that no pair has carried.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The steps, the oldest first.
    #[must_use]
    pub fn hops(&self) -> &[Hop] {
        &self.0
    }

    /// Why a message that stands at `here` must not be carried to `destination`; `None` when it may. A message that
    /// somebody wrote where it stands is always carried.
    #[must_use]
    pub fn refuses(&self, here: Place, destination: Place) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let passed = self.0.iter().map(|hop| hop.from).chain([here]);
        let path: Vec<String> = passed.clone().map(|place| place.to_string()).collect();
        let path = path.join(" → ");
        if passed.clone().any(|place| place.overlaps(&destination)) {
            return Some(format!("it has been at {destination} already: {path}"));
        }
        (self.0.len() >= HOPS_MAX).then(|| format!("it was carried {HOPS_MAX} times already: {path}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock as _, SystemClock};

    fn place(chat: i64, topic: Option<i64>) -> Place {
        Place { platform: Platform::Telegram, chat: ChatId::new(chat), topic }
    }

    fn way(places: &[Place]) -> Lineage {
        places
            .iter()
            .fold(Lineage::default(), |way, from| way.then(Hop { from: *from, pair: PairId::new(&SystemClock) }))
    }

    #[test]
    fn a_chain_goes_on_and_a_circle_is_refused_with_its_path() {
        let (a, b, c) = (place(1, None), place(2, None), place(3, None));
        assert_eq!(way(&[a]).refuses(b, c), None);
        let refusal = way(&[a, b]).refuses(c, a).unwrap();
        let path = "Telegram chat 1 → Telegram chat 2 → Telegram chat 3";
        assert_eq!(refusal, format!("it has been at Telegram chat 1 already: {path}"));
        assert!(way(&[a]).refuses(b, b).is_some(), "where it stands counts too");
        assert_eq!(Lineage::default().refuses(a, a), None, "what somebody wrote is carried");
    }

    #[test]
    fn topics_of_one_chat_are_places_of_their_own_and_the_whole_chat_is_all_of_them() {
        let (five, seven, all) = (place(1, Some(5)), place(1, Some(7)), place(1, None));
        assert_eq!(way(&[five]).refuses(place(2, None), seven), None);
        assert!(way(&[five]).refuses(place(2, None), all).is_some());
        assert!(way(&[all]).refuses(place(2, None), seven).is_some());
        let discord = Place { platform: Platform::Discord, ..all };
        assert!(!discord.overlaps(&all));
    }

    #[test]
    fn a_discord_thread_is_part_of_its_channel_under_either_name() {
        let discord = |chat: i64, topic| Place { platform: Platform::Discord, ..place(chat, topic) };
        let mut message = Message::new(ChatId::new(7), 1, SystemClock.now());
        message.parent = Some(ChatId::new(1));
        let thread = Place::of(&message, Platform::Discord);
        assert_eq!(thread, discord(1, Some(7)));
        assert!(thread.overlaps(&discord(1, None)) && discord(7, None).overlaps(&thread));
        assert!(!thread.overlaps(&discord(1, Some(8))) && !thread.overlaps(&discord(8, None)));
        assert!(!place(1, Some(7)).overlaps(&place(7, None)), "on Telegram a topic's number is no chat's");
    }

    #[test]
    fn a_chain_has_an_end() {
        let places: Vec<Place> = (1..=8).map(|chat| place(chat, None)).collect();
        assert_eq!(way(&places[..7]).refuses(place(90, None), place(91, None)), None);
        assert!(way(&places).refuses(place(90, None), place(91, None)).unwrap().starts_with("it was carried 8 times"));
    }

    #[test]
    fn a_way_survives_the_ledger() {
        let way = way(&[place(1, Some(5)), place(2, None)]);
        let json = serde_json::to_value(&way).unwrap();
        assert!(json.is_array());
        assert_eq!(serde_json::from_value::<Lineage>(json).unwrap(), way);
    }
}
