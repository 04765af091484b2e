//! Waking a drain that lingers, without Temporal: in process from an ingest on the same worker, by PostgreSQL `NOTIFY`
//! from another.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use domain::PairId;
use store::{PgPool, ingest::WAKE_CHANNEL};
use tokio::sync::Notify;

/// Wait before listening again after the connection was lost.
const RELISTEN_AFTER: Duration = Duration::from_secs(1);

/// The drains that run on this worker.
#[derive(Debug, Default)]
pub struct Wakeups(Mutex<HashMap<PairId, Arc<Notify>>>);

/// A running drain's ear; dropping it says that the drain is over.
#[derive(Debug)]
pub struct Wakeup<'a> {
    wakeups: &'a Wakeups,
    pair: PairId,
    notify: Arc<Notify>,
}

impl Wakeup<'_> {
    /// Resolves when there is something new, also if that was said before anybody listened.
    pub async fn woken(&self) {
        self.notify.notified().await;
    }
}

impl Drop for Wakeup<'_> {
    fn drop(&mut self) {
        let mut drains = self.wakeups.lock();
        if drains.get(&self.pair).is_some_and(|notify| Arc::ptr_eq(notify, &self.notify)) {
            drains.remove(&self.pair);
        }
    }
}

impl Wakeups {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<PairId, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a drain; the youngest of a pair is the one that is woken.
    pub fn register(&self, pair: PairId) -> Wakeup<'_> {
        let notify = Arc::new(Notify::new());
        self.lock().insert(pair, Arc::clone(&notify));
        Wakeup { wakeups: self, pair, notify }
    }

    /// Wakes the pair's drain, if one runs here.
    pub fn wake(&self, pair: PairId) {
        if let Some(notify) = self.lock().get(&pair) {
            notify.notify_one();
        }
    }

    fn wake_all(&self) {
        for notify in self.lock().values() {
            notify.notify_one();
        }
    }

    /// Passes on what other workers notify, for ever. After a lost connection every drain looks once: something may
    /// have been said meanwhile.
    pub async fn listen(self: Arc<Self>, pool: PgPool) {
        loop {
            if let Err(error) = self.listen_once(&pool).await {
                tracing::warn!(%error, "Listening for wakes failed; trying again.");
            }
            self.wake_all();
            tokio::time::sleep(RELISTEN_AFTER).await;
        }
    }

    async fn listen_once(&self, pool: &PgPool) -> Result<(), sqlx::Error> {
        let mut listener = sqlx::postgres::PgListener::connect_with(pool).await?;
        listener.listen(WAKE_CHANNEL).await?;
        self.wake_all();
        loop {
            let notification = listener.recv().await?;
            if let Ok(uuid) = notification.payload().parse() {
                self.wake(PairId::from_uuid(uuid));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::SystemClock;

    use super::*;

    #[tokio::test]
    async fn a_wake_before_the_wait_is_not_lost() {
        let wakeups = Wakeups::default();
        let pair = PairId::new(&SystemClock);
        let wakeup = wakeups.register(pair);
        wakeups.wake(pair);
        tokio::time::timeout(Duration::from_secs(5), wakeup.woken()).await.unwrap();
    }

    #[tokio::test]
    async fn an_older_drain_that_ends_does_not_deafen_the_younger() {
        let wakeups = Wakeups::default();
        let pair = PairId::new(&SystemClock);
        let older = wakeups.register(pair);
        let younger = wakeups.register(pair);
        drop(older);
        wakeups.wake(pair);
        tokio::time::timeout(Duration::from_secs(5), younger.woken()).await.unwrap();
        drop(younger);
        assert!(wakeups.lock().is_empty());
    }
}
