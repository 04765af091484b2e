//! The bulk lane: a pair with much to carry takes turns with others like it at the database, so that one tenant's flood
//! leaves connections and processors to whoever carries a message now and then.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Claims and records of bulk that the database works on at once, of the [`store::CONNECTIONS_MAX`] of a process. Few
/// cores are kept busy by few, and each more makes everybody wait longer for a core.
const AT_ONCE: usize = 2;
/// A pair that has carried so many messages without a pause has much to carry.
pub(crate) const SENT: u64 = 100;
/// A record of so many messages at once is bulk.
const RECORDED: usize = 16;

/// The lane of one worker.
#[derive(Clone, Debug)]
pub struct Bulk(Arc<Semaphore>);

impl Default for Bulk {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

/// A turn at the database; it ends when this is dropped.
pub(crate) type Turn = Option<OwnedSemaphorePermit>;

impl Bulk {
    /// Waits for a turn when a drain has sent so many messages in a row that it is bulk.
    pub(crate) async fn claim(&self, in_a_row: u64) -> Turn {
        self.turn(in_a_row >= SENT).await
    }

    /// Waits for a turn when so many messages are recorded at once that it is bulk.
    pub(crate) async fn record(&self, messages: usize) -> Turn {
        self.turn(messages >= RECORDED).await
    }

    async fn turn(&self, is_bulk: bool) -> Turn {
        if !is_bulk {
            return None;
        }
        // The lane is never closed; if it were, nobody would have to wait.
        Arc::clone(&self.0).acquire_owned().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn bulk_takes_turns_and_little_never_waits() {
        let lane = Bulk::default();
        let mut turns = Vec::new();
        for _ in 0..AT_ONCE {
            turns.push(lane.claim(SENT).await);
        }
        let soon = Duration::from_millis(20);
        assert!(timeout(soon, lane.record(RECORDED)).await.is_err(), "the lane is full");
        assert!(timeout(soon, lane.claim(SENT - 1)).await.is_ok_and(|turn| turn.is_none()));
        assert!(timeout(soon, lane.record(RECORDED - 1)).await.is_ok_and(|turn| turn.is_none()));
        turns.pop();
        assert!(timeout(soon, lane.record(RECORDED)).await.is_ok_and(|turn| turn.is_some()));
    }
}
