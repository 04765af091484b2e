//! The state of one bot's gateway link, as seen from outside of its thread, and the watch that frees a stuck thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serenity::all::{OnlineStatus, ShardId, ShardManager};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often the thread's sign of life is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// A thread without a sign of life for this long is spinning in serenity; an overloaded machine is not that slow.
const SILENCE_MAX: Duration = Duration::from_secs(5);

/// Shared by the thread, its handlers and the connection.
#[derive(Default)]
pub(super) struct Link {
    up: AtomicBool,
    freed: AtomicBool,
    beat: Mutex<Option<Beat>>,
}

/// The thread's last sign of life, and the way to speak to the shards that it runs.
struct Beat {
    at: Instant,
    manager: Arc<ShardManager>,
}

impl Beat {
    /// Gives the shard's runner something to send; false when there is no runner (yet).
    fn order(&self, shard: ShardId) -> bool {
        let Ok(runners) = self.manager.runners.try_lock() else { return false };
        runners.get(&shard).is_some_and(|runner| {
            runner.runner_tx.set_status(OnlineStatus::Online);
            true
        })
    }
}

impl Link {
    /// True while a session is live and its heartbeats are answered.
    pub(super) fn is_up(&self) -> bool {
        self.up.load(Ordering::Acquire)
    }

    /// Marks the link; returns what it was.
    pub(super) fn set_up(&self, up: bool) -> bool {
        self.up.swap(up, Ordering::AcqRel)
    }

    /// The thread lives; `None` while it runs no shards.
    pub(super) fn beat(&self, manager: Option<&Arc<ShardManager>>) {
        *self.lock() = manager.map(|manager| Beat { at: Instant::now(), manager: Arc::clone(manager) });
    }

    /// True once after the shard was ended from outside.
    pub(super) fn was_freed(&self) -> bool {
        self.freed.swap(false, Ordering::AcqRel)
    }

    /// Frees the thread whenever it is stuck, until it has obeyed `stop`. Must run on another thread than the gateway's.
    ///
    /// A spinning shard runner still reads its orders in every turn, and one that it cannot send ends it.
    pub(super) async fn watch(self: Arc<Self>, shard: ShardId, stop: CancellationToken) {
        // A stop is for the thread to obey; the watch stays until it can.
        while !(stop.is_cancelled() && self.lock().is_none()) {
            tokio::time::sleep(LOOK).await;
            let stuck = self.lock().as_ref().is_some_and(|beat| beat.at.elapsed() > SILENCE_MAX && beat.order(shard));
            if stuck && !self.freed.swap(true, Ordering::AcqRel) {
                tracing::warn!(
                    silence.max_s = SILENCE_MAX.as_secs(),
                    "A Discord gateway is stuck; it is started anew."
                );
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Beat>> {
        self.beat.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
