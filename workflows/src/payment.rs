//! `payment`: the clockwork of one payment, from its creation at the provider to its end; and `reconcile_payments`, which
//! asks the providers for what their webhooks did not tell.
//!
//! What is true of a payment stands in its row. The workflow runs one step after another, waits in between until it is
//! woken or the time has come that the step has named, and ends when nothing can come by itself any more. Whatever comes
//! later (a refund, a chargeback, a payment after its time) starts it again.

#![expect(
    missing_docs,
    clippy::unimplemented,
    reason = "the macros of Temporal make items without documentation, and want such bodies"
)]

use std::time::Duration;

use domain::{PaymentId, UserId, billing::PaymentState};
use serde::{Deserialize, Serialize};
use temporalio_common::ActivityError;
use temporalio_macros::activity_definitions;
use temporalio_workflow::{
    ContinueAsNewOptions, SyncWorkflowContext, WorkflowContext, WorkflowContextView, WorkflowResult, workflow,
    workflow_methods,
};

use crate::{
    contract::{STATE, USER_ID},
    entity, options,
};

/// What the workflow is started with.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct PaymentInput {
    /// Which payment.
    pub payment: PaymentId,
    /// Events after which it continues as new; 0 for the usual number. For tests.
    #[serde(default)]
    pub history_max: u32,
}

/// Which payment a step is for.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct StepInput {
    /// Which.
    pub payment: PaymentId,
}

/// Where a step has left the payment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepReport {
    /// The name of its state; empty when there is no such payment any more.
    #[serde(default)]
    pub state: String,
    /// When the next step is due, in milliseconds from the step's end; `None` when only a wake brings one.
    #[serde(default)]
    pub next_in_ms: Option<u64>,
    /// Nothing more comes by itself.
    #[serde(default)]
    pub is_over: bool,
    /// Whose it is, while they are here.
    #[serde(default)]
    pub user: Option<UserId>,
}

impl StepReport {
    /// A payment in this state, with its next step in so many milliseconds.
    #[must_use]
    pub fn waits(state: PaymentState, next_in_ms: Option<u64>) -> Self {
        Self { state: state.as_str().to_owned(), next_in_ms, ..Self::default() }
    }

    /// A payment in this state, which ends here.
    #[must_use]
    pub fn ends(state: PaymentState) -> Self {
        Self { state: state.as_str().to_owned(), is_over: true, ..Self::default() }
    }
}

/// A run over all payments needs to be told nothing.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct ReconcilePaymentsInput {}

/// What a run over all payments has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconcilePaymentsReport {
    /// Payments and agreements that were asked about.
    #[serde(default)]
    pub asked: u32,
    /// Those of which the provider knew something that no webhook had told.
    #[serde(default)]
    pub found: u32,
    /// Events that were passed on late.
    #[serde(default)]
    pub events: u32,
}

/// Declarations; `activities` implements them.
pub struct PaymentActivities;

#[activity_definitions]
impl PaymentActivities {
    /// Does what is due for a payment.
    #[activity(name = "payment.step")]
    pub fn step(input: StepInput) -> Result<StepReport, ActivityError> {
        unimplemented!()
    }

    /// Asks the providers about payments and agreements of which nothing was heard.
    #[activity(name = "payment.reconcile")]
    pub fn reconcile(input: ReconcilePaymentsInput) -> Result<ReconcilePaymentsReport, ActivityError> {
        unimplemented!()
    }
}
pub use payment_activities::{Reconcile, Step};

/// One payment.
#[workflow]
pub struct PaymentWorkflow {
    input: PaymentInput,
    woken: bool,
}

#[workflow_methods]
impl PaymentWorkflow {
    #[init]
    pub fn new(_ctx: &WorkflowContextView, input: PaymentInput) -> Self {
        Self { input, woken: false }
    }

    /// Step, sleep until the next one is due or somebody wakes it, again. A run begins with a step, so nothing has to be
    /// carried from one run to the next.
    #[run(name = "payment")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let input = ctx.state(|s| s.input);
        let mut state = String::new();
        loop {
            // Cleared before the step: a wake that comes during it causes one more.
            ctx.state_mut(|s| s.woken = false);
            let step = StepInput { payment: input.payment };
            let report = ctx.execute_activity(PaymentActivities::step, step, options::payment_step()).await?;
            if report.state != state {
                state.clone_from(&report.state);
                let user = report.user.map(|user| USER_ID.value_set(user.to_string()));
                ctx.upsert_search_attributes(user.into_iter().chain([STATE.value_set(state.clone())]));
            }
            if report.is_over && !ctx.state(|s| s.woken) {
                return Ok(());
            }
            if entity::is_long(ctx, input.history_max) {
                ctx.continue_as_new(input, ContinueAsNewOptions::default())?;
            }
            entity::sleep(ctx, report.next_in_ms.map(Duration::from_millis), |s| s.woken).await?;
        }
    }

    /// Something has happened to the payment: its step is due.
    #[signal]
    pub fn wake(&mut self, _ctx: &mut SyncWorkflowContext<Self>) {
        self.woken = true;
    }
}

/// One run over all payments, by its schedule.
#[workflow]
pub struct ReconcilePaymentsWorkflow {
    input: ReconcilePaymentsInput,
}

#[workflow_methods]
impl ReconcilePaymentsWorkflow {
    #[init]
    pub fn new(_ctx: &WorkflowContextView, input: ReconcilePaymentsInput) -> Self {
        Self { input }
    }

    #[run(name = "reconcile_payments")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<ReconcilePaymentsReport> {
        let input = ctx.state(|s| s.input);
        Ok(ctx.execute_activity(PaymentActivities::reconcile, input, options::reconcile_payments()).await?)
    }
}
