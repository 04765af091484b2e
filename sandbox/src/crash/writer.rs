//! Writing: each source's writer follows its script, and waits when its platform is down.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::{
    ledger::Entry,
    schedule::{Script, What, number_of},
    stage::{Lane, Stage},
};
use crate::client::CallError;

/// A platform that is down is asked again after this.
const RETRY: Duration = Duration::from_millis(100);

/// Follows the script of pair `index` to its end.
///
/// # Errors
/// When the platform refuses something: then the script is wrong.
pub async fn write(stage: &Stage, (index, script): (usize, &Script), start: Instant) -> anyhow::Result<()> {
    let Some(lane) = stage.pairs.get(index) else { return Ok(()) };
    let source = &lane.route.source;
    for step in &script.steps {
        tokio::time::sleep_until((start + step.at).into()).await;
        match &step.what {
            What::Post { number, reply_to, text } => {
                let kills = lane.ledger.answers();
                let (kills, later) = if script.stays(*number) { (kills, Vec::new()) } else { (Vec::new(), kills) };
                let target = reply_to.and_then(|to| lane.ledger.entry(to));
                let id = post(stage, (index, lane), (*number, text), target.map(|entry| entry.id).as_deref()).await?;
                let entry = Entry { id, text: text.clone(), reply_to: *reply_to, deleted: false, edits: 0 };
                lane.ledger.posted(*number, entry, kills);
                lane.ledger.unanswered(later);
            }
            What::Edit { number, text } => {
                let id = id_of(lane, *number)?;
                persist(async || source.edit(&stage.controls, &id, text).await).await?;
                lane.ledger.edited(*number, text);
            }
            What::Delete { number } => {
                let id = id_of(lane, *number)?;
                persist(async || source.delete(&stage.controls, &id).await).await?;
                lane.ledger.deleted(*number);
            }
        }
    }
    Ok(())
}

/// Writes a message once, although the platform may be killed before it answers: then it is looked up.
async fn post(
    stage: &Stage,
    (index, lane): (usize, &Lane),
    (number, text): (usize, &str),
    reply_to: Option<&str>,
) -> Result<String, CallError> {
    let (controls, source) = (&stage.controls, &lane.route.source);
    loop {
        match source.post(controls, text, reply_to).await {
            Err(CallError::Transport { .. }) => sleep(RETRY).await,
            decided => return decided,
        }
        let standing = persist(async || source.standing(controls, None).await).await?;
        let ours = |text: &str| number_of(lane.route.direction, index, text) == Some(number);
        if let Some(found) = standing.into_iter().find(|message| ours(&message.text)) {
            return Ok(found.id);
        }
    }
}

/// Asks until there is an answer. For what may be done twice.
pub async fn persist<T>(mut ask: impl AsyncFnMut() -> Result<T, CallError>) -> Result<T, CallError> {
    loop {
        match ask().await {
            Err(CallError::Transport { .. }) => sleep(RETRY).await,
            decided => return decided,
        }
    }
}

fn id_of(lane: &Lane, number: usize) -> anyhow::Result<String> {
    let entry = lane.ledger.entry(number);
    entry
        .map(|entry| entry.id)
        .ok_or_else(|| anyhow::anyhow!("the script changes message {number} before it is written"))
}
