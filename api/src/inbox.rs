//! The inbox of webhooks: what is proved genuine is written by a task, as many at once as have come, and each request is
//! answered when its own is committed. So a commit is paid for by all who wait for it.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use store::{
    StoreError,
    payment_events::{self, NewEvent},
};
use tokio::sync::{mpsc, oneshot};

use crate::{error::ApiError, state::AppState};

/// Events of one statement: some hundred kilobytes.
const BATCH_MAX: usize = 256;
/// Events that wait for being written; more are asked to come again.
const WAITING_MAX: usize = 4_096;
/// Statements under way at once: while one commits, the next is written.
const WRITERS: usize = 2;
/// A request waits so long for the commit, and is then told to come again. Providers give up after some seconds more.
const COMMIT_MAX: Duration = Duration::from_secs(10);

/// Why an event was not kept; the sender sends it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unkept {
    /// The database is away, or too slow.
    Away,
    /// Something is wrong on our side.
    Failed,
}

struct Waiting {
    event: NewEvent,
    answer: oneshot::Sender<Result<(), Unkept>>,
}

/// The way into the inbox.
pub(crate) struct Inbox {
    door: mpsc::Sender<Waiting>,
    /// For the task, which takes it.
    back: Mutex<Option<mpsc::Receiver<Waiting>>>,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        let (door, back) = mpsc::channel(WAITING_MAX);
        Self { door, back: Mutex::new(Some(back)) }
    }

    /// Keeps an event: it is committed when this returns.
    ///
    /// # Errors
    /// When it is not; whoever sent it may send it again.
    pub(crate) async fn keep(&self, event: NewEvent) -> Result<(), ApiError> {
        let (answer, kept) = oneshot::channel();
        self.door.try_send(Waiting { event, answer }).map_err(|_| ApiError::DatabaseUnavailable)?;
        match tokio::time::timeout(COMMIT_MAX, kept).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(Unkept::Failed))) => Err(ApiError::internal("webhooks could not be kept")),
            Ok(Ok(Err(Unkept::Away)) | Err(_)) | Err(_) => Err(ApiError::DatabaseUnavailable),
        }
    }

    /// Writes what comes, for as long as somebody may send something.
    pub(crate) fn write_in_background(state: &AppState) {
        let back = state.inbox.back.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(back) = back else { return };
        let back = std::sync::Arc::new(tokio::sync::Mutex::new(back));
        for _ in 0..WRITERS {
            tokio::spawn(write(state.clone(), std::sync::Arc::clone(&back)));
        }
    }
}

async fn write(state: AppState, back: std::sync::Arc<tokio::sync::Mutex<mpsc::Receiver<Waiting>>>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    loop {
        // One gathers while the other writes.
        let got = back.lock().await.recv_many(&mut batch, BATCH_MAX).await;
        if got == 0 {
            return;
        }
        let (mut events, mut answers) = (Vec::with_capacity(got), Vec::with_capacity(got));
        for Waiting { event, answer } in batch.drain(..) {
            events.push(event);
            answers.push(answer);
        }
        state.metrics.webhooks_written(got);
        let outcome = match tokio::time::timeout(COMMIT_MAX, insert(&state, &events)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) if error.is_unavailable() => Err(Unkept::Away),
            Ok(Err(error)) => {
                tracing::error!(error = &error as &dyn std::error::Error, "Webhooks could not be kept.");
                Err(Unkept::Failed)
            }
            Err(_) => Err(Unkept::Away),
        };
        for answer in answers {
            // Who asked may have gone.
            let _gone = answer.send(outcome);
        }
    }
}

async fn insert(state: &AppState, events: &[NewEvent]) -> Result<(), StoreError> {
    let mut transaction = state.pool.begin().await.map_err(StoreError::from)?;
    payment_events::insert(&mut transaction, &state.sealer, events, state.clock.now()).await?;
    transaction.commit().await.map_err(StoreError::from)
}
