//! People, chats and linked accounts on a running stack: what the demonstration, the tests and the bench set up first.

mod count;
mod latency;
mod link;
mod rank;
mod register;
mod spot;
mod standing;
mod tenant;

use std::time::{Duration, Instant};

pub use self::{
    count::{Tally, marker, number_in, tally},
    latency::{Latency, idle_latency},
    link::{link_discord, link_telegram, wait_for_status},
    rank::nearest_rank,
    register::{register_by_mail, token_of},
    spot::{Controls, Direction, Route, Spot},
    standing::Standing,
    tenant::{lift_limits, operator, register_unlimited, user_id},
};

/// How long one message may take before we give up on it.
pub const ARRIVAL_PATIENCE: Duration = Duration::from_secs(60);

/// How often [`until`] looks.
const LOOK_PERIOD: Duration = Duration::from_millis(20);

/// Asks `look` until it answers, for at most `patience`.
///
/// # Errors
/// When the time is over, naming `what`; or what `look` fails with.
pub async fn until<T>(
    what: &str,
    patience: Duration,
    mut look: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let started = Instant::now();
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        anyhow::ensure!(started.elapsed() < patience, "not within {} s: {what}", patience.as_secs());
        tokio::time::sleep(LOOK_PERIOD).await;
    }
}
