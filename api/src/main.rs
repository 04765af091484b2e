//! `causeway-api`: serves the HTTP API until it is told to stop.

use std::{
    fs::File,
    io::{self, BufReader},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context as _;
use api::{config::Config, console, openapi, reseal, router, server, state::AppState, telemetry};
use clap::{Parser, Subcommand};
use domain::Role;

/// Hashes of passwords and bursts of requests leave holes; this allocator gives them back to the system.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

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
    /// Give a user a role: `user`, `support` or `admin`.
    Role {
        /// The user's address.
        email: String,
        /// What they are from now on.
        role: Role,
    },
    /// Make users of lines `email,hash[,verified]`, with hashes of argon2 (PHC form) or bcrypt; see docs/runbook.md.
    ImportUsers {
        /// The file; `-` for standard input.
        file: PathBuf,
    },
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
        Some(Command::Role { email, role }) => {
            console::set_role(&Config::from_env()?, &email, role, &mut io::stdout()).await?;
        }
        Some(Command::ImportUsers { file }) => return import_users(&file).await,
        Some(Command::Reseal { check }) => {
            let task = if check { reseal::Task::Check } else { reseal::Task::Reseal };
            let is_done = reseal::run(&Config::from_env()?, task, &mut io::stdout()).await?;
            return Ok(if is_done { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        None => serve().await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Fails when a line was refused; the others are imported all the same.
async fn import_users(file: &Path) -> anyhow::Result<ExitCode> {
    let (config, out) = (Config::from_env()?, &mut io::stdout());
    let report = if file == Path::new("-") {
        console::import_users(&config, io::stdin().lock(), out).await?
    } else {
        let source = File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
        console::import_users(&config, BufReader::new(source), out).await?
    };
    Ok(if report.refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
    state.keep_inbox_written();
    state.keep_credentials_fresh();
    state.keep_settings_fresh();
    tracing::info!(listen.address = %listen, "The API is serving.");
    server.serve(router::service(state.clone())).await;
    state.close().await;
    tracing::info!("The API has stopped.");
    Ok(())
}
