//! What one pair's writer does, and when.

use std::{collections::BTreeSet, time::Duration};

use super::Size;
use crate::{chaos::Random, scene::Direction};

/// The stream of random numbers for scripts; each pair adds its index.
const PURPOSE: u64 = 1_000;

/// Of 100 messages, so many answer an earlier one.
const REPLY_PERCENT: usize = 15;

/// Of 100 messages from Telegram to Discord, so many are too long for one message there.
const LONG_PERCENT: usize = 4;

/// Words of a long message: more than Discord's 2,000 characters, less than Telegram's 4,096.
const LONG_WORDS: usize = 400;

/// Of 100 messages, so many are written together with the one before.
const BURST_PERCENT: usize = 30;

/// A change comes so long after its message: sometimes before the delivery, sometimes long after it.
const CHANGE_AFTER: (Duration, Duration) = (Duration::ZERO, Duration::from_secs(12));

/// How far back an answer reaches, in messages.
const REPLY_REACH: usize = 8;

/// Nothing here means anything to a markup of either platform.
const WORDS: [&str; 16] = [
    "river",
    "über",
    "kettle",
    "шторм",
    "lantern",
    "🌍",
    "paper",
    "שלום",
    "quiet",
    "👩‍👩‍👧",
    "copper",
    "東京",
    "seven",
    "naïve",
    "harbour",
    "🎈",
];

/// What one pair's writer does, by time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// From where to where.
    pub direction: Direction,
    /// In order.
    pub steps: Vec<Step>,
    deleted: BTreeSet<usize>,
}

/// One thing that the writer does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// When, from the start of the writing; later when the platform is down.
    pub at: Duration,
    /// What.
    pub what: What,
}

/// What a writer does. Numbers count the messages of a pair from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Writes a message.
    Post {
        /// Its number.
        number: usize,
        /// The number of the message that it answers.
        reply_to: Option<usize>,
        /// Its text.
        text: String,
    },
    /// Changes a message.
    Edit {
        /// Its number.
        number: usize,
        /// Its new text.
        text: String,
    },
    /// Deletes a message.
    Delete {
        /// Its number.
        number: usize,
    },
}

impl Script {
    /// Message `number` is never deleted.
    #[must_use]
    pub fn stays(&self, number: usize) -> bool {
        !self.deleted.contains(&number)
    }
}

/// The number in the first word of a text of pair `pair`.
#[must_use]
pub fn number_of(direction: Direction, pair: usize, text: &str) -> Option<usize> {
    text.split_whitespace().next()?.strip_prefix(&prefix(direction, pair))?.parse().ok()
}

/// The scripts of all pairs.
pub fn all(seed: u64, size: Size) -> Vec<Script> {
    let share = |pair: usize| size.messages / size.pairs.max(1) + usize::from(pair < size.messages % size.pairs.max(1));
    let directions = Direction::ALL.into_iter().cycle();
    directions
        .take(size.pairs)
        .enumerate()
        .map(|(pair, direction)| one(seed, size, (pair, direction), share(pair)))
        .collect()
}

fn one(seed: u64, size: Size, (pair, direction): (usize, Direction), posts: usize) -> Script {
    let mut random = Random::new(seed, PURPOSE + u64::try_from(pair).unwrap_or(0));
    let mut at: Vec<Duration> = Vec::new();
    for _ in 0..posts.saturating_sub(1) {
        let burst = at.last().copied().filter(|_| random.happens(BURST_PERCENT));
        at.push(burst.unwrap_or_else(|| random.span(Duration::ZERO, size.writing)));
    }
    at.sort_unstable();
    // The last message comes after the last kill, so that every kill is followed by one.
    at.push(size.writing);
    let mut steps = Vec::new();
    for (number, at) in at.into_iter().enumerate() {
        let words =
            if direction == Direction::TelegramToDiscord && random.happens(LONG_PERCENT) { LONG_WORDS } else { 0 };
        let reply_to = random
            .happens(REPLY_PERCENT)
            .then(|| number.saturating_sub(1 + random.below(REPLY_REACH)))
            .filter(|to| *to < number);
        let text = |random: &mut Random, revision: usize| body(random, (direction, pair), (number, revision), words);
        steps.push(Step { at, what: What::Post { number, reply_to, text: text(&mut random, 0) } });
        let later = |random: &mut Random| (at + random.span(CHANGE_AFTER.0, CHANGE_AFTER.1)).min(size.writing);
        if at == size.writing {
            continue;
        }
        if random.happens(size.changed_percent) {
            for revision in 1..=1 + random.below(3) {
                let what = What::Edit { number, text: text(&mut random, revision) };
                steps.push(Step { at: later(&mut random), what });
            }
        }
        if random.happens(size.changed_percent / 2) {
            steps.push(Step { at: later(&mut random), what: What::Delete { number } });
        }
    }
    steps.sort_by_key(|step| step.at);
    sensible(direction, steps)
}

/// Drops what a person could not do: changing or answering what is deleted.
fn sensible(direction: Direction, steps: Vec<Step>) -> Script {
    let mut deleted = BTreeSet::new();
    let mut kept = Vec::new();
    for mut step in steps {
        match &mut step.what {
            What::Post { reply_to, .. } => *reply_to = reply_to.filter(|to| !deleted.contains(to)),
            What::Edit { number, .. } if deleted.contains(number) => continue,
            What::Edit { .. } => {}
            What::Delete { number } => drop(deleted.insert(*number)),
        }
        kept.push(step);
    }
    Script { direction, steps: kept, deleted }
}

/// The text of a revision: its marker, its revision, and some words.
fn body(
    random: &mut Random,
    (direction, pair): (Direction, usize),
    (number, revision): (usize, usize),
    words: usize,
) -> String {
    let mut text = format!("{}{number:06} v{revision}", prefix(direction, pair));
    for index in 0..words + 1 + random.below(12) {
        // A line break in the middle now and then: it must arrive as one.
        text.push(if index % 9 == 8 { '\n' } else { ' ' });
        text.push_str(random.pick(&WORDS).copied().unwrap_or_default());
    }
    text
}

fn prefix(direction: Direction, pair: usize) -> String {
    format!("{}{pair:03}n", direction.letters())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_tells_its_number() {
        let text = body(&mut Random::new(1, 1), (Direction::DiscordToTelegram, 12), (345, 2), 0);
        assert_eq!(number_of(Direction::DiscordToTelegram, 12, &text), Some(345));
        assert_eq!(number_of(Direction::DiscordToTelegram, 13, &text), None);
        assert!(text.contains(" v2 "));
    }

    #[test]
    fn a_long_text_is_too_long_for_discord_and_short_enough_for_telegram() {
        for seed in 0..50 {
            let text = body(&mut Random::new(seed, 1), (Direction::TelegramToDiscord, 0), (0, 0), LONG_WORDS);
            assert!(text.chars().count() > 2_000 && text.encode_utf16().count() < 4_096, "{}", text.chars().count());
        }
    }
}
