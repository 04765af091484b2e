//! What an address may do: Discord bans addresses, not accounts, for too many invalid requests, and resets the token of
//! a bot that identifies too often. Workers behind one address share its name and its counts.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{AccountId, Clock, Platform, pace::Mode};
use store::{
    PgPool, StoreError,
    pace::{EgressCount, count_egress, egress_used, space_egress},
};

use super::PaceConfig;
use crate::{
    metrics::EgressMetrics,
    platform::{RateHeaders, RateObserver},
};

/// Discord closes an address to everybody behind it after 10,000 invalid requests (401, 403, 429) in 10 minutes.
const INVALID_WINDOW: TimeDelta = TimeDelta::minutes(10);
/// We stop at a fifth of it: fixed windows may hold twice as many in any 10 minutes, and whatever else runs behind the
/// address counts too.
const INVALID_STOP: i64 = 2_000;
/// So many invalid requests are written at once, without waiting for the next flush.
const INVALID_BATCH: i64 = 100;
/// Discord resets a bot's token after 1,000 IDENTIFYs in 24 hours.
const IDENTIFY_WINDOW: TimeDelta = TimeDelta::hours(24);
/// Two fixed windows may touch within 24 hours; together they stay below Discord's number.
const IDENTIFY_STOP: i64 = 450;
/// A bot in one shard has a `max_concurrency` of one IDENTIFY in 5 s.
const IDENTIFY_GAP: TimeDelta = TimeDelta::seconds(5);
/// Sessions that one address begins in 5 s at most, over all bots: a reconnect of everything at once looks like an
/// attack.
const IDENTIFY_TOGETHER: i64 = 50;
/// When to ask again after the database could not be asked.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// What this worker's address has done.
#[derive(Debug)]
pub struct Egress {
    name: String,
    mode: Mode,
    pool: PgPool,
    clock: Arc<dyn Clock>,
    metrics: EgressMetrics,
    invalid: AtomicI64,
    closed_until: Mutex<Option<DateTime<Utc>>>,
    full: tokio::sync::Notify,
}

impl Egress {
    pub(super) fn new(config: &PaceConfig, pool: PgPool, clock: Arc<dyn Clock>, metrics: EgressMetrics) -> Self {
        Self {
            name: config.egress.clone(),
            mode: config.mode,
            pool,
            clock,
            metrics,
            invalid: AtomicI64::new(0),
            closed_until: Mutex::new(None),
            full: tokio::sync::Notify::new(),
        }
    }

    /// Until when nothing may be sent to the platform from this address.
    #[must_use]
    pub fn closed(&self, platform: Platform, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if platform != Platform::Discord {
            return None;
        }
        let closed = *self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        closed.filter(|until| *until > now)
    }

    /// May the platform be asked something from this address?
    ///
    /// # Errors
    /// How long the address stays closed.
    pub(super) fn read(&self, platform: Platform) -> Result<(), Duration> {
        let now = self.clock.now();
        self.closed(platform, now).map_or(Ok(()), |until| Err((until - now).to_std().unwrap_or_default()))
    }

    /// Who hears of requests that are made to Discord before there is an account: the proof of a bot's token.
    pub fn proof(self: &Arc<Self>) -> Arc<dyn RateObserver> {
        Arc::new(Proof(Arc::clone(self)))
    }

    /// One invalid request more.
    pub fn invalid(&self) {
        if self.invalid.fetch_add(1, Ordering::Relaxed) + 1 >= INVALID_BATCH {
            self.full.notify_one();
        }
    }

    /// Resolves when there is enough to write for not waiting until the next flush.
    pub(super) async fn full(&self) {
        self.full.notified().await;
    }

    /// Adds what was counted to what all workers behind the address have counted, and closes it when that is too much.
    pub(super) async fn flush(&self) -> Result<(), StoreError> {
        let counted = self.invalid.swap(0, Ordering::Relaxed);
        let (now, place) = (self.clock.now(), self.place("invalid", uuid::Uuid::nil()));
        let window = begin(now, INVALID_WINDOW);
        let used = async {
            let mut database = self.pool.acquire().await?;
            if counted == 0 {
                // Others behind the address count too.
                return egress_used(&mut database, place, window).await;
            }
            count_egress(&mut database, place, window, counted).await
        };
        match used.await {
            Ok(used) => {
                self.judge(used, window + INVALID_WINDOW, now);
                Ok(())
            }
            Err(error) => {
                self.invalid.fetch_add(counted, Ordering::Relaxed);
                Err(error)
            }
        }
    }

    /// Closes the address until `window_end` when too much was counted in the window, and shows what is counted.
    fn judge(&self, used: i64, window_end: DateTime<Utc>, now: DateTime<Utc>) {
        if used >= INVALID_STOP {
            let mut closed = self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
            if closed.replace(window_end) != Some(window_end) {
                tracing::error!(used, until = %window_end, "Discord refuses so much that nothing is sent to it for a while.");
            }
        }
        self.metrics.invalid_requests.set(used);
        self.metrics.closed.set(i64::from(self.closed(Platform::Discord, now).is_some()));
    }

    /// Counts an IDENTIFY of a bot, or says how long it has to wait. Without assumed limits it is only counted.
    pub(super) async fn identify(&self, account: AccountId) -> Result<(), Duration> {
        let outcome = self.try_identify(account).await.unwrap_or_else(|error| {
            tracing::warn!(account.id = %account, error = %crate::chain(&error), "An IDENTIFY could not be counted; it waits.");
            Err(ASK_AGAIN)
        });
        let name = if outcome.is_ok() { "allowed" } else { "waited" };
        self.metrics.identifies.with_label_values(&[name]).inc();
        outcome
    }

    async fn try_identify(&self, account: AccountId) -> Result<Result<(), Duration>, StoreError> {
        let now = self.clock.now();
        if let Some(until) = self.closed(Platform::Discord, now) {
            return Ok(Err((until - now).to_std().unwrap_or(ASK_AGAIN)));
        }
        let gap = match self.mode {
            Mode::Standard => IDENTIFY_GAP,
            Mode::Open => TimeDelta::zero(),
        };
        let mut database = self.pool.acquire().await?;
        let spaced = self.place("identify_gap", account.as_uuid());
        if !space_egress(&mut database, spaced, now, now - gap).await? {
            return Ok(Err(gap.to_std().unwrap_or(ASK_AGAIN)));
        }
        let together = self.place("identify_together", uuid::Uuid::nil());
        let window = begin(now, IDENTIFY_GAP);
        if count_egress(&mut database, together, window, 1).await? > IDENTIFY_TOGETHER && self.mode == Mode::Standard {
            // Asking took the bot's own turn: before the gap is over it would be refused for that.
            return Ok(Err(gap.to_std().unwrap_or(ASK_AGAIN)));
        }
        let window = begin(now, IDENTIFY_WINDOW);
        let daily = self.place("identify", account.as_uuid());
        let used = count_egress(&mut database, daily, window, 1).await?;
        if used > IDENTIFY_STOP && self.mode == Mode::Standard {
            tracing::error!(account.id = %account, used, "A bot has identified so often that it waits until its window ends.");
            return Ok(Err((window + IDENTIFY_WINDOW - now).to_std().unwrap_or(ASK_AGAIN)));
        }
        Ok(Ok(()))
    }

    fn place<'a>(&'a self, kind: &'a str, subject: uuid::Uuid) -> EgressCount<'a> {
        EgressCount { egress: &self.name, kind, subject }
    }
}

/// Hears of requests that are made before there is an account: what is invalid counts, nothing else does.
#[derive(Debug)]
struct Proof(Arc<Egress>);

#[async_trait]
impl RateObserver for Proof {
    fn answered(&self, _: RateHeaders) {}

    async fn read(&self) -> Result<(), Duration> {
        self.0.read(Platform::Discord)
    }

    async fn read_refused(&self, _: Duration) {}

    fn invalid(&self) {
        self.0.invalid();
    }

    async fn identify(&self) -> Result<(), Duration> {
        Ok(())
    }
}

/// The beginning of the window of `length` that `now` falls into.
fn begin(now: DateTime<Utc>, length: TimeDelta) -> DateTime<Utc> {
    let into = now.timestamp_millis().rem_euclid(length.num_milliseconds().max(1));
    now - TimeDelta::milliseconds(into) - TimeDelta::nanoseconds(i64::from(now.timestamp_subsec_nanos() % 1_000_000))
}
