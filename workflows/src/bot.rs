//! `notification_bot`: keeps the Telegram bot hosted by one worker. What people write to it never comes here.

#![expect(
    missing_docs,
    clippy::unimplemented,
    reason = "the macros of Temporal make items without documentation, and want such bodies"
)]

use std::time::Duration;

use serde::{Deserialize, Serialize};
use temporalio_common::ActivityError;
use temporalio_macros::activity_definitions;
use temporalio_workflow::{
    ActivityExecutionError, ContinueAsNewOptions, TimerResult, WorkflowContext, WorkflowContextView, WorkflowResult,
    workflow, workflow_methods,
};

use crate::{entity, options};

/// First wait after a hosting ended in a way that may pass.
const REHOST_FIRST: Duration = Duration::from_millis(500);
/// Longest wait between hostings.
const REHOST_MAX: Duration = Duration::from_secs(60);

/// What the workflow is started with, and what it carries over when it continues as new.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct BotInput {
    /// Hostings that ended badly, in a row.
    #[serde(default)]
    pub failures: u32,
    /// Events after which to continue as new; 0 means [`options::HISTORY_EVENTS_MAX`]. Tests make it small.
    #[serde(default)]
    pub history_max: u32,
}

/// The worker that hosts the bot knows which one it is.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct BotRef {}

/// How a hosting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum BotOutcome {
    /// The worker stops; another one goes on.
    Stopped,
    /// Telegram refuses the token: nobody tries again before a worker is started anew.
    Refused,
    /// The bot was taken by another host, or its stream ended.
    Lost,
    /// A newer worker's word.
    #[serde(other)]
    Unknown,
}

/// What came of it all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BotReport {
    /// Telegram refused the token.
    #[serde(default)]
    pub refused: bool,
}

/// Declarations; `activities` implements them.
pub struct BotActivities;

#[activity_definitions]
impl BotActivities {
    /// Hosts the bot until told to stop: connection, commands, notifications.
    #[activity(name = "bot.host")]
    pub fn host(input: BotRef) -> Result<BotOutcome, ActivityError> {
        unimplemented!()
    }
}
pub use bot_activities::Host;

/// The bot's life.
#[workflow]
pub struct NotificationBot {
    input: BotInput,
}

#[workflow_methods]
impl NotificationBot {
    /// Restores what a former run carried over.
    #[init]
    pub fn new(_ctx: &WorkflowContextView, input: BotInput) -> Self {
        Self { input }
    }

    /// Host it; again. Ends only when Telegram refuses the token, or when it is cancelled.
    #[run(name = "notification_bot")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<BotReport> {
        loop {
            let token = ctx.cancellation_token().child_token();
            match ctx.execute_activity(BotActivities::host, BotRef {}, options::host_bot(token)).await {
                Ok(BotOutcome::Refused) => return Ok(BotReport { refused: true }),
                Ok(BotOutcome::Stopped) => ctx.state_mut(|s| s.input.failures = 0),
                Ok(BotOutcome::Lost | BotOutcome::Unknown) | Err(ActivityExecutionError::Failed(_)) => {
                    let failures = ctx.state_mut(|s| {
                        s.input.failures = s.input.failures.saturating_add(1);
                        s.input.failures
                    });
                    match ctx.timer(options::backoff(failures, REHOST_FIRST, REHOST_MAX)).await {
                        TimerResult::Fired => (),
                        // The workflow itself was cancelled.
                        TimerResult::Cancelled => ctx.wait_condition(|_| false).await?,
                    }
                }
                Err(error) => return Err(error.into()),
            }
            if entity::is_long(ctx, ctx.state(|s| s.input.history_max)) {
                let input = ctx.state(|s| s.input);
                ctx.continue_as_new(input, ContinueAsNewOptions::default())?;
            }
        }
    }
}
