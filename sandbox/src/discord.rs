//! A Discord server on loopback: REST v10 over TLS and plain HTTP, the gateway, attachments, and a control API.
//!
//! serenity and discord.py talk to it as to the real thing. See `docs/sandbox.md`.

mod action;
mod call;
mod cdn;
mod clock;
mod control;
mod core;
mod error;
mod faults;
mod files;
mod front;
mod gate;
mod gateway;
mod id;
mod journal;
mod links;
mod model;
mod multipart;
mod permission;
mod ratelimit;
mod rest;
mod route;
mod secret;
mod server;
mod store;
mod tls;
mod usage;
mod wire;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::Context as _;
use salvo::{
    Listener as _, Router,
    conn::{
        Acceptor as _, TcpListener,
        rustls::{Keycert, RustlsConfig},
        tcp::TcpAcceptor,
    },
};
use tokio_util::sync::CancellationToken;

use front::{Front, Kinds};
use gate::Gate;
use server::Sandbox;

use crate::serving::{self, Works};

/// Where the server listens and keeps its data. Loopback only; port 0 takes a free port.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// REST over TLS, with a certificate for discord.com and cdn.discordapp.com signed by DIR/ca.pem.
    #[arg(long)]
    pub listen_tls: SocketAddr,
    /// The same REST over plain HTTP, and the gateway.
    #[arg(long)]
    pub listen: SocketAddr,
    /// The control API.
    #[arg(long)]
    pub control: SocketAddr,
    /// State that survives a restart. Made when it is missing.
    #[arg(long)]
    pub data: PathBuf,
}

/// A server whose listeners are open.
#[derive(Debug)]
pub struct Running {
    /// REST over TLS.
    pub tls: SocketAddr,
    /// REST over plain HTTP, and the gateway.
    pub plain: SocketAddr,
    /// The control API.
    pub control: SocketAddr,
    /// The authority's certificate, PEM.
    pub ca_pem: String,
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
    serving::ensure_loopback(args.listen_tls)?;
    std::fs::create_dir_all(&args.data).with_context(|| format!("cannot make {}", args.data.display()))?;
    let identity = tls::identity(&args.data)?;
    // HTTP/1.1 only: a lost answer must end one request's connection and no other's.
    let keycert = Keycert::new().cert(identity.certificate).key(identity.key);
    let config = RustlsConfig::new(keycert).alpn_protocols(vec![b"http/1.1".to_vec()]);
    let tls = TcpListener::new(args.listen_tls).rustls(config).try_bind().await;
    let tls = tls.with_context(|| format!("cannot listen on {}", args.listen_tls))?;
    let holding = tls.holdings().first().context("a listener without an address")?;
    let tls_addr = holding.local_addr.clone().into_std().context("a listener without an internet address")?;
    let (plain, control) = (serving::listen(args.listen).await?, serving::listen(args.control).await?);
    let (plain_addr, control_addr) = (plain.local_addr()?, control.local_addr()?);
    let (plain, control) = (TcpAcceptor::try_from(plain)?, TcpAcceptor::try_from(control)?);

    let sandbox = Arc::new(Sandbox::open(&args.data, identity.ca.clone(), plain_addr, stop.clone())?);
    let front = |kinds| Router::with_path("{**path}").goal(Front { sandbox: Arc::clone(&sandbox), kinds });
    let mut works = Works::until(stop);
    works.serve(Gate::new(tls, Arc::clone(&sandbox)), front(Kinds::Public));
    works.serve(Gate::new(plain, Arc::clone(&sandbox)), front(Kinds::Public));
    works.serve(control, front(Kinds::Control));
    tracing::info!(tls = %tls_addr, plain = %plain_addr, control = %control_addr, "The Discord sandbox listens");
    Ok(Running { tls: tls_addr, plain: plain_addr, control: control_addr, ca_pem: identity.ca, works })
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
