//! Reconciling: the history of a pair's source, page by page, compared with the ledger. What is missing is told, and
//! ingested when that was asked for.

#![expect(missing_docs, reason = "the macro makes items without documentation")]

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use domain::{Message, ReconciliationId, Update};
use store::{
    StoreError,
    reconcile::{Begun, Missing, Work},
};
use temporalio_client::{Client, WorkflowStartOptions, errors::WorkflowStartError};
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use workflows::{
    contract::{CONTROL_QUEUE, reconcile_workflow_id},
    reconcile::{BegunReport, CheckReply, ReconcileAllInput, ReconcileInput, ReconcileRef, ReconcileWorkflow},
};

use crate::{
    context::Context,
    failure::Fail,
    hosts::Hosted,
    ingest::{Source, ingest},
    platform::PlatformError,
};

/// Messages asked for at once; both platforms give at most 100.
const PAGE: usize = 100;
/// Pages of one activity; the workflow goes on with the next.
const PAGES_MAX: usize = 20;
/// Between two pages: reading history must not use up what the account may ask.
const PAGE_PAUSE: Duration = Duration::from_millis(200);
/// Messages that one reconciliation compares at most.
const MESSAGES_MAX: i64 = 100_000;
/// Telegram's first topic of every forum: its messages name no topic.
const GENERAL_TOPIC: i64 = 1;
/// Pairs begun at once by the schedule.
const BATCH: i64 = 50;

/// Implements the declarations of `workflows::reconcile`.
#[derive(Debug)]
pub struct Reconcile(pub Arc<Context>);

#[activities]
impl Reconcile {
    /// Compares some pages.
    #[activity(definition = workflows::reconcile::Check)]
    pub async fn check(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: ReconcileRef,
    ) -> Result<CheckReply, ActivityError> {
        for _ in 0..PAGES_MAX {
            if ctx.is_cancelled() || self.0.stopping.is_cancelled() {
                return Ok(CheckReply { moved: true, ..CheckReply::default() });
            }
            if let Err(error) = ctx.record_heartbeat(()).await {
                tracing::warn!(%error, "A heartbeat could not be recorded.");
            }
            if let Some(reply) = page(&self.0, &ctx.client(), input.reconciliation).await? {
                return Ok(reply);
            }
            tokio::time::sleep(PAGE_PAUSE).await;
        }
        Ok(CheckReply::default())
    }

    /// The account was not there for too long.
    #[activity(definition = workflows::reconcile::GiveUp)]
    pub async fn give_up(self: Arc<Self>, _ctx: ActivityContext, input: ReconcileRef) -> Result<(), ActivityError> {
        let failed = ("account_not_online", "the account that reads the source was not connected for too long");
        finish(&self.0, input.reconciliation, Some(failed)).await.retry("database")
    }

    /// Begins the reconciliation of some pairs that are due.
    #[activity(definition = workflows::reconcile::BeginDue)]
    pub async fn begin_due(
        self: Arc<Self>,
        ctx: ActivityContext,
        _input: ReconcileAllInput,
    ) -> Result<BegunReport, ActivityError> {
        let now = self.0.clock.now();
        // A pair that was compared on demand shortly before is not compared again.
        let before = now - TimeDelta::from_std(self.0.reconcile_every / 2).unwrap_or(store::reconcile::WINDOW);
        let mut database = self.0.database().await.retry("database")?;
        let clock = self.0.clock.as_ref();
        let begun = store::reconcile::begin_due(&mut database, clock, before, BATCH).await;
        let begun = begun.retry("database")?;
        drop(database);
        for one in &begun {
            start(&ctx.client(), *one).await;
        }
        Ok(BegunReport { pairs: u32::try_from(begun.len()).unwrap_or(u32::MAX) })
    }
}

/// Starts the workflow of a reconciliation that is asked for. A failure is only logged: the sweep tries again.
pub(crate) async fn start(client: &Client, begun: Begun) -> bool {
    let input = ReconcileInput { reconciliation: begun.id, pair: begun.pair, account: begun.account };
    let options = WorkflowStartOptions::new(CONTROL_QUEUE, reconcile_workflow_id(begun.id)).build();
    match client.start_workflow(ReconcileWorkflow::run, input, options).await {
        Ok(_) => true,
        Err(WorkflowStartError::AlreadyStarted { .. }) => false,
        Err(error) => {
            tracing::warn!(pair.id = %begun.pair, %error, "A reconciliation could not be started; the sweep will do it.");
            false
        }
    }
}

/// Compares one page. `None`: there may be another one.
async fn page(context: &Context, client: &Client, id: ReconciliationId) -> Result<Option<CheckReply>, ActivityError> {
    let done = Some(CheckReply { done: true, ..CheckReply::default() });
    let work = async { store::reconcile::work(&mut *context.database().await?, id).await };
    let Some(work) = work.await.retry("database")? else {
        // It has ended, which stays as it is, or its pair is gone.
        finish(context, id, Some(("pair_deleted", "the pair was deleted meanwhile"))).await.retry("database")?;
        return Ok(done);
    };
    let Some(hosted) = context.hosts.get(work.account) else {
        return Ok(Some(CheckReply { moved: true, ..CheckReply::default() }));
    };
    if work.checked >= MESSAGES_MAX {
        finish(context, id, None).await.retry("database")?;
        return Ok(done);
    }
    let page = match hosted.connection.history_after(work.chat, work.cursor, PAGE).await {
        Ok(page) => page,
        Err(PlatformError::Wait { wait, .. }) => {
            let wait_seconds = wait.as_secs().max(1);
            return Ok(Some(CheckReply { wait_seconds, ..CheckReply::default() }));
        }
        Err(error @ PlatformError::Retryable { .. }) => return Err(error).retry("platform"),
        Err(error) => {
            let (code, detail) = crate::hosting::reason(&error);
            finish(context, id, Some((code.as_str(), detail.as_str()))).await.retry("database")?;
            return Ok(done);
        }
    };
    let (ended, compared) = compare(context, client, (id, &work, &hosted), page).await.retry("database")?;
    if ended {
        finish(context, id, None).await.retry("database")?;
    }
    // When somebody else has moved it on, the next look at the row tells what is left.
    Ok((ended && compared).then_some(CheckReply { done: true, ..CheckReply::default() }))
}

/// Compares a page with the ledger and records what was found. True and true: it was the last one, and it was ours to
/// record.
async fn compare(
    context: &Context,
    client: &Client,
    (id, work, hosted): (ReconciliationId, &Work, &Hosted),
    page: Vec<Message>,
) -> Result<(bool, bool), StoreError> {
    let mut database = context.database().await?;
    // Read after the page: what is newer than this is still on its way through the stream, and not missing.
    let durable = store::reconcile::durable_up_to(&mut database, work).await?;
    let read = page.len();
    let page: Vec<Message> = page.into_iter().filter(|message| message.message_id <= durable).collect();
    let ended = page.len() < read || page.is_empty();
    let Some(cursor) = page.iter().map(|message| message.message_id).max() else { return Ok((true, true)) };
    let page: Vec<Message> = page.into_iter().filter(|message| is_read(work, message)).collect();
    let ids: Vec<i64> = page.iter().map(|message| message.message_id).collect();
    let present = store::reconcile::present(&mut database, work, &ids).await?;
    let missing: Vec<Message> = page.into_iter().filter(|message| !present.contains(&message.message_id)).collect();
    let found: Vec<Missing> =
        missing.iter().map(|message| Missing { message_id: message.message_id, sent_at: message.sent_at }).collect();
    let checked = i64::try_from(ids.len()).unwrap_or(i64::MAX);
    if !store::reconcile::advance(&mut database, (id, work), (cursor, checked), &found).await? {
        return Ok((false, false));
    }
    drop(database);
    count(context, "checked", ids.len());
    count(context, "missing", missing.len());
    if !missing.is_empty() {
        tracing::warn!(pair.id = %work.pair, messages = missing.len(), "The ledger lacks messages of the source.");
        if work.repair {
            repair(context, client, (id, work, hosted), missing).await?;
        }
    }
    Ok((ended, true))
}

/// The pair reads the topic of this message.
fn is_read(work: &Work, message: &Message) -> bool {
    work.topic.is_none_or(|topic| message.topic.unwrap_or(GENERAL_TOPIC) == topic)
}

/// Ingests messages as if the stream had brought them now, and counts those that the ledger has afterwards.
async fn repair(
    context: &Context,
    client: &Client,
    (id, work, hosted): (ReconciliationId, &Work, &Hosted),
    missing: Vec<Message>,
) -> Result<(), StoreError> {
    let ids: Vec<i64> = missing.iter().map(|message| message.message_id).collect();
    store::reconcile::forget_undelivered(&mut *context.database().await?, work, &ids).await?;
    let source = Source { account: work.account, platform: work.platform };
    let missing: Vec<Update> = missing.into_iter().map(Update::Posted).collect();
    if ingest(context, client, source, &missing).await? > 0 {
        hosted.media.notify_one();
    }
    let mut database = context.database().await?;
    let present = store::reconcile::present(&mut database, work, &ids).await?;
    count(context, "repaired", present.len());
    store::reconcile::repaired(&mut database, id, i64::try_from(present.len()).unwrap_or(i64::MAX)).await
}

async fn finish(context: &Context, id: ReconciliationId, failed: Option<(&str, &str)>) -> Result<(), StoreError> {
    store::reconcile::finish(&mut *context.database().await?, id, failed, context.clock.now()).await
}

fn count(context: &Context, outcome: &str, messages: usize) {
    context.metrics.reconciled.with_label_values(&[outcome]).inc_by(u64::try_from(messages).unwrap_or(0));
}
