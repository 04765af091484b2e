//! The worker is killed while people write in all four directions, and started again.

use std::time::{Duration, Instant};

use futures::future::try_join_all;

use super::Cast;
use crate::{
    scene::{Controls, Route, marker, tally},
    stack::{Part, Progress, Stack, span},
};

/// Between two messages of one writer.
const WRITE_GAP: Duration = Duration::from_millis(25);

/// How long the worker is down while people go on writing.
const DOWN: Duration = Duration::from_millis(700);

/// How long nothing may change at the destinations before the rest counts as lost.
const STALL_PATIENCE: Duration = Duration::from_secs(60);

/// After the last arrival: time for a second copy to show up.
const SETTLE: Duration = Duration::from_secs(3);

/// Writes `messages` in each direction, kills and restarts the worker in the middle, and waits until the destinations
/// have all of it or nothing more comes. What arrived is counted by the caller.
///
/// # Errors
/// When something cannot be written or the worker does not start again.
pub async fn survive(stack: &Stack, cast: &mut Cast, messages: usize) -> anyhow::Result<()> {
    let progress = stack.options().progress;
    progress.heading(&format!("{messages} messages in each direction, the worker is killed in the middle"));
    let started = Instant::now();
    let mut writers = Vec::new();
    for route in cast.routes.clone() {
        let numbers: Vec<usize> = (0..messages).map(|_| cast.next_number(route.direction)).collect();
        writers.push((route, numbers));
    }
    let span_of_writing = WRITE_GAP * u32::try_from(messages)?;
    let (controls, kill_after) = (cast.controls.clone(), span_of_writing / 3);
    tokio::try_join!(
        async {
            try_join_all(writers.iter().map(|(route, numbers)| write(&controls, route, numbers))).await?;
            progress.done(started, "all messages written");
            anyhow::Ok(())
        },
        kill_and_restart(stack, progress, kill_after),
    )?;
    wait_for_all(progress, cast).await
}

async fn write(controls: &Controls, route: &Route, numbers: &[usize]) -> anyhow::Result<()> {
    for number in numbers {
        let text = format!("{} in a stream", marker(route.direction, *number));
        route.source.say(controls, &text).await?;
        tokio::time::sleep(WRITE_GAP).await;
    }
    Ok(())
}

async fn kill_and_restart(stack: &Stack, progress: Progress, after: Duration) -> anyhow::Result<()> {
    tokio::time::sleep(after).await;
    let killed = Instant::now();
    stack.kill_part(Part::Worker).await;
    progress.done(killed, "worker killed (SIGKILL)");
    tokio::time::sleep(DOWN).await;
    stack.start_part(Part::Worker).await
}

async fn wait_for_all(progress: Progress, cast: &Cast) -> anyhow::Result<()> {
    let started = Instant::now();
    let (mut seen, mut changed) = (0, Instant::now());
    loop {
        let mut missing = 0;
        let mut standing = 0;
        for route in &cast.routes {
            let texts = route.destination.texts(&cast.controls).await?;
            let written = cast.written.get(&route.direction).copied().unwrap_or(0);
            missing += tally(route.direction, written, &texts).lost;
            standing += texts.len();
        }
        if standing != seen {
            (seen, changed) = (standing, Instant::now());
        }
        if missing == 0 && changed.elapsed() > SETTLE {
            let waited = started.elapsed().saturating_sub(changed.elapsed());
            progress.done(
                started,
                &format!("the last one arrived after {}, then nothing for {}", span(waited), span(SETTLE)),
            );
            return Ok(());
        }
        if changed.elapsed() > STALL_PATIENCE {
            progress.line(&format!("  ✗ {missing} messages are missing and nothing came for {}", span(STALL_PATIENCE)));
            return Ok(());
        }
        progress.waiting(&format!("{missing} messages on their way"));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
