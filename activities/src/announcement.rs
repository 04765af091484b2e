//! The activity of `announcement`, and telling its workflow that its row was changed.

#![expect(missing_docs, reason = "the macro makes items without documentation")]

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use domain::{AnnouncementId, announcement::State};
use store::{
    StoreError,
    announcements::{self as stored, Live, Turn},
};
use temporalio_client::{Client, WorkflowStartOptions, errors::WorkflowStartError};
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use workflows::{
    announcement::{AnnouncementInput, AnnouncementProgress, AnnouncementRef, AnnouncementWorkflow},
    contract::{CONTROL_QUEUE, announcement_workflow_id},
};

use crate::{context::Context, failure::Fail};

/// Implements the declarations of `workflows::announcement`.
#[derive(Debug)]
pub struct Announcements(pub Arc<Context>);

#[activities]
impl Announcements {
    /// Does what is due: begins it, or hands it to the next tenants.
    #[activity(definition = workflows::announcement::HandOut)]
    pub async fn hand_out(
        self: Arc<Self>,
        _ctx: ActivityContext,
        input: AnnouncementRef,
    ) -> Result<AnnouncementProgress, ActivityError> {
        let turn = self.0.hand_out(input.announcement).await.retry("database")?;
        Ok(turn.map_or_else(gone, progress))
    }
}

fn progress(turn: Turn) -> AnnouncementProgress {
    let count = |count: i64| u64::try_from(count).unwrap_or(0);
    // Rounded up: who comes a fraction of a millisecond early is sent back.
    let ms = |wait: Duration| u64::try_from(wait.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX);
    AnnouncementProgress {
        state: turn.state.as_str().to_owned(),
        total: count(turn.total),
        enqueued: count(turn.enqueued),
        skipped: count(turn.skipped),
        over: turn.state.is_over(),
        next_in_ms: turn.next.map(ms),
    }
}

/// Nobody deletes an announcement; one whose row is not there has nothing to do.
fn gone() -> AnnouncementProgress {
    AnnouncementProgress { over: true, ..AnnouncementProgress::default() }
}

impl Context {
    async fn hand_out(&self, id: AnnouncementId) -> Result<Option<Turn>, StoreError> {
        let mut transaction = self.pool.begin().await?;
        let turn = stored::take_turn(&mut transaction, &self.sealer, id, self.clock.now()).await?;
        transaction.commit().await?;
        Ok(turn)
    }

    /// Starts and tells workflows of announcements what a crash has kept from them; returns how many were started.
    pub(crate) async fn sweep_announcements(
        &self,
        client: &Client,
        changed_before: DateTime<Utc>,
        limit: i64,
    ) -> Result<u32, StoreError> {
        let mut started = 0;
        for one in stored::live(&mut *self.database().await?, changed_before, limit).await? {
            match one.untold_since {
                None => started += u32::from(start(client, one.id).await),
                Some(since) => {
                    if tell(client, one).await {
                        stored::told(&mut *self.database().await?, one.id, since).await?;
                    }
                }
            }
        }
        Ok(started)
    }
}

/// Makes sure that the workflow runs. True when it did not.
async fn start(client: &Client, id: AnnouncementId) -> bool {
    let options = WorkflowStartOptions::new(CONTROL_QUEUE, announcement_workflow_id(id)).build();
    let input = AnnouncementInput { announcement: id, history_max: 0 };
    match client.start_workflow(AnnouncementWorkflow::run, input, options).await {
        Ok(_) => true,
        Err(WorkflowStartError::AlreadyStarted { .. }) => false,
        Err(error) => {
            tracing::warn!(announcement.id = %id, %error, "An announcement could not be started; the next sweep will do it.");
            false
        }
    }
}

/// Tells the workflow that its row was changed, starting it where it does not run. False when Temporal cannot be told.
async fn tell(client: &Client, one: Live) -> bool {
    let options = WorkflowStartOptions::new(CONTROL_QUEUE, announcement_workflow_id(one.id)).build();
    let input = AnnouncementInput { announcement: one.id, history_max: 0 };
    let run = AnnouncementWorkflow::run;
    let told = match one.state {
        State::Draft | State::Scheduled => {
            client.signal_with_start_workflow(run, input, AnnouncementWorkflow::start, (), options).await
        }
        State::Running => {
            client.signal_with_start_workflow(run, input, AnnouncementWorkflow::resume, (), options).await
        }
        State::Paused => client.signal_with_start_workflow(run, input, AnnouncementWorkflow::pause, (), options).await,
        State::Canceled | State::Done => {
            client.signal_with_start_workflow(run, input, AnnouncementWorkflow::cancel, (), options).await
        }
    };
    if let Err(error) = &told {
        tracing::warn!(announcement.id = %one.id, %error, "An announcement could not be told; the next sweep will do it.");
    }
    told.is_ok()
}
