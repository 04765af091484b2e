//! `drain_pair`: claims what is due in order, sends it, settles it, and lingers for more.

use std::time::{Duration, Instant};

use domain::{PairId, PairStatus, plan::Terms};
use store::{
    StoreError,
    deliveries::{self, Begun, Claim, Drainer, Fence},
    pairs::Pair,
};
use temporalio_sdk::activities::ActivityContext;
use workflows::forwarding::{DrainReport, Next};

use crate::{bulk::Turn, context::Context, hosts::Hosted, settler::Settler, wakeups::Wakeup};

mod barred;
mod claimed;
mod runner;

use claimed::CLAIM_MIN;
use runner::Runner;

/// A drain returns after so many messages without a pause, so that plans and tenants take turns on the host's queue.
const SENT_MAX: u64 = 1_000;
/// A drain ends at the first pause after this long, so that the next one reads the pair anew.
const DRAIN_FOR: Duration = Duration::from_secs(60);
/// A drain that finds no pause returns after this long, well before its time-out.
const DRAIN_FOR_MAX: Duration = Duration::from_secs(120);
/// How often a drain says that it is alive.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(3);
/// How long a drain waits in place for an attachment, before it gives its slot back.
const MEDIA_WAIT: Duration = Duration::from_secs(5);
/// A head that is due so soon is waited for in place: a timer of the workflow costs more. An album holds its delivery
/// back for less.
const HOLD_MAX: Duration = Duration::from_secs(1);
/// A drain that Temporal did not start hands over after so many messages without a pause: whoever has so much to carry
/// takes turns with others on the host's queue.
const EXPRESS_SENT_MAX: u64 = 100;
/// When to look again whether a maintenance that stops forwarding is over. Who ends it rouses whoever waits.
const STILL_RETRY_MS: u64 = 30_000;
/// When to look again for an attachment that did not come.
pub(crate) const MEDIA_RETRY_MS: u64 = 2_000;

/// Drains the pair once.
///
/// # Errors
/// [`StoreError`] when the database fails; what was claimed is claimed again by the next drain.
pub(crate) async fn drain(
    context: &Context,
    activity: &ActivityContext,
    pair: PairId,
) -> Result<DrainReport, StoreError> {
    let heartbeat = async {
        let mut beat = tokio::time::interval(HEARTBEAT_EVERY);
        loop {
            beat.tick().await;
            if let Err(error) = activity.record_heartbeat(()).await {
                tracing::warn!(pair.id = %pair, %error, "A heartbeat could not be recorded.");
            }
        }
    };
    let drained = async {
        let wakeup = context.wakeups.register(pair).await;
        begin(context, Runner::Workflow(activity), wakeup, pair).await
    };
    tokio::select! {
        report = drained => report,
        () = heartbeat => Ok(DrainReport::default()),
    }
}

/// Drains the pair without being asked by its workflow: the shortest way for a message whose destination is hosted on
/// the worker that received it. `None` when another drain of the pair runs here.
///
/// # Errors
/// As for [`drain`].
pub(crate) async fn express(context: &Context, pair: PairId) -> Result<Option<DrainReport>, StoreError> {
    let Some(wakeup) = context.wakeups.try_register(pair) else { return Ok(None) };
    begin(context, Runner::Express, wakeup, pair).await.map(Some)
}

/// What a running drain works with.
struct Drain<'a> {
    context: &'a Context,
    runner: Runner<'a>,
    pair: Pair,
    hosted: Hosted,
    fence: Fence,
    /// What the owner's plan says, as the drain began.
    terms: Terms,
    wakeup: Wakeup<'a>,
    report: DrainReport,
    started: Instant,
    /// The record of what is sent.
    settler: Settler,
    /// Messages sent since the queue was empty.
    in_a_row: u64,
    /// Deliveries to claim next time.
    claim: i64,
    /// The newest delivery that was carried, while the record of sends is behind; else 0.
    carried: i64,
}

async fn begin(
    context: &Context,
    runner: Runner<'_>,
    wakeup: Wakeup<'_>,
    id: PairId,
) -> Result<DrainReport, StoreError> {
    let turn = context.bulk.claim(0).await;
    let mut database = context.database().await?;
    let Some(pair) = store::pairs::load(&mut database, id).await? else {
        return Ok(DrainReport { next: Next::Deleted, ..DrainReport::default() });
    };
    let ended = |next| Ok(DrainReport { next, ..DrainReport::default() });
    if pair.status == PairStatus::Paused {
        return ended(Next::Paused);
    }
    if context.duty.orders().still {
        return ended(Next::In { ms: STILL_RETRY_MS, reason: "maintenance".into() });
    }
    let account = pair.destination_account_id;
    let Some(hosted) = context.hosts.get(account) else { return ended(Next::Moved) };
    // Before the question: whoever gives the account away waits for this drain, or this drain sees it.
    let _drains = hosted.drains.token();
    if hosted.leaving.is_cancelled() {
        return ended(Next::Moved);
    }
    if let Some(left) = hosted.pacer.silence() {
        let reason = "the platform asks the destination account to wait".into();
        return ended(Next::In { ms: millis(left), reason });
    }
    let drainer = Drainer { host: &context.worker, task_token: runner.task_token() };
    let begun = deliveries::begin_drain(&mut database, id, account, hosted.lease.epoch, drainer).await?;
    let Some(Begun { fence, terms }) = begun else { return ended(Next::Moved) };
    drop(database);
    let report = planned(&terms);
    let started = Instant::now();
    let settler = Settler::start((context.pool.clone(), context.sealer.clone()), context.bulk.clone(), id);
    let (in_a_row, claim, carried) = (0, CLAIM_MIN, 0);
    let mut drain = Drain {
        context,
        runner,
        pair,
        hosted,
        fence,
        terms,
        wakeup,
        report,
        started,
        settler,
        in_a_row,
        claim,
        carried,
    };
    let next = match drain.barred().await {
        Ok(None) => drain.run(turn).await,
        Ok(Some(next)) => Ok(next),
        Err(error) => Err(error),
    };
    // What was sent goes on record also when the drain has failed.
    let settled = drain.settler.flush().await;
    let report = drain.report;
    let mut database = context.database().await?;
    deliveries::end_drain(&mut database, fence, (report.sent, report.dead)).await?;
    settled?;
    Ok(DrainReport { next: next?, ..report })
}

/// A report of nothing yet, with the owner's plan: the pair's workflow queues its next drain by it.
fn planned(terms: &Terms) -> DrainReport {
    DrainReport { priority_key: terms.priority_key, fairness_weight: terms.fairness_weight, ..DrainReport::default() }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).saturating_add(1)
}

impl Drain<'_> {
    /// Carries until there is a reason to stop. `turn` is that of the first claim: finding out what there is to claim
    /// from is a part of it.
    async fn run(&mut self, turn: Turn<'_>) -> Result<Next, StoreError> {
        let (mut turn, mut acknowledged) = (Some(turn), false);
        loop {
            if self.stopping() || self.has_had_its_turn() {
                return Ok(Next::More);
            }
            if self.settler.is_settled() {
                self.carried = 0;
            }
            let claim = {
                let _turn = match turn.take() {
                    Some(first) => first,
                    None => self.context.bulk.claim(self.in_a_row).await,
                };
                let (now, mut database) = (self.context.clock.now(), self.context.database().await?);
                deliveries::claim(&mut database, &self.context.sealer, self.fence, now, self.carried, self.claim)
                    .await?
            };
            match claim {
                Claim::Rows(rows) => {
                    acknowledged = false;
                    self.context.rhythms.beat(self.pair.id, Instant::now());
                    if let Some(next) = self.send(rows).await? {
                        return Ok(next);
                    }
                }
                // Look at everything before stopping for anything: something older may have been opened again.
                Claim::Empty if self.carried > 0 => {
                    self.in_a_row = 0;
                    tokio::select! {
                        () = self.wakeup.woken() => (),
                        settled = self.settler.settled() => settled?,
                    }
                }
                _ if self.carried > 0 => self.settler.flush().await?,
                Claim::Empty if acknowledged => return Ok(Next::Idle),
                Claim::Empty => {
                    self.in_a_row = 0;
                    acknowledged = !self.linger().await?;
                }
                Claim::NotDue(at) => {
                    let left = (at - self.context.clock.now()).to_std().unwrap_or_default();
                    if left <= HOLD_MAX {
                        tokio::time::sleep(left).await;
                        continue;
                    }
                    return Ok(Next::In { ms: millis(left), reason: "the pair's delay or its active hours".into() });
                }
                Claim::WaitingForMedia => {
                    if tokio::time::timeout(MEDIA_WAIT, self.wakeup.woken()).await.is_err() {
                        let reason = "an attachment is being fetched".into();
                        return Ok(Next::In { ms: MEDIA_RETRY_MS, reason });
                    }
                }
                Claim::Lost => return Ok(Next::Moved),
            }
        }
    }

    /// Waits a while for more. True when something came; false when the wake flag was cleared, after which one more
    /// claim must follow: a row committed before the flag was cleared is seen by it, a later one signals.
    async fn linger(&self) -> Result<bool, StoreError> {
        tokio::select! {
            () = self.wakeup.woken() => return Ok(true),
            () = tokio::time::sleep(self.patience()) => (),
            () = self.runner.cancelled() => (),
            () = self.wakeup.wanted() => (),
            () = self.context.stopping.cancelled() => (),
            () = self.hosted.leaving.cancelled() => (),
        }
        let mut database = self.context.database().await?;
        deliveries::acknowledge_wake(&mut database, self.pair.id).await?;
        Ok(false)
    }

    /// The workflow, the worker, staff or a younger drain wants this one to end.
    fn stopping(&self) -> bool {
        self.runner.is_cancelled()
            || self.wakeup.is_wanted()
            || self.context.stopping.is_cancelled()
            || self.hosted.leaving.is_cancelled()
            || self.context.duty.orders().still
    }

    /// Others may be waiting.
    fn has_had_its_turn(&self) -> bool {
        match self.runner {
            Runner::Workflow(_) => self.in_a_row >= SENT_MAX || self.started.elapsed() > DRAIN_FOR_MAX,
            Runner::Express => self.in_a_row >= EXPRESS_SENT_MAX,
        }
    }

    /// How long to wait for more.
    fn patience(&self) -> Duration {
        let left = DRAIN_FOR.saturating_sub(self.started.elapsed());
        self.context.rhythms.linger(self.pair.id).min(left)
    }
}
