//! A run of a suite from its start to its last line.

use std::{fmt, time::Instant};

use clap::Args;

use super::any_seed;
use crate::{
    commands::{StackArgs, stop_on_signal, with_stack},
    stack::{Stack, StackOptions, remove_state, span},
};

/// What every suite is told.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    #[command(flatten)]
    stack: StackArgs,

    /// Decides who does what, who is killed when, and which faults strike; random unless given.
    #[arg(long)]
    seed: Option<u64>,

    /// Kill nobody: for telling apart what a kill breaks and what is broken.
    #[arg(long)]
    pub no_kills: bool,

    /// Inject no faults.
    #[arg(long)]
    pub no_faults: bool,
}

/// Everything that a run has shown; its last line is what is promised.
pub trait Outcome: fmt::Display {
    /// Nothing was wrong.
    fn is_clean(&self) -> bool;
}

/// Runs `suite` on a fresh stack that `prepare` may change; true when nothing was wrong. `perform` is given the seed.
///
/// # Errors
/// When a step fails or a part dies by itself.
pub async fn run<O: Outcome>(
    suite: &str,
    args: &RunArgs,
    prepare: impl FnOnce(&mut StackOptions),
    perform: impl AsyncFnOnce(&Stack, u64) -> anyhow::Result<O>,
) -> anyhow::Result<bool> {
    let stop = stop_on_signal()?;
    let seed = match args.seed {
        Some(seed) => seed,
        None => any_seed()?,
    };
    println!("{suite}: seed={seed}");
    let mut options = args.stack.options(suite)?;
    options.fresh = true;
    prepare(&mut options);
    let (progress, state, logs) = (options.progress, options.state_dir.clone(), options.log_dir.clone());
    let started = Instant::now();
    progress.heading("Starting Causeway");
    let outcome = with_stack(Stack::start(options), &stop, async |stack| perform(stack, seed).await).await;
    let outcome = match outcome {
        Ok(Some(outcome)) => outcome,
        Ok(None) => {
            println!("{suite}: interrupted; seed={seed}");
            return Ok(false);
        }
        Err(error) => return Err(error.context(format!("the run of seed {seed} came to no end"))),
    };
    progress.line(&format!("the run took {}", span(started.elapsed())));
    if outcome.is_clean() {
        remove_state(&state)?;
    } else {
        println!("{suite}: the state is kept in {}, the logs are in {}", state.display(), logs.display());
    }
    println!("{outcome}");
    Ok(outcome.is_clean())
}
