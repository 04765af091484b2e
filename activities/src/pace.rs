//! Pace: nothing is sent faster than its platform, its account, its user and its plan allow.
//!
//! Budgets live in memory, one [`Pacer`] for each hosted account, and are written behind; what was learned from a
//! refusal is written at once. What a plan allows is counted per user, what an address has done is counted per address,
//! both in the database, because several workers share them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use chrono::TimeDelta;
use domain::{
    AccountId, Clock, Platform,
    pace::{AccountPace, Mode},
};
use store::{PgPool, StoreError};
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

mod egress;
mod gate;
mod pacer;
mod quota;

pub use egress::Egress;
pub use pacer::{Pacer, Wait};
pub use quota::{Permit, Quotas};

/// How often what has changed is written, and what users have changed is read.
const FLUSH_EVERY: Duration = Duration::from_secs(3);

/// The settings of pace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaceConfig {
    /// Whose figures hold.
    pub mode: Mode,
    /// The name of the address that this worker's traffic leaves from; workers behind one address share it.
    pub egress: String,
}

/// The pace of everything that this worker hosts.
#[derive(Debug)]
pub struct Paces {
    mode: Mode,
    pool: PgPool,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    pacers: Mutex<HashMap<AccountId, Weak<Pacer>>>,
    /// What its address has done.
    pub egress: Arc<Egress>,
    /// What plans allow.
    pub quotas: Arc<Quotas>,
}

impl Paces {
    /// What is assumed of limits that nobody has stated.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Nothing hosted yet.
    #[must_use]
    pub fn new(config: &PaceConfig, pool: PgPool, clock: Arc<dyn Clock>, metrics: Metrics) -> Self {
        Self {
            mode: config.mode,
            egress: Arc::new(Egress::new(config, pool.clone(), Arc::clone(&clock), metrics.egress.clone())),
            quotas: Arc::new(Quotas::new(config.mode, pool.clone(), Arc::clone(&clock), metrics.clone())),
            pool,
            clock,
            metrics,
            pacers: Mutex::default(),
        }
    }

    /// The pace of an account that is about to be hosted here, with all that was learned of it before.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn open(&self, account: AccountId, platform: Platform) -> Result<Arc<Pacer>, StoreError> {
        let mut database = self.pool.acquire().await?;
        let known = store::pace::load(&mut database, account).await?;
        let standing = store::pace::standings(&mut database, &[account]).await?;
        drop(database);
        let mut pace = AccountPace::new(self.mode, platform, known, self.clock.now());
        for standing in standings_of(&standing, account) {
            pace.set_interval(standing);
        }
        let pacer = Arc::new(Pacer::new(self, account, platform, pace));
        self.lock().insert(account, Arc::downgrade(&pacer));
        Ok(pacer)
    }

    /// Writes behind and reads what users have changed, until the worker stops; then once more.
    pub async fn keep(self: Arc<Self>, stopping: CancellationToken) {
        loop {
            tokio::select! {
                () = stopping.cancelled() => break,
                () = tokio::time::sleep(FLUSH_EVERY) => (),
                () = self.egress.full() => (),
            }
            if let Err(error) = self.flush().await {
                tracing::warn!(error = %crate::chain(&error), "Budgets could not be written; they are kept and tried again.");
            }
            if let Err(error) = self.refresh().await {
                tracing::warn!(error = %crate::chain(&error), "Intervals of accounts could not be read.");
            }
        }
        if let Err(error) = self.flush().await {
            tracing::warn!(error = %crate::chain(&error), "The last budgets could not be written.");
        }
    }

    /// Writes everything that has changed.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails; what was not written is written by the next flush.
    pub async fn flush(&self) -> Result<(), StoreError> {
        for pacer in self.hosted() {
            pacer.flush().await?;
        }
        self.egress.flush().await?;
        self.quotas.flush().await
    }

    async fn refresh(&self) -> Result<(), StoreError> {
        let hosted = self.hosted();
        if hosted.is_empty() {
            return Ok(());
        }
        let accounts: Vec<AccountId> = hosted.iter().map(|pacer| pacer.account()).collect();
        let mut database = self.pool.acquire().await?;
        let standings = store::pace::standings(&mut database, &accounts).await?;
        for pacer in hosted {
            for interval in standings_of(&standings, pacer.account()) {
                pacer.set_interval(interval);
            }
        }
        Ok(())
    }

    /// The pacers of accounts that are hosted here; those of former hostings are forgotten with their gauges.
    fn hosted(&self) -> Vec<Arc<Pacer>> {
        let (mut hosted, mut gone) = (Vec::new(), Vec::new());
        self.lock().retain(|account, pacer| match pacer.upgrade() {
            Some(pacer) => {
                hosted.push(pacer);
                true
            }
            None => {
                gone.push(*account);
                false
            }
        });
        for account in gone {
            for scope in pacer::SHOWN {
                self.metrics.pace.forget(account, scope);
            }
        }
        hosted
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AccountId, Weak<Pacer>>> {
        self.pacers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn standings_of(standings: &[store::pace::Standing], account: AccountId) -> impl Iterator<Item = TimeDelta> + '_ {
    let own = standings.iter().filter(move |standing| standing.account == account);
    own.map(|standing| TimeDelta::milliseconds(i64::from(standing.send_interval_ms)))
}
