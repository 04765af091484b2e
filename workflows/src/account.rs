//! `account_session`: one entity workflow per linked account: its login, its hosting, its health, its end.

#![expect(missing_docs, reason = "the macros of Temporal make items without documentation")]

use std::time::Duration;

use domain::AccountStatus;
use temporalio_workflow::{
    ActivityExecutionError, ContinueAsNewOptions, SyncWorkflowContext, TimerOptions, TimerResult,
    WorkflowCancellationToken, WorkflowContext, WorkflowContextView, WorkflowResult, join, select, workflow,
    workflow_methods,
};

use crate::{contract::STATE, entity, options};

mod activities;
mod health;
mod payload;

pub use activities::{AccountActivities, AskChats, CheckHealth, EndSession, HostAccount, Locate, LogIn, SetStatus};
pub use health::HEALTH_CHECK_PERIOD;
pub use payload::{
    ACCOUNT_NOT_ONLINE, AccountInput, AccountRef, AccountView, ChatReply, ChatRequest, HostOutcome, Located,
    LoginReply, LoginRequest, LoginStep, Refusal, StatusChange,
};

/// An account that its platform has limited is tried again after this long, unless its user resumes it sooner: such limits
/// last days, and one message a day is not hammering.
pub const LIMITED_RETRY: Duration = Duration::from_secs(24 * 60 * 60);
/// First wait after a hosting ended in a way that may pass.
const REHOST_FIRST: Duration = Duration::from_millis(500);
/// Longest wait between hostings.
const REHOST_MAX: Duration = Duration::from_secs(60);

/// One account's life.
#[workflow]
pub struct AccountSession {
    input: AccountInput,
    view: AccountView,
    /// Where health checks go; forgotten when one finds nobody there.
    located: Option<Located>,
    interrupt: bool,
    log_out: bool,
}

#[workflow_methods]
impl AccountSession {
    /// Restores what a former run carried over.
    #[init]
    pub fn new(_ctx: &WorkflowContextView, input: AccountInput) -> Self {
        let view = AccountView { status: input.status, hosting: false, failures: 0, health_checks: 0 };
        Self { input, view, located: None, interrupt: false, log_out: false }
    }

    /// Wait until the account can be hosted; host it; again.
    #[run(name = "account_session")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        loop {
            Self::rest(ctx).await?;
            if ctx.state(|s| s.log_out) {
                return Self::end(ctx).await;
            }
            let outcome = Self::host(ctx).await?;
            Self::settle(ctx, outcome).await?;
            if entity::is_long(ctx, ctx.state(|s| s.input.history_max)) {
                let handlers = ctx.clone();
                ctx.wait_condition(move |_| handlers.all_handlers_finished()).await?;
                if !ctx.state(|s| s.log_out) {
                    let input = ctx.state(|s| AccountInput { status: s.view.status, ..s.input.clone() });
                    ctx.continue_as_new(input, ContinueAsNewOptions::default())?;
                }
            }
        }
    }

    /// Waits until the account can be hosted. One that its platform has limited is tried again after a day.
    async fn rest(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let wanted = |s: &Self| s.log_out || s.view.status.wants_host();
        while !ctx.state(wanted) {
            if ctx.state(|s| s.view.status != AccountStatus::Limited) {
                ctx.wait_condition(move |s| wanted(s) || s.view.status == AccountStatus::Limited).await?;
                continue;
            }
            let token = ctx.cancellation_token().child_token();
            let timer = TimerOptions::builder(LIMITED_RETRY).cancellation_token(token.clone()).build();
            select! {
                fired = ctx.timer(timer) => match fired {
                    TimerResult::Fired => Self::change_status(ctx, AccountStatus::Connecting).await,
                    TimerResult::Cancelled => ctx.wait_condition(wanted).await?,
                },
                left = ctx.wait_condition(|s| s.log_out || s.view.status != AccountStatus::Limited) => {
                    left?;
                    token.cancel();
                }
            }
        }
        Ok(())
    }

    /// Hosts until the hosting ends or somebody wants it to. `None` when it failed in a way that may pass.
    async fn host(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<Option<HostOutcome>> {
        let account = ctx.state_mut(|s| {
            s.view.hosting = true;
            s.interrupt = false;
            AccountRef { account: s.input.account }
        });
        // A hosting may wait for a slot: then the plan says who comes first.
        let found = ctx.execute_activity(AccountActivities::locate, account, options::light("find the plan")).await?;
        let priority = options::priority(found.priority_key, found.fairness_weight, ctx.state(|s| s.input.user));
        let host_token = ctx.cancellation_token().child_token();
        let health_token = ctx.cancellation_token().child_token();
        let hosting =
            ctx.execute_activity(AccountActivities::host_account, account, options::host(priority, host_token.clone()));
        let (outcome, (), ()) = join!(
            async {
                let outcome = hosting.await;
                ctx.state_mut(|s| s.view.hosting = false);
                health_token.cancel();
                outcome
            },
            async {
                // An error means that the workflow itself was cancelled, which ends the hosting too.
                if ctx.wait_condition(|s| !s.view.hosting || s.interrupt || s.log_out).await.is_err()
                    || ctx.state(|s| s.view.hosting)
                {
                    host_token.cancel();
                }
            },
            Self::check_health(ctx.clone(), account, health_token.clone()),
        );
        ctx.state_mut(|s| s.located = None);
        match outcome {
            Ok(outcome) => Ok(Some(outcome)),
            Err(ActivityExecutionError::Cancelled(cancelled)) => {
                if ctx.state(|s| s.interrupt || s.log_out) {
                    Ok(Some(HostOutcome::Stopped))
                } else {
                    Err(ActivityExecutionError::Cancelled(cancelled).into())
                }
            }
            Err(ActivityExecutionError::Failed(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Asks the host every few minutes whether the account still works, until `token` is cancelled.
    async fn check_health(ctx: WorkflowContext<Self>, account: AccountRef, token: WorkflowCancellationToken) {
        let mut period = HEALTH_CHECK_PERIOD;
        let mut checks = 0_u32;
        loop {
            let wait = health::wait(account.account, checks, period);
            let timer = TimerOptions::builder(wait).cancellation_token(token.clone()).build();
            match ctx.timer(timer).await {
                TimerResult::Fired => (),
                TimerResult::Cancelled => return,
            }
            checks = checks.saturating_add(1);
            let Some(located) = Self::locate(&ctx, account).await else { continue };
            if located.health_check_seconds > 0 {
                period = Duration::from_secs(located.health_check_seconds);
            }
            let Some(queue) = located.queue else { continue };
            let mut options = options::on_host(queue, "check the account's health");
            options.cancellation_token = Some(token.clone());
            match ctx.execute_activity(AccountActivities::check_health, account, options).await {
                Ok(true) => ctx.state_mut(|s| s.view.health_checks += 1),
                // The host has seen it and is reconnecting, or the account has moved.
                Ok(false) | Err(_) => ctx.state_mut(|s| s.located = None),
            }
            if ctx.history_length() > options::HISTORY_EVENTS_MAX {
                ctx.state_mut(|s| s.interrupt = true);
                return;
            }
        }
    }

    async fn locate(ctx: &WorkflowContext<Self>, account: AccountRef) -> Option<Located> {
        if let Some(located) = ctx.state(|s| s.located.clone()) {
            return Some(located);
        }
        let located =
            ctx.execute_activity(AccountActivities::locate, account, options::light("find the host")).await.ok()?;
        if located.queue.is_some() {
            ctx.state_mut(|s| s.located = Some(located.clone()));
        }
        Some(located)
    }

    /// What comes after a hosting.
    async fn settle(ctx: &mut WorkflowContext<Self>, outcome: Option<HostOutcome>) -> WorkflowResult<()> {
        match outcome {
            Some(HostOutcome::Stopped) => {
                ctx.state_mut(|s| s.view.failures = 0);
                let (account, status) = ctx.state(|s| (s.input.account, s.view.status));
                if status == AccountStatus::Paused {
                    // The host may have written its own last word over the pause.
                    let change = StatusChange { account, status };
                    ctx.execute_activity(AccountActivities::set_status, change, options::light("record the pause"))
                        .await?;
                }
            }
            // The plan kept it back, and somebody has resumed it before we heard so: hosted anew, it is asked about again.
            Some(HostOutcome::Gone { status: AccountStatus::Paused }) if ctx.state(|s| s.interrupt) => {
                ctx.state_mut(|s| s.view.failures = 0);
            }
            Some(HostOutcome::Gone { status }) => {
                ctx.state_mut(|s| {
                    s.view.failures = 0;
                    s.view.status = status;
                });
                ctx.upsert_search_attributes([STATE.value_set("gone".into())]);
            }
            Some(HostOutcome::Lost | HostOutcome::Unknown) | None => {
                let failures = ctx.state_mut(|s| {
                    s.view.failures += 1;
                    s.view.failures
                });
                ctx.timer(options::backoff(failures, REHOST_FIRST, REHOST_MAX)).await;
            }
        }
        Ok(())
    }

    async fn end(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let account = ctx.state(|s| AccountRef { account: s.input.account });
        ctx.execute_activity(AccountActivities::end_session, account, options::light("log out")).await?;
        ctx.state_mut(|s| s.view.status = AccountStatus::LoggedOut);
        let handlers = ctx.clone();
        ctx.wait_condition(move |_| handlers.all_handlers_finished()).await?;
        Ok(())
    }

    /// One step of a login, answered when the platform has answered.
    #[update]
    pub async fn log_in(
        ctx: &mut WorkflowContext<Self>,
        step: LoginStep,
    ) -> Result<LoginReply, Box<dyn std::error::Error + Send + Sync>> {
        let status = ctx.state(|s| s.view.status);
        if status.wants_host() {
            return Ok(LoginReply { status, refusal: None });
        }
        let summary = step.summary();
        let request = LoginRequest { account: ctx.state(|s| s.input.account), step };
        let reply = match ctx.execute_activity(AccountActivities::log_in, request, options::login(summary)).await {
            Ok(reply) => reply,
            Err(_) => LoginReply::unavailable(status),
        };
        ctx.state_mut(|s| s.view.status = reply.status);
        Ok(reply)
    }

    /// Connect anew, also after the account was paused or revoked.
    #[signal]
    pub async fn reconnect(ctx: &mut WorkflowContext<Self>) {
        Self::change_status(ctx, AccountStatus::Connecting).await;
    }

    /// Stop hosting until resumed.
    #[signal]
    pub async fn pause(ctx: &mut WorkflowContext<Self>) {
        Self::change_status(ctx, AccountStatus::Paused).await;
    }

    /// Host again after a pause.
    #[signal]
    pub async fn resume(ctx: &mut WorkflowContext<Self>) {
        Self::change_status(ctx, AccountStatus::Connecting).await;
    }

    /// End the session at the platform and forget the account.
    #[signal]
    pub fn log_out(&mut self, _ctx: &mut SyncWorkflowContext<Self>) {
        self.log_out = true;
    }

    /// What the workflow is doing.
    #[query]
    pub fn view(&self, _ctx: &WorkflowContextView) -> AccountView {
        self.view.clone()
    }

    /// Ends a running hosting and goes on in `status`, if the account has ever signed in.
    async fn change_status(ctx: &mut WorkflowContext<Self>, status: AccountStatus) {
        let (account, now) = ctx.state(|s| (s.input.account, s.view.status));
        if !now.is_linked() {
            return;
        }
        let change = StatusChange { account, status };
        let recorded =
            ctx.execute_activity(AccountActivities::set_status, change, options::light("record the state")).await;
        if recorded.is_ok() {
            ctx.state_mut(|s| {
                s.view.status = status;
                s.interrupt = true;
            });
        }
    }
}
