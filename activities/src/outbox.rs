//! The activity of `outbox`, and telling its workflow that there is something to send.

#![expect(missing_docs, reason = "the macro makes items without documentation")]

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use domain::notification::Channel;
use temporalio_client::{Client, WorkflowStartOptions};
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use workflows::{
    contract::{CONTROL_QUEUE, MAIL_OUTBOX_WORKFLOW_ID},
    outbox::{DrainMailInput, MailReport, OutboxInput, OutboxWorkflow},
};

use crate::{context::Context, failure::Fail, mail};

/// Wakes of less than this apart are one: a transaction that asks for many messages, or many that ask for one each.
const WAKE_PAUSE: Duration = Duration::from_millis(200);
/// What a message said is forgotten so long after it was asked for: it may have been a token.
const CONTENTS_KEPT: TimeDelta = TimeDelta::days(7);
/// For so long a user can look up what they were told, and the same key is the same message.
const NOTIFICATIONS_KEPT: TimeDelta = TimeDelta::days(90);
/// Messages forgotten by one sweep: an announcement to thousands goes within the hour.
const PRUNED: i64 = 2_000;

/// Implements the declarations of `workflows::outbox`.
#[derive(Debug)]
pub struct Outbox(pub Arc<Context>);

#[activities]
impl Outbox {
    /// Sends the e-mails that are due.
    #[activity(definition = workflows::outbox::DrainMail)]
    pub async fn drain_mail(
        self: Arc<Self>,
        ctx: ActivityContext,
        _input: DrainMailInput,
    ) -> Result<MailReport, ActivityError> {
        mail::drain(&self.0, &ctx).await.retry("database")
    }
}

/// Passes on to the workflow, for ever, what a committed transaction has notified. What is missed here, the sweep finds.
pub async fn pass_on(context: Arc<Context>, client: Client) {
    loop {
        context.wakeups.outbox_woken(Channel::Email).await;
        if context.mailer.is_some() {
            wake(&client).await;
        }
        tokio::time::sleep(WAKE_PAUSE).await;
    }
}

/// Wakes the workflow that sends e-mails, starting it where it does not run. False when Temporal cannot be told.
pub(crate) async fn wake(client: &Client) -> bool {
    let options = WorkflowStartOptions::new(CONTROL_QUEUE, MAIL_OUTBOX_WORKFLOW_ID).build();
    let input = OutboxInput::default();
    let woken = client.signal_with_start_workflow(OutboxWorkflow::run, input, OutboxWorkflow::wake, (), options).await;
    if let Err(error) = woken {
        tracing::warn!(%error, "The outbox could not be woken; the sweep will do it.");
        return false;
    }
    true
}

impl Context {
    /// Wakes the outbox where e-mails are due, and forgets what is old.
    pub(crate) async fn sweep_notifications(&self, client: &Client) -> Result<(), store::StoreError> {
        let now = self.clock.now();
        let mut database = self.database().await?;
        let backlog = store::notifications::backlog(&mut database, Channel::Email, now).await?;
        if backlog.due > 0 && self.mailer.is_some() {
            wake(client).await;
        }
        store::notifications::forget_contents(&mut database, now - CONTENTS_KEPT, PRUNED).await?;
        store::notifications::prune(&mut database, now - NOTIFICATIONS_KEPT, PRUNED).await?;
        Ok(())
    }
}
