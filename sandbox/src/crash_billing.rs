//! `causeway-sandbox crash-billing`: people pay, by orders, agreements, coins and coupons, and get their money back, while
//! worker, API, Temporal and PostgreSQL are killed again and again and webhooks are lost, doubled and late; then the
//! product's database is compared with the payment providers' own books. Described in `docs/crash.md`.

mod check;
mod database;
mod plot;
mod quiet;
mod report;
mod rounds;
mod shopper;
mod staff;
mod stage;
mod trouble;

use std::time::{Duration, Instant};

use clap::Args;
use futures::future::try_join_all;

pub use self::database::Database;
use self::{plot::Plot, report::Outcome, stage::Stage};
use crate::{
    chaos,
    commands::{StackArgs, stop_on_signal, with_stack},
    stack::{Stack, remove_state},
};

/// Arguments of `crash-billing`.
#[derive(Args, Clone, Debug)]
pub struct CrashBillingArgs {
    #[command(flatten)]
    stack: StackArgs,

    /// Decides who buys what, who is killed when, and which faults strike; random unless given.
    #[arg(long)]
    seed: Option<u64>,

    /// For how long there is buying and killing, in seconds.
    #[arg(long, default_value_t = 240)]
    seconds: u64,

    /// People who buy, one thing after the other.
    #[arg(long, default_value_t = 100)]
    people: usize,

    /// Kill nobody: for telling apart what a kill breaks and what is broken.
    #[arg(long)]
    no_kills: bool,

    /// Inject no faults, and let every webhook come as it was sent.
    #[arg(long)]
    no_faults: bool,
}

/// Runs the suite; true when nothing was wrong.
///
/// # Errors
/// When a step fails or a part dies by itself.
pub async fn crash_billing(args: CrashBillingArgs) -> anyhow::Result<bool> {
    let stop = stop_on_signal()?;
    let seed = match args.seed {
        Some(seed) => seed,
        None => chaos::any_seed()?,
    };
    println!("crash-billing: seed={seed}");
    let mut options = args.stack.options("crash-billing")?;
    options.fresh = true;
    // What no webhook tells is asked for soon, so that a run comes to its end.
    options.worker_env.push(("PAYMENTS_RECONCILE_SECONDS".into(), "10".into()));
    let (progress, state, logs) = (options.progress, options.state_dir.clone(), options.log_dir.clone());
    let started = Instant::now();
    progress.heading("Starting Causeway");
    let outcome = with_stack(Stack::start(options), &stop, async |stack| perform(stack, &args, seed).await).await;
    let outcome = match outcome {
        Ok(Some(outcome)) => outcome,
        Ok(None) => {
            println!("crash-billing: interrupted; seed={seed}");
            return Ok(false);
        }
        Err(error) => return Err(error.context(format!("the run of seed {seed} came to no end"))),
    };
    progress.line(&format!("the run took {}", crate::stack::span(started.elapsed())));
    if outcome.is_clean() {
        remove_state(&state)?;
    } else {
        println!("crash-billing: the state is kept in {}, the logs are in {}", state.display(), logs.display());
    }
    println!("{outcome}");
    Ok(outcome.is_clean())
}

async fn perform(stack: &Stack, args: &CrashBillingArgs, seed: u64) -> anyhow::Result<Outcome> {
    let progress = stack.options().progress;
    let mut plot = Plot::new(seed, Duration::from_secs(args.seconds), args.people);
    if args.no_kills {
        plot.kills.clear();
    }
    if args.no_faults {
        plot.faults.clear();
    }
    progress.heading("Setting the stage");
    let stage = Stage::set(stack, &plot).await?;
    progress.heading(&format!(
        "{} people buy for {} s; {} kills, {} faults",
        args.people,
        args.seconds,
        plot.kills.len(),
        plot.faults.len()
    ));
    let start = Instant::now();
    let shop = async {
        let people = plot.people.iter().map(|person| shopper::live(&stage, person, start, plot.lasting));
        let expected: Vec<_> = try_join_all(people).await?.into_iter().flatten().collect();
        progress.done(start, &format!("{} checkouts are over", stage.tally.checkouts()));
        anyhow::Ok(expected)
    };
    let kill = chaos::carry_out(stack, &plot.kills, start, |_| (), async |_, _| ());
    let disturb = trouble::disturb(&stage, &plot, start, !args.no_faults);
    let tell = quiet::tell(&stage, progress);
    let (expected, (), ()) = tokio::select! {
        done = async { tokio::try_join!(shop, kill, disturb) } => done?,
        never = tell => match never {},
    };
    progress.heading("Waiting for quiet, and comparing with the providers' books");
    let verdict = quiet::settle(&stage, &expected, progress).await?;
    Ok(Outcome::new(seed, plot.kills.len(), &stage.tally, verdict))
}
