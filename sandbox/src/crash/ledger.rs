//! What was written at one source, as its writer knows it: the model that the destination is compared with. It is built
//! from the answers of the source's platform alone; nothing of Causeway's is asked.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The messages of one source, by number, and when copies of them were seen.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    entries: BTreeMap<usize, Entry>,
    seen: BTreeMap<usize, Instant>,
    /// Kills after which nothing that stays has been written yet.
    unanswered: Vec<Instant>,
    /// Messages that were the first after some kills.
    probes: BTreeMap<usize, Vec<Instant>>,
    recovered: Vec<Duration>,
}

/// One message, as it stands at its source now.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The source platform's id.
    pub id: String,
    /// Its text.
    pub text: String,
    /// The number of the message that it answers.
    pub reply_to: Option<usize>,
    /// It is not there any more.
    pub deleted: bool,
    /// How often it was edited.
    pub edits: usize,
}

impl Ledger {
    /// Somebody was killed.
    pub fn killed(&self, at: Instant) {
        self.lock().unanswered.push(at);
    }

    /// The kills that the message about to be written is the first one after, when it stays. What is written in the
    /// same moment as a kill may have been before it, so this is asked before the writing.
    pub fn answers(&self) -> Vec<Instant> {
        std::mem::take(&mut self.lock().unanswered)
    }

    /// Gives back what [`Self::answers`] took, for the next message.
    pub fn unanswered(&self, kills: Vec<Instant>) {
        self.lock().unanswered.extend(kills);
    }

    /// Message `number` was written and is the first one after `kills`.
    pub fn posted(&self, number: usize, entry: Entry, kills: Vec<Instant>) {
        let mut inner = self.lock();
        inner.entries.insert(number, entry);
        match inner.seen.get(&number).copied() {
            // Its copy was there before its writer had the answer.
            Some(seen) => inner.recovered.extend(kills.into_iter().map(|kill| seen - kill)),
            None if kills.is_empty() => {}
            None => drop(inner.probes.insert(number, kills)),
        }
    }

    /// Message `number` has another text.
    pub fn edited(&self, number: usize, text: &str) {
        if let Some(entry) = self.lock().entries.get_mut(&number) {
            text.clone_into(&mut entry.text);
            entry.edits += 1;
        }
    }

    /// Message `number` is gone.
    pub fn deleted(&self, number: usize) {
        if let Some(entry) = self.lock().entries.get_mut(&number) {
            entry.deleted = true;
        }
    }

    /// A copy of message `number` stands at the destination at `now`.
    pub fn seen(&self, number: usize, now: Instant) {
        let mut inner = self.lock();
        inner.seen.entry(number).or_insert(now);
        let kills = inner.probes.remove(&number).unwrap_or_default();
        inner.recovered.extend(kills.into_iter().map(|kill| now - kill));
    }

    /// From each kill to the arrival of the first message that was written after it.
    pub fn recovered(&self) -> Vec<Duration> {
        self.lock().recovered.clone()
    }

    /// One message.
    pub fn entry(&self, number: usize) -> Option<Entry> {
        self.lock().entries.get(&number).cloned()
    }

    /// All messages.
    pub fn entries(&self) -> BTreeMap<usize, Entry> {
        self.lock().entries.clone()
    }

    /// How many were written.
    pub fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// Of how many we have seen a copy.
    pub fn arrived(&self) -> usize {
        self.lock().seen.len()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kill_is_recovered_from_when_the_first_message_after_it_has_arrived() {
        let (ledger, start) = (Ledger::default(), Instant::now());
        let second = Duration::from_secs(1);
        let entry = Entry { id: "1".into(), text: "x".into(), reply_to: None, deleted: false, edits: 0 };
        ledger.killed(start);
        ledger.killed(start + second);
        let kills = ledger.answers();
        assert_eq!(kills.len(), 2);
        ledger.posted(0, entry.clone(), kills);
        ledger.posted(1, entry, ledger.answers());
        ledger.seen(1, start + 3 * second);
        assert!(ledger.recovered().is_empty(), "the second message answers no kill");
        ledger.seen(0, start + 4 * second);
        ledger.seen(0, start + 9 * second);
        assert_eq!(ledger.recovered(), [4 * second, 3 * second]);
        assert_eq!((ledger.len(), ledger.arrived()), (2, 2));
    }
}
