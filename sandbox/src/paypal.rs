//! A PayPal server on loopback: OAuth, orders, payments, subscriptions and signed webhooks, and a control API.
//!
//! The product's own client talks to it as to the real service; nothing is paid. See `docs/sandbox.md`.

mod clock;
mod control;
mod delivery;
mod error;
mod faults;
mod front;
mod id;
mod identity;
mod money;
mod rest;
mod server;
mod weather;
mod world;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::Context as _;
use salvo::conn::tcp::TcpAcceptor;
use tokio_util::sync::CancellationToken;

use self::server::{Merchant, Sandbox, Settings};
pub use self::{delivery::message, id::transmission, identity::Identity};
use crate::serving::{self, Works};

/// Where the server listens and keeps its state, and who the one merchant is. Loopback only; port 0 takes a free port.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The service, without TLS.
    #[arg(long)]
    pub listen: SocketAddr,
    /// The control API.
    #[arg(long)]
    pub control: SocketAddr,
    /// The certificates, and what an orderly stop keeps. Made when it is missing.
    #[arg(long)]
    pub data: PathBuf,
    /// The merchant's client id.
    #[arg(long, default_value = "sandbox-client")]
    pub client_id: String,
    /// The merchant's client secret.
    #[arg(long, default_value = "sandbox-secret")]
    pub client_secret: String,
    /// The id of the merchant's webhook.
    #[arg(long, default_value = "SANDBOXWEBHOOKID")]
    pub webhook_id: String,
    /// Where webhooks go; the control API can say so later.
    #[arg(long)]
    pub webhook_url: Option<String>,
}

/// A server whose listeners are open.
#[derive(Debug)]
pub struct Running {
    /// The service.
    pub service: SocketAddr,
    /// The control API.
    pub control: SocketAddr,
    /// The authority that signs the certificate of webhooks, PEM.
    pub ca_pem: String,
    sandbox: Arc<Sandbox>,
    works: Works,
}

/// Serves until `stop` is cancelled, and keeps what there is then.
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
    std::fs::create_dir_all(&args.data).with_context(|| format!("cannot make {}", args.data.display()))?;
    let (service, control) = (serving::listen(args.listen).await?, serving::listen(args.control).await?);
    let (service_address, control_address) = (service.local_addr()?, control.local_addr()?);
    let settings = Settings { webhook_url: args.webhook_url, webhook_id: args.webhook_id, ..Settings::default() };
    let merchant = Merchant { client_id: args.client_id, client_secret: args.client_secret };
    let base = format!("http://{service_address}");
    let sandbox = Sandbox::open(&args.data, base, merchant, settings, stop.clone())?;
    let mut works = Works::until(stop);
    works.serve(TcpAcceptor::try_from(service)?, rest::router(Arc::clone(&sandbox)));
    works.serve(TcpAcceptor::try_from(control)?, control::router(Arc::clone(&sandbox)));
    tracing::info!(service = %service_address, control = %control_address, "The PayPal sandbox listens");
    let ca_pem = sandbox.identity.ca.clone();
    Ok(Running { service: service_address, control: control_address, ca_pem, sandbox, works })
}

impl Running {
    /// Waits until it is stopped, and keeps what there is then.
    ///
    /// # Errors
    /// When a listener failed, or nothing can be kept.
    pub async fn wait(self) -> anyhow::Result<()> {
        self.works.wait().await?;
        self.sandbox.keep().context("the world cannot be kept")
    }
}
