//! A Telegram server for one machine: MTProto that real client libraries speak, and a control API beside it.
//!
//! What is served is described in `docs/sandbox-telegram.md`. Both ports bind to loopback only.

mod clock;
mod control;
mod faults;
mod files;
mod hexed;
mod limits;
mod live;
mod net;
mod push;
mod rpc;
mod state;
#[cfg(test)]
mod tests;
mod wire;
mod world;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args as ClapArgs;
use salvo::conn::tcp::TcpAcceptor;
use salvo::prelude::Server as HttpServer;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::net::connection;
use self::state::Server;
use crate::serving;

/// How the Telegram sandbox is started.
#[derive(Clone, Debug, ClapArgs)]
pub struct Args {
    /// Where clients connect (MTProto over TCP); port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:4430")]
    pub listen: SocketAddr,
    /// Where the control API listens (HTTP).
    #[arg(long, default_value = "127.0.0.1:4431")]
    pub control: SocketAddr,
    /// The folder that keeps everything over restarts.
    #[arg(long, default_value = ".local/telegram")]
    pub data: PathBuf,
}

/// Serves until `stop` is cancelled.
///
/// # Errors
///
/// When an address is not on loopback or taken, or the data folder cannot be used.
pub async fn serve(args: Args, stop: CancellationToken) -> anyhow::Result<()> {
    Sandbox::bind(&args).await?.run(stop).await
}

/// A sandbox that holds its ports but does not answer yet.
struct Sandbox {
    server: Arc<Server>,
    clients: TcpListener,
    control: TcpListener,
}

impl Sandbox {
    async fn bind(args: &Args) -> anyhow::Result<Self> {
        let (clients, control) = (serving::listen(args.listen).await?, serving::listen(args.control).await?);
        Self::open(&args.data, clients, control)
    }

    fn open(data: &Path, clients: TcpListener, control: TcpListener) -> anyhow::Result<Self> {
        let server = Server::open(data, clients.local_addr()?.port())
            .with_context(|| format!("cannot use the data folder {}", data.display()))?;
        Ok(Self { server: Arc::new(server), clients, control })
    }

    async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let Self { server, clients, control } = self;
        let (address, control_address) = (clients.local_addr()?, control.local_addr()?);
        let http = HttpServer::new(TcpAcceptor::try_from(control)?);
        let handle = http.handle();
        let control = tokio::spawn(http.try_serve(control::router(Arc::clone(&server))));
        tracing::info!(
            telegram.address = %address,
            control.address = %control_address,
            "The Telegram sandbox is ready."
        );
        tokio::select! {
            () = accept(&server, clients) => {}
            () = stop.cancelled() => {}
        }
        handle.stop_forceful();
        server.lock().live.close_all();
        control.await.context("the control API panicked")?.context("the control API failed")
    }
}

async fn accept(server: &Arc<Server>, listener: TcpListener) {
    loop {
        let socket = match listener.accept().await {
            Ok((socket, _)) => socket,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "A connection could not be accepted.");
                continue;
            }
        };
        if server.lock().faults.refuses(None) {
            drop(socket);
            continue;
        }
        let server = Arc::clone(server);
        tokio::spawn(async move {
            if let Err(error) = connection::serve(server, socket).await {
                tracing::debug!(error = &error as &dyn std::error::Error, "A connection ended.");
            }
        });
    }
}
