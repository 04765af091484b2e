//! `reconcile`: is everything that the source's history holds in the ledger? And `reconcile_all`, which asks it of every
//! pair from time to time.

#![expect(
    missing_docs,
    clippy::unimplemented,
    reason = "the macros of Temporal make items without documentation, and want such bodies"
)]

use std::time::Duration;

use domain::{AccountId, PairId, ReconciliationId};
use serde::{Deserialize, Serialize};
use temporalio_common::ActivityError;
use temporalio_macros::activity_definitions;
use temporalio_workflow::{WorkflowContext, WorkflowContextView, WorkflowResult, workflow, workflow_methods};

use crate::{
    account::{AccountActivities, AccountRef},
    options,
};

/// First wait after a host could not be found or asked; doubled up to [`RETRY_MAX`].
const RETRY_FIRST: Duration = Duration::from_secs(1);
/// Longest wait.
const RETRY_MAX: Duration = Duration::from_secs(60);
/// Tries in a row without progress, after which the reconciliation has failed: about ten minutes.
const TRIES_MAX: u32 = 15;
/// Comparisons of some pages each: with more, something does not end.
const ROUNDS_MAX: u32 = 200;
/// Between two batches of pairs of the scheduled reconciliation, so that they do not all read at once.
const BATCH_PAUSE: Duration = Duration::from_secs(10);
/// Batches of one scheduled reconciliation; the next one goes on.
const BATCHES_MAX: u32 = 200;

/// Which pair to reconcile.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ReconcileInput {
    /// The row that asks for it and takes its findings.
    pub reconciliation: ReconciliationId,
    /// The pair.
    pub pair: PairId,
    /// The account that reads the source.
    pub account: AccountId,
}

/// Names a reconciliation to an activity.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ReconcileRef {
    /// Which one.
    pub reconciliation: ReconciliationId,
}

/// How a comparison of some pages ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckReply {
    /// The history was compared to its end, or the row says that it has ended.
    #[serde(default)]
    pub done: bool,
    /// The account is not hosted here any more.
    #[serde(default)]
    pub moved: bool,
    /// The platform asks to wait so long.
    #[serde(default)]
    pub wait_seconds: u64,
}

/// What the scheduled reconciliation is started with.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct ReconcileAllInput {}

/// How many pairs were begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BegunReport {
    /// Pairs.
    #[serde(default)]
    pub pairs: u32,
}

/// Declarations; `activities` implements them.
pub struct ReconcileActivities;

#[activity_definitions]
impl ReconcileActivities {
    /// Compares some pages. Runs on the host of the account that reads the source.
    #[activity(name = "reconcile.check")]
    pub fn check(input: ReconcileRef) -> Result<CheckReply, ActivityError> {
        unimplemented!()
    }

    /// The account was not there for too long: the row says so.
    #[activity(name = "reconcile.give_up")]
    pub fn give_up(input: ReconcileRef) -> Result<(), ActivityError> {
        unimplemented!()
    }

    /// Begins the reconciliation of some pairs that are due.
    #[activity(name = "reconcile.begin_due")]
    pub fn begin_due(input: ReconcileAllInput) -> Result<BegunReport, ActivityError> {
        unimplemented!()
    }
}
pub use reconcile_activities::{BeginDue, Check, GiveUp};

/// One reconciliation of one pair.
#[workflow]
pub struct ReconcileWorkflow {
    input: ReconcileInput,
}

#[workflow_methods]
impl ReconcileWorkflow {
    #[init]
    pub fn new(_ctx: &WorkflowContextView, input: ReconcileInput) -> Self {
        Self { input }
    }

    /// Compares batch after batch, wherever the account is hosted.
    #[run(name = "reconcile")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let input = ctx.state(|s| s.input);
        let (account, request) =
            (AccountRef { account: input.account }, ReconcileRef { reconciliation: input.reconciliation });
        let mut failures = 0;
        for _ in 0..ROUNDS_MAX {
            let located = ctx
                .execute_activity(AccountActivities::locate, account, options::light("find the account's host"))
                .await?;
            let reply = match located.queue {
                None => None,
                Some(queue) => {
                    ctx.execute_activity(ReconcileActivities::check, request, options::reconcile(queue)).await.ok()
                }
            };
            match reply {
                Some(CheckReply { done: true, .. }) => return Ok(()),
                Some(CheckReply { moved: false, wait_seconds, .. }) => {
                    failures = 0;
                    if wait_seconds > 0 {
                        ctx.timer(Duration::from_secs(wait_seconds)).await;
                    }
                }
                Some(CheckReply { moved: true, .. }) | None => {
                    failures += 1;
                    if failures >= TRIES_MAX {
                        break;
                    }
                    ctx.timer(options::backoff(failures, RETRY_FIRST, RETRY_MAX)).await;
                }
            }
        }
        ctx.execute_activity(ReconcileActivities::give_up, request, options::light("say that it came to no end"))
            .await?;
        Ok(())
    }
}

/// The scheduled reconciliation of all pairs.
#[workflow]
#[derive(Default)]
pub struct ReconcileAllWorkflow;

#[workflow_methods]
impl ReconcileAllWorkflow {
    /// Begins batch after batch until none is due.
    #[run(name = "reconcile_all")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, input: ReconcileAllInput) -> WorkflowResult<BegunReport> {
        let mut total = BegunReport::default();
        for _ in 0..BATCHES_MAX {
            let begun = ctx
                .execute_activity(ReconcileActivities::begin_due, input, options::light("begin pairs that are due"))
                .await?;
            total.pairs += begun.pairs;
            if begun.pairs == 0 {
                break;
            }
            ctx.timer(BATCH_PAUSE).await;
        }
        Ok(total)
    }
}
