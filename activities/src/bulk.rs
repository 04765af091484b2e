//! The bulk lane: whoever has much to record or to carry takes turns with others like it at the database and gives way
//! to those who have little, so that one tenant's flood leaves processors and connections to whoever writes now and then.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, Semaphore, SemaphorePermit},
    time::{Instant, timeout},
};

/// Turns at once on a large machine: half of [`store::CONNECTIONS_MAX`].
const AT_ONCE_MAX: usize = store::CONNECTIONS_MAX as usize / 2;
/// A pair that has carried so many messages without a pause has much to carry. With few, a pair that falls behind for a
/// moment would be bulk, and as bulk fall behind further.
const SENT: u64 = 100;
/// So many messages recorded at once are much.
const RECORDED: usize = 16;
/// Bulk stands still for little at most so long at a time.
const STAND_MAX: Duration = Duration::from_millis(50);
/// Bulk waits so long for its turn. Whoever has it for longer is stuck and must not hold up everybody else's bulk.
const TURN_WAIT_MAX: Duration = Duration::from_secs(5);

/// The lane of one worker.
#[derive(Clone, Debug)]
pub struct Bulk(Arc<Lane>);

#[derive(Debug)]
struct Lane {
    turns: Semaphore,
    /// Turns of little that have not ended.
    little: AtomicUsize,
    /// The last of them has ended.
    clear: Notify,
    rest: Mutex<Rest>,
}

/// When bulk may stand still again: it goes on for as long as it has stood, so that half of the time is its own however
/// many others there are.
#[derive(Debug, Default)]
struct Rest {
    owed_until: Option<Instant>,
}

impl Rest {
    fn may_stand(&self, now: Instant) -> bool {
        self.owed_until.is_none_or(|until| until <= now)
    }

    fn stood(&mut self, began: Instant, ended: Instant) {
        self.owed_until = self.owed_until.max(Some(ended + (ended - began)));
    }
}

/// The right to ask the database for something; it ends when this is dropped.
#[derive(Debug)]
pub(crate) enum Turn<'a> {
    /// One of few; `None` beside those that are stuck.
    Bulk { _permit: Option<SemaphorePermit<'a>> },
    /// What bulk gives way to.
    Little { _way: Way<'a> },
}

/// Bulk stands still while one of these lives.
#[derive(Debug)]
pub(crate) struct Way<'a>(&'a Lane);

impl Drop for Way<'_> {
    fn drop(&mut self) {
        if self.0.little.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.clear.notify_waiters();
        }
    }
}

impl Default for Bulk {
    /// Bulk keeps half of the machine's processors busy at the database, and at most half of the connections.
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self::new((processors / 2).clamp(1, AT_ONCE_MAX))
    }
}

impl Bulk {
    fn new(at_once: usize) -> Self {
        Self(Arc::new(Lane {
            turns: Semaphore::new(at_once),
            little: AtomicUsize::new(0),
            clear: Notify::new(),
            rest: Mutex::default(),
        }))
    }

    /// To claim deliveries, for a drain that has sent so many messages in a row.
    pub(crate) async fn claim(&self, in_a_row: u64) -> Turn<'_> {
        if in_a_row < SENT { self.little() } else { self.bulk().await }
    }

    /// To record so many updates.
    pub(crate) async fn ingest(&self, updates: usize) -> Turn<'_> {
        if updates < RECORDED { self.little() } else { self.bulk().await }
    }

    /// To record so many sends. Nobody's message is late for a few of them: they neither wait nor are waited for.
    pub(crate) async fn settle(&self, sends: usize) -> Option<Turn<'_>> {
        if sends < RECORDED { None } else { Some(self.bulk().await) }
    }

    /// Stands still for others, before the next message of a drain that has sent so many in a row.
    pub(crate) async fn give_way(&self, in_a_row: u64) {
        if in_a_row >= SENT {
            self.stand().await;
        }
    }

    fn little(&self) -> Turn<'_> {
        self.0.little.fetch_add(1, Ordering::AcqRel);
        Turn::Little { _way: Way(&self.0) }
    }

    async fn bulk(&self) -> Turn<'_> {
        self.stand().await;
        let turn = timeout(TURN_WAIT_MAX, self.0.turns.acquire()).await;
        // The lane is never closed, so there is nothing but the time that can run out.
        Turn::Bulk { _permit: turn.ok().and_then(Result::ok) }
    }

    async fn stand(&self) {
        let began = Instant::now();
        if self.is_clear() || !self.rest().may_stand(began) {
            return;
        }
        let clear = async {
            loop {
                let clear = self.0.clear.notified();
                if self.is_clear() {
                    return;
                }
                clear.await;
            }
        };
        // When that takes too long, bulk goes on beside the others.
        let _too_long = timeout(STAND_MAX, clear).await;
        self.rest().stood(began, Instant::now());
    }

    fn is_clear(&self) -> bool {
        self.0.little.load(Ordering::Acquire) == 0
    }

    fn rest(&self) -> MutexGuard<'_, Rest> {
        self.0.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn bulk_takes_turns_and_little_never_waits() {
        let lane = Bulk::new(2);
        let mut turns = vec![lane.claim(SENT).await, lane.ingest(RECORDED).await];
        assert!(timeout(SOON, lane.settle(RECORDED)).await.is_err(), "the lane is full");
        assert!(matches!(timeout(SOON, lane.claim(SENT - 1)).await, Ok(Turn::Little { .. })));
        assert!(matches!(timeout(SOON, lane.ingest(RECORDED - 1)).await, Ok(Turn::Little { .. })));
        assert!(matches!(timeout(SOON, lane.settle(RECORDED - 1)).await, Ok(None)));
        turns.pop();
        assert!(matches!(lane.settle(RECORDED).await, Some(Turn::Bulk { .. })));
    }

    #[tokio::test]
    async fn bulk_stands_still_until_the_last_of_little_is_over() {
        let lane = Bulk::new(1);
        let (one, another) = (lane.claim(0).await, lane.ingest(1).await);
        lane.give_way(SENT - 1).await;
        drop(one);
        let began = Instant::now();
        let (_turn, ()) = tokio::join!(lane.claim(SENT), async {
            tokio::time::sleep(SOON).await;
            drop(another);
        });
        assert!(began.elapsed() >= SOON);
    }

    #[tokio::test]
    async fn bulk_stands_still_for_a_while_and_goes_on() {
        let lane = Bulk::new(1);
        let _little = lane.claim(0).await;
        let began = Instant::now();
        let _turn = lane.claim(SENT).await;
        assert!(began.elapsed() >= STAND_MAX);
    }

    #[test]
    fn half_of_the_time_is_bulks_own() {
        let began = Instant::now();
        let after = |ms| began + Duration::from_millis(ms);
        let mut rest = Rest::default();
        assert!(rest.may_stand(began));
        rest.stood(began, after(30));
        assert!(!rest.may_stand(after(59)));
        assert!(rest.may_stand(after(60)));
        // Two drains stood at the same time: the longer of the two counts.
        rest.stood(after(60), after(110));
        rest.stood(after(100), after(110));
        assert!(!rest.may_stand(after(159)));
        assert!(rest.may_stand(after(160)));
    }
}
