//! What plans allow: messages per minute and per day, counted per user over all workers.
//!
//! Counting is in memory and written behind; the database's sum of all workers is read with each write. Where a limit
//! is small, every message is written before it is sent; where it is large, every twentieth part of a minute's limit.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::{
    Clock, UserId,
    gate::{self, Action, Use},
    pace::Mode,
    plan::{Terms, Usage},
};
use store::{PgPool, StoreError};

use crate::metrics::Metrics;

/// A worker may count so many parts of a minute's limit before the others learn of it.
const UNWRITTEN_SHARE: i64 = 20;

/// One user's account.
#[derive(Clone, Copy, Debug)]
struct Quota {
    terms: Terms,
    /// What all workers had counted together when this one last wrote.
    known: Usage,
    /// What this worker has counted since.
    unwritten: Usage,
}

/// Writes of one user go one after another, so that nothing is written twice.
type Writing = Arc<tokio::sync::Mutex<()>>;

/// What users have used, as far as this worker knows.
#[derive(Debug)]
pub struct Quotas {
    mode: Mode,
    pool: PgPool,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    users: Mutex<HashMap<UserId, Quota>>,
    writing: Mutex<HashMap<UserId, Writing>>,
}

/// A message that was counted; taken back when it is dropped without having been sent.
#[derive(Debug)]
pub struct Permit {
    quotas: Arc<Quotas>,
    user: UserId,
    sent: bool,
}

impl Permit {
    /// The message was sent: it stays counted.
    pub fn sent(mut self) {
        self.sent = true;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.sent {
            self.quotas.count(self.user, -1);
        }
    }
}

impl Quotas {
    pub(super) fn new(mode: Mode, pool: PgPool, clock: Arc<dyn Clock>, metrics: Metrics) -> Self {
        Self { mode, pool, clock, metrics, users: Mutex::default(), writing: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, Quota>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one message of the user, if the plan allows it now; else says how long until the window opens.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn take(self: &Arc<Self>, user: UserId) -> Result<Result<Permit, Duration>, StoreError> {
        if !self.lock().contains_key(&user) {
            self.write(user).await?;
        }
        let now = self.clock.now();
        let due = {
            let mut users = self.lock();
            let Some(quota) = users.get_mut(&user) else { return Ok(Ok(self.permit(user))) };
            let allowance = quota.terms.limits.allowance();
            let messages = quota.known.with(quota.unwritten, now);
            let used = Use { messages, ..Use::default() };
            if gate::permits(&quota.terms, &used, Action::SendMessage { at: now }).is_err() {
                self.metrics.pace.plan_limited.inc();
                let opens = messages.opens_at(allowance, now).unwrap_or(now);
                return Ok(Err((opens - now).to_std().unwrap_or_default()));
            }
            quota.unwritten = quota.unwritten.plus(1, now);
            allowance
                .per_minute
                .or(allowance.per_day)
                .is_some_and(|limit| quota.unwritten.day_used.abs() >= (i64::from(limit) / UNWRITTEN_SHARE).max(1))
        };
        let permit = self.permit(user);
        if due {
            self.write(user).await?;
        }
        Ok(Ok(permit))
    }

    /// Leave to send what was counted already: a further part of a message, an edit.
    pub fn free(self: &Arc<Self>, user: UserId) -> Permit {
        Permit { quotas: Arc::clone(self), user, sent: true }
    }

    fn permit(self: &Arc<Self>, user: UserId) -> Permit {
        Permit { quotas: Arc::clone(self), user, sent: false }
    }

    fn count(&self, user: UserId, count: i64) {
        let now = self.clock.now();
        if let Some(quota) = self.lock().get_mut(&user) {
            quota.unwritten = quota.unwritten.plus(count, now);
        }
    }

    /// Writes what was counted for one user and reads what all workers have counted, and what the plan allows.
    async fn write(&self, user: UserId) -> Result<(), StoreError> {
        let writing = {
            let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(writing.entry(user).or_default())
        };
        let _writing = writing.lock().await;
        let mut database = self.pool.acquire().await?;
        let Some(tenancy) = store::plans::tenancy(&mut database, user).await? else { return Ok(()) };
        // Without assumed limits, only the operator's exceptions hold.
        let terms = tenancy.sending_terms(self.mode);
        let allowance = terms.limits.allowance();
        let now = self.clock.now();
        let unwritten = self.lock().get(&user).map_or(Usage::none(now), |quota| quota.unwritten.at(now));
        let known = store::pace::add_usage(&mut database, user, unwritten, allowance).await?;
        let mut users = self.lock();
        let quota = users.entry(user).or_insert(Quota { terms, known, unwritten: Usage::none(now) });
        quota.terms = terms;
        quota.known = known;
        // What was counted while the database was asked is not in its answer.
        let counted = quota.unwritten.at(now);
        quota.unwritten = Usage {
            minute_used: counted.minute_used - written(unwritten.minute_used, unwritten.minute == counted.minute),
            day_used: counted.day_used - written(unwritten.day_used, unwritten.day == counted.day),
            ..counted
        };
        Ok(())
    }

    /// A lock that is held, or waited for, has another owner.
    fn forget_unused_locks(&self) {
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        writing.retain(|_, lock| Arc::strong_count(lock) > 1);
    }

    /// Writes what has been counted, and forgets users who rest.
    pub(super) async fn flush(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut counted = Vec::new();
        self.lock().retain(|user, quota| {
            let unwritten = quota.unwritten.at(now);
            let open = unwritten.minute_used != 0 || unwritten.day_used != 0;
            if open {
                counted.push(*user);
            }
            open || quota.known.minute >= Usage::none(now).minute
        });
        self.forget_unused_locks();
        for user in counted {
            self.write(user).await?;
        }
        Ok(())
    }
}

const fn written(count: i64, same_window: bool) -> i64 {
    if same_window { count } else { 0 }
}
