//! `causeway-api`: serves the HTTP API until it is told to stop.

use std::time::Duration;

use anyhow::Context as _;
use api::{config::Config, openapi, router, state::AppState, telemetry};
use clap::{Parser, Subcommand};
use salvo::prelude::*;

/// Requests that are under way when the process is told to stop may take this long; orchestrators kill after 30 s.
const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// The HTTP API of Causeway. Configured by environment variables alone; see docs/configuration.md.
#[derive(Parser)]
#[command(name = "causeway-api", version)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Print the OpenAPI document and exit.
    Openapi,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Args::parse().command {
        Some(Command::Openapi) => {
            print!("{}", openapi::document_text()?);
            Ok(())
        }
        None => serve().await,
    }
}

async fn serve() -> anyhow::Result<()> {
    let config = Config::from_env()?;
    telemetry::init(&config)?;
    let listen = config.listen;
    let state = AppState::new(config).context("the API could not be set up")?;
    let acceptor =
        TcpListener::new(listen).try_bind().await.with_context(|| format!("could not listen on {listen}"))?;
    let server = Server::new(acceptor);
    let handle = server.handle();
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => (),
            _ = terminate.recv() => (),
        }
        tracing::info!("The API is stopping.");
        handle.stop_graceful(STOP_PATIENCE);
    });
    state.keep_temporal_connected();
    state.keep_credentials_fresh();
    state.keep_settings_fresh();
    tracing::info!(listen.address = %listen, "The API is serving.");
    server.serve(router::service(state.clone())).await;
    state.close().await;
    tracing::info!("The API has stopped.");
    Ok(())
}
