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

use anyhow::{Context, ensure};
use salvo::{
    Listener, Router, Server, Service,
    conn::{
        Acceptor, TcpListener,
        rustls::{Keycert, RustlsConfig},
    },
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use front::{Front, Kinds};
use gate::Gate;
use server::Sandbox;

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
    tasks: JoinSet<std::io::Result<()>>,
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
    for address in [args.listen_tls, args.listen, args.control] {
        ensure!(address.ip().is_loopback(), "the sandbox listens on loopback only, not on {address}");
    }
    std::fs::create_dir_all(&args.data).with_context(|| format!("cannot make {}", args.data.display()))?;
    let identity = tls::identity(&args.data)?;
    // HTTP/1.1 only: a lost answer must end one request's connection and no other's.
    let keycert = Keycert::new().cert(identity.certificate).key(identity.key);
    let config = RustlsConfig::new(keycert).alpn_protocols(vec![b"http/1.1".to_vec()]);
    let tls = TcpListener::new(args.listen_tls).rustls(config).try_bind().await;
    let tls = tls.with_context(|| format!("cannot listen on {}", args.listen_tls))?;
    let plain = bind(args.listen).await?;
    let control = bind(args.control).await?;
    let (tls_addr, plain_addr, control_addr) = (local(&tls)?, local(&plain)?, local(&control)?);

    let sandbox = Arc::new(Sandbox::open(&args.data, identity.ca.clone(), plain_addr, stop.clone())?);
    let mut tasks = JoinSet::new();
    let public = |sandbox: &Arc<Sandbox>| service(Front { sandbox: Arc::clone(sandbox), kinds: Kinds::Public });
    tasks.spawn(until(stop.clone(), Gate::new(tls, Arc::clone(&sandbox)), public(&sandbox)));
    tasks.spawn(until(stop.clone(), Gate::new(plain, Arc::clone(&sandbox)), public(&sandbox)));
    tasks.spawn(until(stop, control, service(Front { sandbox, kinds: Kinds::Control })));
    tracing::info!(tls = %tls_addr, plain = %plain_addr, control = %control_addr, "The Discord sandbox listens");
    Ok(Running { tls: tls_addr, plain: plain_addr, control: control_addr, ca_pem: identity.ca, tasks })
}

impl Running {
    /// Waits until it is stopped.
    ///
    /// # Errors
    /// When a listener failed.
    pub async fn wait(mut self) -> anyhow::Result<()> {
        while let Some(ended) = self.tasks.join_next().await {
            ended.context("a listener died")??;
        }
        Ok(())
    }
}

async fn until<A>(stop: CancellationToken, acceptor: A, service: Service) -> std::io::Result<()>
where
    A: Acceptor + 'static,
{
    tokio::select! {
        // Connections are owned by the serving future and end with it.
        served = Server::new(acceptor).try_serve(service) => served,
        () = stop.cancelled() => Ok(()),
    }
}

async fn bind(address: SocketAddr) -> anyhow::Result<impl Acceptor + 'static> {
    TcpListener::new(address).try_bind().await.with_context(|| format!("cannot listen on {address}"))
}

fn local(acceptor: &impl Acceptor) -> anyhow::Result<SocketAddr> {
    let holding = acceptor.holdings().first().context("a listener without an address")?;
    holding.local_addr.clone().into_std().context("a listener without an internet address")
}

fn service(front: Front) -> Service {
    Service::new(Router::with_path("{**path}").goal(front))
}
