//! Telling a pair's workflow that there is something to do.

use domain::{PairId, UserId};
use temporalio_client::{Client, WorkflowSignalOptions, WorkflowStartOptions, errors::WorkflowInteractionError};
use workflows::{
    contract::{CONTROL_QUEUE, pair_workflow_id},
    forwarding::{PairForwarding, PairInput},
};

/// Wakes the pair's workflow, starting it where a crash has prevented that. A failure is only logged: the sweep wakes
/// every pair that has due deliveries.
pub(crate) async fn signal_pair(client: &Client, pair: PairId, user: UserId) {
    let options = WorkflowStartOptions::new(CONTROL_QUEUE, pair_workflow_id(pair)).build();
    let input = PairInput { pair, user, woken: true, totals: Default::default(), history_max: 0 };
    let woken = client.signal_with_start_workflow(PairForwarding::run, input, PairForwarding::wake, (), options).await;
    if let Err(error) = woken {
        tracing::warn!(pair.id = %pair, %error, "A pair could not be woken; the sweep will do it.");
    }
}

/// Makes the pair's workflow drain now, whatever it waits for. False when it does not run.
pub(crate) async fn rouse_pair(client: &Client, pair: PairId) -> bool {
    let handle = client.get_workflow_handle::<PairForwarding>(pair_workflow_id(pair));
    match handle.signal(PairForwarding::configure, (), WorkflowSignalOptions::default()).await {
        Ok(()) => true,
        Err(WorkflowInteractionError::NotFound(_)) => false,
        Err(error) => {
            tracing::warn!(pair.id = %pair, %error, "A pair could not be roused; the sweep will do it.");
            true
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
