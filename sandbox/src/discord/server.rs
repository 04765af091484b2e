//! The parts of the running server, shared by all its connections.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::CancellationToken;

use super::{
    core::Core,
    faults::Faults,
    files::Files,
    id::Ids,
    journal::Journal,
    links::Links,
    ratelimit::{Limiter, Limits},
    usage::Usage,
};

/// The server.
#[derive(Debug)]
pub struct Sandbox {
    /// Makes ids.
    pub ids: Ids,
    /// Keeps the bytes of attachments.
    pub files: Files,
    /// Cancelled when the server stops.
    pub stop: CancellationToken,
    /// The authority's certificate that clients must trust.
    pub ca_pem: String,
    /// Where the gateway listens.
    pub gateway: SocketAddr,
    core: Mutex<Core>,
    faults: Mutex<Faults>,
    limiter: Mutex<Limiter>,
    usage: Mutex<Usage>,
}

impl Sandbox {
    /// Opens what `dir` holds.
    ///
    /// # Errors
    /// When the data directory cannot be read or written.
    pub fn open(dir: &Path, ca_pem: String, gateway: SocketAddr, stop: CancellationToken) -> anyhow::Result<Self> {
        let files = Files::open(dir)?;
        let (journal, store) = Journal::open(dir)?;
        let ids = Ids::default();
        ids.skip_to(store.greatest_id());
        let core = Core::new(store, journal, Links::new(super::tls::secret_of(dir)?));
        Ok(Self {
            ids,
            files,
            stop,
            ca_pem,
            gateway,
            core: Mutex::new(core),
            faults: Mutex::default(),
            limiter: Mutex::default(),
            usage: Mutex::default(),
        })
    }

    /// The world.
    pub fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The faults in force.
    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The limiter.
    pub fn limiter(&self) -> MutexGuard<'_, Limiter> {
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What clients have used up.
    pub fn usage(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The settings of the limiter.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limiter().limits
    }

    /// Where clients open the gateway.
    #[must_use]
    pub fn gateway_url(&self) -> String {
        format!("ws://{}/gateway", self.gateway)
    }
}
