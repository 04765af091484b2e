//! `ledger_check`: every quarter of an hour, the ledger's balances are computed anew from its postings.

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

/// A check needs to be told nothing.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct LedgerCheckInput {}

/// What a check has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerCheckReport {
    /// Accounts that there were.
    #[serde(default)]
    pub accounts: u64,
    /// Entries that there were.
    #[serde(default)]
    pub entries: u64,
    /// How much was wrong; of each kind at most 100 are counted.
    #[serde(default)]
    pub discrepancies: u64,
}

/// Declarations; `activities` implements them.
pub struct LedgerActivities;

#[activity_definitions]
impl LedgerActivities {
    /// Proves the books, and keeps what came of it.
    #[activity(name = "ledger.prove")]
    pub fn prove(input: LedgerCheckInput) -> Result<LedgerCheckReport, ActivityError> {
        unimplemented!()
    }
}
pub use ledger_activities::Prove;

/// One check.
#[workflow]
#[derive(Default)]
pub struct LedgerCheckWorkflow;

#[workflow_methods]
impl LedgerCheckWorkflow {
    /// One activity does it.
    #[run(name = "ledger_check")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, input: LedgerCheckInput) -> WorkflowResult<LedgerCheckReport> {
        Ok(ctx.execute_activity(LedgerActivities::prove, input, options::prove_ledger()).await?)
    }
}
