//! Many pairs of one message a minute each: what that costs Temporal.

use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval};

use crate::{
    bench::{
        Bench, Field,
        figure::{Figure, Target},
        probe,
        trips::count,
    },
    scene::Direction,
    stack::Part,
};

/// What follows the making of pairs is over after this.
const REST: Duration = Duration::from_secs(15);
/// The pairs that the project has set itself.
const PAIRS: usize = 2_000;

pub(super) async fn run(bench: &Bench<'_>, field: &mut Field) -> anyhow::Result<Vec<Figure>> {
    let (pairs, minutes) = bench.either((PAIRS, 3), (200, 1));
    field.pair_up(bench, pairs / 2).await?;
    let routes: Vec<_> = [Direction::TelegramToDiscord, Direction::DiscordToTelegram]
        .into_iter()
        .flat_map(|direction| field.routes(direction).into_iter().take(pairs / 2))
        .collect();
    // The workflows of new pairs come to rest first.
    tokio::time::sleep(REST).await;
    field.forget_arrivals().await?;
    let (before, started) = (probe::cpu(bench.stack)?, Instant::now());
    let mut beat = interval(Duration::from_secs(60) / u32::try_from(pairs)?);
    beat.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut said = Vec::new();
    for route in routes.iter().cycle().take(pairs * minutes) {
        beat.tick().await;
        bench.progress.waiting(&format!("message {} of {}", said.len() + 1, pairs * minutes));
        said.push(field.say_soon(route));
    }
    for said in said {
        said.await??;
    }
    field.arrived(bench, &routes, pairs * minutes).await?;
    let (after, took) = (probe::cpu(bench.stack)?, started.elapsed().as_secs_f64());
    let cores = |part| (after[&part] - before[&part]) / took;
    // Fewer pairs than wanted cost proportionally less.
    let whole = count(PAIRS) / count(pairs);
    let note = if pairs == PAIRS { String::new() } else { format!(", projected from {pairs}") };
    Ok(vec![
        Figure::new(format!("Temporal, {PAIRS} pairs{note}"), cores(Part::Temporal) * whole, "cores")
            .target(Target::AtMost(0.3)),
        Figure::new(format!("worker, {PAIRS} pairs{note}"), cores(Part::Worker) * whole, "cores"),
        Figure::new(format!("PostgreSQL, {PAIRS} pairs{note}"), cores(Part::Postgres) * whole, "cores"),
    ])
}
