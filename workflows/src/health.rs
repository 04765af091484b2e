//! `health`: every minute, what is wrong with accounts, pairs and limits is compared with what was told.

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

/// A look needs to be told nothing.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct HealthInput {}

/// What a look has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthReport {
    /// Alerts that were opened, or opened again.
    #[serde(default)]
    pub opened: u32,
    /// Alerts that are over.
    #[serde(default)]
    pub closed: u32,
    /// Messages asked for.
    #[serde(default)]
    pub told: u32,
}

/// Declarations; `activities` implements them.
pub struct HealthActivities;

#[activity_definitions]
impl HealthActivities {
    /// Compares, and tells.
    #[activity(name = "health.look")]
    pub fn look(input: HealthInput) -> Result<HealthReport, ActivityError> {
        unimplemented!()
    }
}
pub use health_activities::Look;

/// One look.
#[workflow]
#[derive(Default)]
pub struct HealthWorkflow;

#[workflow_methods]
impl HealthWorkflow {
    /// One activity does it.
    #[run(name = "health")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, input: HealthInput) -> WorkflowResult<HealthReport> {
        Ok(ctx.execute_activity(HealthActivities::look, input, options::look()).await?)
    }
}
