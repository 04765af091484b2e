//! A mail server on loopback that delivers nothing: it takes every mail, keeps it, and shows it to whoever asks.
//!
//! Real mail clients talk SMTP to it; people and tests look into it through a control API. See `docs/sandbox.md`.

mod clock;
mod command;
mod control;
mod faults;
mod letter;
mod lines;
mod mailbox;
mod session;
mod sink;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::Context as _;
use salvo::conn::tcp::TcpAcceptor;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

use self::sink::{Login, Sink};
use crate::serving::{self, Works};

/// Mails are this long at most unless told otherwise: what large providers take, before their encoding is undone.
const SIZE_BYTES_MAX: usize = 25 << 20;

/// Where the server listens and keeps its mails. Loopback only; port 0 takes a free port.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// SMTP, without TLS.
    #[arg(long)]
    pub listen: SocketAddr,
    /// The control API.
    #[arg(long)]
    pub control: SocketAddr,
    /// Mails that survive a restart. Made when it is missing.
    #[arg(long)]
    pub data: PathBuf,
    /// `user:password` that clients must show; without it they need not.
    #[arg(long)]
    pub login: Option<String>,
    /// The longest mail, in bytes.
    #[arg(long, default_value_t = SIZE_BYTES_MAX)]
    pub size_max: usize,
}

/// A server whose listeners are open.
#[derive(Debug)]
pub struct Running {
    /// SMTP.
    pub smtp: SocketAddr,
    /// The control API.
    pub control: SocketAddr,
    works: Works,
}

/// Serves until `stop` is cancelled.
///
/// # Errors
/// An address that is not loopback or not free, or a data directory that cannot be used.
pub async fn serve(args: Args, stop: CancellationToken) -> anyhow::Result<()> {
    start(args, stop).await?.wait().await
}

/// Opens the listeners and answers from then on, until `stop` is cancelled or the returned value is dropped.
///
/// # Errors
/// An address that is not loopback or not free, or a data directory that cannot be used.
pub async fn start(args: Args, stop: CancellationToken) -> anyhow::Result<Running> {
    let login = args.login.as_deref().map(Login::parse).transpose()?;
    std::fs::create_dir_all(&args.data).with_context(|| format!("cannot make {}", args.data.display()))?;
    let sink = Arc::new(Sink::open(&args.data, login, args.size_max)?);
    let (clients, control) = (serving::listen(args.listen).await?, serving::listen(args.control).await?);
    let (smtp, control_address) = (clients.local_addr()?, control.local_addr()?);
    let mut works = Works::until(stop);
    works.serve(TcpAcceptor::try_from(control)?, control::router(Arc::clone(&sink)));
    works.spawn(accept(sink, clients));
    tracing::info!(smtp = %smtp, control = %control_address, "The mail sandbox listens");
    Ok(Running { smtp, control: control_address, works })
}

impl Running {
    /// Waits until it is stopped.
    ///
    /// # Errors
    /// When a listener failed.
    pub async fn wait(self) -> anyhow::Result<()> {
        self.works.wait().await
    }
}

/// Connections are owned by the accepting task and end with it.
async fn accept(sink: Arc<Sink>, listener: TcpListener) -> std::io::Result<()> {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            Some(_ended) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, _)) if !sink.faults().refuses_connection() => {
                let sink = Arc::clone(&sink);
                connections.spawn(async move {
                    if let Err(error) = session::serve(&sink, socket).await {
                        tracing::debug!(%error, "A mail client's connection broke");
                    }
                });
            }
            Ok(_refused) => (),
            Err(error) => tracing::warn!(%error, "A connection could not be accepted"),
        }
    }
}
