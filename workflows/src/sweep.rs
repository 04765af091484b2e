//! `sweep`: every minute, what did a crash leave between a commit and Temporal?

#![expect(
    missing_docs,
    clippy::unimplemented,
    reason = "the macros of Temporal make items without documentation, and want such bodies"
)]

use serde::{Deserialize, Serialize};
use temporalio_common::ActivityError;
use temporalio_macros::activity_definitions;
use temporalio_workflow::{WorkflowContext, WorkflowResult, workflow, workflow_methods};

use crate::options;

/// A sweep needs to be told nothing.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct SweepInput {}

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepReport {
    /// Pairs that had due deliveries and were woken.
    #[serde(default)]
    pub pairs_woken: u32,
    /// Pair and account workflows that were started.
    #[serde(default)]
    pub workflows_started: u32,
    /// Workflows of deleted pairs that were told to end.
    #[serde(default)]
    pub workflows_ended: u32,
    /// Tenants of whose pairs and accounts some had to be paused or resumed, because their plan allows something else.
    #[serde(default)]
    pub plans_settled: u32,
}

/// Declarations; `activities` implements them.
pub struct SweepActivities;

#[activity_definitions]
impl SweepActivities {
    /// Wakes and starts what should be awake and running.
    #[activity(name = "sweep.run")]
    pub fn run(input: SweepInput) -> Result<SweepReport, ActivityError> {
        unimplemented!()
    }
}
pub use sweep_activities::Run;

/// One sweep.
#[workflow]
#[derive(Default)]
pub struct SweepWorkflow;

#[workflow_methods]
impl SweepWorkflow {
    /// One activity does it.
    #[run(name = "sweep")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, input: SweepInput) -> WorkflowResult<SweepReport> {
        Ok(ctx
            .execute_activity(SweepActivities::run, input, options::light("wake and start what a crash left"))
            .await?)
    }
}
