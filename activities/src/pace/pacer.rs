//! One hosted account's turns.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use chrono::TimeDelta;
use domain::{
    AccountId, ChatId, Clock, Platform,
    pace::{AccountPace, Claim, Headers, Scope, Turn},
};
use store::{PgPool, StoreError};
use tokio::sync::watch;

use super::{Egress, Paces};
use crate::{
    metrics::Metrics,
    platform::{PlatformError, RateHeaders, RateObserver},
};

/// So long a drain waits in place for its turn: less than what a wake through Temporal costs, and short enough not to
/// hold a slot that others could use.
const IN_PLACE: Duration = Duration::from_secs(2);

/// The budgets that metrics show of every account.
pub(super) const SHOWN: [Scope; 3] = [Scope::Account, Scope::Global, Scope::Reads];
/// Stands where a refusal concerns no chat.
const NO_CHAT: ChatId = ChatId::new(0);

/// Why a send has to wait longer than in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Come back after this long.
    For {
        /// How long.
        left: Duration,
        /// Stable code: `flood_wait`, `slow_mode`, `pace_account`, `pace_global`, `pace_chat` or `egress_closed`.
        code: &'static str,
    },
    /// The account has stopped: it will not send before its user acts.
    Stopped(PlatformError),
}

/// The pace of one hosted account; ends with its hosting.
#[derive(Debug)]
pub struct Pacer {
    account: AccountId,
    platform: Platform,
    pool: PgPool,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    egress: Arc<Egress>,
    pace: Mutex<AccountPace>,
    stopped: watch::Sender<Option<PlatformError>>,
}

impl Pacer {
    pub(super) fn new(paces: &Paces, account: AccountId, platform: Platform, pace: AccountPace) -> Self {
        Self {
            account,
            platform,
            pool: paces.pool.clone(),
            clock: Arc::clone(&paces.clock),
            metrics: paces.metrics.clone(),
            egress: Arc::clone(&paces.egress),
            pace: Mutex::new(pace),
            stopped: watch::Sender::new(None),
        }
    }

    /// The account.
    #[must_use]
    pub const fn account(&self) -> AccountId {
        self.account
    }

    fn lock(&self) -> MutexGuard<'_, AccountPace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits in place for the claim's turn when that is near; else says how long it takes. A turn is promised, so that
    /// pairs of the account take turns also when they come back later.
    ///
    /// # Errors
    /// [`Wait`] when the turn is not near.
    pub async fn acquire(&self, claim: Claim) -> Result<(), Wait> {
        let began = Instant::now();
        loop {
            if let Some(error) = self.stopped.borrow().clone() {
                return Err(Wait::Stopped(error));
            }
            let now = self.clock.now();
            let (at, scope, code) = match self.egress.closed(self.platform, now) {
                Some(until) => (until, Scope::Global, "egress_closed"),
                None => match self.lock().claim(claim, now) {
                    Turn::Now => return Ok(()),
                    Turn::At { at, scope, closed } => (at, scope, code(scope, closed)),
                },
            };
            let left = (at - now).to_std().unwrap_or_default();
            self.metrics.pace.throttled.with_label_values(&[scope.as_str()]).inc_by(left.min(IN_PLACE).as_secs_f64());
            if began.elapsed() + left > IN_PLACE {
                return Err(Wait::For { left, code });
            }
            // The runtime's clock is no finer than a millisecond.
            tokio::time::sleep(left.max(Duration::from_millis(1))).await;
        }
    }

    /// For how long the platform wants to hear nothing of the account, whatever the chat.
    #[must_use]
    pub fn silence(&self) -> Option<Duration> {
        let now = self.clock.now();
        let until = self.lock().silent_until(now)?;
        (until - now).to_std().ok().filter(|left| !left.is_zero())
    }

    /// The platform asked for silence: remembered in memory and in the database before anything else is sent. A refused
    /// question was remembered by whoever asked it.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails; the memory holds all the same.
    pub async fn refused(&self, code: &str, chat: ChatId, wait: Duration) -> Result<(), StoreError> {
        match PlatformError::wait_scope(code) {
            Scope::Reads => Ok(()),
            scope => self.learn(scope, chat, wait).await,
        }
    }

    async fn learn(&self, scope: Scope, chat: ChatId, wait: Duration) -> Result<(), StoreError> {
        let now = self.clock.now();
        let wait = TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX);
        let learned = self.lock().refused(scope, chat, wait, now);
        self.metrics.pace.waits.with_label_values(&[scope.as_str()]).inc();
        let until = learned.budget.closed_until;
        let mut database = self.pool.acquire().await?;
        store::pace::save(&mut database, self.account, &[learned], now).await?;
        if let Some(until) = until.filter(|_| matches!(scope, Scope::Account | Scope::Global)) {
            store::accounts::cool_down(&mut database, self.account, until).await?;
        }
        Ok(())
    }

    /// Nothing more is sent, and the hosting ends with this error.
    pub fn stop(&self, error: PlatformError) {
        self.stopped.send_if_modified(|stopped| {
            let first = stopped.is_none();
            if first {
                *stopped = Some(error);
            }
            first
        });
    }

    /// Resolves when the account was stopped, and says why.
    pub async fn stopped(&self) -> PlatformError {
        let mut stopped = self.stopped.subscribe();
        let found = stopped.wait_for(Option::is_some).await.ok().and_then(|error| error.clone());
        match found {
            Some(error) => error,
            // The sender is a field of this pacer: it cannot be gone while it is borrowed.
            None => std::future::pending().await,
        }
    }

    pub(super) fn set_interval(&self, interval: TimeDelta) {
        self.lock().set_interval(interval);
    }

    pub(super) async fn flush(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let changes = {
            let mut pace = self.lock();
            for scope in SHOWN {
                let (tokens, rate) = pace.left(scope, now);
                self.metrics.pace.show(self.account, scope, tokens, rate);
            }
            pace.changes()
        };
        if changes.is_empty() {
            return Ok(());
        }
        let mut database = self.pool.acquire().await?;
        let stored = store::pace::save(&mut database, self.account, &changes, now).await;
        if stored.is_err() {
            self.lock().unsaved(&changes);
        }
        stored
    }
}

#[async_trait]
impl RateObserver for Pacer {
    fn answered(&self, headers: RateHeaders) {
        let told = Headers {
            limit: headers.limit,
            remaining: headers.remaining,
            reset_after: TimeDelta::from_std(headers.reset_after).unwrap_or(TimeDelta::zero()),
        };
        self.lock().told(headers.chat, told, self.clock.now());
    }

    async fn read(&self) -> Result<(), Duration> {
        self.egress.read(self.platform)?;
        let now = self.clock.now();
        let turn = {
            let mut pace = self.lock();
            pace.asked(now);
            pace.read(now)
        };
        let wait = match turn {
            Ok(wait) => wait.to_std().unwrap_or_default(),
            Err(left) => return Err(left.to_std().unwrap_or_default()),
        };
        if !wait.is_zero() {
            self.metrics.pace.throttled.with_label_values(&[Scope::Reads.as_str()]).inc_by(wait.as_secs_f64());
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    async fn read_refused(&self, wait: Duration) {
        if let Err(error) = self.learn(Scope::Reads, NO_CHAT, wait).await {
            tracing::warn!(account.id = %self.account, error = %crate::chain(&error), "A refused question could not be recorded; it is kept in memory.");
        }
    }

    fn invalid(&self) {
        self.egress.invalid();
    }

    async fn identify(&self) -> Result<(), Duration> {
        self.egress.identify(self.account).await
    }
}

const fn code(scope: Scope, closed: bool) -> &'static str {
    match (scope, closed) {
        (Scope::Chat, true) => "slow_mode",
        (Scope::Account | Scope::Global | Scope::Reads, true) => "flood_wait",
        (Scope::Account | Scope::Reads, false) => "pace_account",
        (Scope::Global, false) => "pace_global",
        (Scope::Chat, false) => "pace_chat",
    }
}
