//! Killing: each part of the schedule's kills goes down by SIGKILL and is started again, whatever else is down.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::future::try_join_all;
use tokio::{sync::Mutex as Turn, time::sleep};

use super::{schedule::Kill, stage::Stage};
use crate::stack::{Part, Stack, span};

/// How often a started worker is asked how many accounts it has.
const LOOK_PERIOD: Duration = Duration::from_millis(50);

/// A worker that has not got its accounts back after this is waited for no longer.
const REHOST_PATIENCE: Duration = Duration::from_secs(120);

/// What the kills have shown.
#[derive(Debug, Default)]
pub struct Kills {
    /// How many there were.
    pub count: usize,
    /// For each start of the worker: how long until all of its accounts were online again.
    pub rehosted: Vec<Duration>,
}

/// Carries out the kills. They may overlap: a part is killed at its time although another is not back yet.
///
/// # Errors
/// When a part does not start again.
pub async fn kill_all(stack: &Stack, stage: &Stage, kills: &[Kill], start: Instant) -> anyhow::Result<Kills> {
    let turns: BTreeMap<Part, Turn<()>> = Part::ALL.into_iter().map(|part| (part, Turn::new(()))).collect();
    let rehosted = Mutex::new(Vec::new());
    let one = async |kill: &Kill| {
        tokio::time::sleep_until((start + kill.at).into()).await;
        let Some(turn) = turns.get(&kill.part) else { return anyhow::Ok(()) };
        // A part that is still starting is killed once it is up.
        let turn = turn.lock().await;
        let killed = Instant::now();
        stack.kill_part(kill.part).await;
        for lane in &stage.pairs {
            lane.ledger.killed(killed);
        }
        sleep(kill.down).await;
        let began = Instant::now();
        stack.start_part(kill.part).await?;
        let line =
            format!("  ✗ at {:>7}  {} killed, back after {}", span(killed - start), kill.part, span(killed.elapsed()));
        stack.options().progress.line(&line);
        drop(turn);
        if kill.part == Part::Worker {
            let hosted = rehosted_after(stack, stage, began).await;
            rehosted.lock().unwrap_or_else(PoisonError::into_inner).push(hosted);
        }
        Ok(())
    };
    try_join_all(kills.iter().map(one)).await?;
    Ok(Kills { count: kills.len(), rehosted: rehosted.into_inner().unwrap_or_else(PoisonError::into_inner) })
}

/// How long after `began` the new worker process has all accounts and the API says that they are online. When the worker
/// is killed before that: how long it had lived.
async fn rehosted_after(stack: &Stack, stage: &Stage, began: Instant) -> Duration {
    let process = stack.pid(Part::Worker);
    while began.elapsed() < REHOST_PATIENCE && stack.pid(Part::Worker) == process {
        // The metric is the new process's own; a row may still say `online` of the killed one.
        if hosted(stack).await == Some(stage.accounts.len()) && all_online(stage).await {
            break;
        }
        sleep(LOOK_PERIOD).await;
    }
    began.elapsed()
}

async fn hosted(stack: &Stack) -> Option<usize> {
    let url = format!("{}/metrics", stack.urls().worker_metrics);
    let text = reqwest::get(url).await.ok()?.text().await.ok()?;
    text.lines().find_map(|line| line.strip_prefix("causeway_hosted_accounts "))?.trim().parse().ok()
}

async fn all_online(stage: &Stage) -> bool {
    for account in &stage.accounts {
        if !stage.api.account(account).await.is_ok_and(|account| account.status == "online") {
            return false;
        }
    }
    true
}
