//! Sends under way, by destination chat: what we wrote must be on record before its echo is ingested, or a pair that
//! reads the same chat would carry it on as if somebody else had written it; and of messages that read the same at most
//! one may be without a record, or one that is found at the destination could stand for the other.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use domain::{ChatId, PairId};
use tokio::sync::Notify;

/// An ingest waits at most this long for a send to be settled; beyond it the send is stuck, not slow.
const GATE_WAIT_MAX: Duration = Duration::from_secs(20);
/// Deliveries remembered as stuck; beyond it all are forgotten and waited for once more.
const STUCK_MAX: usize = 10_000;

/// One gate for each chat that is being written to.
#[derive(Debug, Default)]
pub struct Gates {
    open: Mutex<HashMap<ChatId, Weak<Gate>>>,
    stuck: Mutex<HashSet<(PairId, i64)>>,
}

/// The way into one chat: one send at a time, and what was sent and is not on record yet.
#[derive(Debug, Default)]
pub struct Gate {
    sending: tokio::sync::Mutex<()>,
    unrecorded: Mutex<Tickets>,
    recorded: Notify,
    /// Somebody waits for the record.
    hurry: Notify,
}

/// Sends without a record, in their order, each with the hash of what it reads. Two texts of one hash only wait for each
/// other in vain.
#[derive(Debug, Default)]
struct Tickets {
    next: u64,
    open: BTreeMap<u64, u64>,
}

/// A send that is not on record yet; to be dropped when it is, or when it is known that it will not be soon.
#[derive(Debug)]
pub struct Unrecorded {
    gate: Arc<Gate>,
    ticket: u64,
}

impl Unrecorded {
    /// Resolves when somebody begins to wait for the record of a send into the chat. One who waits already is not heard.
    pub async fn hurried(&self) {
        self.gate.hurry.notified().await;
    }
}

impl Drop for Unrecorded {
    fn drop(&mut self) {
        self.gate.tickets().open.remove(&self.ticket);
        self.gate.recorded.notify_waiters();
    }
}

impl Gate {
    /// Keeps other sends out of the chat until it is dropped. Waits until no message that reads `text` is unrecorded.
    pub async fn enter(&self, text: &str) -> tokio::sync::MutexGuard<'_, ()> {
        let hash = hash(text);
        let sending = self.sending.lock().await;
        self.wait(|tickets| tickets.open.values().all(|open| *open != hash)).await;
        sending
    }

    /// Notes a send that is on record later. To be called before the guard of [`Self::enter`] is dropped.
    #[must_use]
    pub fn unrecorded(self: &Arc<Self>, text: &str) -> Unrecorded {
        let mut tickets = self.tickets();
        let ticket = tickets.next;
        tickets.next += 1;
        tickets.open.insert(ticket, hash(text));
        Unrecorded { gate: Arc::clone(self), ticket }
    }

    /// Waits until everything is on record that was sent or is being sent now.
    async fn settled(&self) {
        let next = {
            let _sending = self.sending.lock().await;
            self.tickets().next
        };
        self.wait(|tickets| tickets.open.keys().next().is_none_or(|first| *first >= next)).await;
    }

    async fn wait(&self, is_over: impl Fn(&Tickets) -> bool) {
        loop {
            let mut recorded = std::pin::pin!(self.recorded.notified());
            // From here on nothing that is recorded goes unnoticed.
            recorded.as_mut().enable();
            if is_over(&self.tickets()) {
                return;
            }
            self.hurry.notify_waiters();
            recorded.await;
        }
    }

    fn tickets(&self) -> MutexGuard<'_, Tickets> {
        self.unrecorded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Platforms trim what they are sent.
fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.trim().hash(&mut hasher);
    hasher.finish()
}

impl Gates {
    /// The gate of a chat: a drain keeps it, and enters it before each send.
    pub fn open(&self, chat: ChatId) -> Arc<Gate> {
        let mut gates = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gate) = gates.get(&chat).and_then(Weak::upgrade) {
            return gate;
        }
        gates.retain(|_, gate| gate.strong_count() > 0);
        let gate = Arc::new(Gate::default());
        gates.insert(chat, Arc::downgrade(&gate));
        gate
    }

    /// True for a delivery that was waited for in vain: nobody waits for it again.
    pub fn is_stuck(&self, pair: PairId, seq: i64) -> bool {
        self.stuck.lock().unwrap_or_else(PoisonError::into_inner).contains(&(pair, seq))
    }

    /// Remembers that waiting for this delivery is in vain: its pair is paused, or its account gone.
    pub fn set_stuck(&self, pair: PairId, seq: i64) {
        let mut stuck = self.stuck.lock().unwrap_or_else(PoisonError::into_inner);
        if stuck.len() >= STUCK_MAX {
            stuck.clear();
        }
        stuck.insert((pair, seq));
    }

    /// Waits until a send to `chat` that is under way now is on record.
    pub async fn settled(&self, chat: ChatId) {
        let gate = self.open.lock().unwrap_or_else(PoisonError::into_inner).get(&chat).and_then(Weak::upgrade);
        if let Some(gate) = gate
            && tokio::time::timeout(GATE_WAIT_MAX, gate.settled()).await.is_err()
        {
            tracing::warn!(chat.id = %chat, "A send is not settled after a long wait; its echo is ingested anyway.");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn an_ingest_waits_for_the_record_of_the_send_and_for_no_other_chat() {
        let gates = Arc::new(Gates::default());
        let gate = gates.open(ChatId::new(1));
        let sending = gate.enter("hello").await;
        gates.settled(ChatId::new(2)).await;
        let waiting = tokio::spawn({
            let gates = Arc::clone(&gates);
            async move { gates.settled(ChatId::new(1)).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        let unrecorded = gate.unrecorded("hello");
        drop(sending);
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished(), "what was sent is not on record");
        let later = gate.unrecorded("and another");
        drop(unrecorded);
        tokio::time::timeout(SOON, waiting).await.unwrap().unwrap();
        drop(later);
    }

    #[tokio::test]
    async fn a_message_that_reads_the_same_waits_for_the_record_of_the_first() {
        let gate = Arc::new(Gate::default());
        let first = {
            let _sending = gate.enter("hello").await;
            gate.unrecorded("hello")
        };
        drop(tokio::time::timeout(SOON, gate.enter("other")).await.unwrap());
        let second = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { drop(gate.enter(" hello\n").await) }
        });
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        drop(first);
        tokio::time::timeout(SOON, second).await.unwrap().unwrap();
    }
}
