//! What kills do to the accounts: how long it takes until each is hosted again.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::time::sleep;

use super::stage::Stage;
use crate::{
    chaos::{Kill, carry_out},
    stack::{Part, Stack},
};

/// How often a started worker is asked how many accounts it has.
const LOOK_PERIOD: Duration = Duration::from_millis(50);

/// A worker that has not got its accounts back after this is waited for no longer.
const REHOST_PATIENCE: Duration = Duration::from_secs(120);

/// What the kills have shown.
#[derive(Debug, Default)]
pub struct Kills {
    /// How many there were.
    pub count: usize,
    /// For each start of the worker.
    pub starts: Vec<Rehosted>,
}

/// What became of the accounts after a start of the worker. When it is killed again before that: how long it had lived.
#[derive(Clone, Debug, Default)]
pub struct Rehosted {
    /// For each account: how long until the new process had it, connected to its platform.
    pub accounts: Vec<Duration>,
    /// How long until the API said of all of them that they are online: they have caught up too.
    pub all_online: Duration,
}

/// Carries out the kills, and watches how the accounts come back.
///
/// # Errors
/// When a part does not start again.
pub async fn kill_all(stack: &Stack, stage: &Stage, kills: &[Kill], start: Instant) -> anyhow::Result<Kills> {
    let starts = Mutex::new(Vec::new());
    let killed = |at| stage.pairs.iter().for_each(|lane| lane.ledger.killed(at));
    let back = async |part, began| {
        if part == Part::Worker {
            let hosted = rehosted_after(stack, stage, began).await;
            starts.lock().unwrap_or_else(PoisonError::into_inner).push(hosted);
        }
    };
    carry_out(stack, kills, start, killed, back).await?;
    Ok(Kills { count: kills.len(), starts: starts.into_inner().unwrap_or_else(PoisonError::into_inner) })
}

/// How the accounts come back after `began`.
async fn rehosted_after(stack: &Stack, stage: &Stage, began: Instant) -> Rehosted {
    let (process, wanted) = (stack.pid(Part::Worker), stage.accounts.len());
    let mut accounts = Vec::with_capacity(wanted);
    while began.elapsed() < REHOST_PATIENCE && stack.pid(Part::Worker) == process {
        // The metric is the new process's own; a row may still say `online` of the killed one.
        let count = hosted(stack).await.unwrap_or(0).min(wanted);
        while accounts.len() < count {
            accounts.push(began.elapsed());
        }
        if count == wanted && all_online(stage).await {
            break;
        }
        sleep(LOOK_PERIOD).await;
    }
    let all_online = began.elapsed();
    accounts.resize(wanted, all_online);
    Rehosted { accounts, all_online }
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
