//! Sends under way, by destination chat: what we wrote must be on record before its echo is ingested, or a pair that
//! reads the same chat would carry it on as if somebody else had written it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use domain::ChatId;

/// An ingest waits at most this long for a send to be settled; beyond it the send is stuck, not slow.
const GATE_WAIT_MAX: Duration = Duration::from_secs(20);

type Gate = tokio::sync::Mutex<()>;

/// One gate for each chat that is being written to.
#[derive(Debug, Default)]
pub struct Gates(Mutex<HashMap<ChatId, Weak<Gate>>>);

impl Gates {
    /// The gate of a chat: a drain keeps it, and locks it from before each send until the send is on record.
    pub fn open(&self, chat: ChatId) -> Arc<Gate> {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gates.retain(|_, gate| gate.strong_count() > 0);
        if let Some(gate) = gates.get(&chat).and_then(Weak::upgrade) {
            return gate;
        }
        let gate = Arc::new(Gate::default());
        gates.insert(chat, Arc::downgrade(&gate));
        gate
    }

    /// Waits until a send to `chat` that is under way now is on record.
    pub async fn settled(&self, chat: ChatId) {
        let gate = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&chat).and_then(Weak::upgrade);
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
