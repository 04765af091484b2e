//! From standing at the source to being accepted by the destination: single messages through idle pairs, and a steady
//! stream over all pairs. Both times are taken by the sandboxes.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::{
    bench::{
        Bench, Field,
        figure::{Figure, Target},
        probe,
        trips::{Trip, count, percentile, times_ms},
    },
    scene::Direction,
    stack::Part,
};

/// A pair that has been silent for so long is idle: no drain lingers for it any more.
const IDLE_AFTER: Duration = Duration::from_secs(6);

pub(super) async fn run(bench: &Bench<'_>, field: &mut Field) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for direction in [Direction::TelegramToDiscord, Direction::DiscordToTelegram] {
        let idle = idle(bench, field, direction, bench.either(300, 100)).await?;
        figures.extend(percentiles(&format!("{direction}: idle pair"), &idle, 25.0, 60.0));
        let (slow, temporal_ms) = stream(bench, field, direction, 20, bench.either(60, 30)).await?;
        figures.extend(percentiles(&format!("{direction}: 20 messages/s"), &slow, 5.0, 12.0));
        figures.push(
            Figure::new(format!("{direction}: Temporal CPU at 20 messages/s"), temporal_ms, "ms per msg")
                .target(Target::AtMost(2.0)),
        );
        let (fast, _) = stream(bench, field, direction, 500, bench.either(30, 10)).await?;
        figures.extend(percentiles(&format!("{direction}: 500 messages/s"), &fast, f64::INFINITY, 250.0));
    }
    Ok(figures)
}

async fn idle(
    bench: &Bench<'_>,
    field: &mut Field,
    direction: Direction,
    messages: usize,
) -> anyhow::Result<Vec<Trip>> {
    let routes = field.routes(direction);
    let gap = IDLE_AFTER / u32::try_from(routes.len())?;
    sleep(IDLE_AFTER).await;
    field.forget_arrivals().await?;
    for (index, route) in routes.iter().cycle().take(messages).enumerate() {
        bench.progress.waiting(&format!("message {} of {messages}", index + 1));
        field.say(route).await?;
        sleep(gap).await;
    }
    field.arrived(bench, &routes, messages).await
}

/// The trips, and Temporal's processor milliseconds per message.
async fn stream(
    bench: &Bench<'_>,
    field: &mut Field,
    direction: Direction,
    per_second: usize,
    for_seconds: usize,
) -> anyhow::Result<(Vec<Trip>, f64)> {
    let (routes, messages) = (field.routes(direction), per_second * for_seconds);
    field.forget_arrivals().await?;
    let before = probe::cpu(bench.stack)?;
    let mut beat = interval(Duration::from_secs(1) / u32::try_from(per_second)?);
    beat.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut said = Vec::with_capacity(messages);
    for route in routes.iter().cycle().take(messages) {
        beat.tick().await;
        said.push(field.say_soon(route));
    }
    for said in said {
        said.await??;
    }
    let trips = field.arrived(bench, &routes, messages).await?;
    let used = probe::cpu(bench.stack)?[&Part::Temporal] - before[&Part::Temporal];
    Ok((trips, used * 1_000.0 / count(messages)))
}

fn percentiles(name: &str, trips: &[Trip], p50_max: f64, p99_max: f64) -> [Figure; 2] {
    let times = times_ms(trips);
    let figure = |percent: usize, max: f64| {
        let figure = Figure::new(format!("{name}, p{percent}"), percentile(&times, percent), "ms");
        if max.is_finite() { figure.target(Target::AtMost(max)) } else { figure }
    };
    [figure(50, p50_max), figure(99, p99_max)]
}
