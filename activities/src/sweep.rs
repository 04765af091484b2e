//! The sweep: what a crash left between a commit and Temporal is started, woken or ended.

#![expect(missing_docs, reason = "the macro makes items without documentation")]

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use temporalio_client::{Client, WorkflowStartOptions, errors::WorkflowStartError};
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use workflows::{
    account::{AccountInput, AccountSession},
    contract::{CONTROL_QUEUE, account_workflow_id},
    sweep::{SweepInput, SweepReport},
};

use crate::{
    bulk_act,
    context::Context,
    failure::Fail,
    reconcile,
    wake::{self, Roused},
};

mod identity;
mod plans;

/// Younger rows are still on their ordinary way.
const LEFT_BEHIND_AFTER: TimeDelta = TimeDelta::seconds(20);
/// A pair that was roused is left alone for so long while what was due then still waits: to be roused begins its
/// workflow's back-off anew, and most of what waits then waits for good reason, such as a limit of the plan.
const ROUSED_AGAIN_AFTER: TimeDelta = TimeDelta::minutes(5);
/// Things handled by one sweep; the next one goes on.
const BATCH: i64 = 500;
/// For so long a user can look up what went wrong.
const ERRORS_KEPT: TimeDelta = TimeDelta::days(30);
/// For so long a finding of a reconciliation can be looked up; the newest one of each pair always can.
const RECONCILIATIONS_KEPT: TimeDelta = TimeDelta::days(30);
/// A worker that has not been seen for so long is not coming back.
const WORKERS_KEPT: TimeDelta = TimeDelta::days(7);
/// Pictures of authors that nobody writes under any more are kept for so long after their last link has ended.
const PORTRAITS_KEPT: TimeDelta = TimeDelta::days(2);
/// A command to the bot is recognised for so long when Telegram tells of it again; it does so for a day.
const BOT_MESSAGES_KEPT: TimeDelta = TimeDelta::days(7);
/// Windows of rate limits are a minute long; by then they are over by every clock.
const RATE_LIMITS_KEPT: TimeDelta = TimeDelta::minutes(5);
/// Fingerprints of content forgotten by one sweep: some ten thousand messages a minute with that option; as many callers
/// with a rate limit.
const PRUNED: i64 = 10_000;

/// Implements the declarations of `workflows::sweep`.
#[derive(Debug)]
pub struct Sweep(pub Arc<Context>);

#[activities]
impl Sweep {
    /// Wakes and starts what should be awake and running.
    #[activity(definition = workflows::sweep::Run)]
    pub async fn run(self: Arc<Self>, ctx: ActivityContext, _input: SweepInput) -> Result<SweepReport, ActivityError> {
        let client = ctx.client();
        let now = self.0.clock.now();
        let before = now - LEFT_BEHIND_AFTER;
        let mut database = self.0.database().await.retry("database")?;
        let mut report = SweepReport::default();
        for pair in store::sweep::unstarted_pairs(&mut database, before, BATCH).await.retry("database")? {
            if wake::signal_pair(&client, pair.id, pair.user_id).await {
                store::pairs::set_workflow_started(&mut database, pair.id, true).await.retry("database")?;
                report.workflows_started += 1;
            }
        }
        for account in store::sweep::unstarted_accounts(&mut database, before, BATCH).await.retry("database")? {
            let row = store::accounts::load(&mut database, account.id).await.retry("database")?;
            let Some(row) = row else { continue };
            if start_account(&client, &row).await {
                store::accounts::set_workflow_started(&mut database, account.id).await.retry("database")?;
                report.workflows_started += 1;
            }
        }
        report.plans_settled = self.0.sweep_plans(&client, now).await.retry("database")?;
        report.pairs_woken = self.0.rouse_stuck(&client, &mut database, now).await.retry("database")?;
        for pair in store::sweep::unended_pairs(&mut database, before, BATCH).await.retry("database")? {
            if wake::end_pair(&client, pair).await {
                store::pairs::set_workflow_started(&mut database, pair, false).await.retry("database")?;
                report.workflows_ended += 1;
            }
        }
        for begun in store::reconcile::left_running(&mut database, before, BATCH).await.retry("database")? {
            if reconcile::start(&client, begun).await {
                report.workflows_started += 1;
            }
        }
        for act in store::bulk_acts::open(&mut database, before, BATCH).await.retry("database")? {
            if bulk_act::start(&client, act).await {
                report.workflows_started += 1;
            }
        }
        store::workers::forget(&mut database, now - WORKERS_KEPT).await.retry("database")?;
        drop(database);
        report.workflows_started += self.0.sweep_announcements(&client, before, BATCH).await.retry("database")?;
        report.workflows_started += self.0.sweep_subscriptions(&client, before, BATCH).await.retry("database")?;
        report.workflows_started += self.0.sweep_payments(&client, before, BATCH).await.retry("database")?;
        let mut database = self.0.database().await.retry("database")?;
        store::rules::prune_content(&mut database, now, PRUNED).await.retry("database")?;
        store::error_logs::prune(&mut database, now - ERRORS_KEPT, BATCH).await.retry("database")?;
        store::bot::prune(&mut database, now - BOT_MESSAGES_KEPT, PRUNED).await.retry("database")?;
        store::bot::prune_tokens(&mut database, now, PRUNED).await.retry("database")?;
        store::reconcile::prune(&mut database, now - RECONCILIATIONS_KEPT, BATCH).await.retry("database")?;
        store::rate_limits::prune(&mut database, now - RATE_LIMITS_KEPT, PRUNED).await.retry("database")?;
        drop(database);
        self.0.sweep_media().await.retry("database")?;
        self.0.sweep_notifications(&client).await.retry("database")?;
        report.workflows_started += self.0.sweep_leaving(&client, before).await.retry("database")?;
        self.0.forget_identities().await.retry("database")?;
        let mut database = self.0.database().await.retry("database")?;
        store::ledger::expire_holds(&mut database, now, BATCH).await.retry("database")?;
        Ok(report)
    }
}

impl Context {
    /// Rouses pairs whose deliveries have been due for too long; returns how many there were.
    async fn rouse_stuck(
        &self,
        client: &Client,
        database: &mut store::PgConnection,
        now: DateTime<Utc>,
    ) -> Result<u32, store::StoreError> {
        let (due, swept) = (now - LEFT_BEHIND_AFTER, now - ROUSED_AGAIN_AFTER);
        let mut roused = 0;
        for pair in store::sweep::stuck_pairs(database, now, due, swept, BATCH).await? {
            self.wakeups.wake(pair);
            match wake::rouse_pair(client, pair).await {
                Roused::Told => {
                    roused += 1;
                    store::sweep::set_swept(database, pair, now).await?;
                }
                // Let the next sweep start its workflow.
                Roused::Gone => store::pairs::set_workflow_started(database, pair, false).await?,
                Roused::Unheard => (),
            }
        }
        Ok(roused)
    }

    /// Links of messages that still wait are renewed; bytes that nobody needs any more go.
    async fn sweep_media(&self) -> Result<(), store::StoreError> {
        let now = self.clock.now();
        let mut database = self.database().await?;
        if let Some(links) = &self.media.links {
            let until = links.until(now);
            store::media::links::renew(&mut database, until - links.half_life(), until, BATCH).await?;
        }
        // Links to pictures are good for up to a day longer than others, and their use is noted to the day.
        let lifetime = self.media.links.as_ref().map_or(TimeDelta::zero(), |links| links.until(now) - now);
        store::avatars::forget_unneeded(&mut database, now - lifetime - PORTRAITS_KEPT, BATCH).await?;
        let forgotten = store::media::links::forget_unneeded(&mut database, now, BATCH).await?;
        if forgotten > 0 {
            tracing::info!(media.count = forgotten, "Attachments that nobody needs any more were forgotten.");
        }
        Ok(())
    }
}

async fn start_account(client: &Client, row: &store::accounts::Account) -> bool {
    let input =
        AccountInput { account: row.id, user: row.user_id, platform: row.platform, status: row.status, history_max: 0 };
    let options = WorkflowStartOptions::new(CONTROL_QUEUE, account_workflow_id(row.id)).build();
    match client.start_workflow(AccountSession::run, input, options).await {
        Ok(_) | Err(WorkflowStartError::AlreadyStarted { .. }) => true,
        Err(error) => {
            tracing::warn!(account.id = %row.id, %error, "An account's workflow could not be started.");
            false
        }
    }
}
