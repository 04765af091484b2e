//! What workflows that live for long have in common: a sleep that a wake ends, and a look at the history's length.

use std::time::Duration;

use temporalio_workflow::{TimerOptions, WorkflowContext, WorkflowResult, select};

use crate::options;

/// Sleeps until `wait` is over or `woken` holds, whichever comes first; without a wait, until `woken` holds. A wait of
/// nothing sets no timer.
pub(crate) async fn sleep<W: 'static>(
    ctx: &mut WorkflowContext<W>,
    wait: Option<Duration>,
    woken: impl Fn(&W) -> bool,
) -> WorkflowResult<()> {
    match wait {
        None => ctx.wait_condition(woken).await?,
        Some(wait) if wait.is_zero() => (),
        Some(wait) => {
            let token = ctx.cancellation_token().child_token();
            select! {
                _ = ctx.timer(TimerOptions::builder(wait).cancellation_token(token.clone()).build()) => (),
                woken = ctx.wait_condition(woken) => { woken?; token.cancel(); }
            }
        }
    }
    Ok(())
}

/// True when the history is long enough to continue as new: after `history_max` events, or the usual number for 0.
pub(crate) fn is_long<W: 'static>(ctx: &WorkflowContext<W>, history_max: u32) -> bool {
    let max = if history_max == 0 { options::HISTORY_EVENTS_MAX } else { history_max };
    ctx.continue_as_new_suggested() || ctx.history_length() > max
}
