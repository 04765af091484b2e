//! `causeway-sandbox demo`: the main job in front of your eyes, in all four directions, with a killed worker in the
//! middle, and a purchase. What it counts, it counts at the destination servers.

mod cast;
mod codec;
mod crash;
mod purchase;

use std::time::Instant;

use clap::Args;
use serde_json::Value;

use self::cast::Cast;
use crate::{
    commands::{StackArgs, stop_on_signal, with_stack},
    scene::{ARRIVAL_PATIENCE, Direction, Latency, Route, Spot, Tally, idle_latency, marker, tally, until},
    stack::{Progress, Stack, remove_state, span},
};

/// Arguments of `demo`.
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    #[command(flatten)]
    stack: StackArgs,

    /// Single messages sent through idle pairs to measure the latency.
    #[arg(long, default_value_t = 32)]
    idle_messages: usize,

    /// Messages per direction sent around the restart of the worker.
    #[arg(long, default_value_t = 60)]
    stream_messages: usize,
}

/// The figures of the last line.
struct Outcome {
    written: usize,
    tally: Tally,
    idle: Latency,
}

/// Runs the demonstration; true when all of it held.
///
/// # Errors
/// When a step fails.
pub async fn demo(args: DemoArgs) -> anyhow::Result<bool> {
    let stop = stop_on_signal()?;
    let mut options = args.stack.options("demo")?;
    options.fresh = true;
    // As in an installation that anybody may register with.
    options.api_env.push(("REGISTRATION".into(), "verified".into()));
    let (progress, state) = (options.progress, options.state_dir.clone());
    let started = Instant::now();
    progress.heading("Starting Causeway");
    let outcome = with_stack(Stack::start(options), &stop, async |stack| perform(stack, &args).await).await?;
    let Some(outcome) = outcome else {
        println!("demo: interrupted");
        return Ok(false);
    };
    remove_state(&state)?;
    progress.line(&format!("the demonstration took {}", span(started.elapsed())));
    let Outcome { written, tally, idle } = outcome;
    println!(
        "demo: directions={} messages={written} delivered={} lost={} duplicated={} out_of_order={} idle_p50_ms={:.1} \
         idle_p99_ms={:.1}",
        Direction::ALL.len(),
        tally.delivered,
        tally.lost,
        tally.duplicated,
        tally.out_of_order,
        idle.p50_ms,
        idle.p99_ms,
    );
    Ok(tally.is_clean() && tally.delivered == written)
}

async fn perform(stack: &Stack, args: &DemoArgs) -> anyhow::Result<Outcome> {
    let progress = stack.options().progress;
    let urls = stack.urls();
    progress.line(&format!("  API documentation {}   Temporal UI {}", urls.docs, urls.temporal_ui));
    let mut cast = Cast::assemble(stack).await?;
    say_hello(progress, &mut cast).await?;
    codec::show(stack, &cast).await?;
    let idle = through_idle_pairs(progress, &mut cast, args.idle_messages).await?;
    crash::survive(stack, &mut cast, args.stream_messages).await?;
    let tally = count(progress, &cast).await?;
    purchase::show(stack, &cast).await?;
    Ok(Outcome { written: cast.written.values().sum(), tally, idle })
}

/// One formatted message in each direction, shown as it stands at the destination.
async fn say_hello(progress: Progress, cast: &mut Cast) -> anyhow::Result<()> {
    progress.heading("One message in each direction");
    for route in cast.routes.clone() {
        let started = Instant::now();
        let number = cast.next_number(route.direction);
        cast.say_formatted(&route, number).await?;
        let seen = arrival(cast, &route, number).await?;
        let spans = check_formatting(cast, &route, &seen).await?;
        progress.done(started, &format!("{:<20} arrived as: {seen}{spans}", route.direction));
    }
    show_steps(progress, cast).await
}

/// Checks that bold, italic and code arrived, and tells Telegram's; Discord's are in the text itself.
async fn check_formatting(cast: &Cast, route: &Route, text: &str) -> anyhow::Result<String> {
    let Spot::Telegram { dialog, .. } = route.destination else {
        let kept = text.contains("**bold**") && ["*italic*", "_italic_"].iter().any(|mark| text.contains(mark));
        anyhow::ensure!(kept && text.contains("`code`"), "{} lost its formatting: {text}", route.direction);
        return Ok(String::new());
    };
    let messages = cast.controls.telegram.messages(dialog).await?;
    let entities = messages.iter().rev().find(|message| message.text == text).map(|message| &message.entities);
    let kinds: Vec<&str> = entities
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|span| span.get("type")?.as_str())
        .collect();
    let kept = ["bold", "italic", "code"].iter().all(|kind| kinds.contains(kind));
    anyhow::ensure!(kept, "{} lost its formatting: {text} {kinds:?}", route.direction);
    Ok(format!("  ({})", kinds.join(", ")))
}

/// The answer to "what happened to this message?".
async fn show_steps(progress: Progress, cast: &Cast) -> anyhow::Result<()> {
    let started = Instant::now();
    let Some(route) = cast.routes.first() else { return Ok(()) };
    let answer = cast.api.messages(&route.pair.id, 1).await?;
    let steps = answer.pointer("/messages/0/steps").and_then(Value::as_array);
    let kinds: Vec<&str> = steps.into_iter().flatten().filter_map(|step| step.get("kind")?.as_str()).collect();
    anyhow::ensure!(!kinds.is_empty(), "the API tells no steps of a delivered message: {answer}");
    progress.done(started, &format!("its steps, from the API: {}", kinds.join(", ")));
    Ok(())
}

async fn through_idle_pairs(progress: Progress, cast: &mut Cast, messages: usize) -> anyhow::Result<Latency> {
    progress.heading(&format!("{messages} single messages through idle pairs"));
    let started = Instant::now();
    let (controls, routes) = (cast.controls.clone(), cast.routes.clone());
    let next = |route: &Route| cast.next_number(route.direction);
    let idle = idle_latency(progress, &controls, &routes, messages, next).await?;
    progress.done(started, &format!("p50 {:.1} ms, p99 {:.1} ms", idle.p50_ms, idle.p99_ms));
    Ok(idle)
}

/// Waits until message `number` stands at the destination, and returns it.
async fn arrival(cast: &Cast, route: &Route, number: usize) -> anyhow::Result<String> {
    let wanted = marker(route.direction, number);
    until(&format!("{wanted} at the destination"), ARRIVAL_PATIENCE, async || {
        let texts = route.destination.texts(&cast.controls).await?;
        Ok(texts.into_iter().rev().find(|text| text.contains(&wanted)))
    })
    .await
}

async fn count(progress: Progress, cast: &Cast) -> anyhow::Result<Tally> {
    progress.heading("Counting at the destination servers");
    let mut total = Tally::default();
    for route in &cast.routes {
        let started = Instant::now();
        let written = cast.written.get(&route.direction).copied().unwrap_or(0);
        let found = tally(route.direction, written, &route.destination.texts(&cast.controls).await?);
        progress.done(
            started,
            &format!(
                "{:<20} written {written}, delivered {}, lost {}, duplicated {}, out of order {}",
                route.direction, found.delivered, found.lost, found.duplicated, found.out_of_order
            ),
        );
        total = total.plus(found);
    }
    Ok(total)
}
