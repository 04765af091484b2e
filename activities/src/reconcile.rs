//! Reconciling: the history of a pair's source and of the threads below it, page by page, compared with the ledger. What
//! is missing is told, and ingested when that was asked for.

#![expect(missing_docs, reason = "the macro makes items without documentation")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use domain::ReconciliationId;
use store::{StoreError, reconcile::Begun};
use temporalio_client::{Client, WorkflowStartOptions, errors::WorkflowStartError};
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use workflows::{
    account::ACCOUNT_NOT_ONLINE,
    contract::{CONTROL_QUEUE, reconcile_workflow_id},
    reconcile::{BegunReport, CheckReply, ReconcileAllInput, ReconcileInput, ReconcileRef, ReconcileWorkflow},
};

use crate::{
    context::Context,
    failure::Fail,
    platform::{MISSING_PERMISSION, PlatformError},
};

mod compare;

use compare::Comparison;

/// Messages asked for at once; both platforms give at most 100.
const PAGE: usize = 100;
/// Pages of one activity; the workflow goes on with the next.
const PAGES_MAX: usize = 20;
/// An activity begins no page after this, well before its time-out: where something is missing, a page takes seconds.
const PAGES_FOR: Duration = Duration::from_secs(60);
/// Between two pages: reading history must not use up what the account may ask.
const PAGE_PAUSE: Duration = Duration::from_millis(200);
/// Messages that one reconciliation compares at most.
const MESSAGES_MAX: i64 = 100_000;
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
        let started = Instant::now();
        for _ in 0..PAGES_MAX {
            if started.elapsed() > PAGES_FOR {
                break;
            }
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
        let failed = (ACCOUNT_NOT_ONLINE, "the account that reads the source was not connected for too long");
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
async fn page(
    context: &Arc<Context>,
    client: &Client,
    id: ReconciliationId,
) -> Result<Option<CheckReply>, ActivityError> {
    let work = async { store::reconcile::work(&mut *context.database().await?, id).await };
    let Some(work) = work.await.retry("database")? else {
        // It has ended, which stays as it is, or its pair is gone.
        return done(context, id, Some(("pair_deleted", "the pair was deleted meanwhile"))).await;
    };
    // Whoever has not caught up yet lacks messages that are on their way.
    let Some(hosted) = context.hosts.get(work.account).filter(|_| work.online) else {
        return Ok(Some(CheckReply { moved: true, ..CheckReply::default() }));
    };
    if work.checked >= MESSAGES_MAX {
        let text = format!("only the first {MESSAGES_MAX} messages were compared, and there may be more");
        return done(context, id, Some(("truncated", text.as_str()))).await;
    }
    let comparison = Comparison { context, client, id, work: &work, hosted: &hosted };
    // Before the page: what was durable then and is not on it was deleted.
    let durable = comparison.durable().await.retry("database")?;
    let ended = match hosted.connection.history_after(work.chat, work.cursor, PAGE).await {
        Ok(page) => comparison.compare(page, durable).await.retry("database")?,
        // A thread that is closed to the account, or gone. Where only a permission is missing, its user can give it.
        Err(PlatformError::Chat { code, .. }) if work.chat != work.source && code != MISSING_PERMISSION => true,
        Err(error) => return refused(context, id, error).await,
    };
    if !ended {
        return Ok(None);
    }
    let mut left = match work.threads.clone() {
        Some(left) => left,
        None => match comparison.threads().await {
            Ok(threads) => threads,
            Err(error) => return refused(context, id, error).await,
        },
    };
    let Some(next) = left.pop() else { return done(context, id, None).await };
    let mut database = context.database().await.retry("database")?;
    store::reconcile::enter(&mut database, (id, &work), next, &left).await.retry("database")?;
    Ok(None)
}

/// The platform does not show what was asked for: later, or not at all.
async fn refused(
    context: &Context,
    id: ReconciliationId,
    error: PlatformError,
) -> Result<Option<CheckReply>, ActivityError> {
    match error {
        PlatformError::Wait { wait, .. } => {
            let wait_seconds = wait.as_secs().max(1);
            Ok(Some(CheckReply { wait_seconds, ..CheckReply::default() }))
        }
        error @ PlatformError::Retryable { .. } => Err(error).retry("platform"),
        error => {
            let (code, detail) = crate::hosting::reason(&error);
            done(context, id, Some((code.as_str(), detail.as_str()))).await
        }
    }
}

async fn done(
    context: &Context,
    id: ReconciliationId,
    failed: Option<(&str, &str)>,
) -> Result<Option<CheckReply>, ActivityError> {
    finish(context, id, failed).await.retry("database")?;
    Ok(Some(CheckReply { done: true, ..CheckReply::default() }))
}

async fn finish(context: &Context, id: ReconciliationId, failed: Option<(&str, &str)>) -> Result<(), StoreError> {
    store::reconcile::finish(&mut *context.database().await?, id, failed, context.clock.now()).await
}
