//! `announcement`: news of the operator is handed to the outbox, batch after batch, as fast as it may.

#![expect(
    missing_docs,
    clippy::unimplemented,
    reason = "the macros of Temporal make items without documentation, and want such bodies"
)]

use std::time::Duration;

use domain::AnnouncementId;
use serde::{Deserialize, Serialize};
use temporalio_common::ActivityError;
use temporalio_macros::activity_definitions;
use temporalio_workflow::{
    ContinueAsNewOptions, SyncWorkflowContext, WorkflowContext, WorkflowContextView, WorkflowResult, workflow,
    workflow_methods,
};

use crate::{entity, options};

/// The longest sleep without a look at the row: what a signal has not said is seen by then.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(3_600);

/// Which announcement. All else is in its row, so nothing is carried from one run to the next.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct AnnouncementInput {
    /// The row.
    pub announcement: AnnouncementId,
    /// Events after which it continues as new; 0 for the usual number. For tests.
    #[serde(default)]
    pub history_max: u32,
}

/// Names an announcement to an activity.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct AnnouncementRef {
    /// Which one.
    pub announcement: AnnouncementId,
}

/// How far it has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnnouncementProgress {
    /// `scheduled`, `running`, `paused`, `canceled` or `done`; empty before the first look.
    #[serde(default)]
    pub state: String,
    /// Tenants of its plans when it began.
    #[serde(default)]
    pub total: u64,
    /// Messages asked for.
    #[serde(default)]
    pub enqueued: u64,
    /// Tenants who do not get it.
    #[serde(default)]
    pub skipped: u64,
    /// Nothing more will happen.
    #[serde(default)]
    pub over: bool,
    /// When there is more to do, in milliseconds; `None`: not before somebody changes it.
    #[serde(default)]
    pub next_in_ms: Option<u64>,
}

/// Declarations; `activities` implements them.
pub struct AnnouncementActivities;

#[activity_definitions]
impl AnnouncementActivities {
    /// Does what is due: begins it, or hands it to the next tenants.
    #[activity(name = "announcement.hand_out")]
    pub fn hand_out(input: AnnouncementRef) -> Result<AnnouncementProgress, ActivityError> {
        unimplemented!()
    }
}
pub use announcement_activities::HandOut;

/// One announcement, from its start to its end.
#[workflow]
pub struct AnnouncementWorkflow {
    input: AnnouncementInput,
    progress: AnnouncementProgress,
    /// The row was changed: look at it.
    changed: bool,
}

#[workflow_methods]
impl AnnouncementWorkflow {
    #[init]
    pub fn new(_ctx: &WorkflowContextView, input: AnnouncementInput) -> Self {
        Self { input, progress: AnnouncementProgress::default(), changed: false }
    }

    /// Hand out, sleep as long as the throttle or the schedule wants or until the row is changed, again. Whether it may
    /// go on stands in the row: a signal only says that there is something to see.
    #[run(name = "announcement")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<AnnouncementProgress> {
        loop {
            // Cleared before the look: a change that comes during it causes one more.
            let request = ctx.state_mut(|s| {
                s.changed = false;
                AnnouncementRef { announcement: s.input.announcement }
            });
            let progress = ctx.execute_activity(AnnouncementActivities::hand_out, request, options::hand_out()).await?;
            ctx.state_mut(|s| s.progress = progress.clone());
            if progress.over {
                return Ok(progress);
            }
            if entity::is_long(ctx, ctx.state(|s| s.input.history_max)) {
                let input = ctx.state(|s| s.input);
                ctx.continue_as_new(input, ContinueAsNewOptions::default())?;
            }
            let wait = progress.next_in_ms.map_or(LOOK_AGAIN_AFTER, Duration::from_millis).min(LOOK_AGAIN_AFTER);
            entity::sleep(ctx, Some(wait), |s| s.changed).await?;
        }
    }

    /// It was started, or its time was changed.
    #[signal]
    pub fn start(&mut self, _ctx: &mut SyncWorkflowContext<Self>) {
        self.changed = true;
    }

    /// Somebody holds it; the row says so too.
    #[signal]
    pub fn pause(&mut self, _ctx: &mut SyncWorkflowContext<Self>) {
        self.changed = true;
    }

    /// It may go on.
    #[signal]
    pub fn resume(&mut self, _ctx: &mut SyncWorkflowContext<Self>) {
        self.changed = true;
    }

    /// It has ended for good.
    #[signal]
    pub fn cancel(&mut self, _ctx: &mut SyncWorkflowContext<Self>) {
        self.changed = true;
    }

    /// How far it has come.
    #[query]
    pub fn progress(&self, _ctx: &WorkflowContextView) -> AnnouncementProgress {
        self.progress.clone()
    }
}
