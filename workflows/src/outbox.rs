//! `outbox`: e-mails to users and to the operator are sent, one after the other, whoever asked for them.

#![expect(
    missing_docs,
    clippy::unimplemented,
    reason = "the macros of Temporal make items without documentation, and want such bodies"
)]

use std::time::Duration;

use serde::{Deserialize, Serialize};
use temporalio_common::ActivityError;
use temporalio_macros::activity_definitions;
use temporalio_workflow::{
    ContinueAsNewOptions, SyncWorkflowContext, WorkflowContext, WorkflowContextView, WorkflowResult, workflow,
    workflow_methods,
};

use crate::{entity, options};

/// What the workflow is started with.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct OutboxInput {
    /// Events after which it continues as new; 0 for the usual number. For tests.
    #[serde(default)]
    pub history_max: u32,
}

/// A drain needs to be told nothing.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct DrainMailInput {}

/// What a drain did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailReport {
    /// E-mails that the mail server took.
    #[serde(default)]
    pub sent: u32,
    /// E-mails that were given up.
    #[serde(default)]
    pub failed: u32,
    /// When there is more to do, in milliseconds from the drain's end; `None` when nothing waits.
    #[serde(default)]
    pub next_in_ms: Option<u64>,
}

/// Declarations; `activities` implements them.
pub struct OutboxActivities;

#[activity_definitions]
impl OutboxActivities {
    /// Sends the e-mails that are due.
    #[activity(name = "outbox.drain_mail")]
    pub fn drain_mail(input: DrainMailInput) -> Result<MailReport, ActivityError> {
        unimplemented!()
    }
}
pub use outbox_activities::DrainMail;

/// The one that sends e-mails.
#[workflow]
pub struct OutboxWorkflow {
    input: OutboxInput,
    woken: bool,
}

#[workflow_methods]
impl OutboxWorkflow {
    #[init]
    pub fn new(_ctx: &WorkflowContextView, input: OutboxInput) -> Self {
        Self { input, woken: false }
    }

    /// Drain, sleep until the next one is due or somebody wakes it, again. A run begins with a drain, so nothing has to
    /// be carried from one run to the next.
    #[run(name = "outbox")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        loop {
            // Cleared before the drain: a wake that comes during it causes one more.
            ctx.state_mut(|s| s.woken = false);
            let drained =
                ctx.execute_activity(OutboxActivities::drain_mail, DrainMailInput {}, options::drain_mail()).await?;
            if entity::is_long(ctx, ctx.state(|s| s.input.history_max)) {
                let input = ctx.state(|s| s.input);
                ctx.continue_as_new(input, ContinueAsNewOptions::default())?;
            }
            entity::sleep(ctx, drained.next_in_ms.map(Duration::from_millis), |s| s.woken).await?;
        }
    }

    /// There is a new e-mail.
    #[signal]
    pub fn wake(&mut self, _ctx: &mut SyncWorkflowContext<Self>) {
        self.woken = true;
    }
}
