//! The accounts that this worker hosts now.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use domain::AccountId;
use store::leases::Lease;
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{catch_up::Closed, pace::Pacer, platform::Connection};

/// One hosted account.
#[derive(Clone)]
pub struct Hosted {
    /// The live connection.
    pub connection: Arc<dyn Connection>,
    /// The lease under which it is hosted; work under an older one is refused by the database.
    pub lease: Lease,
    /// Whose turn it is to send.
    pub pacer: Arc<Pacer>,
    /// Asks the attachment fetcher to look again.
    pub media: Arc<Notify>,
    /// The account is about to be given away: drains end, and none begins.
    pub(crate) leaving: CancellationToken,
    /// The drains that write through it.
    pub(crate) drains: TaskTracker,
    /// Source chats whose gap could not be read.
    pub(crate) closed: Arc<Closed>,
}

/// A registry by account.
#[derive(Default)]
pub struct Hosts(Mutex<HashMap<AccountId, Hosted>>);

impl std::fmt::Debug for Hosts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hosts({})", self.len())
    }
}

impl Hosts {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<AccountId, Hosted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The account, if it is hosted here.
    #[must_use]
    pub fn get(&self, account: AccountId) -> Option<Hosted> {
        self.lock().get(&account).cloned()
    }

    /// Adds an account; a former hosting of it here is forgotten.
    pub fn insert(&self, hosted: Hosted) {
        self.lock().insert(hosted.lease.account, hosted);
    }

    /// Removes an account, unless a younger hosting has taken its place.
    pub fn remove(&self, lease: Lease) {
        let mut hosts = self.lock();
        if hosts.get(&lease.account).is_some_and(|hosted| hosted.lease == lease) {
            hosts.remove(&lease.account);
        }
    }

    /// The accounts that are hosted here.
    #[must_use]
    pub fn accounts(&self) -> Vec<AccountId> {
        self.lock().keys().copied().collect()
    }

    /// How many accounts are hosted here.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// True when none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
