//! The Temporal workers of one process, and the table of what each of them runs.

use std::{sync::Arc, time::Duration};

use activities::{
    account::Accounts, announcement::Announcements, bot::Bot, bulk_act::BulkActs, context::Context, erasure::Erasure,
    forwarding::Forwarding, health::Health, ledger::Ledger, outbox::Outbox, payment::Payments, reconcile::Reconcile,
    subscription::Subscriptions, sweep::Sweep,
};
use anyhow::Context as _;
use temporalio_sdk::{
    Runtime, Worker, WorkerOptions,
    runtime::worker_tuner::{FixedSizeSlotSupplier, TunerHolder},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use workflows::{
    account::AccountSession,
    announcement::AnnouncementWorkflow,
    bot::NotificationBot,
    bulk_act::BulkActWorkflow,
    chats::AskChatsWorkflow,
    contract::{BILLING_QUEUE, BOT_QUEUE, CONTROL_QUEUE, HOSTS_QUEUE, host_queue},
    erasure::DeleteUserWorkflow,
    forwarding::PairForwarding,
    health::HealthWorkflow,
    ledger::LedgerCheckWorkflow,
    outbox::OutboxWorkflow,
    payment::{PaymentWorkflow, ReconcilePaymentsWorkflow},
    reconcile::{ReconcileAllWorkflow, ReconcileWorkflow},
    subscription::SubscriptionWorkflow,
    sweep::SweepWorkflow,
};

use crate::{bootstrap::Connected, config::Config, trace::Trace};

/// Workflows kept in memory, some 100 kB each: beyond it, a wake through Temporal costs a replay of a short history.
/// Most pairs need none, because their messages are drained without it.
const CACHED_WORKFLOWS: usize = 200;
/// The SDK passes on no more than one heartbeat of a hosting in this time. By default it is one in 80 % of the heartbeat
/// time-out, 12 of 15 s: too near on a machine that is busy. One costs the server some 5 ms.
const HOSTING_HEARTBEATS: Duration = Duration::from_secs(8);
/// After a kill, a workflow's next task waits so long for the process whose memory held the workflow, before any worker
/// may take it and replay. The SDK's 10 s would be the longest wait of a restart; a replay costs a few milliseconds.
const STICKY_PATIENCE: Duration = Duration::from_secs(1);
/// Workflow tasks worked on at once.
const WORKFLOW_SLOTS: usize = 100;
/// Light activities at once.
const CONTROL_SLOTS: usize = 50;
/// Steps of payments and subscriptions at once: each waits for a payment provider or a transaction.
const BILLING_SLOTS: usize = 50;
/// The bot has one host. A worker that is asked again while its former hosting ends takes the new one at once.
const BOT_SLOTS: usize = 2;
/// A stopping worker waits so long for its activities, which end by themselves at their next safe point.
const GRACE: Duration = Duration::from_secs(8);

/// Runs until the context says that the worker is stopping.
///
/// # Errors
/// When a worker cannot be made, or ends by itself.
pub async fn run(
    config: &Config,
    context: Arc<Context>,
    connected: Connected,
    ready: CancellationToken,
) -> anyhow::Result<()> {
    let runtime = Runtime::from_current_tokio(Default::default()).context("the Temporal runtime could not be made")?;
    let client = connected.client;
    let workers = workers(config, &context)?;
    let (ended, mut ends) = mpsc::unbounded_channel();
    for (name, options) in workers {
        let worker = Worker::new(&runtime, client.clone(), options).map_err(|error| anyhow::anyhow!("{error}"))?;
        spawn(name, worker, context.stopping.clone(), ended.clone());
    }
    drop(ended);
    ready.cancel();
    let mut outcome = Ok(());
    while let Some((name, end)) = ends.recv().await {
        if !context.stopping.is_cancelled() {
            tracing::error!(worker.queue = name, "A Temporal worker ended by itself; stopping.");
            outcome = end.and_then(|()| Err(anyhow::anyhow!("the {name} worker ended by itself")));
            context.stopping.cancel();
        }
    }
    outcome
}

/// What runs on each queue, by the name of its worker.
fn workers(config: &Config, context: &Arc<Context>) -> anyhow::Result<Vec<(&'static str, WorkerOptions)>> {
    let hosts = WorkerOptions::new(HOSTS_QUEUE)
        .register_activities(Accounts(Arc::clone(context)))
        .tuner(slots(WORKFLOW_SLOTS, config.hosting_slots))
        .max_heartbeat_throttle_interval(HOSTING_HEARTBEATS)
        .activity_inbound_interceptor(Trace)
        .graceful_shutdown_period(GRACE)
        .build();
    let hosted = WorkerOptions::new(host_queue(&config.worker_name))
        .register_activities(Accounts(Arc::clone(context)))
        .register_activities(Forwarding(Arc::clone(context)))
        .register_activities(Reconcile(Arc::clone(context)))
        .tuner(slots(WORKFLOW_SLOTS, config.drain_slots))
        .activity_inbound_interceptor(Trace)
        .graceful_shutdown_period(GRACE)
        .build();
    let mut workers =
        vec![("control", control(context)?), ("billing", billing(context)?), ("hosts", hosts), ("host", hosted)];
    if context.bot.token().is_some() {
        let bot = WorkerOptions::new(BOT_QUEUE)
            .register_activities(Bot(Arc::clone(context)))
            .tuner(slots(WORKFLOW_SLOTS, BOT_SLOTS))
            .max_heartbeat_throttle_interval(HOSTING_HEARTBEATS)
            .activity_inbound_interceptor(Trace)
            .graceful_shutdown_period(GRACE)
            .build();
        workers.push(("bot", bot));
    }
    Ok(workers)
}

/// All workflows, and every activity that needs no account's connection.
fn control(context: &Arc<Context>) -> anyhow::Result<WorkerOptions> {
    Ok(WorkerOptions::new(CONTROL_QUEUE)
        .register_workflow::<AccountSession>()?
        .register_workflow::<AskChatsWorkflow>()?
        .register_workflow::<BulkActWorkflow>()?
        .register_workflow::<NotificationBot>()?
        .register_workflow::<PairForwarding>()?
        .register_workflow::<DeleteUserWorkflow>()?
        .register_workflow::<OutboxWorkflow>()?
        .register_workflow::<AnnouncementWorkflow>()?
        .register_workflow::<HealthWorkflow>()?
        .register_workflow::<LedgerCheckWorkflow>()?
        .register_workflow::<SweepWorkflow>()?
        .register_workflow::<ReconcileWorkflow>()?
        .register_workflow::<ReconcileAllWorkflow>()?
        .register_activities(Accounts(Arc::clone(context)))
        .register_activities(Forwarding(Arc::clone(context)))
        .register_activities(Erasure(Arc::clone(context)))
        .register_activities(Outbox(Arc::clone(context)))
        .register_activities(BulkActs(Arc::clone(context)))
        .register_activities(Announcements(Arc::clone(context)))
        .register_activities(Health(Arc::clone(context)))
        .register_activities(Ledger(Arc::clone(context)))
        .register_activities(Sweep(Arc::clone(context)))
        .register_activities(Reconcile(Arc::clone(context)))
        .max_cached_workflows(CACHED_WORKFLOWS)
        .sticky_queue_schedule_to_start_timeout(STICKY_PATIENCE)
        .tuner(slots(WORKFLOW_SLOTS, CONTROL_SLOTS))
        .activity_inbound_interceptor(Trace)
        .graceful_shutdown_period(GRACE)
        .build())
}

/// Workflows of money, and their activities.
fn billing(context: &Arc<Context>) -> anyhow::Result<WorkerOptions> {
    Ok(WorkerOptions::new(BILLING_QUEUE)
        .register_workflow::<PaymentWorkflow>()?
        .register_workflow::<ReconcilePaymentsWorkflow>()?
        .register_workflow::<SubscriptionWorkflow>()?
        .register_activities(Payments(Arc::clone(context)))
        .register_activities(Subscriptions(Arc::clone(context)))
        .max_cached_workflows(CACHED_WORKFLOWS)
        .sticky_queue_schedule_to_start_timeout(STICKY_PATIENCE)
        .tuner(slots(WORKFLOW_SLOTS, BILLING_SLOTS))
        .activity_inbound_interceptor(Trace)
        .graceful_shutdown_period(GRACE)
        .build())
}

fn slots(workflows: usize, activities: usize) -> TunerHolder {
    TunerHolder::builder()
        .workflow_task_slot_supplier(FixedSizeSlotSupplier::new(workflows))
        .activity_task_slot_supplier(FixedSizeSlotSupplier::new(activities))
        .local_activity_task_slot_supplier(FixedSizeSlotSupplier::new(1))
        .nexus_task_slot_supplier(FixedSizeSlotSupplier::new(1))
        .build()
}

type Ends = mpsc::UnboundedSender<(&'static str, anyhow::Result<()>)>;

/// A worker's future stays on its thread, so each has one of its own; activities run on the shared runtime.
fn spawn(name: &'static str, mut worker: Worker, stopping: CancellationToken, ended: Ends) {
    let shut_down = worker.shutdown_handle();
    tokio::spawn(async move {
        stopping.cancelled().await;
        shut_down();
    });
    let runtime = tokio::runtime::Handle::current();
    std::thread::spawn(move || {
        let end = runtime.block_on(worker.run()).map_err(|error| anyhow::anyhow!("{error}"));
        if let Err(error) = &end {
            tracing::error!(worker.queue = name, error = format!("{error:#}"), "A Temporal worker failed.");
        }
        // Nobody listens any more when the process is ending.
        let _sent = ended.send((name, end));
    });
}
