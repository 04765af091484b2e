//! Many messages through few pairs, and the worker's memory meanwhile.

use super::backlog;
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

/// Parts of the whole, after each of which the memory is looked at.
const ROUNDS: usize = 10;
/// Growth from the second round to the last that still counts as flat: less than a fragmented heap moves by itself.
const FLAT_MB: f64 = 10.0;

pub(super) async fn run(bench: &Bench<'_>, field: &mut Field) -> anyhow::Result<Vec<Figure>> {
    let all = bench.either(200_000, 20_000);
    let routes = [Direction::TelegramToDiscord, Direction::DiscordToTelegram].map(|it| field.routes(it));
    let messages = all / ROUNDS / bench.args.pairs;
    let (mut rates, mut memory) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let drained = backlog::drain(bench, field, &routes[round % 2], messages).await?;
        rates.push(drained.rate);
        memory.push(probe::resident_mb(bench.stack, Part::Worker)?);
    }
    let growth = memory[ROUNDS - 1] - memory[1];
    let carried = count(messages * bench.args.pairs * ROUNDS);
    Ok(vec![
        Figure::median(format!("rate over {carried} messages"), rates, "msg/s"),
        Figure { runs: memory.clone(), ..Figure::new("worker at the end", memory[ROUNDS - 1], "MB") },
        Figure::new(format!("worker growth over {carried} messages"), growth, "MB").target(Target::AtMost(FLAT_MB)),
    ])
}
