//! When messages came to stand: the sandboxes keep the newest in memory, so that whoever measures can ask for what is
//! new instead of reading whole chats again and again, which would cost the machine more than what is measured.

use std::{
    collections::VecDeque,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

/// Arrivals kept, some 100 bytes each; older ones are forgotten.
const KEPT_MAX: usize = 50_000;
/// How much of a text is kept, in characters: enough to recognise it.
const HEAD_CHARS: usize = 24;

/// One message that came to stand, whoever wrote it and by whatever way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// When, in microseconds since 1970.
    pub at_us: u64,
    /// Where: the id by which the product knows the chat.
    pub chat: String,
    /// The beginning of its text.
    pub head: String,
}

/// What came to stand since some number.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Page {
    /// The number to ask from next time.
    pub next: u64,
    /// Oldest first.
    pub arrivals: Vec<Arrival>,
}

/// The newest arrivals of one sandbox.
#[derive(Debug, Default)]
pub struct Arrivals {
    kept: VecDeque<Arrival>,
    /// How many were forgotten.
    forgotten: u64,
}

impl Arrivals {
    /// Notes a message that stands from now on.
    pub fn note(&mut self, chat: String, text: &str) {
        if self.kept.len() == KEPT_MAX {
            self.kept.pop_front();
            self.forgotten += 1;
        }
        self.kept.push_back(Arrival { at_us: now_us(), chat, head: text.chars().take(HEAD_CHARS).collect() });
    }

    /// Arrival number `from` and those after it, as far as they are kept.
    #[must_use]
    pub fn since(&self, from: u64) -> Page {
        let skip = usize::try_from(from.saturating_sub(self.forgotten)).unwrap_or(usize::MAX);
        let next = self.forgotten + u64::try_from(self.kept.len()).unwrap_or(0);
        Page { next, arrivals: self.kept.iter().skip(skip).cloned().collect() }
    }
}

/// Microseconds since 1970.
#[must_use]
pub fn now_us() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the sandbox has no clock but the machine's")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_is_given_once_and_what_is_old_is_forgotten() {
        let mut arrivals = Arrivals::default();
        arrivals.note("1".into(), &"ä".repeat(100));
        let page = arrivals.since(0);
        assert_eq!((page.next, page.arrivals.len(), page.arrivals[0].head.chars().count()), (1, 1, HEAD_CHARS));
        assert!(arrivals.since(page.next).arrivals.is_empty());
        for number in 0..KEPT_MAX {
            arrivals.note("2".into(), &number.to_string());
        }
        let page = arrivals.since(1);
        assert_eq!((page.next, page.arrivals.len()), (50_001, KEPT_MAX));
        assert_eq!(arrivals.since(page.next - 1).arrivals[0].head, "49999");
    }
}
