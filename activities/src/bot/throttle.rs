//! How fast the bot writes: Telegram asks bots for some 30 messages a second in all and one a second to a person.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

/// Between two messages of the bot: a little under 30 a second.
const GLOBAL_EVERY: TimeDelta = TimeDelta::milliseconds(34);
/// Between two messages to one person.
const CHAT_EVERY: TimeDelta = TimeDelta::seconds(1);
/// People whose last message is remembered before those are forgotten who may be written to anyway.
const CHATS_MAX: usize = 10_000;

/// When the bot may write next.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    next: Option<DateTime<Utc>>,
    chats: HashMap<i64, DateTime<Utc>>,
    closed_until: Option<DateTime<Utc>>,
}

impl Throttle {
    /// Takes a turn to write to a person, and says when it is. Err holds the time to ask again, when nothing was taken.
    pub(super) fn reserve(&mut self, chat: i64, now: DateTime<Utc>) -> Result<DateTime<Utc>, DateTime<Utc>> {
        if let Some(until) = self.closed_until(now) {
            return Err(until);
        }
        if let Some(free) = self.chats.get(&chat).filter(|free| **free > now) {
            return Err(*free);
        }
        let at = self.next.map_or(now, |next| next.max(now));
        self.next = Some(at + GLOBAL_EVERY);
        if self.chats.len() >= CHATS_MAX {
            self.chats.retain(|_, free| *free > now);
        }
        self.chats.insert(chat, at + CHAT_EVERY);
        Ok(at)
    }

    /// Telegram wants silence; an earlier, longer one stays.
    pub(super) fn close(&mut self, until: DateTime<Utc>) {
        self.closed_until = self.closed_until.max(Some(until));
    }

    /// Until when nothing is written.
    pub(super) fn closed_until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.closed_until.filter(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_790_000_000_000 + ms).unwrap()
    }

    #[test]
    fn people_do_not_wait_for_each_other_and_each_gets_one_a_second() {
        let mut throttle = Throttle::default();
        assert_eq!(throttle.reserve(1, at(0)), Ok(at(0)));
        assert_eq!(throttle.reserve(1, at(0)), Err(at(1_000)));
        assert_eq!(throttle.reserve(2, at(0)), Ok(at(34)), "the second person waits for the bot alone");
        assert_eq!(throttle.reserve(1, at(999)), Err(at(1_000)));
        assert_eq!(throttle.reserve(1, at(1_000)), Ok(at(1_000)));
    }

    #[test]
    fn a_second_has_less_than_thirty_messages() {
        let mut throttle = Throttle::default();
        let turns: Vec<_> = (0..60).map(|chat| throttle.reserve(chat, at(0)).unwrap()).collect();
        assert_eq!(turns.iter().filter(|turn| **turn < at(1_000)).count(), 30);
        assert!(turns[59] < at(2_100));
    }

    #[test]
    fn a_wait_closes_everything_and_the_longest_counts() {
        let mut throttle = Throttle::default();
        throttle.close(at(5_000));
        throttle.close(at(3_000));
        assert_eq!(throttle.reserve(1, at(0)), Err(at(5_000)));
        assert_eq!(throttle.closed_until(at(5_000)), None);
        assert_eq!(throttle.reserve(1, at(5_000)), Ok(at(5_000)));
    }
}
