//! The commands of `causeway-sandbox` that run the whole stack.

mod postgres;
mod up;

use std::future::Future;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

pub use self::{
    postgres::{PostgresArgs, postgres},
    up::up,
};
use crate::stack::{Stack, StackOptions, stop_with_parent};

/// What the commands that run a stack have in common.
#[derive(Args, Clone, Debug)]
pub struct StackArgs {
    /// The name of the state and log directories below .local/; by default that of the command.
    #[arg(long)]
    pub name: Option<String>,

    /// Forget what an earlier run left.
    #[arg(long)]
    pub fresh: bool,

    /// Stop when the process that started this one ends, also when it is killed.
    #[arg(long)]
    pub with_parent: bool,
}

impl StackArgs {
    /// The options of a stack named after the command unless told otherwise, told about on standard output.
    ///
    /// # Errors
    /// When the checkout cannot be found.
    pub fn options(&self, command: &str) -> anyhow::Result<StackOptions> {
        if self.with_parent {
            stop_with_parent()?;
        }
        let mut options = StackOptions::named(self.name.as_deref().unwrap_or(command))?;
        options.fresh = self.fresh;
        options.progress = crate::stack::Progress::shown();
        Ok(options)
    }
}

/// A token that is cancelled by Ctrl-C, SIGTERM or a closed terminal.
///
/// # Errors
/// When the signals cannot be watched.
pub fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        let (mut received, stop) = (signal(kind)?, stop.clone());
        tokio::spawn(async move {
            while received.recv().await.is_some() {
                stop.cancel();
            }
        });
    }
    Ok(stop)
}

/// Starts a stack, does `work` with it, and stops it in order: when the work ends, when a part dies, and when `stop` is
/// cancelled. `Ok(None)` means stopped.
///
/// # Errors
/// What went wrong with the start, the work, or a part that died.
pub async fn with_stack<T>(
    start: impl Future<Output = anyhow::Result<Stack>>,
    stop: &CancellationToken,
    work: impl AsyncFnOnce(&Stack) -> anyhow::Result<T>,
) -> anyhow::Result<Option<T>> {
    let stack = tokio::select! {
        stack = start => stack?,
        () = stop.cancelled() => return Ok(None),
    };
    let result = tokio::select! {
        result = work(&stack) => result.map(Some),
        death = stack.died() => Err(death.into()),
        () = stop.cancelled() => Ok(None),
    };
    let progress = stack.options().progress;
    progress.line("\nstopping …");
    stack.stop().await;
    progress.line("stopped");
    result
}
