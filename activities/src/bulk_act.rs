//! The activity of `bulk_act`: some batches, each in a transaction of its own.

#![expect(missing_docs, reason = "the macro makes items without documentation")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use domain::BulkActId;
use store::{
    StoreError,
    bulk_acts::{Batch, End, Tell},
};
use temporalio_client::{Client, WorkflowStartOptions, errors::WorkflowStartError};
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use workflows::{
    bulk_act::{BatchesReply, BulkActInput, BulkActRef, BulkActWorkflow, BulkProgress},
    contract::{CONTROL_QUEUE, bulk_act_workflow_id},
};

use crate::{
    context::Context,
    failure::Fail,
    wake::{self, Roused},
};

/// Things of one batch: between two of them an act can be stopped, and others write in between.
const BATCH: i64 = 20;
/// One run of the activity does batches for so long.
const BATCHES_FOR: Duration = Duration::from_secs(30);
/// Between two batches, so that an act on ten thousand things leaves room for those who carry messages.
const PAUSE: Duration = Duration::from_millis(50);

/// Implements the declarations of `workflows::bulk_act`.
#[derive(Debug)]
pub struct BulkActs(pub Arc<Context>);

#[activities]
impl BulkActs {
    /// Does some batches.
    #[activity(definition = workflows::bulk_act::DoBatches)]
    pub async fn do_batches(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: BulkActRef,
    ) -> Result<BatchesReply, ActivityError> {
        let (client, began) = (ctx.client(), Instant::now());
        let mut progress = BulkProgress::default();
        while began.elapsed() < BATCHES_FOR && !ctx.is_cancelled() && !self.0.stopping.is_cancelled() {
            if let Err(error) = ctx.record_heartbeat(()).await {
                tracing::warn!(bulk.id = %input.act, %error, "A heartbeat could not be recorded.");
            }
            let batch = self.0.do_batch(input.act).await.retry("database")?;
            for tell in &batch.tell {
                self.0.tell(&client, *tell).await.retry("database")?;
            }
            progress.done += batch.done;
            progress.failed += batch.failed;
            if batch.ended {
                return Ok(BatchesReply { progress, ended: true });
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(BatchesReply { progress, ended: false })
    }
}

impl Context {
    async fn do_batch(&self, act: BulkActId) -> Result<Batch, StoreError> {
        let now = self.clock.now();
        let mut transaction = self.pool.begin().await?;
        let batch = match store::bulk_acts::batch(&mut transaction, act, BATCH, now).await {
            // Nothing that is tried again makes it readable.
            Err(StoreError::Document(error)) => {
                tracing::error!(bulk.id = %act, %error, "An act cannot be read.");
                transaction.rollback().await?;
                transaction = self.pool.begin().await?;
                store::bulk_acts::finish(&mut transaction, act, End::Failed("it cannot be read by this version"), now)
                    .await?;
                Batch { ended: true, ..Batch::default() }
            }
            other => other?,
        };
        transaction.commit().await?;
        Ok(batch)
    }

    /// Tells a pair's workflow what the row says already. What cannot be told now, the sweep finds.
    async fn tell(&self, client: &Client, tell: Tell) -> Result<(), StoreError> {
        let now = self.clock.now();
        let (pair, told) = match tell {
            Tell::Paused(pair) => (pair, wake::pause_pair(client, pair).await),
            Tell::Resumed(pair) => (pair, wake::resume_pair(client, pair).await),
            Tell::Rouse(pair) => {
                self.wakeups.wake(pair);
                wake::rouse_pair(client, pair).await;
                return Ok(());
            }
            Tell::Deleted(pair) => {
                wake::end_pair(client, pair).await;
                return Ok(());
            }
        };
        if told == Roused::Told {
            store::plans::pair_told(&mut *self.database().await?, pair, now).await?;
        }
        Ok(())
    }
}

/// Starts the workflow of an act that is asked for. A failure is only logged: the next sweep tries again. True when it was
/// started just now.
pub(crate) async fn start(client: &Client, act: BulkActId) -> bool {
    let input = BulkActInput { act, progress: BulkProgress::default(), history_max: 0 };
    let options = WorkflowStartOptions::new(CONTROL_QUEUE, bulk_act_workflow_id(act)).build();
    match client.start_workflow(BulkActWorkflow::run, input, options).await {
        Ok(_) => true,
        Err(WorkflowStartError::AlreadyStarted { .. }) => false,
        Err(error) => {
            tracing::warn!(bulk.id = %act, %error, "An act could not be started; the sweep will do it.");
            false
        }
    }
}
