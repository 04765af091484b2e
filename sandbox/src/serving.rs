//! What every server of the sandbox does alike: it listens on loopback, and all that it works at ends when it is stopped.

use std::{future::Future, io, net::SocketAddr};

use anyhow::{Context as _, ensure};
use salvo::{Server, Service, conn::Acceptor};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// Refuses an address that others than this machine could reach: a sandbox keeps no secrets.
///
/// # Errors
/// An address that is not loopback.
pub(crate) fn ensure_loopback(address: SocketAddr) -> anyhow::Result<()> {
    ensure!(address.ip().is_loopback(), "the sandbox listens on loopback only, not on {address}");
    Ok(())
}

/// Opens a listener; port 0 takes a free one.
///
/// # Errors
/// An address that is not loopback or not free.
pub(crate) async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    ensure_loopback(address)?;
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

/// What a server works at until it is stopped, or until this is dropped.
#[derive(Debug)]
pub(crate) struct Works {
    stop: CancellationToken,
    tasks: JoinSet<io::Result<()>>,
}

impl Works {
    /// Nothing yet.
    pub(crate) fn until(stop: CancellationToken) -> Self {
        Self { stop, tasks: JoinSet::new() }
    }

    /// Works at one thing more; what it owns ends with it.
    pub(crate) fn spawn(&mut self, work: impl Future<Output = io::Result<()>> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                ended = work => ended,
                () = stop.cancelled() => Ok(()),
            }
        });
    }

    /// Answers what comes in. Connections are owned by the serving future and end with it.
    pub(crate) fn serve(&mut self, acceptor: impl Acceptor + 'static, service: impl Into<Service> + Send + 'static) {
        self.spawn(Server::new(acceptor).try_serve(service.into()));
    }

    /// Waits until all of it has ended.
    ///
    /// # Errors
    /// When a part of it failed.
    pub(crate) async fn wait(mut self) -> anyhow::Result<()> {
        while let Some(ended) = self.tasks.join_next().await {
            ended.context("a listener died")??;
        }
        Ok(())
    }
}
