//! The activities of `payment` and `reconcile_payments`: what is due for a payment is done with its provider, and what
//! providers have told is passed on.

#![expect(missing_docs, reason = "the macro makes items without documentation")]

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::{PaymentId, UserId};
use futures::future::join_all;
use store::{StoreError, payments::Effects};
use temporalio_client::{Client, WorkflowStartOptions};
use temporalio_common::search_attributes::SearchAttributes;
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use workflows::{
    contract::{BILLING_QUEUE, USER_ID, payment_workflow_id},
    payment::{PaymentInput, PaymentWorkflow, ReconcilePaymentsInput, ReconcilePaymentsReport, StepInput, StepReport},
};

use crate::{context::Context, failure::Fail, subscription};

mod ask;
mod inbox;
mod reconcile;
mod settings;
mod step;

pub use inbox::pass_on;
pub use settings::PaymentSettings;

/// Workflows that are signalled at once.
const SIGNALS_AT_ONCE: usize = 16;

/// Implements the declarations of `workflows::payment`.
#[derive(Debug)]
pub struct Payments(pub Arc<Context>);

#[activities]
impl Payments {
    /// Does what is due for a payment.
    #[activity(definition = workflows::payment::Step)]
    pub async fn step(self: Arc<Self>, ctx: ActivityContext, input: StepInput) -> Result<StepReport, ActivityError> {
        let done = self.0.step_payment(&ctx.client(), input.payment).await.retry("database")?;
        Ok(done.report)
    }

    /// Asks the providers about payments and agreements of which nothing was heard.
    #[activity(definition = workflows::payment::Reconcile)]
    pub async fn reconcile(
        self: Arc<Self>,
        ctx: ActivityContext,
        _input: ReconcilePaymentsInput,
    ) -> Result<ReconcilePaymentsReport, ActivityError> {
        self.0.reconcile_payments(&ctx).await.retry("database")
    }
}

impl Context {
    /// Tells workflows what a transaction has done, after its commit. Whoever cannot be told now is told by the sweep.
    pub(crate) async fn follow_up(
        &self,
        client: &Client,
        effects: &Effects,
        since: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        wake_all(client, &effects.payments).await;
        // The rows are committed: a failure here is not one of theirs.
        if let Err(error) = self.tell_applied(client, &effects.applied, since).await {
            tracing::warn!(%error, "Workflows could not be told of a payment's doing yet; the sweep will do it.");
        }
        if let Some(user) = effects.subscription {
            subscription::wake(client, user).await;
        }
        Ok(())
    }

    /// Wakes workflows of payments that something is due for; returns how many.
    pub(crate) async fn sweep_payments(
        &self,
        client: &Client,
        before: DateTime<Utc>,
        limit: i64,
    ) -> Result<u32, StoreError> {
        let overdue = store::payments::overdue(&mut *self.database().await?, before, limit).await?;
        Ok(wake_all(client, &overdue).await)
    }
}

/// Wakes the workflows of payments; returns how many have heard.
async fn wake_all(client: &Client, payments: &[PaymentId]) -> u32 {
    let mut woken = 0;
    for some in payments.chunks(SIGNALS_AT_ONCE) {
        let heard = join_all(some.iter().map(|payment| wake(client, *payment, None))).await;
        woken += heard.into_iter().map(u32::from).sum::<u32>();
    }
    woken
}

/// Wakes the workflow of a payment, starting it where it does not run: for after the commit. False when Temporal cannot be
/// told; then the sweep does it.
pub async fn wake(client: &Client, payment: PaymentId, user: Option<UserId>) -> bool {
    let attributes = SearchAttributes::new(user.map(|user| USER_ID.value_set(user.to_string())));
    let options =
        WorkflowStartOptions::new(BILLING_QUEUE, payment_workflow_id(payment)).search_attributes(attributes).build();
    let (input, wake) = (PaymentInput { payment, history_max: 0 }, PaymentWorkflow::wake);
    let woken = client.signal_with_start_workflow(PaymentWorkflow::run, input, wake, (), options).await;
    if let Err(error) = &woken {
        tracing::warn!(payment.id = %payment, %error, "A payment could not be woken; the sweep will do it.");
    }
    woken.is_ok()
}
