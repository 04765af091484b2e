//! Open connections: how many one address may have, and who is too slow to keep one.
//!
//! The server's own time-outs see bytes. That a head comes drop by drop, or that a connection is idle while others wait
//! for one, shows only here, where it is known whether a request is under way.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use salvo::{
    async_trait,
    conn::{ConnCtrl, SocketAddr as Peer},
    fuse::{ArcConnObserver, ConnObserver, FuseAction, FuseConfig, FuseInfo, FusePolicy},
    http::Version,
};

use crate::{config::EdgeSettings, metrics::Metrics, peer::TrustedProxies, server::Patience};

/// How often slow callers are looked for, unless they may take less than ten times as long.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Every open connection.
pub struct Connections {
    patience: Patience,
    proxies: TrustedProxies,
    connections_max: usize,
    per_address_max: usize,
    metrics: Arc<Metrics>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    by_peer: HashMap<SocketAddr, Arc<Connection>>,
    by_address: HashMap<IpAddr, usize>,
}

/// One open connection.
struct Connection {
    ctrl: ConnCtrl,
    phase: Mutex<Phase>,
}

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// A head is coming, since then.
    Head(Instant),
    /// So many requests are under way.
    Busy(usize),
    /// Nothing has come since then.
    Idle(Instant),
    /// HTTP/2, whose frames are not all requests: nothing is under way since then.
    Open(Instant),
}

impl Connections {
    pub(crate) fn new(settings: &EdgeSettings, patience: Patience, metrics: Arc<Metrics>) -> Self {
        Self {
            patience,
            proxies: settings.proxies.clone(),
            connections_max: settings.connections_max,
            per_address_max: settings.connections_per_address_max,
            metrics,
            open: Mutex::default(),
        }
    }

    pub(crate) const fn connections_max(&self) -> usize {
        self.connections_max
    }

    /// A request has come over the peer's connection; it is under way until what is returned is dropped.
    pub(crate) fn begin(&self, peer: &Peer, version: Version) -> Option<UnderWay> {
        let peer = peer.clone().into_std()?;
        let connection = Arc::clone(lock(&self.open).by_peer.get(&peer)?);
        connection.change(|phase| match phase {
            Phase::Busy(requests) => Phase::Busy(requests + 1),
            Phase::Head(_) | Phase::Idle(_) | Phase::Open(_) => Phase::Busy(1),
        });
        Some(UnderWay { connection, version })
    }

    /// Looks for slow callers for as long as there is a server.
    pub(crate) async fn cut_slow(connections: Weak<Self>) {
        while let Some(every) = connections.upgrade().map(|all| LOOK_EVERY.min(all.patience.head / 10)) {
            tokio::time::sleep(every).await;
            if let Some(all) = connections.upgrade() {
                all.cut(Instant::now());
            }
        }
    }

    /// Ends connections whose head does not come, and idle ones while few are left.
    fn cut(&self, now: Instant) {
        let open = lock(&self.open);
        let crowded = open.by_peer.len() >= self.connections_max - self.connections_max / 4;
        for connection in open.by_peer.values() {
            match *lock(&connection.phase) {
                Phase::Head(since) if now.duration_since(since) >= self.patience.head => {
                    self.metrics.connection_cut("slow");
                    connection.ctrl.abort();
                }
                Phase::Idle(since) | Phase::Open(since)
                    if crowded && now.duration_since(since) >= self.patience.idle_crowded =>
                {
                    self.metrics.connection_cut("idle");
                    connection.ctrl.graceful_shutdown();
                }
                Phase::Head(_) | Phase::Busy(_) | Phase::Idle(_) | Phase::Open(_) => (),
            }
        }
    }

    fn fuse(&self) -> FuseConfig {
        let idle = self.patience.idle;
        FuseConfig::disabled()
            // The head itself has less; this bounds the time before its first byte.
            .with_http1_header_timeout(idle)
            .with_connection_idle_timeout(idle)
            .with_write_stall_timeout(self.patience.write)
    }
}

/// What an accepted connection holds, so that its end is seen.
struct Held {
    all: Arc<Connections>,
    peer: SocketAddr,
    connection: Arc<Connection>,
}

impl ConnObserver for Held {
    fn on_read(&self, _bytes: usize) {
        self.connection.change(|phase| match phase {
            Phase::Idle(_) => Phase::Head(Instant::now()),
            other @ (Phase::Head(_) | Phase::Busy(_) | Phase::Open(_)) => other,
        });
    }

    /// A body may be on its way out for long after its request is over, and the next head wait behind it.
    fn on_write(&self, _bytes: usize) {
        self.connection.change(|phase| match phase {
            Phase::Head(_) => Phase::Head(Instant::now()),
            Phase::Idle(_) => Phase::Idle(Instant::now()),
            other @ (Phase::Busy(_) | Phase::Open(_)) => other,
        });
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut open = lock(&self.all.open);
        // The port may have been used again already.
        if open.by_peer.get(&self.peer).is_some_and(|found| Arc::ptr_eq(found, &self.connection)) {
            open.by_peer.remove(&self.peer);
        }
        let address = self.peer.ip().to_canonical();
        if let Some(count) = open.by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                open.by_address.remove(&address);
            }
        }
    }
}

/// The server asks for each connection.
#[derive(Clone)]
pub(crate) struct Admission(pub(crate) Arc<Connections>);

#[async_trait]
impl FusePolicy for Admission {
    async fn decide(&self, info: &FuseInfo) -> FuseAction {
        let address = info.remote_addr.ip().map(|address| address.to_canonical());
        let crowded = address.is_some_and(|address| {
            let count = lock(&self.0.open).by_address.get(&address).copied().unwrap_or_default();
            count >= self.0.per_address_max && !self.0.proxies.contains(address)
        });
        if crowded {
            self.0.metrics.connection_cut("address");
            return FuseAction::Reject;
        }
        FuseAction::Accept(self.0.fuse())
    }

    fn observe(&self, info: &FuseInfo, ctrl: &ConnCtrl) -> Option<ArcConnObserver> {
        let peer = info.remote_addr.clone().into_std()?;
        let connection = Arc::new(Connection { ctrl: ctrl.clone(), phase: Mutex::new(Phase::Head(Instant::now())) });
        let mut open = lock(&self.0.open);
        open.by_peer.insert(peer, Arc::clone(&connection));
        *open.by_address.entry(peer.ip().to_canonical()).or_default() += 1;
        drop(open);
        Some(Arc::new(Held { all: Arc::clone(&self.0), peer, connection }))
    }
}

/// A request under way.
pub(crate) struct UnderWay {
    connection: Arc<Connection>,
    version: Version,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.connection.change(|phase| match phase {
            Phase::Busy(requests) if requests > 1 => Phase::Busy(requests - 1),
            Phase::Busy(_) if self.version == Version::HTTP_2 => Phase::Open(Instant::now()),
            Phase::Busy(_) => Phase::Idle(Instant::now()),
            other @ (Phase::Head(_) | Phase::Idle(_) | Phase::Open(_)) => other,
        });
    }
}

impl Connection {
    fn change(&self, to: impl FnOnce(Phase) -> Phase) {
        let mut phase = lock(&self.phase);
        *phase = to(*phase);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
