//! `causeway-sandbox bench`: durable throughput, idle latency and memory of a whole stack, beside the ceiling: a bare
//! serenity loop that sends the same messages to the same sandbox, in the same run.

mod ceiling;
mod load;
mod report;

use std::time::Instant;

use anyhow::Context as _;
use clap::Args;

use self::{
    load::Load,
    report::{Memory, Rate, Results},
};
use crate::{
    commands::{StackArgs, stop_on_signal, with_stack},
    scene::{Direction, Latency, Route, idle_latency},
    stack::{Part, Progress, Stack, remove_state},
};

/// Arguments of `bench`.
#[derive(Args, Clone, Debug)]
pub struct BenchArgs {
    #[command(flatten)]
    stack: StackArgs,

    /// Forwarding pairs per direction.
    #[arg(long, default_value_t = 20)]
    pairs: usize,

    /// Linked accounts per platform, over which the pairs are spread.
    #[arg(long, default_value_t = 4)]
    accounts: usize,

    /// Messages per pair and run.
    #[arg(long, default_value_t = 200)]
    messages: usize,

    /// Runs, of which the median counts.
    #[arg(long, default_value_t = 3)]
    runs: usize,

    /// Single messages sent through idle pairs to measure the latency.
    #[arg(long, default_value_t = 100)]
    idle_messages: usize,
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
    let load_before = load_average()?;
    progress.heading("Starting Causeway");
    let results =
        with_stack(Stack::start(options), &stop, async |stack| measure(stack, &args, load_before).await).await?;
    let results = results.context("interrupted")?;
    remove_state(&state)?;
    println!("\n{results}");
    let file = target.join("results.json");
    results.write(&file)?;
    println!("written to {}", file.display());
    Ok(())
}

async fn measure(stack: &Stack, args: &BenchArgs, load_before: f64) -> anyhow::Result<Results> {
    let progress = stack.options().progress;
    progress.heading(&format!("{} pairs in each of two directions", args.pairs));
    let mut load = Load::prepare(stack, args.pairs, args.accounts).await?;
    let idle = latency(progress, &mut load, args.idle_messages).await?;
    let mut telegram_to_discord = Vec::new();
    let mut discord_to_telegram = Vec::new();
    for run in 1..=args.runs {
        progress.heading(&format!("Run {run} of {}: {} messages each", args.runs, args.pairs * args.messages));
        let size = (args.accounts, args.pairs);
        let ceiling = ceiling::run(progress, stack, &load.controls.discord, size, args.messages).await?;
        let durable = load.run(progress, Direction::TelegramToDiscord, args.messages).await?;
        telegram_to_discord.push(Rate { durable, ceiling: Some(ceiling) });
        let durable = load.run(progress, Direction::DiscordToTelegram, args.messages).await?;
        discord_to_telegram.push(Rate { durable, ceiling: None });
    }
    Ok(Results {
        pairs: args.pairs,
        messages_per_pair: args.messages,
        telegram_to_discord,
        discord_to_telegram,
        idle,
        load_before,
        memory: Memory { worker_mb: resident_mb(stack, Part::Worker)?, api_mb: resident_mb(stack, Part::Api)? },
    })
}

async fn latency(progress: Progress, load: &mut Load, messages: usize) -> anyhow::Result<Latency> {
    progress.heading(&format!("{messages} single messages, Telegram to Discord, through idle pairs"));
    let started = Instant::now();
    let routes: Vec<Route> = load.routes(Direction::TelegramToDiscord).cloned().collect();
    let controls = load.controls.clone();
    let idle = idle_latency(progress, &controls, &routes, messages, |route| load.next_number(route)).await?;
    progress.done(started, &format!("p50 {:.1} ms, p99 {:.1} ms", idle.p50_ms, idle.p99_ms));
    Ok(idle)
}

/// The load average of the last minute.
fn load_average() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/loadavg")?;
    text.split_whitespace().next().and_then(|first| first.parse().ok()).context("no load average in /proc")
}

/// The resident memory of a part, in MB (10⁶ bytes).
fn resident_mb(stack: &Stack, part: Part) -> anyhow::Result<f64> {
    let pid = stack.pid(part).with_context(|| format!("the {part} is not running"))?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS in /proc")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1_024.0 / 1_000_000.0)
}
