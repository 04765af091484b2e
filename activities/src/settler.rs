//! Recording what was sent while the next message is being sent: a task of each drain writes what has gathered since its
//! last write, in one statement.
//!
//! A crash leaves what was not written as deliveries of unknown outcome, each under its key and with the time of its
//! first attempt on record, as it would one. Three bounds keep that harmless: few deliveries are open at once
//! ([`OPEN_MAX`]), no two of a chat read the same (its gate keeps them apart), and whatever reads the record of sends, an
//! edit, a deletion, a reply or an album, waits until it is complete.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::PairId;
use store::{
    PgPool, StoreError,
    deliveries::{self, SentDelivery},
    seal::Sealer,
};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::{bulk::Bulk, gates::Unrecorded};

/// Deliveries sent and not recorded yet; a drain that is so far ahead waits. One more batch is being written.
const OPEN_MAX: usize = 32;

/// A write waits so long for more to be sent, unless somebody waits for it: at a hundred messages a second of each pair
/// the database would else write each of them by itself.
const GATHER: Duration = Duration::from_millis(100);

enum Order {
    /// What was sent.
    Settle(SentDelivery, Unrecorded),
    /// Answer when all that came before is on record.
    Flush(oneshot::Sender<()>),
}

/// One drain's way to the record. The task behind it ends, after its last write, when this is dropped.
pub(crate) struct Settler {
    orders: mpsc::Sender<Order>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Something was written, or could not be.
    written: Notify,
}

#[derive(Default)]
struct State {
    /// Deliveries handed over and not on record.
    open: usize,
    /// Nothing is written any more. The drain ends with it; the next one finds the deliveries open.
    failed: bool,
    /// Why, until it was told.
    failure: Option<StoreError>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Settler {
    /// Starts the task for a drain of `pair`.
    pub(crate) fn start((pool, sealer): (PgPool, Sealer), bulk: Bulk, pair: PairId) -> Self {
        let (orders, received) = mpsc::channel(OPEN_MAX);
        let shared = Arc::new(Shared::default());
        tokio::spawn(write((pool, sealer), bulk, pair, received, Arc::clone(&shared)));
        Self { orders, shared }
    }

    /// Takes note of a delivery that was sent.
    ///
    /// # Errors
    /// The write that failed; this one is not written either.
    pub(crate) async fn settle(&self, sent: SentDelivery, unrecorded: Unrecorded) -> Result<(), StoreError> {
        self.shared.lock().open += 1;
        if self.orders.send(Order::Settle(sent, unrecorded)).await.is_err() {
            return self.outcome();
        }
        Ok(())
    }

    /// True when everything that was sent is on record.
    pub(crate) fn is_settled(&self) -> bool {
        self.shared.lock().open == 0
    }

    /// Waits until everything that was sent is on record.
    ///
    /// # Errors
    /// The write that failed.
    pub(crate) async fn flush(&self) -> Result<(), StoreError> {
        if self.is_settled() {
            return Ok(());
        }
        let (flushed, wait) = oneshot::channel();
        if self.orders.send(Order::Flush(flushed)).await.is_ok() {
            // An error means that the task has ended, and then it has said why.
            let _ended = wait.await;
        }
        self.outcome()
    }

    /// Waits until everything that was sent is on record, and lets it gather for as long as it may.
    ///
    /// # Errors
    /// The write that failed.
    pub(crate) async fn settled(&self) -> Result<(), StoreError> {
        loop {
            let written = self.shared.written.notified();
            if self.is_settled() || self.orders.is_closed() {
                return self.outcome();
            }
            tokio::select! {
                () = written => (),
                () = self.orders.closed() => (),
            }
        }
    }

    /// Says whether something could not be written.
    ///
    /// # Errors
    /// The write that failed.
    pub(crate) fn outcome(&self) -> Result<(), StoreError> {
        let mut state = self.shared.lock();
        match state.failure.take() {
            Some(failure) => Err(failure),
            None if state.failed => Err(StoreError::Database(sqlx::Error::WorkerCrashed)),
            None => Ok(()),
        }
    }
}

async fn write(
    (pool, sealer): (PgPool, Sealer),
    bulk: Bulk,
    pair: PairId,
    mut received: mpsc::Receiver<Order>,
    shared: Arc<Shared>,
) {
    let mut orders = Vec::with_capacity(OPEN_MAX);
    while received.recv_many(&mut orders, OPEN_MAX).await > 0 {
        gather(&mut received, &mut orders).await;
        let (mut sent, mut tickets, mut flushes) = (Vec::with_capacity(orders.len()), Vec::new(), Vec::new());
        for order in orders.drain(..) {
            match order {
                Order::Settle(delivery, ticket) => {
                    sent.push(delivery);
                    tickets.push(ticket);
                }
                Order::Flush(flush) => flushes.push(flush),
            }
        }
        let written = if sent.is_empty() { Ok(()) } else { settle((&pool, &sealer), &bulk, pair, &sent).await };
        {
            let mut state = shared.lock();
            if let Err(failure) = written {
                state.failed = true;
                state.failure = Some(failure);
                return;
            }
            state.open = state.open.saturating_sub(sent.len());
        }
        shared.written.notify_waiters();
        drop(tickets);
        for flush in flushes {
            // Nobody waits any more when the drain was dropped.
            let _heard = flush.send(());
        }
    }
}

/// Waits a while for more orders, as long as nobody waits for the record of those that are there.
async fn gather(received: &mut mpsc::Receiver<Order>, orders: &mut Vec<Order>) {
    let mut over = std::pin::pin!(tokio::time::sleep(GATHER));
    loop {
        let room = OPEN_MAX.saturating_sub(orders.len());
        let Some(Order::Settle(_, newest)) = orders.last().filter(|_| room > 0) else { return };
        let mut more = Vec::with_capacity(room);
        tokio::select! {
            () = &mut over => return,
            () = newest.hurried() => return,
            came = received.recv_many(&mut more, room) => {
                if came == 0 {
                    return;
                }
            }
        }
        orders.append(&mut more);
        if orders.iter().any(|order| matches!(order, Order::Flush(_))) {
            return;
        }
    }
}

async fn settle(
    (pool, sealer): (&PgPool, &Sealer),
    bulk: &Bulk,
    pair: PairId,
    sent: &[SentDelivery],
) -> Result<(), StoreError> {
    let _turn = bulk.settle(sent.len()).await;
    let mut database = pool.acquire().await?;
    deliveries::settle_sent(&mut database, sealer, pair, sent).await
}
