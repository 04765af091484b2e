//! The parts of the running server, shared by all its connections.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{clock, delivery::Postman, error::ApiError, faults::Faults, identity::Identity, world::World};

/// Who the one merchant is.
#[derive(Clone, Debug)]
pub struct Merchant {
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: String,
}

/// What the control API may change while the server runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where webhooks go; nowhere without it.
    pub webhook_url: Option<String>,
    /// The merchant's id of that webhook, which is part of what is signed.
    pub webhook_id: String,
    /// How long tokens last, in seconds.
    pub token_s: u64,
    /// Tries of a webhook before it is given up.
    pub attempts_max: usize,
    /// The pause before the second try, in milliseconds; each is half as long again as the one before.
    pub retry_ms: u64,
    /// The longest pause, in milliseconds.
    pub retry_ms_max: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            webhook_url: None,
            webhook_id: "SANDBOXWEBHOOKID".to_owned(),
            token_s: 32_400,
            attempts_max: 25,
            retry_ms: 200,
            retry_ms_max: 5_000,
        }
    }
}

/// The server.
#[derive(Debug)]
pub struct Sandbox {
    /// Who may ask.
    pub merchant: Merchant,
    /// What signs webhooks.
    pub identity: Identity,
    /// Its own address.
    pub base: String,
    /// Cancelled when the server stops.
    pub stop: CancellationToken,
    /// Sends webhooks.
    pub postman: Postman,
    dir: PathBuf,
    world: Mutex<World>,
    faults: Mutex<Faults>,
    settings: Mutex<Settings>,
    /// The requests with a key that are being answered.
    under_way: Mutex<BTreeSet<String>>,
}

impl Sandbox {
    /// Opens what `dir` holds.
    ///
    /// # Errors
    /// When the data directory cannot be read or written.
    pub fn open(
        dir: &Path,
        base: String,
        merchant: Merchant,
        settings: Settings,
        stop: CancellationToken,
    ) -> anyhow::Result<Arc<Self>> {
        let sandbox = Arc::new(Self {
            merchant,
            identity: Identity::open(dir)?,
            stop,
            postman: Postman::new()?,
            dir: dir.to_owned(),
            world: Mutex::new(World::open(dir, base.clone())?),
            base,
            faults: Mutex::default(),
            settings: Mutex::new(settings),
            under_way: Mutex::default(),
        });
        sandbox.send_fresh();
        Ok(sandbox)
    }

    /// Keeps everything, at an orderly stop.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self) -> anyhow::Result<()> {
        self.world().keep(&self.dir)
    }

    /// The world, to be looked at.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the world, and sends what there is to tell of it.
    ///
    /// # Errors
    /// What the change fails with.
    pub fn change<T>(
        self: &Arc<Self>,
        change: impl FnOnce(&mut World, DateTime<Utc>) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let changed = {
            let mut world = self.world();
            let now = world.shifted(clock::now());
            change(&mut world, now)
        };
        self.send_fresh();
        changed
    }

    /// The service's time.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.world().shifted(clock::now())
    }

    /// The faults in force.
    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The settings, to be changed.
    pub fn settings_mut(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The settings as they are.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.settings_mut().clone()
    }

    /// Notes that a request with a key is being answered, until the returned value is dropped.
    ///
    /// # Errors
    /// When the same request is being answered already.
    pub fn begin(self: &Arc<Self>, request: String) -> Result<UnderWay, ApiError> {
        let is_new = self.lock_under_way().insert(request.clone());
        if is_new { Ok(UnderWay { sandbox: Arc::clone(self), request }) } else { Err(ApiError::in_progress()) }
    }

    fn send_fresh(self: &Arc<Self>) {
        let fresh = self.world().take_fresh();
        for event in fresh {
            super::delivery::post(self, event);
        }
    }

    fn lock_under_way(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request with a key that is being answered.
#[derive(Debug)]
pub struct UnderWay {
    sandbox: Arc<Sandbox>,
    request: String,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.sandbox.lock_under_way().remove(&self.request);
    }
}
