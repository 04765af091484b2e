//! Rate limits: so many requests a minute for each user, API key and anonymous address, over all replicas.
//!
//! [`domain::rate`] has the rules. Here are the shares of this replica, one question to the database at a time and
//! caller, and what happens while the database is away: this replica keeps the limits by itself.

mod caller;
mod standing;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Clock,
    rate::{Ask, Grant, Share, Verdict, window_of},
};
use store::{PgPool, StoreError};

pub(crate) use self::{
    caller::Caller,
    standing::{Refused, Standing},
};
use crate::metrics::Metrics;

/// A question that has no answer by then has none: the request waits for it.
const ASK_MAX: Duration = Duration::from_secs(1);
/// After a question without an answer nobody asks for so long.
const AWAY: TimeDelta = TimeDelta::seconds(2);
/// Callers that are remembered at once, some 10 MB. More than that in a minute is an attack from many addresses; those
/// beyond ask the database each time.
const CALLERS_MAX: usize = 50_000;
/// Below so many callers nobody looks for those whose window is over.
const CALLERS_KEPT: usize = 1_024;

/// What limits are multiplied with, and what callers without a plan may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitSettings {
    /// `ANONYMOUS_REQUESTS_PER_MINUTE`: requests of one address to routes that need no token; 0: as many as it likes.
    pub anonymous_per_minute: u32,
    /// `REQUESTS_PER_MINUTE_FACTOR`: every limit is so many times what it would be; 0: there are none.
    pub factor: u32,
}

/// The limits of all callers, as this replica keeps them.
pub(crate) struct Limits {
    settings: LimitSettings,
    pool: PgPool,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    callers: Mutex<Callers>,
    /// Until when the database is not asked, in milliseconds since 1970.
    away_until: AtomicI64,
}

#[derive(Default)]
struct Callers {
    by_caller: HashMap<Caller, Entry>,
    /// So many callers, and those whose window is over are looked for.
    tidy_at: usize,
}

struct Entry {
    share: Share,
    /// Held by who asks the database for this caller.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// What the memory of this replica says.
enum Known {
    Settled(Result<Standing, Refused>),
    Ask(Ask, Arc<tokio::sync::Mutex<()>>),
    /// There is no room to remember the caller in.
    Crowded,
}

impl Limits {
    pub(crate) fn new(settings: LimitSettings, pool: PgPool, clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Self {
        Self { settings, pool, clock, metrics, callers: Mutex::default(), away_until: AtomicI64::new(i64::MIN) }
    }

    /// What an address without a token may do in a minute, for [`Self::take`].
    pub(crate) const fn anonymous_per_minute(&self) -> u32 {
        self.settings.anonymous_per_minute
    }

    /// Counts one request of `caller`, who may make `per_minute`; 0 is no limit.
    ///
    /// # Errors
    /// When the caller has made that many already; it says when the next one may come.
    pub(crate) async fn take(&self, caller: Caller, per_minute: u32) -> Result<Standing, Refused> {
        let limit = per_minute.saturating_mul(self.settings.factor);
        if limit == 0 {
            return Ok(Standing::unlimited());
        }
        let caller = caller.grouped();
        let answer = self.decide(caller, limit).await;
        if answer.is_err() {
            self.metrics.refused(caller.kind());
        }
        answer
    }

    async fn decide(&self, caller: Caller, limit: u32) -> Result<Standing, Refused> {
        let turn = match self.known(caller, limit) {
            Known::Settled(answer) => return answer,
            Known::Crowded => return self.without_memory(caller, limit).await,
            Known::Ask(_, turn) => turn,
        };
        let _turn = turn.lock().await;
        // Whoever had the turn before may have leased enough for this request too.
        let mut known = self.known(caller, limit);
        loop {
            let ask = match known {
                Known::Settled(answer) => return answer,
                Known::Crowded => return self.without_memory(caller, limit).await,
                Known::Ask(ask, _) => ask,
            };
            known = match self.ask(caller, &ask).await {
                Some(grant) => self.with(caller, limit, |share, window| share.settle(grant, window, limit)),
                None => self.with(caller, limit, |share, window| share.alone(window, limit)),
            };
        }
    }

    fn known(&self, caller: Caller, limit: u32) -> Known {
        self.with(caller, limit, |share, window| share.take(window, limit))
    }

    fn with(&self, caller: Caller, limit: u32, act: impl FnOnce(&mut Share, DateTime<Utc>) -> Verdict) -> Known {
        let now = self.clock.now();
        let window = window_of(now, caller.phase_seconds());
        let mut callers = self.lock();
        let Some(entry) = callers.entry(caller, now, || Share::new(window, limit)) else { return Known::Crowded };
        match act(&mut entry.share, window) {
            Verdict::Admitted(standing) => Known::Settled(Ok(Standing::new(standing, now))),
            Verdict::Refused(standing) => Known::Settled(Err(Refused::new(standing, now))),
            Verdict::Ask(ask) => Known::Ask(ask, Arc::clone(&entry.turn)),
        }
    }

    /// One permit from the database, for a caller that there is no room to remember. While it is away, nothing.
    async fn without_memory(&self, caller: Caller, limit: u32) -> Result<Standing, Refused> {
        let now = self.clock.now();
        let window = window_of(now, caller.phase_seconds());
        let mut share = Share::new(window, limit);
        let verdict = match self.ask(caller, &Ask { window, limit, wish: 1, owed: 0, returned: 0 }).await {
            Some(grant) => share.settle(grant, window, limit),
            None => Verdict::Refused(share.standing()),
        };
        match verdict {
            Verdict::Admitted(standing) => Ok(Standing::new(standing, now)),
            Verdict::Refused(standing) => Err(Refused::new(standing, now)),
            Verdict::Ask(_) => Err(Refused::new(share.standing(), now)),
        }
    }

    /// Leases permits. `None` while the database is away.
    async fn ask(&self, caller: Caller, ask: &Ask) -> Option<Grant> {
        if self.clock.now().timestamp_millis() < self.away_until.load(Ordering::Relaxed) {
            return None;
        }
        let lease = async {
            let mut database = self.pool.acquire().await?;
            store::rate_limits::lease(&mut database, &caller.to_string(), ask).await
        };
        let answer: Result<Grant, Option<StoreError>> = match tokio::time::timeout(ASK_MAX, lease).await {
            Ok(answer) => answer.map_err(Some),
            Err(_) => Err(None),
        };
        self.metrics.leased(answer.is_ok());
        match answer {
            Ok(grant) => Some(grant),
            Err(error) => {
                let until = self.clock.now() + AWAY;
                self.away_until.store(until.timestamp_millis(), Ordering::Relaxed);
                let error = error.as_ref().map(|error| error as &dyn std::error::Error);
                tracing::warn!(error, "The database is away; this replica keeps the rate limits by itself.");
                None
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Callers> {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Callers {
    /// The caller's entry, made if need be. `None` when there is no room for another.
    fn entry(&mut self, caller: Caller, now: DateTime<Utc>, share: impl FnOnce() -> Share) -> Option<&mut Entry> {
        if !self.by_caller.contains_key(&caller) {
            if self.by_caller.len() >= self.tidy_at.max(CALLERS_KEPT) {
                // Nobody who asks for a caller loses its turn: the entry that is held on to stays.
                self.by_caller.retain(|_, entry| !entry.share.is_over(now) || Arc::strong_count(&entry.turn) > 1);
                self.tidy_at = self.by_caller.len().saturating_mul(2).min(CALLERS_MAX);
            }
            if self.by_caller.len() >= CALLERS_MAX {
                return None;
            }
        }
        Some(self.by_caller.entry(caller).or_insert_with(|| Entry { share: share(), turn: Arc::default() }))
    }
}

#[cfg(test)]
mod tests;
