//! `subscription`: the clockwork of one tenant's subscription, for as long as it runs.
//!
//! What is true of a subscription stands in its row. The workflow advances it, waits until the moment that the row names
//! next or until it is woken, and ends with the subscription. A new payment starts it again. The time that the row is
//! advanced to is the workflow's, so that a test may let years pass.

#![expect(
    missing_docs,
    clippy::unimplemented,
    reason = "the macros of Temporal make items without documentation, and want such bodies"
)]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use domain::UserId;
use serde::{Deserialize, Serialize};
use temporalio_common::ActivityError;
use temporalio_macros::activity_definitions;
use temporalio_workflow::{
    ContinueAsNewOptions, SyncWorkflowContext, WorkflowContext, WorkflowContextView, WorkflowResult, workflow,
    workflow_methods,
};

use crate::{contract::STATE, entity, options};

/// The longest sleep without a look at the row: another schedule of the operator's is seen by then.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Whose subscription. All else is in its row, so nothing is carried from one run to the next.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct SubscriptionInput {
    /// The tenant.
    pub user: UserId,
    /// Events after which it continues as new; 0 for the usual number. For tests.
    #[serde(default)]
    pub history_max: u32,
}

/// Up to when a subscription is to be looked after.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct AdvanceInput {
    /// The tenant.
    pub user: UserId,
    /// The workflow's time, in milliseconds since 1970.
    pub now_ms: i64,
}

/// Where a subscription stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdvanceReport {
    /// The name of its status; empty when the tenant has none.
    #[serde(default)]
    pub status: String,
    /// When something is due next, in milliseconds since 1970; `None`: not before somebody changes it.
    #[serde(default)]
    pub next_at_ms: Option<i64>,
}

/// Declarations; `activities` implements them.
pub struct SubscriptionActivities;

#[activity_definitions]
impl SubscriptionActivities {
    /// Does what is due for a subscription.
    #[activity(name = "subscription.advance")]
    pub fn advance(input: AdvanceInput) -> Result<AdvanceReport, ActivityError> {
        unimplemented!()
    }
}
pub use subscription_activities::Advance;

/// One tenant's subscription.
#[workflow]
pub struct SubscriptionWorkflow {
    input: SubscriptionInput,
    woken: bool,
}

#[workflow_methods]
impl SubscriptionWorkflow {
    #[init]
    pub fn new(_ctx: &WorkflowContextView, input: SubscriptionInput) -> Self {
        Self { input, woken: false }
    }

    /// Advance, sleep until something is due or somebody wakes it, again; over when nothing comes by itself any more.
    #[run(name = "subscription")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let input = ctx.state(|s| s.input);
        let mut status = String::new();
        loop {
            // Cleared before the look: a wake that comes during it causes one more.
            ctx.state_mut(|s| s.woken = false);
            let advance = AdvanceInput { user: input.user, now_ms: now_ms(ctx) };
            let report =
                ctx.execute_activity(SubscriptionActivities::advance, advance, options::advance_subscription()).await?;
            if report.status != status {
                status.clone_from(&report.status);
                ctx.upsert_search_attributes([STATE.value_set(status.clone())]);
            }
            let Some(next_at_ms) = report.next_at_ms else {
                if ctx.state(|s| s.woken) {
                    continue;
                }
                return Ok(());
            };
            if entity::is_long(ctx, input.history_max) {
                ctx.continue_as_new(input, ContinueAsNewOptions::default())?;
            }
            let wait = u64::try_from(next_at_ms.saturating_sub(now_ms(ctx))).unwrap_or(0);
            let wait = Duration::from_millis(wait).min(LOOK_AGAIN_AFTER);
            entity::sleep(ctx, Some(wait), |s| s.woken).await?;
        }
    }

    /// Something has happened to the subscription: look at it.
    #[signal]
    pub fn wake(&mut self, _ctx: &mut SyncWorkflowContext<Self>) {
        self.woken = true;
    }
}

/// The workflow's time, rounded down.
fn now_ms(ctx: &WorkflowContext<SubscriptionWorkflow>) -> i64 {
    let since = ctx.workflow_time().unwrap_or(SystemTime::UNIX_EPOCH).duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
