//! A NOWPayments server on loopback: payments, invoices, the list of payments, signed notifications with retries, and a
//! control API with books of its own. Nothing here is shared with the code that is tested against it.
//!
//! See `docs/sandbox.md`.

mod acts;
mod api;
mod clock;
mod coins;
mod control;
mod faults;
mod front;
mod ipn;
mod journal;
mod json;
mod model;
mod reply;
mod server;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::Context as _;
use salvo::{Router, conn::tcp::TcpAcceptor};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use self::ipn::signature;
use self::{
    front::{Front, Kinds},
    ipn::Delivery,
    server::{Keys, Sandbox},
};
use crate::serving::{self, Works};

/// Where the server listens and keeps its data, and what clients must show. Loopback only; port 0 takes a free port.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The provider's API.
    #[arg(long)]
    pub listen: SocketAddr,
    /// The control API.
    #[arg(long)]
    pub control: SocketAddr,
    /// State that survives a restart. Made when it is missing.
    #[arg(long)]
    pub data: PathBuf,
    /// What clients show in the header `x-api-key`.
    #[arg(long)]
    pub api_key: String,
    /// What notifications are signed with.
    #[arg(long)]
    pub ipn_secret: String,
    /// `email:password` of the dashboard, for the list of payments.
    #[arg(long)]
    pub login: String,
    /// How often a notification goes again that was not answered with 2xx.
    #[arg(long, default_value_t = 3)]
    pub ipn_retries: u32,
    /// The pause before it does, in milliseconds.
    #[arg(long, default_value_t = 60_000)]
    pub ipn_pause_ms: u64,
}

/// A server whose listeners are open.
#[derive(Debug)]
pub struct Running {
    /// The provider's API, below `/v1`.
    pub api: SocketAddr,
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
    let (email, password) = args.login.split_once(':').context("expected a login of the form email:password")?;
    let (email, password) = (email.to_owned(), password.to_owned());
    let keys = Keys { api_key: args.api_key, ipn_secret: args.ipn_secret, email, password };
    std::fs::create_dir_all(&args.data).with_context(|| format!("cannot make {}", args.data.display()))?;
    let (public, control) = (serving::listen(args.listen).await?, serving::listen(args.control).await?);
    let (api, control_address) = (public.local_addr()?, control.local_addr()?);
    let (sender, batches) = mpsc::unbounded_channel();
    let delivery = Delivery { retries: args.ipn_retries, pause_ms: args.ipn_pause_ms, ..Delivery::default() };
    let sandbox = Arc::new(Sandbox::open(&args.data, keys, api, delivery, sender)?);
    let mut works = Works::until(stop);
    for (listener, kinds) in [(public, Kinds::Public), (control, Kinds::Control)] {
        let front = Front { sandbox: Arc::clone(&sandbox), kinds };
        works.serve(TcpAcceptor::try_from(listener)?, Router::with_path("{**path}").goal(front));
    }
    works.spawn(ipn::deliver(sandbox, batches));
    tracing::info!(api = %api, control = %control_address, "The NOWPayments sandbox listens");
    Ok(Running { api, control: control_address, works })
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
