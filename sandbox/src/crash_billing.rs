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
    chaos::{self, RunArgs},
    stack::{Stack, StackOptions},
};

/// Arguments of `crash-billing`.
#[derive(Args, Clone, Debug)]
pub struct CrashBillingArgs {
    #[command(flatten)]
    run: RunArgs,

    /// For how long there is buying and killing, in seconds.
    #[arg(long, default_value_t = 240)]
    seconds: u64,

    /// People who buy, one thing after the other.
    #[arg(long, default_value_t = 100)]
    people: usize,
}

/// Runs the suite; true when nothing was wrong.
///
/// # Errors
/// When a step fails or a part dies by itself.
pub async fn crash_billing(args: CrashBillingArgs) -> anyhow::Result<bool> {
    // What no webhook tells is asked for soon, so that a run comes to its end.
    let prepare = |options: &mut StackOptions| {
        options.worker_env.push(("PAYMENTS_RECONCILE_SECONDS".into(), "10".into()));
    };
    chaos::run("crash-billing", &args.run, prepare, async |stack, seed| perform(stack, &args, seed).await).await
}

async fn perform(stack: &Stack, args: &CrashBillingArgs, seed: u64) -> anyhow::Result<Outcome> {
    let progress = stack.options().progress;
    let mut plot = Plot::new(seed, Duration::from_secs(args.seconds), args.people);
    if args.run.no_kills {
        plot.kills.clear();
    }
    if args.run.no_faults {
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
    let disturb = trouble::disturb(&stage, &plot, start, !args.run.no_faults);
    let tell = quiet::tell(&stage, progress);
    let (expected, (), ()) = tokio::select! {
        done = async { tokio::try_join!(shop, kill, disturb) } => done?,
        never = tell => match never {},
    };
    progress.heading("Waiting for quiet, and comparing with the providers' books");
    let verdict = quiet::settle(&stage, &expected, progress).await?;
    Ok(Outcome::new(seed, plot.kills.len(), &stage.tally, verdict))
}
