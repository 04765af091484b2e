//! `pair_forwarding`: one entity workflow per pair. It is woken, drains the pair's deliveries on the destination
//! account's host, and sleeps until it is woken again or the next delivery is due.

#![expect(
    missing_docs,
    clippy::unimplemented,
    reason = "the macros of Temporal make items without documentation, and want such bodies"
)]

use std::time::Duration;

use domain::PairStatus;
use temporalio_common::ActivityError;
use temporalio_macros::activity_definitions;
use temporalio_workflow::{
    ActivityExecutionError, ContinueAsNewOptions, SyncWorkflowContext, WorkflowContext, WorkflowContextView,
    WorkflowResult, workflow, workflow_methods,
};

use crate::{contract::STATE, entity, options};

mod payload;

pub use payload::{DrainReport, Next, PairInput, PairRef, PairRoute, PairView, Totals};

/// First wait after a drain that could not run or send; doubled up to [`RETRY_MAX`].
const RETRY_FIRST: Duration = Duration::from_millis(250);
/// Longest wait for an account or a platform that is away: short enough that a person need not press anything.
const RETRY_MAX: Duration = Duration::from_secs(30);
/// First wait after a destination refused us.
const BLOCKED_FIRST: Duration = Duration::from_secs(30);
/// Longest wait for a destination that refuses us: an hour of silence is not abuse, and the user can resume at once.
const BLOCKED_MAX: Duration = Duration::from_secs(3_600);

/// Declarations; `activities` implements them.
pub struct ForwardingActivities;

#[activity_definitions]
impl ForwardingActivities {
    /// Where does the pair drain now?
    #[activity(name = "forwarding.route")]
    pub fn route(input: PairRef) -> Result<PairRoute, ActivityError> {
        unimplemented!()
    }

    /// Sends what is due, in order, on the destination account's host.
    #[activity(name = "forwarding.drain_pair")]
    pub fn drain_pair(input: PairRef) -> Result<DrainReport, ActivityError> {
        unimplemented!()
    }

    /// Records that the pair's workflow ended with the pair.
    #[activity(name = "forwarding.pair_ended")]
    pub fn pair_ended(input: PairRef) -> Result<(), ActivityError> {
        unimplemented!()
    }
}
pub use forwarding_activities::{DrainPair, PairEnded, Route};

/// One pair's life.
#[workflow]
pub struct PairForwarding {
    input: PairInput,
    route: Option<PairRoute>,
    view: PairView,
    paused: bool,
    /// Somebody wants a drain now, whatever the wait.
    roused: bool,
    deleted: bool,
}

#[workflow_methods]
impl PairForwarding {
    /// Restores what a former run carried over.
    #[init]
    pub fn new(_ctx: &WorkflowContextView, input: PairInput) -> Self {
        let view = PairView { state: "idle".into(), totals: input.totals, ..PairView::default() };
        Self { input, route: None, view, paused: false, roused: false, deleted: false }
    }

    /// Sleep until woken, drain, again.
    #[run(name = "pair_forwarding")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let mut next = Next::Idle;
        loop {
            if !Self::sleep(ctx, &next).await? {
                return Self::end(ctx).await;
            }
            next = Self::drain(ctx).await?;
            if next == Next::Deleted {
                return Self::end(ctx).await;
            }
            Self::note(ctx, &next);
            if entity::is_long(ctx, ctx.state(|s| s.input.history_max)) {
                let open = next != Next::Idle && next != Next::Paused;
                let input = ctx.state(|s| PairInput {
                    woken: s.input.woken || s.roused || open,
                    totals: s.view.totals,
                    ..s.input.clone()
                });
                ctx.continue_as_new(input, ContinueAsNewOptions::default())?;
            }
        }
    }

    /// Waits for what `next` asks for. False when the pair was deleted meanwhile.
    async fn sleep(ctx: &mut WorkflowContext<Self>, next: &Next) -> WorkflowResult<bool> {
        let failures = ctx.state(|s| s.view.failures);
        let wait = match next {
            Next::More | Next::Deleted => Some(Duration::ZERO),
            Next::Idle | Next::Paused => None,
            Next::In { ms, .. } => Some(Duration::from_millis(*ms)),
            Next::Retry { .. } | Next::Moved | Next::Unknown => {
                Some(options::backoff(failures, RETRY_FIRST, RETRY_MAX))
            }
            Next::Blocked { .. } => Some(options::backoff(failures, BLOCKED_FIRST, BLOCKED_MAX)),
        };
        // A wake says that there is a new message: it must not shorten the wait for a destination that refuses us.
        let patient = matches!(next, Next::Blocked { .. } | Next::Retry { .. } | Next::In { .. } | Next::Paused);
        let roused = move |s: &Self| s.deleted || s.roused || s.input.woken && !s.paused && !patient;
        entity::sleep(ctx, wait, roused).await?;
        Ok(!ctx.state(|s| s.deleted))
    }

    /// One drain on the destination's host, asking for the route where it is not known.
    async fn drain(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<Next> {
        // Cleared before the drain: a wake that comes during it causes one more.
        let pair = ctx.state_mut(|s| {
            s.input.woken = false;
            s.roused = false;
            s.view.state = "draining".into();
            PairRef { pair: s.input.pair }
        });
        let route = match ctx.state(|s| s.route.clone()) {
            Some(route) => route,
            None => ctx.execute_activity(ForwardingActivities::route, pair, options::light("find the host")).await?,
        };
        let queue = match (route.status, route.unavailable.clone(), route.queue.clone()) {
            (None, _, _) => return Ok(Next::Deleted),
            (Some(PairStatus::Paused), _, _) => return Ok(Next::Paused),
            (Some(PairStatus::Active | PairStatus::Blocked), Some(reason), _) => return Ok(Next::Blocked { reason }),
            (Some(PairStatus::Active | PairStatus::Blocked), None, None) => {
                return Ok(Next::Retry { reason: "the destination account has no host".into() });
            }
            (Some(PairStatus::Active | PairStatus::Blocked), None, Some(queue)) => queue,
        };
        let user = ctx.state(|s| s.input.user);
        let priority = options::priority(route.priority_key, route.fairness_weight, user);
        ctx.state_mut(|s| s.route = Some(route));
        let options = options::drain(queue, priority, ctx.cancellation_token());
        match ctx.execute_activity(ForwardingActivities::drain_pair, pair, options).await {
            Ok(report) => {
                ctx.state_mut(|s| {
                    s.view.totals.sent += report.sent;
                    s.view.totals.dead += report.dead;
                    if report.sent > 0 {
                        s.view.failures = 0;
                    }
                    if let Some(route) = &mut s.route {
                        route.follow_plan(&report);
                    }
                });
                Ok(report.next)
            }
            Err(ActivityExecutionError::Cancelled(cancelled)) => {
                Err(ActivityExecutionError::Cancelled(cancelled).into())
            }
            // The worker died or refused: nothing is known, so ask where the account is now.
            Err(ActivityExecutionError::Failed(_)) => Ok(Next::Moved),
            Err(error) => Err(error.into()),
        }
    }

    /// Remembers for queries and search what comes next, and forgets a route that no longer holds.
    fn note(ctx: &WorkflowContext<Self>, next: &Next) {
        let (state, reason) = match next {
            Next::Idle | Next::More | Next::Deleted => ("idle", None),
            Next::In { reason, .. } | Next::Retry { reason } => ("waiting", Some(reason.clone())),
            Next::Moved | Next::Unknown => ("waiting", Some("the destination account is moving".to_owned())),
            Next::Blocked { reason } => ("blocked", Some(reason.clone())),
            Next::Paused => ("paused", None),
        };
        let changed = ctx.state_mut(|s| {
            match next {
                Next::Idle | Next::More | Next::Deleted | Next::In { .. } => s.view.failures = 0,
                Next::Retry { .. } | Next::Moved | Next::Unknown | Next::Blocked { .. } => {
                    s.view.failures += 1;
                    s.route = None;
                }
                Next::Paused => s.route = None,
            }
            s.view.state = state.into();
            let changed = s.view.reason != reason;
            s.view.reason = reason;
            changed
        });
        if changed {
            ctx.upsert_search_attributes([STATE.value_set(state.into())]);
        }
    }

    async fn end(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let pair = ctx.state(|s| PairRef { pair: s.input.pair });
        ctx.execute_activity(ForwardingActivities::pair_ended, pair, options::light("record the end")).await?;
        Ok(())
    }

    /// There is a new delivery.
    #[signal]
    pub fn wake(&mut self, _ctx: &mut SyncWorkflowContext<Self>) {
        self.input.woken = true;
    }

    /// The user paused the pair; the database says so too.
    #[signal]
    pub fn pause(&mut self, _ctx: &mut SyncWorkflowContext<Self>) {
        self.paused = true;
        self.view.reason = None;
    }

    /// The user resumed the pair: drain now, whatever the wait.
    #[signal]
    pub fn resume(&mut self, _ctx: &mut SyncWorkflowContext<Self>) {
        self.paused = false;
        self.rouse();
    }

    /// The pair was changed: read it again.
    #[signal]
    pub fn configure(&mut self, _ctx: &mut SyncWorkflowContext<Self>) {
        self.rouse();
    }

    /// The pair was deleted.
    #[signal]
    pub fn delete(&mut self, _ctx: &mut SyncWorkflowContext<Self>) {
        self.deleted = true;
    }

    /// What the workflow is doing.
    #[query]
    pub fn view(&self, _ctx: &WorkflowContextView) -> PairView {
        self.view.clone()
    }

    fn rouse(&mut self) {
        self.route = None;
        self.view.failures = 0;
        self.roused = true;
    }
}
