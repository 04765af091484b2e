//! `bulk_act`: an act of staff on many things at once. The row says what is done, how far it got, and whether somebody
//! wants it to stop; the workflow sees that it comes to an end.

#![expect(
    missing_docs,
    clippy::unimplemented,
    reason = "the macros of Temporal make items without documentation, and want such bodies"
)]

use domain::BulkActId;
use serde::{Deserialize, Serialize};
use temporalio_common::ActivityError;
use temporalio_macros::activity_definitions;
use temporalio_workflow::{
    ContinueAsNewOptions, WorkflowContext, WorkflowContextView, WorkflowResult, workflow, workflow_methods,
};

use crate::{entity, options};

/// Which act.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct BulkActInput {
    /// Its row.
    pub act: BulkActId,
    /// Things done and not done in former runs.
    #[serde(default)]
    pub progress: BulkProgress,
    /// Events after which the workflow continues as new; 0 for the default.
    #[serde(default)]
    pub history_max: u32,
}

/// Names an act to an activity.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct BulkActRef {
    /// Which one.
    pub act: BulkActId,
}

/// How far an act is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkProgress {
    /// Things that were done.
    #[serde(default)]
    pub done: i64,
    /// Things that could not be done.
    #[serde(default)]
    pub failed: i64,
}

/// What some batches have done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchesReply {
    /// In these batches.
    #[serde(default)]
    pub progress: BulkProgress,
    /// The act is at its end, was stopped, or cannot go on: the row says which.
    #[serde(default)]
    pub ended: bool,
}

/// Declarations; `activities` implements them.
pub struct BulkActActivities;

#[activity_definitions]
impl BulkActActivities {
    /// Does some batches.
    #[activity(name = "bulk_act.do_batches")]
    pub fn do_batches(input: BulkActRef) -> Result<BatchesReply, ActivityError> {
        unimplemented!()
    }
}
pub use bulk_act_activities::DoBatches;

/// One act.
#[workflow]
pub struct BulkActWorkflow {
    input: BulkActInput,
}

#[workflow_methods]
impl BulkActWorkflow {
    /// Restores what a former run carried over.
    #[init]
    pub fn new(_ctx: &WorkflowContextView, input: BulkActInput) -> Self {
        Self { input }
    }

    /// Batch after batch, until the row has ended.
    #[run(name = "bulk_act")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<BulkProgress> {
        let act = ctx.state(|s| BulkActRef { act: s.input.act });
        loop {
            let reply = ctx.execute_activity(BulkActActivities::do_batches, act, options::bulk_act()).await?;
            let progress = ctx.state_mut(|s| {
                s.input.progress.done += reply.progress.done;
                s.input.progress.failed += reply.progress.failed;
                s.input.progress
            });
            if reply.ended {
                return Ok(progress);
            }
            if entity::is_long(ctx, ctx.state(|s| s.input.history_max)) {
                let input = ctx.state(|s| s.input);
                ctx.continue_as_new(input, ContinueAsNewOptions::default())?;
            }
        }
    }

    /// How far this workflow has seen it come; the row is never behind.
    #[query]
    pub fn progress(&self, _ctx: &WorkflowContextView) -> BulkProgress {
        self.input.progress
    }
}
