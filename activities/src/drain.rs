//! `drain_pair`: claims what is due in order, sends it, settles it, and lingers for more.

use std::time::{Duration, Instant};

use domain::{PairId, PairStatus};
use store::{
    StoreError,
    deliveries::{self, Claim, Claimed, Drainer, Fence},
    pairs::Pair,
};
use temporalio_sdk::activities::ActivityContext;
use workflows::forwarding::{DrainReport, Next};

use crate::{
    context::Context,
    deliver::{Delivered, Delivery},
    hosts::Hosted,
    wakeups::Wakeup,
};

/// Deliveries claimed at once: few, because a crash makes each of them a question to the destination.
const CLAIM_MAX: i64 = 20;
/// A drain returns after so many messages, so that plans and tenants take turns on the host's queue.
const SENT_MAX: u64 = 500;
/// A drain returns after this long, well before its time-out.
const DRAIN_FOR: Duration = Duration::from_secs(60);
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

/// On whose behalf a drain runs.
#[derive(Clone, Copy)]
enum Runner<'a> {
    Workflow(&'a ActivityContext),
    Express,
}

impl Runner<'_> {
    fn is_cancelled(self) -> bool {
        match self {
            Self::Workflow(activity) => activity.is_cancelled(),
            Self::Express => false,
        }
    }

    async fn cancelled(self) {
        match self {
            Self::Workflow(activity) => activity.cancelled().await,
            Self::Express => std::future::pending().await,
        }
    }
}

/// What a running drain works with.
struct Drain<'a> {
    context: &'a Context,
    runner: Runner<'a>,
    pair: Pair,
    hosted: Hosted,
    fence: Fence,
    wakeup: Wakeup<'a>,
    report: DrainReport,
    started: Instant,
    /// Messages sent since the queue was empty.
    in_a_row: u64,
}

async fn begin(
    context: &Context,
    runner: Runner<'_>,
    wakeup: Wakeup<'_>,
    id: PairId,
) -> Result<DrainReport, StoreError> {
    let ended = |next| Ok(DrainReport { next, ..DrainReport::default() });
    let mut database = context.database().await?;
    let Some(pair) = store::pairs::load(&mut database, id).await? else { return ended(Next::Deleted) };
    if pair.status == PairStatus::Paused {
        return ended(Next::Paused);
    }
    let account = pair.destination_account_id;
    let Some(hosted) = context.hosts.get(account) else { return ended(Next::Moved) };
    if let Some(wait) = cooldown(context, &mut database, &pair).await? {
        return ended(wait);
    }
    let task_token = match runner {
        Runner::Workflow(activity) => Some(&*activity.info().task_token),
        Runner::Express => None,
    };
    let drainer = Drainer { host: &context.worker, task_token };
    let fence = deliveries::begin_drain(&mut database, id, account, hosted.lease.epoch, drainer).await?;
    let Some(fence) = fence else { return ended(Next::Moved) };
    drop(database);
    let (started, report) = (Instant::now(), DrainReport::default());
    let report = Drain { context, runner, pair, hosted, fence, wakeup, report, started, in_a_row: 0 }.run().await?;
    let mut database = context.database().await?;
    deliveries::end_drain(&mut database, fence, (report.sent, report.dead)).await?;
    Ok(report)
}

/// The platform wants silence from the account: come back when it is over.
async fn cooldown(
    context: &Context,
    database: &mut store::PgConnection,
    pair: &Pair,
) -> Result<Option<Next>, StoreError> {
    let account = store::accounts::load(database, pair.destination_account_id).await?;
    let until = account.and_then(|account| account.cooldown_until);
    let left = until.map(|until| until - context.clock.now()).and_then(|left| left.to_std().ok());
    Ok(left
        .filter(|left| !left.is_zero())
        .map(|left| Next::In { ms: millis(left), reason: "the platform asks the destination account to wait".into() }))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).saturating_add(1)
}

impl Drain<'_> {
    async fn run(mut self) -> Result<DrainReport, StoreError> {
        let mut acknowledged = false;
        loop {
            if self.stopping() || self.has_had_its_turn() {
                return Ok(self.ended(Next::More));
            }
            let claim = {
                let mut database = self.context.database().await?;
                deliveries::claim(&mut database, self.fence, self.context.clock.now(), CLAIM_MAX).await?
            };
            match claim {
                Claim::Rows(rows) => {
                    acknowledged = false;
                    self.context.rhythms.beat(self.pair.id, Instant::now());
                    if let Some(next) = self.send(rows).await? {
                        return Ok(self.ended(next));
                    }
                }
                Claim::Empty if acknowledged => return Ok(self.ended(Next::Idle)),
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
                    return Ok(self.ended(Next::In { ms: millis(left), reason: "the pair's delay".into() }));
                }
                Claim::WaitingForMedia => {
                    if tokio::time::timeout(MEDIA_WAIT, self.wakeup.woken()).await.is_err() {
                        let reason = "an attachment is being fetched".into();
                        return Ok(self.ended(Next::In { ms: MEDIA_RETRY_MS, reason }));
                    }
                }
                Claim::Lost => return Ok(self.ended(Next::Moved)),
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
        }
        let mut database = self.context.database().await?;
        deliveries::acknowledge_wake(&mut database, self.pair.id).await?;
        Ok(false)
    }

    /// Sends the claimed deliveries in order. `Some` when the drain has to stop; what was not begun is put back.
    async fn send(&mut self, rows: Vec<Claimed>) -> Result<Option<Next>, StoreError> {
        let mut rows = rows.into_iter();
        while let Some(row) = rows.next() {
            if self.stopping() {
                let left: Vec<i64> = std::iter::once(row.seq).chain(rows.map(|row| row.seq)).collect();
                self.unclaim(&left).await?;
                return Ok(Some(Next::More));
            }
            let seq = row.seq;
            let delivery = Delivery { context: self.context, pair: &self.pair, hosted: &self.hosted, row };
            let delivered = delivery.carry().await?;
            let outcome = match &delivered {
                Delivered::Sent => "sent",
                Delivered::Skipped => "skipped",
                Delivered::Dead => "dead",
                Delivered::Stop(_) => "waiting",
            };
            self.context.metrics.deliveries.with_label_values(&[outcome]).inc();
            match delivered {
                Delivered::Sent => {
                    self.report.sent += 1;
                    self.in_a_row += 1;
                    self.unblock().await?;
                }
                Delivered::Skipped => (),
                Delivered::Dead => self.report.dead += 1,
                Delivered::Stop(next) => {
                    tracing::debug!(pair.id = %self.pair.id, delivery.seq = seq, "A drain stops at a delivery.");
                    self.unclaim(&rows.map(|row| row.seq).collect::<Vec<_>>()).await?;
                    return Ok(Some(next));
                }
            }
        }
        Ok(None)
    }

    /// The workflow, the worker or a younger drain wants this one to end.
    fn stopping(&self) -> bool {
        self.runner.is_cancelled() || self.wakeup.is_wanted() || self.context.stopping.is_cancelled()
    }

    /// Others may be waiting.
    fn has_had_its_turn(&self) -> bool {
        match self.runner {
            Runner::Workflow(_) => self.started.elapsed() > DRAIN_FOR || self.report.sent >= SENT_MAX,
            Runner::Express => self.in_a_row >= EXPRESS_SENT_MAX,
        }
    }

    /// How long to wait for more. An express drain ends at a pause after its time, so that the next one reads the pair
    /// anew.
    fn patience(&self) -> Duration {
        let left = DRAIN_FOR.saturating_sub(self.started.elapsed());
        self.context.rhythms.linger(self.pair.id).min(left)
    }

    async fn unclaim(&self, seqs: &[i64]) -> Result<(), StoreError> {
        if seqs.is_empty() {
            return Ok(());
        }
        let mut database = self.context.database().await?;
        deliveries::unclaim(&mut database, self.pair.id, seqs).await
    }

    /// The destination took a message, so it does not refuse us any more.
    async fn unblock(&mut self) -> Result<(), StoreError> {
        if self.pair.status == PairStatus::Blocked {
            let mut database = self.context.database().await?;
            store::pairs::set_blocked(&mut database, self.pair.id, None, self.context.clock.now()).await?;
            self.pair.status = PairStatus::Active;
        }
        Ok(())
    }

    fn ended(self, next: Next) -> DrainReport {
        DrainReport { next, ..self.report }
    }
}
