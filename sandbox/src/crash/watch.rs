//! Looking at the destinations: when copies arrive, and when nothing changes any more.

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use tokio::time::sleep;

use super::{check, schedule::number_of, stage::Stage};
use crate::stack::{Progress, span};

/// How often the destinations are looked at while things happen: a time that is measured is up to this much too long.
const LOOK_PERIOD: Duration = Duration::from_millis(200);

/// How often the destinations are read and compared whole once the writing is over.
const CHECK_PERIOD: Duration = Duration::from_secs(1);

/// After everything is as it should be: time for a second copy or a late edit to show up.
const SETTLE: Duration = Duration::from_secs(5);

/// How long nothing may change before what is missing counts as lost. The sweep, which finds what a crash has left,
/// comes every minute.
const STALL_PATIENCE: Duration = Duration::from_secs(150);

/// Notes arrivals for ever; to be dropped.
pub async fn watch(stage: &Stage, progress: Progress) -> Infallible {
    let mut cursors: Vec<Option<String>> = vec![None; stage.pairs.len()];
    loop {
        for (index, (lane, cursor)) in stage.pairs.iter().zip(&mut cursors).enumerate() {
            // A destination that is down is looked at again.
            let Ok(new) = lane.route.destination.standing(&stage.controls, cursor.as_deref()).await else { continue };
            let now = Instant::now();
            for message in new {
                if let Some(number) = number_of(lane.route.direction, index, &message.text) {
                    lane.ledger.seen(number, now);
                }
                *cursor = Some(message.id);
            }
        }
        stage.tell(progress);
        sleep(LOOK_PERIOD).await;
    }
}

/// Waits until the destinations hold what they should and keep it, or nothing changes any more, and compares them.
///
/// # Errors
/// When a destination cannot be read.
pub async fn settle(stage: &Stage, progress: Progress) -> anyhow::Result<check::Verdict> {
    let started = Instant::now();
    let (mut last, mut changed) = (check::Verdict::default(), Instant::now());
    loop {
        let verdict = check::compare(stage).await?;
        if verdict != last {
            (last, changed) = (verdict, Instant::now());
        }
        let quiet = changed.elapsed();
        if (last.is_clean() && quiet > SETTLE) || quiet > STALL_PATIENCE {
            let text = format!("nothing has changed at the destinations for {}", span(quiet));
            progress.done(started, &text);
            return Ok(last);
        }
        stage.tell(progress);
        sleep(CHECK_PERIOD).await;
    }
}
