//! `causeway-worker`: runs the workflows and activities, and hosts accounts.
//!
//! `causeway-worker migrate` applies the database migrations and exits.

mod bootstrap;
mod config;
mod http;
mod stale;
mod telemetry;
mod trace;
mod workers;

use std::{sync::Arc, time::Duration};

use activities::{
    bot::BotDesk, bulk::Bulk, context::Context, duty::Duty, gates::Gates, hosts::Hosts, mail::Mailer, metrics::Metrics,
    pace::Paces, presence::Presence, rhythm::Rhythms, wakeups::Wakeups,
};
use anyhow::Context as _;
use config::Config;
use domain::{SystemClock, rules::RuleBook};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Log-ins and bursts leave holes; this allocator gives them back to the system.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> anyhow::Result<()> {
    let migrate_only = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("migrate") => true,
        Some(other) => anyhow::bail!("unknown argument `{other}`: expected nothing, or `migrate`"),
    };
    let config = Config::from_env()?;
    telemetry::init(&config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        if migrate_only {
            let pool = store::connect(&config.database_url)?;
            store::migrate(&pool).await.context("the database could not be migrated")
        } else {
            run(config).await
        }
    });
    // Whatever still blocks must not keep a stopped worker alive.
    runtime.shutdown_timeout(Duration::from_secs(2));
    outcome
}

async fn run(config: Config) -> anyhow::Result<()> {
    let stopping = CancellationToken::new();
    tokio::spawn(stop_on_signal(stopping.clone()));
    let registry = prometheus::Registry::new();
    let (pool, clock) = (store::connect(&config.database_url)?, Arc::new(SystemClock));
    let metrics = Metrics::new(&registry)?;
    let context = Arc::new(Context {
        paces: Arc::new(Paces::new(&config.pace, pool.clone(), clock.clone(), metrics.clone())),
        pool,
        clock,
        sealer: config.sealer.clone(),
        telegram: config.telegram.clone(),
        discord: config.discord.clone(),
        media: config.media.clone(),
        public_url: config.public_url.clone(),
        payments: Arc::new(config.payments.clone()),
        payment_settings: config.payment_settings.clone(),
        mailer: Mailer::new(&config.mail),
        worker: config.worker_name.clone(),
        health_check_period: config.health_check_period,
        reconcile_every: config.reconcile_every,
        invoices: config.invoices.clone(),
        subscription_schedule: config.subscription_schedule.clone(),
        hosts: Hosts::default(),
        bot: BotDesk::new(config.telegram_bot.clone()),
        wakeups: Arc::new(Wakeups::default()),
        bulk: Bulk::default(),
        gates: Gates::default(),
        rules: RuleBook::default(),
        rhythms: Rhythms::default(),
        duty: Duty::default(),
        metrics,
        stopping: stopping.clone(),
    });
    let ready = CancellationToken::new();
    tokio::spawn(http::serve(config.metrics_listen, registry, Arc::clone(&context), ready.clone()));
    tokio::spawn(Arc::clone(&context.wakeups).listen(context.pool.clone()));
    tokio::spawn(activities::watch::watch(Arc::clone(&context)));
    tracing::info!(worker.name = config.worker_name, "The worker starts.");
    if context.mailer.is_none() {
        tracing::warn!("SMTP_URL is not set: this worker sends no e-mails, and they wait for one that does.");
    }
    tokio::select! {
        () = stopping.cancelled() => return Ok(()),
        () = bootstrap::database(&context.pool) => (),
    }
    let connected = tokio::select! {
        () = stopping.cancelled() => return Ok(()),
        connected = bootstrap::temporal(&config) => connected,
    };
    stale::report(&context, &connected.client).await;
    if context.bot.token().is_some() {
        tokio::spawn(bootstrap::bot(connected.client.clone()));
    }
    tokio::spawn(activities::outbox::pass_on(Arc::clone(&context), connected.client.clone()));
    tokio::spawn(activities::payment::pass_on(Arc::clone(&context), connected.client.clone()));
    let presence = Presence {
        hosting_slots: config.hosting_slots,
        drain_slots: config.drain_slots,
        started_at: context.clock.now(),
    };
    // Before the first account is asked for.
    presence.announce(&context).await;
    let presence = tokio::spawn(presence.keep(Arc::clone(&context), connected.client.clone()));
    let paces = tokio::spawn(Arc::clone(&context.paces).keep(stopping));
    workers::run(&config, context, connected, ready).await?;
    presence.await.context("the worker could not say that it stops")?;
    // The last budgets are written after the last send.
    paces.await.context("the budgets were not written")?;
    tracing::info!("The worker has stopped.");
    Ok(())
}

async fn stop_on_signal(stopping: CancellationToken) {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("Signals cannot be received; stop the worker with SIGKILL.");
        return;
    };
    tokio::select! {
        _ = terminate.recv() => (),
        _ = interrupt.recv() => (),
    }
    tracing::info!("The worker is stopping.");
    stopping.cancel();
}
