//! Everything else that goes wrong: faults of the platforms, and users who pause their pairs meanwhile.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::Value;
use tokio::time::sleep;

use super::{
    schedule::{Fault, Pause, Platform},
    stage::Stage,
    writer::persist,
};
use crate::client::CallError;

/// An API that cannot do it now is asked again after this.
const RETRY: Duration = Duration::from_millis(200);

/// Injects the faults, each at its time, and returns how many were: a platform that is down needs none.
///
/// # Errors
/// When a platform does not know a fault.
pub async fn inject(stage: &Stage, faults: &[Fault], start: Instant) -> anyhow::Result<usize> {
    let mut injected = 0;
    for fault in faults {
        tokio::time::sleep_until((start + fault.at).into()).await;
        let answer = match fault.platform {
            Platform::Telegram => stage.controls.telegram.fault(&fault.body).await,
            Platform::Discord => stage.controls.discord.fault(&fault.body).await,
        };
        match answer {
            Ok(_) => injected += 1,
            Err(CallError::Transport { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(injected)
}

/// Removes what is left of the faults.
///
/// # Errors
/// When a platform refuses.
pub async fn clear(stage: &Stage) -> anyhow::Result<()> {
    persist(async || stage.controls.telegram.clear_faults().await).await?;
    persist(async || stage.controls.discord.clear_faults().await).await?;
    Ok(())
}

/// Pauses and resumes pairs through the API, which may be down, or without its database or Temporal, each time.
///
/// # Errors
/// When the API refuses.
pub async fn pause(stage: &Stage, pauses: &[Pause], start: Instant) -> anyhow::Result<usize> {
    for pause in pauses {
        tokio::time::sleep_until((start + pause.at).into()).await;
        let Some(lane) = stage.pairs.get(pause.pair) else { continue };
        let pair = &lane.route.pair.id;
        insist(async || stage.api.pause(pair).await).await?;
        sleep(pause.lasting).await;
        insist(async || stage.api.resume(pair).await).await?;
    }
    Ok(pauses.len())
}

/// Asks the API until it has done it.
async fn insist(mut ask: impl AsyncFnMut() -> Result<Value, CallError>) -> Result<Value, CallError> {
    loop {
        match ask().await {
            Err(CallError::Transport { .. }) => {}
            Err(error) if error.status().is_some_and(|status| status >= StatusCode::INTERNAL_SERVER_ERROR) => {}
            decided => return decided,
        }
        sleep(RETRY).await;
    }
}
