//! `causeway-sandbox crash`: people write, edit and delete while every part is killed again and again and the platforms
//! misbehave; then the destination servers are compared with what was written. Described in `docs/crash.md`.

mod check;
mod killer;
mod ledger;
mod meddler;
mod report;
mod schedule;
mod stage;
mod watch;
mod writer;

use std::time::{Duration, Instant};

use clap::Args;
use futures::future::try_join_all;

use self::{
    killer::Kills,
    report::Outcome,
    schedule::{Schedule, Size},
    stage::Stage,
};
use crate::{
    chaos::{self, RunArgs},
    stack::Stack,
};

/// Messages written per second, unless told otherwise: 2,000 in the default run.
const MESSAGES_PER_SECOND: usize = 14;

/// Arguments of `crash`.
#[derive(Args, Clone, Debug)]
pub struct CrashArgs {
    #[command(flatten)]
    run: RunArgs,

    /// For how long there is writing and killing, in seconds.
    #[arg(long, default_value_t = 150)]
    seconds: usize,

    /// Messages written over all pairs; 14 a second unless given.
    #[arg(long)]
    messages: Option<usize>,

    /// Forwarding pairs, spread over the four directions.
    #[arg(long, default_value_t = 20)]
    pairs: usize,

    /// Of 100 messages, so many are edited, and half as many are deleted.
    #[arg(long, default_value_t = 20)]
    changed_percent: usize,
}

/// Runs the suite; true when nothing was wrong.
///
/// # Errors
/// When a step fails or a part dies by itself.
pub async fn crash(args: CrashArgs) -> anyhow::Result<bool> {
    chaos::run("crash", &args.run, |_| (), async |stack, seed| perform(stack, &args, seed).await).await
}

async fn perform(stack: &Stack, args: &CrashArgs, seed: u64) -> anyhow::Result<Outcome> {
    let progress = stack.options().progress;
    let size = Size {
        pairs: args.pairs,
        messages: args.messages.unwrap_or(MESSAGES_PER_SECOND * args.seconds),
        writing: Duration::from_secs(u64::try_from(args.seconds)?),
        changed_percent: args.changed_percent,
    };
    let mut schedule = Schedule::new(seed, size);
    if args.run.no_kills {
        schedule.kills.clear();
    }
    if args.run.no_faults {
        schedule.faults.clear();
    }
    progress.heading("Setting the stage");
    let stage = Stage::set(stack, &schedule).await?;
    progress.heading(&format!(
        "{} messages over {} pairs in {} s; {} kills, {} faults, {} pauses",
        size.messages,
        size.pairs,
        args.seconds,
        schedule.kills.len(),
        schedule.faults.len(),
        schedule.pauses.len()
    ));
    let work = async {
        let (kills, faults) = trouble(stack, &stage, &schedule).await?;
        progress.heading("Waiting for quiet, and counting at the destination servers");
        let verdict = watch::settle(&stage, progress).await?;
        anyhow::Ok((kills, faults, verdict))
    };
    let (kills, faults, verdict) = tokio::select! {
        done = work => done?,
        never = watch::watch(&stage, progress) => match never {},
    };
    Outcome::new(stack, &stage, (seed, faults), kills, verdict).await
}

/// The writing and everything that disturbs it.
async fn trouble(stack: &Stack, stage: &Stage, schedule: &Schedule) -> anyhow::Result<(Kills, usize)> {
    let progress = stack.options().progress;
    let start = Instant::now();
    let writers = try_join_all(schedule.scripts.iter().enumerate().map(|script| writer::write(stage, script, start)));
    let (_, kills, faults, _) = tokio::try_join!(
        async {
            writers.await?;
            progress.done(start, "everything is written");
            anyhow::Ok(())
        },
        killer::kill_all(stack, stage, &schedule.kills, start),
        meddler::inject(stage, &schedule.faults, start),
        meddler::pause(stage, &schedule.pauses, start),
    )?;
    meddler::clear(stage).await?;
    progress.done(start, &format!("{} kills and {faults} faults are over, everything is up", kills.count));
    Ok((kills, faults))
}
