//! `causeway-api`: serves the HTTP API until it is told to stop.

use std::{process::ExitCode, time::Duration};

use anyhow::Context as _;
use api::{config::Config, openapi, reseal, router, server, state::AppState, telemetry};
use clap::{Parser, Subcommand};

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
    /// Seal every secret column anew under the first of the keys, while everything runs; see docs/runbook.md.
    Reseal {
        /// Change nothing: count the values by their keys, and fail when some are not under the first one.
        #[arg(long)]
        check: bool,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    match Args::parse().command {
        Some(Command::Openapi) => print!("{}", openapi::document_text()?),
        Some(Command::Reseal { check }) => {
            let task = if check { reseal::Task::Check } else { reseal::Task::Reseal };
            let is_done = reseal::run(&Config::from_env()?, task, &mut std::io::stdout()).await?;
            return Ok(if is_done { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        None => serve().await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn serve() -> anyhow::Result<()> {
    let config = Config::from_env()?;
    telemetry::init(&config)?;
    let listen = config.listen;
    let state = AppState::new(config).context("the API could not be set up")?;
    let acceptor = server::listen(listen).with_context(|| format!("could not listen on {listen}"))?;
    let server = server::server(acceptor, &state);
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
    tracing::info!(listen.address = %listen, "The API is serving.");
    server.serve(router::service(state.clone())).await;
    state.close().await;
    tracing::info!("The API has stopped.");
    Ok(())
}
