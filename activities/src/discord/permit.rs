//! Leave to identify: a new session costs an IDENTIFY, of which Discord gives a bot 1,000 a day and an address its share.
//!
//! serenity identifies by itself whenever it starts a shard, and only then; a resume keeps the shard's runner. Before
//! either it reads the gateway's address behind a lock. So the lock is held here and let go for a moment whenever a
//! runner is there (who waits then wants to resume), or leave to identify was given.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::platform::RateObserver;

/// The wait before asking again when the asking itself failed.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// The gateway's address behind its lock.
pub(super) struct Permit {
    address: Arc<Mutex<String>>,
    held: Option<OwnedMutexGuard<String>>,
    rates: Arc<dyn RateObserver>,
    /// Where the observer's own work runs: the gateway's runtime may end at any time.
    runtime: Handle,
    asking: Option<JoinHandle<Result<(), Duration>>>,
    ask_at: Instant,
    granted: bool,
}

impl Permit {
    /// Locks `url`.
    pub(super) fn new(url: String, rates: Arc<dyn RateObserver>, runtime: Handle) -> Self {
        let address = Arc::new(Mutex::new(url));
        let held = Arc::clone(&address).try_lock_owned().ok();
        Self { address, held, rates, runtime, asking: None, ask_at: Instant::now(), granted: false }
    }

    /// What serenity is given.
    pub(super) fn address(&self) -> Arc<Mutex<String>> {
        Arc::clone(&self.address)
    }

    /// Takes one look: `running` when the shard has a runner, so that it needs no IDENTIFY (any more).
    pub(super) async fn turn(&mut self, running: bool) {
        if running {
            self.granted = false;
        } else if !self.granted {
            self.granted = self.ask().await;
        }
        if running || self.granted {
            // The lock is fair: who waits for it gets it now.
            self.held = None;
            tokio::task::yield_now().await;
        }
        if self.held.is_none() {
            self.held = Arc::clone(&self.address).try_lock_owned().ok();
        }
    }

    /// Whether leave was given; asks once and looks for the answer in later turns.
    async fn ask(&mut self) -> bool {
        match &mut self.asking {
            None if Instant::now() >= self.ask_at => {
                let rates = Arc::clone(&self.rates);
                self.asking = Some(self.runtime.spawn(async move { rates.identify().await }));
                false
            }
            None => false,
            Some(asking) if !asking.is_finished() => false,
            Some(asking) => {
                let answer = asking.await.unwrap_or(Err(ASK_AGAIN));
                self.asking = None;
                if let Err(wait) = answer {
                    tracing::info!(wait.s = wait.as_secs(), "A Discord session waits for its turn to be identified.");
                    self.ask_at = Instant::now() + wait;
                }
                answer.is_ok()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;

    use super::*;
    use crate::platform::RateHeaders;

    /// Refuses once, then allows.
    #[derive(Debug, Default)]
    struct Strict(AtomicUsize);

    #[async_trait]
    impl RateObserver for Strict {
        fn answered(&self, _: RateHeaders) {}

        async fn read(&self) -> Result<(), Duration> {
            Ok(())
        }

        async fn read_refused(&self, _: Duration) {}

        fn invalid(&self) {}

        async fn identify(&self) -> Result<(), Duration> {
            if self.0.fetch_add(1, Ordering::SeqCst) == 0 { Err(Duration::from_millis(20)) } else { Ok(()) }
        }
    }

    #[tokio::test]
    async fn the_address_is_given_for_leave_or_to_a_runner_and_to_nobody_else() {
        let rates = Arc::new(Strict::default());
        let mut permit = Permit::new("ws://x".to_owned(), rates.clone(), Handle::current());
        let begin = |address: Arc<Mutex<String>>| tokio::spawn(async move { address.lock().await.clone() });
        let first = begin(permit.address());
        let began = Instant::now();
        while !first.is_finished() {
            permit.turn(false).await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(began.elapsed() >= Duration::from_millis(20), "the refusal was not waited for");
        assert_eq!(rates.0.load(Ordering::SeqCst), 2);
        permit.turn(true).await;
        let resuming = begin(permit.address());
        tokio::task::yield_now().await;
        assert!(!resuming.is_finished());
        while !resuming.is_finished() {
            permit.turn(true).await;
        }
        assert_eq!(rates.0.load(Ordering::SeqCst), 2, "a resume needs no leave");
        let anew = begin(permit.address());
        while !anew.is_finished() {
            permit.turn(false).await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(rates.0.load(Ordering::SeqCst), 3, "each new session needs its own");
    }
}
