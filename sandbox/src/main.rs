//! `causeway-sandbox`: the sandbox servers, and the commands that run the whole stack with them.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use sandbox::{
    bench::{self, BenchArgs},
    commands::{self, PostgresArgs, StackArgs},
    crash::{self, CrashArgs},
    crash_billing::{self, CrashBillingArgs},
    demo::{self, DemoArgs},
    discord, nowpayments, paypal, smtp, telegram,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// Local stand-ins for Telegram, Discord, PayPal, NOWPayments and a mail server, and all of Causeway running against them.
/// Loopback only.
#[derive(Debug, Parser)]
#[command(name = "causeway-sandbox", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start everything and leave it running until Ctrl-C.
    Up(StackArgs),
    /// Show the main job in all four directions, with a killed worker in the middle, and a purchase, and check the result.
    Demo(DemoArgs),
    /// Measure throughput, latency and memory beside a bare serenity loop.
    Bench(BenchArgs),
    /// Kill every part again and again while people write, and compare the destinations with what was written.
    Crash(CrashArgs),
    /// Kill every part again and again while people pay, and compare the database with the payment providers' books.
    CrashBilling(CrashBillingArgs),
    /// Serve Discord: REST over TLS, REST and gateway over plain HTTP, and a control API.
    Discord(discord::Args),
    /// Serve NOWPayments: payments, invoices and signed notifications, and a control API.
    Nowpayments(nowpayments::Args),
    /// Serve PayPal: OAuth, orders, subscriptions and signed webhooks, and a control API.
    Paypal(paypal::Args),
    /// Run a command beside an empty, private PostgreSQL.
    Postgres(PostgresArgs),
    /// Take mail over SMTP and keep it, with a control API over HTTP.
    Smtp(smtp::Args),
    /// Serve Telegram: MTProto, and a control API over HTTP.
    Telegram(telegram::Args),
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_unset| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(cli.command).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("causeway-sandbox: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Up(args) => commands::up(args).await?,
        Command::Demo(args) => return Ok(if demo::demo(args).await? { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
        Command::Crash(args) => {
            return Ok(if crash::crash(args).await? { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::CrashBilling(args) => {
            let is_clean = crash_billing::crash_billing(args).await?;
            return Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Bench(args) => bench::bench(args).await?,
        Command::Discord(args) => discord::serve(args, until_interrupted()).await?,
        Command::Nowpayments(args) => nowpayments::serve(args, until_interrupted()).await?,
        Command::Paypal(args) => paypal::serve(args, until_interrupted()).await?,
        Command::Postgres(args) => return Ok(commands::postgres(args).await?.into()),
        Command::Smtp(args) => smtp::serve(args, until_interrupted()).await?,
        Command::Telegram(args) => telegram::serve(args, until_interrupted()).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Cancelled by Ctrl-C or SIGTERM.
fn until_interrupted() -> CancellationToken {
    let stop = CancellationToken::new();
    let signalled = stop.clone();
    tokio::spawn(async move {
        let terminated = async {
            match signal(SignalKind::terminate()) {
                Ok(mut stream) => drop(stream.recv().await),
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            () = terminated => {}
        }
        signalled.cancel();
    });
    stop
}
