//! `delete_user`: everything of a tenant stops, is logged out, and is deleted.

#![expect(
    missing_docs,
    clippy::unimplemented,
    reason = "the macros of Temporal make items without documentation, and want such bodies"
)]

use std::time::Duration;

use domain::UserId;
use serde::{Deserialize, Serialize};
use temporalio_common::ActivityError;
use temporalio_macros::activity_definitions;
use temporalio_workflow::{
    ContinueAsNewOptions, WorkflowContext, WorkflowContextView, WorkflowResult, workflow, workflow_methods,
};

use crate::{entity, options};

/// Between two looks at what still runs; doubled up to [`LOOK_MAX`].
const LOOK_FIRST: Duration = Duration::from_millis(500);
/// The longest time between them.
const LOOK_MAX: Duration = Duration::from_secs(10);
/// Looks, about a minute in all, after which what still runs is ended without its consent: a platform that does not
/// answer must not keep anybody here.
const LOOKS_MAX: u32 = 11;

/// Who is deleted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeleteUserInput {
    /// The tenant.
    pub user: UserId,
    /// Who wants it; `None`: the operator.
    #[serde(default)]
    pub by: Option<UserId>,
    /// Why, as they said.
    #[serde(default)]
    pub reason: Option<String>,
    /// A former run has stopped everything already.
    #[serde(default)]
    pub stopped: bool,
    /// Events after which it continues as new; 0 for the usual number. For tests.
    #[serde(default)]
    pub history_max: u32,
}

/// How to stop what runs for a tenant.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct StopInput {
    /// The tenant.
    pub user: UserId,
    /// What does not end by itself is ended at once.
    #[serde(default)]
    pub by_force: bool,
}

/// What still runs for a tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopReport {
    /// Accounts that are not logged out.
    #[serde(default)]
    pub accounts: u32,
    /// Pairs and reconciliations whose workflows have not ended.
    #[serde(default)]
    pub workflows: u32,
}

/// Names a tenant to an activity.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct UserRef {
    /// Who.
    pub user: UserId,
}

/// What a deletion of rows did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EraseReport {
    /// Rows that were deleted.
    #[serde(default)]
    pub rows: u64,
    /// Only the user is left.
    #[serde(default)]
    pub done: bool,
}

/// Declarations; `activities` implements them.
pub struct ErasureActivities;

#[activity_definitions]
impl ErasureActivities {
    /// Marks the user as leaving, if that was not done before.
    #[activity(name = "erasure.begin")]
    pub fn begin(input: DeleteUserInput) -> Result<(), ActivityError> {
        unimplemented!()
    }

    /// Tells everything of the tenant's to end, and says what has not.
    #[activity(name = "erasure.stop")]
    pub fn stop(input: StopInput) -> Result<StopReport, ActivityError> {
        unimplemented!()
    }

    /// Deletes rows for a while.
    #[activity(name = "erasure.erase")]
    pub fn erase(input: UserRef) -> Result<EraseReport, ActivityError> {
        unimplemented!()
    }

    /// Deletes the user, says so in the audit log, and bids farewell.
    #[activity(name = "erasure.finish")]
    pub fn finish(input: UserRef) -> Result<(), ActivityError> {
        unimplemented!()
    }
}
pub use erasure_activities::{Begin, Erase, Finish, Stop};

/// The deletion of one tenant.
#[workflow]
pub struct DeleteUserWorkflow {
    input: DeleteUserInput,
}

#[workflow_methods]
impl DeleteUserWorkflow {
    #[init]
    pub fn new(_ctx: &WorkflowContextView, input: DeleteUserInput) -> Self {
        Self { input }
    }

    /// Mark, stop, erase, finish. Each step may be done again.
    #[run(name = "delete_user")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let input = ctx.state(|s| s.input.clone());
        let user = UserRef { user: input.user };
        if !input.stopped {
            ctx.execute_activity(ErasureActivities::begin, input, options::light("mark the user as leaving")).await?;
            Self::stop(ctx).await?;
            ctx.state_mut(|s| s.input.stopped = true);
        }
        while !ctx.execute_activity(ErasureActivities::erase, user, options::erase()).await?.done {
            if entity::is_long(ctx, ctx.state(|s| s.input.history_max)) {
                let input = ctx.state(|s| s.input.clone());
                ctx.continue_as_new(input, ContinueAsNewOptions::default())?;
            }
        }
        ctx.execute_activity(ErasureActivities::finish, user, options::light("delete the user")).await?;
        Ok(())
    }

    /// Tells everything to end and waits for it, but not for ever.
    async fn stop(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let mut input = StopInput { user: ctx.state(|s| s.input.user), by_force: false };
        for look in 1..=LOOKS_MAX {
            input.by_force = look == LOOKS_MAX;
            let report = ctx
                .execute_activity(ErasureActivities::stop, input, options::light("stop everything of theirs"))
                .await?;
            if report == StopReport::default() {
                break;
            }
            ctx.timer(options::backoff(look, LOOK_FIRST, LOOK_MAX)).await;
        }
        Ok(())
    }
}
