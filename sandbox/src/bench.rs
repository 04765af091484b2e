//! `causeway-sandbox bench`: a whole stack under measurement, beside the ceilings: bare serenity and grammers loops that
//! send the same messages to the same sandboxes in the same run.

mod ceiling;
mod field;
mod figure;
mod probe;
mod scenario;
mod trips;
mod wrk;

use std::time::Instant;

use anyhow::Context as _;
use clap::Args;

use self::{
    field::Field,
    figure::{Report, Section},
    scenario::Scenario,
};
use crate::{
    commands::{StackArgs, stop_on_signal, with_stack},
    stack::{Progress, Stack, remove_state},
};

/// Arguments of `bench`.
#[derive(Args, Clone, Debug)]
pub struct BenchArgs {
    #[command(flatten)]
    stack: StackArgs,

    /// What to measure, in its full form; by default every scenario in a form bounded to a minute or two.
    #[arg(long, value_delimiter = ',')]
    scenario: Vec<Scenario>,

    /// The bounded form also of named scenarios.
    #[arg(long)]
    bounded: bool,

    /// Forwarding pairs per direction.
    #[arg(long, default_value_t = 20)]
    pairs: usize,

    /// Linked accounts per platform, over which the pairs are spread.
    #[arg(long, default_value_t = 10)]
    accounts: usize,

    /// Messages per pair and run of the backlog; four times as many in its full form.
    #[arg(long, default_value_t = 500)]
    messages: usize,

    /// Runs, of which the median counts.
    #[arg(long, default_value_t = 3)]
    runs: usize,
}

/// What every scenario works with.
pub struct Bench<'a> {
    /// The running stack.
    pub stack: &'a Stack,
    /// What was asked for.
    pub args: &'a BenchArgs,
    /// Who is told how it goes.
    pub progress: Progress,
    /// True for the form that takes as long as it takes.
    pub full: bool,
}

impl Bench<'_> {
    /// The first in the full form, the second in the bounded one.
    const fn either<T: Copy>(&self, full: T, bounded: T) -> T {
        if self.full { full } else { bounded }
    }
}

/// Measures, prints a table and writes `target/bench/results.json`.
///
/// # Errors
/// When the stack or a measurement fails, or messages are lost.
pub async fn bench(args: BenchArgs) -> anyhow::Result<()> {
    let stop = stop_on_signal()?;
    let mut options = args.stack.options("bench")?;
    options.fresh = true;
    let (progress, state) = (options.progress, options.state_dir.clone());
    let target = options.bin_dir.parent().context("the programs are in no target directory")?.join("bench");
    progress.heading("Starting Causeway");
    let report = with_stack(Stack::start(options), &stop, async |stack| measure(stack, &args).await).await?;
    let report = report.context("interrupted")?;
    remove_state(&state)?;
    println!("\n{report}");
    let file = target.join("results.json");
    report.write(&file)?;
    println!("written to {}", file.display());
    Ok(())
}

async fn measure(stack: &Stack, args: &BenchArgs) -> anyhow::Result<Report> {
    let full = !args.scenario.is_empty() && !args.bounded;
    let bench = Bench { stack, args, progress: stack.options().progress, full };
    let scenarios = if args.scenario.is_empty() { Scenario::ALL } else { &args.scenario };
    bench.progress.heading("Accounts and pairs");
    let mut field = Field::prepare(&bench, args.accounts).await?;
    let mut report = Report::default();
    let mut paired = false;
    for scenario in scenarios {
        // Memory is measured first, with accounts alone; the API with pairs of its own, webhooks with none.
        if !paired && !matches!(scenario, Scenario::Memory | Scenario::Api | Scenario::Webhooks) {
            field.pair_up(&bench, args.pairs).await?;
            paired = true;
        }
        let (started, load_before) = (Instant::now(), probe::load_average()?);
        bench.progress.heading(&format!("Scenario {scenario}"));
        let figures = scenario.run(&bench, &mut field).await.with_context(|| format!("scenario {scenario}"))?;
        bench.progress.done(started, &format!("{} figures", figures.len()));
        let form = bench.either("full", "bounded");
        let section = Section { name: scenario.to_string(), form, figures, load_before };
        bench.progress.line(&Report(vec![section.clone()]).to_string());
        report.0.push(section);
    }
    Ok(report)
}
