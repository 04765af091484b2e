//! Killing: parts go down by SIGKILL and are started again, whatever else is down.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures::future::try_join_all;
use tokio::{
    sync::Mutex as Turn,
    time::{sleep, sleep_until},
};

use super::Random;
use crate::stack::{Part, Stack, span};

/// The stream of random numbers.
const KILLS: u64 = 1;

/// Between two kills.
const KILL_GAP: (Duration, Duration) = (Duration::from_millis(2_500), Duration::from_millis(5_500));

/// How long a killed part stays down before it is started again.
const DOWN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(1_800));

/// A part is killed and started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kill {
    /// When, from the start; later when the part is not up again by then.
    pub at: Duration,
    /// Who.
    pub part: Part,
    /// For how long it stays down.
    pub down: Duration,
}

/// Rounds in which each of `parts` is killed once, in an order of its own: random, and fair even in a short run. The order
/// of `parts` is what seeds mean.
#[must_use]
pub fn kills(seed: u64, parts: &[Part], during: Duration) -> Vec<Kill> {
    let mut random = Random::new(seed, KILLS);
    let mut kills = Vec::new();
    let mut at = random.span(Duration::from_millis(500), KILL_GAP.0);
    loop {
        let mut round = parts.to_vec();
        random.shuffle(&mut round);
        for part in round {
            if at >= during {
                return kills;
            }
            kills.push(Kill { at, part, down: random.span(DOWN.0, DOWN.1) });
            at += random.span(KILL_GAP.0, KILL_GAP.1);
        }
    }
}

/// Carries out the kills. They may overlap: a part is killed at its time although another is not back yet. `killed` is told
/// of each kill, `back` of each start: the part, and when it began.
///
/// # Errors
/// When a part does not start again.
pub async fn carry_out(
    stack: &Stack,
    kills: &[Kill],
    start: Instant,
    killed: impl Fn(Instant),
    back: impl AsyncFn(Part, Instant),
) -> anyhow::Result<()> {
    let turns: BTreeMap<Part, Turn<()>> = Part::ALL.into_iter().map(|part| (part, Turn::new(()))).collect();
    let one = async |kill: &Kill| {
        sleep_until((start + kill.at).into()).await;
        let Some(turn) = turns.get(&kill.part) else { return anyhow::Ok(()) };
        // A part that is still starting is killed once it is up.
        let turn = turn.lock().await;
        let at = Instant::now();
        stack.kill_part(kill.part).await;
        killed(at);
        sleep(kill.down).await;
        let began = Instant::now();
        stack.start_part(kill.part).await?;
        let line = format!("  ✗ at {:>7}  {} killed, back after {}", span(at - start), kill.part, span(at.elapsed()));
        stack.options().progress.line(&line);
        drop(turn);
        back(kill.part, began).await;
        Ok(())
    };
    try_join_all(kills.iter().map(one)).await?;
    Ok(())
}
