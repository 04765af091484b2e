//! The settings at the edge: read at most once a minute, and anew as soon as one changes.

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicU64, Ordering},
};

use chrono::{DateTime, TimeDelta, Utc};
use domain::setting::Settings;
use store::{PgPool, StoreError, settings::CHANNEL};

use crate::{error::ApiError, state::Shared};

/// For so long settings that were read are believed: it bounds what a lost notification can do.
const KEPT_FOR: TimeDelta = TimeDelta::seconds(60);
/// Between tries to listen.
const LISTEN_AGAIN: std::time::Duration = std::time::Duration::from_secs(1);

/// The settings as they were last read.
#[derive(Default)]
pub(crate) struct KnownSettings {
    kept: RwLock<Option<Kept>>,
    /// Counts what was forgotten, so that what was being read meanwhile is not kept.
    forgotten: AtomicU64,
}

#[derive(Clone)]
struct Kept {
    at: DateTime<Utc>,
    settings: Arc<Settings>,
}

impl KnownSettings {
    /// Reads them anew when they are next asked for.
    pub(crate) fn forget(&self) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        self.forgotten.fetch_add(1, Ordering::AcqRel);
        *kept = None;
    }

    fn keep(&self, settings: &Arc<Settings>, at: DateTime<Utc>, before: u64) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if self.forgotten.load(Ordering::Acquire) == before {
            *kept = Some(Kept { at, settings: Arc::clone(settings) });
        }
    }

    /// Listens for changes for ever.
    pub(crate) async fn listen(&self, pool: &PgPool) {
        loop {
            if let Err(error) = self.hear(pool).await {
                tracing::debug!(error = &error as &dyn std::error::Error, "Changes of settings cannot be heard.");
            }
            if pool.is_closed() {
                return;
            }
            tokio::time::sleep(LISTEN_AGAIN).await;
        }
    }

    async fn hear(&self, pool: &PgPool) -> Result<(), StoreError> {
        let mut listener = store::listen(pool, CHANNEL).await?;
        self.forget();
        while listener.next().await?.is_some() {
            self.forget();
        }
        Ok(())
    }
}

impl Shared {
    /// The settings that hold; at most a minute old.
    pub(crate) async fn settings(&self) -> Result<Arc<Settings>, ApiError> {
        let now = self.clock.now();
        let kept = self.settings.kept.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(kept) = kept.filter(|kept| now < kept.at + KEPT_FOR) {
            return Ok(kept.settings);
        }
        let before = self.settings.forgotten.load(Ordering::Acquire);
        let settings = Arc::new(store::settings::read(&mut *self.database().await?).await?);
        self.settings.keep(&settings, now, before);
        Ok(settings)
    }
}
