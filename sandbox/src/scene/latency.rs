//! How long a single message takes through a pair that was doing nothing.

use std::time::{Duration, Instant};

use super::{ARRIVAL_PATIENCE, Controls, Route, marker, nearest_rank};
use crate::stack::{Progress, span};

/// Between two messages of one pair: longer than a drain lingers for more, so that every message has to wake its pair.
const IDLE_GAP: Duration = Duration::from_secs(6);

/// How often the destination is looked at; the measurement is this much too long at worst, never too short.
const LOOK_PERIOD: Duration = Duration::from_millis(2);

/// Percentiles of the time from writing at the source to standing at the destination.
#[derive(Clone, Copy, Debug)]
pub struct Latency {
    /// Half of the messages are faster.
    pub p50_ms: f64,
    /// All but one in a hundred are faster (with fewer messages: the slowest).
    pub p99_ms: f64,
}

impl Latency {
    /// The percentiles of some measured times.
    #[must_use]
    pub fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |percent| nearest_rank(&times, percent).map_or(f64::NAN, |time| time.as_secs_f64() * 1_000.0);
        Self { p50_ms: at(50), p99_ms: at(99) }
    }
}

/// Sends `messages` single messages, the routes in turn, each when its pair has been idle for a while, and times them.
/// `number` gives each its number in its direction.
///
/// # Errors
/// When one does not arrive.
pub async fn idle_latency(
    progress: Progress,
    controls: &Controls,
    routes: &[Route],
    messages: usize,
    mut number: impl FnMut(&Route) -> usize,
) -> anyhow::Result<Latency> {
    let gap = IDLE_GAP / u32::try_from(routes.len())?;
    let mut times = Vec::new();
    for (index, route) in routes.iter().cycle().take(messages).enumerate() {
        progress.waiting(&format!("message {} of {messages}", index + 1));
        tokio::time::sleep(gap).await;
        times.push(once(controls, route, number(route)).await?);
    }
    Ok(Latency::of(times))
}

/// One message, from before it is written to when it is seen.
async fn once(controls: &Controls, route: &Route, number: usize) -> anyhow::Result<Duration> {
    let wanted = marker(route.direction, number);
    let start = Instant::now();
    route.source.say(controls, &format!("{wanted} alone")).await?;
    while !route.destination.texts(controls).await?.iter().any(|text| text.contains(&wanted)) {
        anyhow::ensure!(
            start.elapsed() < ARRIVAL_PATIENCE,
            "{wanted} did not arrive within {}",
            span(ARRIVAL_PATIENCE)
        );
        tokio::time::sleep(LOOK_PERIOD).await;
    }
    Ok(start.elapsed())
}
