//! Sends under way, by destination chat: what we wrote must be on record before its echo is ingested, or a pair that
//! reads the same chat would carry it on as if somebody else had written it.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use domain::{ChatId, PairId};

/// An ingest waits at most this long for a send to be settled; beyond it the send is stuck, not slow.
const GATE_WAIT_MAX: Duration = Duration::from_secs(20);

type Gate = tokio::sync::Mutex<()>;

/// Deliveries remembered as stuck; beyond it all are forgotten and waited for once more.
const STUCK_MAX: usize = 10_000;

/// One gate for each chat that is being written to.
#[derive(Debug, Default)]
pub struct Gates {
    open: Mutex<HashMap<ChatId, Weak<Gate>>>,
    stuck: Mutex<HashSet<(PairId, i64)>>,
}

impl Gates {
    /// The gate of a chat: a drain keeps it, and locks it from before each send until the send is on record.
    pub fn open(&self, chat: ChatId) -> Arc<Gate> {
        let mut gates = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        gates.retain(|_, gate| gate.strong_count() > 0);
        if let Some(gate) = gates.get(&chat).and_then(Weak::upgrade) {
            return gate;
        }
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
            && tokio::time::timeout(GATE_WAIT_MAX, gate.lock()).await.is_err()
        {
            tracing::warn!(chat.id = %chat, "A send is not settled after a long wait; its echo is ingested anyway.");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_ingest_waits_for_the_send_and_for_no_other_chat() {
        let gates = Arc::new(Gates::default());
        let gate = gates.open(ChatId::new(1));
        let sending = gate.lock().await;
        gates.settled(ChatId::new(2)).await;
        let waiting = tokio::spawn({
            let gates = Arc::clone(&gates);
            async move { gates.settled(ChatId::new(1)).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(sending);
        waiting.await.unwrap();
    }
}
