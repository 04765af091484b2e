//! The drains that run on this worker: at most one of a pair, and each can be woken without Temporal, in process from an
//! ingest on the same worker, by PostgreSQL `NOTIFY` from another.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use domain::{PairId, notification::Channel};
use store::{PgPool, ingest::WAKE_CHANNEL, notifications, payment_events};
use tokio::sync::{Notify, OwnedMutexGuard};

/// Wait before listening again after the connection was lost.
const RELISTEN_AFTER: Duration = Duration::from_secs(1);
/// A drain waits so long for the one before it to make room. Beyond it that one is stuck in a call, and can claim
/// nothing any more once the new one has begun.
const TURN_WAIT_MAX: Duration = Duration::from_secs(30);
/// Express drains at once, some kilobytes each; with more, pairs are woken through Temporal.
const EXPRESS_MAX: usize = 1_000;

/// The drains that run on this worker, and who sends notifications.
#[derive(Debug, Default)]
pub struct Wakeups {
    drains: Mutex<HashMap<PairId, Arc<Ear>>>,
    /// Somebody asked for a message by e-mail, or by the bot.
    mail: Notify,
    bot: Notify,
    /// A payment provider has told something.
    payments: Notify,
}

/// What a pair's drains share.
#[derive(Debug, Default)]
struct Ear {
    /// There is something new.
    news: Notify,
    /// Held by the drain that runs.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// Drains that wait for their turn, and the way to tell the one that runs.
    waiting: AtomicUsize,
    wanted: Notify,
}

/// A running drain's ear; dropping it says that the drain is over.
#[derive(Debug)]
pub struct Wakeup<'a> {
    wakeups: &'a Wakeups,
    pair: PairId,
    ear: Arc<Ear>,
    turn: Option<OwnedMutexGuard<()>>,
}

impl Wakeup<'_> {
    /// Resolves when there is something new, also if that was said before anybody listened.
    pub async fn woken(&self) {
        self.ear.news.notified().await;
    }

    /// True when another drain of the pair waits for this one to end.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.ear.waiting.load(Ordering::Acquire) > 0
    }

    /// Resolves when another drain of the pair waits for this one to end.
    pub async fn wanted(&self) {
        while !self.is_wanted() {
            self.ear.wanted.notified().await;
        }
    }
}

impl Drop for Wakeup<'_> {
    fn drop(&mut self) {
        drop(self.turn.take());
        let mut drains = self.wakeups.lock();
        // The map's and ours: nobody else runs, waits or is about to.
        if Arc::strong_count(&self.ear) <= 2 {
            drains.remove(&self.pair);
        }
    }
}

impl Wakeups {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<PairId, Arc<Ear>>> {
        self.drains.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a drain that the pair's workflow asks for. One that runs is told to end, and waited for.
    pub async fn register(&self, pair: PairId) -> Wakeup<'_> {
        let ear = Arc::clone(self.lock().entry(pair).or_default());
        let mut wakeup = Wakeup { wakeups: self, pair, ear, turn: None };
        let _waiting = Waiting::of(&wakeup.ear);
        wakeup.ear.wanted.notify_one();
        wakeup.turn = tokio::time::timeout(TURN_WAIT_MAX, Arc::clone(&wakeup.ear.turn).lock_owned()).await.ok();
        wakeup
    }

    /// Registers a drain that nobody asked for, unless one of the pair runs or very many of others do.
    pub fn try_register(&self, pair: PairId) -> Option<Wakeup<'_>> {
        let mut drains = self.lock();
        if drains.len() >= EXPRESS_MAX {
            return None;
        }
        let ear = Arc::clone(drains.entry(pair).or_default());
        drop(drains);
        let turn = Arc::clone(&ear.turn).try_lock_owned().ok();
        let wakeup = Wakeup { wakeups: self, pair, ear, turn };
        wakeup.turn.is_some().then_some(wakeup)
    }

    /// Drains that run here, or wait for their turn.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// True when there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Wakes the pair's drain, if one runs here.
    pub fn wake(&self, pair: PairId) {
        if let Some(ear) = self.lock().get(&pair) {
            ear.news.notify_one();
        }
    }

    /// Resolves when a message was asked for on this channel, also if that was said before anybody listened.
    pub async fn outbox_woken(&self, channel: Channel) {
        self.outbox(channel).notified().await;
    }

    /// Resolves when a payment provider has told something, also if that was said before anybody listened.
    pub async fn payments_woken(&self) {
        self.payments.notified().await;
    }

    fn outbox(&self, channel: Channel) -> &Notify {
        match channel {
            Channel::Email => &self.mail,
            Channel::Bot => &self.bot,
        }
    }

    fn wake_all(&self) {
        for channel in Channel::ALL {
            self.outbox(channel).notify_one();
        }
        self.payments.notify_one();
        for ear in self.lock().values() {
            ear.news.notify_one();
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
        listener.listen_all([WAKE_CHANNEL, notifications::WAKE_CHANNEL, payment_events::WAKE_CHANNEL]).await?;
        self.wake_all();
        loop {
            let notification = listener.recv().await?;
            if notification.channel() == notifications::WAKE_CHANNEL {
                if let Some(channel) = Channel::parse(notification.payload()) {
                    self.outbox(channel).notify_one();
                }
            } else if notification.channel() == payment_events::WAKE_CHANNEL {
                self.payments.notify_one();
            } else if let Ok(uuid) = notification.payload().parse() {
                self.wake(PairId::from_uuid(uuid));
            }
        }
    }
}

/// Counted as waiting for as long as it lives.
struct Waiting(Arc<Ear>);

impl Waiting {
    fn of(ear: &Arc<Ear>) -> Self {
        ear.waiting.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(ear))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use domain::SystemClock;

    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn a_wake_before_the_wait_is_not_lost() {
        let wakeups = Wakeups::default();
        let pair = PairId::new(&SystemClock);
        let wakeup = wakeups.register(pair).await;
        wakeups.wake(pair);
        tokio::time::timeout(SOON, wakeup.woken()).await.unwrap();
    }

    #[tokio::test]
    async fn a_drain_that_was_asked_for_ends_the_one_before_it() {
        let wakeups = Wakeups::default();
        let pair = PairId::new(&SystemClock);
        let express = wakeups.try_register(pair).unwrap();
        assert!(!express.is_wanted());
        assert!(wakeups.try_register(pair).is_none(), "one drain of a pair at a time");
        let younger = async {
            let younger = wakeups.register(pair).await;
            wakeups.wake(pair);
            tokio::time::timeout(SOON, younger.woken()).await.unwrap();
            assert!(!younger.is_wanted());
        };
        let older = async move {
            tokio::time::timeout(SOON, express.wanted()).await.unwrap();
            drop(express);
        };
        tokio::join!(younger, older);
        assert!(wakeups.lock().is_empty());
    }
}
