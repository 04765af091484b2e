//! Telling a pair's workflow that there is something to do.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use domain::{AccountId, PairId, UserId};
use futures::FutureExt as _;
use store::ingest::Wake;
use temporalio_client::{Client, WorkflowSignalOptions, WorkflowStartOptions, errors::WorkflowInteractionError};
use temporalio_common::{HasWorkflowDefinition, SignalDefinition};
use workflows::{
    account::AccountSession,
    contract::{CONTROL_QUEUE, account_workflow_id, pair_workflow_id},
    forwarding::{Next, PairForwarding, PairInput},
};

use crate::{context::Context, drain};

/// First wait after a signal that Temporal has not heard; doubled up to [`SIGNAL_RETRY_MAX`].
const SIGNAL_RETRY_FIRST: Duration = Duration::from_millis(250);
/// Longest wait.
const SIGNAL_RETRY_MAX: Duration = Duration::from_secs(5);
/// Signals after which the sweep is left to it: it comes every minute.
const SIGNALS_MAX: usize = 20;

/// Makes every pair carry what was committed for it. One that drains on this worker is told. Of the others, those whose
/// destination is hosted here are drained at once, without Temporal; what such a drain leaves open, and all the rest, is
/// the business of the pair's workflow. Nothing is awaited: it must not hold up the next message.
pub(crate) fn wake_pairs(context: &Arc<Context>, client: &Client, wakes: &[Wake]) {
    for wake in wakes {
        context.wakeups.wake(wake.pair);
        if wake.signal {
            tokio::spawn(carry(Arc::clone(context), client.clone(), *wake));
        } else {
            context.metrics.wakes.with_label_values(&["local"]).inc();
        }
    }
}

async fn carry(context: Arc<Context>, client: Client, wake: Wake) {
    // After a panic nobody would drain the pair before the sweep.
    let drained = AssertUnwindSafe(drain::express(&context, wake.pair)).catch_unwind().await;
    let done = match drained {
        Ok(Ok(report)) => report.is_some_and(|it| matches!(it.next, Next::Idle | Next::Paused | Next::Deleted)),
        Ok(Err(error)) => {
            tracing::warn!(pair.id = %wake.pair, error = %crate::chain(&error), "A drain failed; the pair's workflow goes on.");
            false
        }
        Err(_) => {
            tracing::error!(pair.id = %wake.pair, "A drain panicked; the pair's workflow goes on.");
            false
        }
    };
    context.metrics.wakes.with_label_values(&[if done { "express" } else { "signal" }]).inc();
    if !done {
        insist(&context, &client, wake).await;
    }
}

/// Signals until Temporal has heard it: while it is away, nobody else wakes the pair before the sweep.
async fn insist(context: &Context, client: &Client, wake: Wake) {
    let mut wait = SIGNAL_RETRY_FIRST;
    for _ in 0..SIGNALS_MAX {
        if signal_pair(client, wake.pair, wake.user).await || context.stopping.is_cancelled() {
            return;
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(SIGNAL_RETRY_MAX);
    }
}

/// Wakes the pair's workflow, starting it where a crash has prevented that. False when Temporal cannot be told: then the
/// sweep wakes every pair that has due deliveries.
pub(crate) async fn signal_pair(client: &Client, pair: PairId, user: UserId) -> bool {
    let options = WorkflowStartOptions::new(CONTROL_QUEUE, pair_workflow_id(pair)).build();
    let input = PairInput { pair, user, woken: true, totals: Default::default(), history_max: 0 };
    let woken = client.signal_with_start_workflow(PairForwarding::run, input, PairForwarding::wake, (), options).await;
    if let Err(error) = woken {
        tracing::warn!(pair.id = %pair, %error, "A pair could not be woken; the sweep will do it.");
        return false;
    }
    true
}

/// What a workflow knows of a rouse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Roused {
    /// It has been told.
    Told,
    /// It does not run.
    Gone,
    /// Temporal has not answered.
    Unheard,
}

/// Makes the pair's workflow drain now, whatever it waits for.
pub(crate) async fn rouse_pair(client: &Client, pair: PairId) -> Roused {
    signal::<PairForwarding, _>(client, pair_workflow_id(pair), PairForwarding::configure).await
}

/// Tells the pair's workflow that the row says so.
pub(crate) async fn pause_pair(client: &Client, pair: PairId) -> Roused {
    signal::<PairForwarding, _>(client, pair_workflow_id(pair), PairForwarding::pause).await
}

/// Makes the pair's workflow carry what has waited; the row says so already.
pub(crate) async fn resume_pair(client: &Client, pair: PairId) -> Roused {
    signal::<PairForwarding, _>(client, pair_workflow_id(pair), PairForwarding::resume).await
}

/// Makes the account's workflow host it again.
pub(crate) async fn resume_account(client: &Client, account: AccountId) -> Roused {
    signal::<AccountSession, _>(client, account_workflow_id(account), AccountSession::resume).await
}

async fn signal<W, S>(client: &Client, workflow: String, signal: S) -> Roused
where
    W: HasWorkflowDefinition,
    S: SignalDefinition<Workflow = W::Run, Input = ()>,
{
    let handle = client.get_workflow_handle::<W>(&workflow);
    match handle.signal(signal, (), WorkflowSignalOptions::default()).await {
        Ok(()) => Roused::Told,
        Err(WorkflowInteractionError::NotFound(_)) => Roused::Gone,
        Err(error) => {
            tracing::warn!(workflow.id = workflow, %error, "A workflow could not be told; the sweep will do it.");
            Roused::Unheard
        }
    }
}

/// Tells the workflow of a deleted pair to end. True when it is known to have ended or to have been told.
pub(crate) async fn end_pair(client: &Client, pair: PairId) -> bool {
    let handle = client.get_workflow_handle::<PairForwarding>(pair_workflow_id(pair));
    match handle.signal(PairForwarding::delete, (), WorkflowSignalOptions::default()).await {
        Ok(()) | Err(WorkflowInteractionError::NotFound(_)) => true,
        Err(error) => {
            tracing::warn!(pair.id = %pair, %error, "A deleted pair's workflow could not be told to end.");
            false
        }
    }
}
