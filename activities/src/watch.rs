//! Queues and sessions as Prometheus sees them: read from the rows every few seconds, because the rows are the truth.

use std::{sync::Arc, time::Duration};

use domain::AccountStatus;
use store::StoreError;

use crate::{context::Context, metrics::Metrics};

/// How often the rows are read: Prometheus usually scrapes every 15 s.
const WATCH_EVERY: Duration = Duration::from_secs(10);
/// Pairs with a series of their own: those whose oldest message waits longest. More would be a burden for Prometheus; the
/// sums count all that were read.
const PAIRS_MAX: i64 = 500;
/// Accounts with a series of their own; one worker hosts fewer.
const ACCOUNTS_MAX: i64 = 5_000;

/// Keeps the gauges of this worker's accounts and their queues true, for ever.
pub async fn watch(context: Arc<Context>) {
    let mut tick = tokio::time::interval(WATCH_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if let Err(error) = look(&context).await {
            tracing::warn!(error = %crate::chain(&error), "Queues could not be looked at; trying again.");
        }
    }
}

async fn look(context: &Context) -> Result<(), StoreError> {
    let (queues, hosted, dead) = {
        let mut database = context.database().await?;
        let queues = store::status::queues_of(&mut database, &context.worker, PAIRS_MAX).await?;
        let hosted = store::status::hosted_by(&mut database, &context.worker, ACCOUNTS_MAX).await?;
        (queues, hosted, store::status::dead_letters(&mut database).await?)
    };
    let now = context.clock.now();
    let seconds = |until: chrono::DateTime<chrono::Utc>| (until - now).as_seconds_f64().max(0.0);
    let Metrics { pair_open, pair_lag, account_up, account_cooldown, .. } = &context.metrics;
    pair_open.reset();
    pair_lag.reset();
    let (mut open, mut oldest) = (0, 0.0_f64);
    for queue in &queues {
        let lag = (now - queue.oldest_due_at).as_seconds_f64().max(0.0);
        let (pair, account) = (queue.pair.to_string(), queue.account.to_string());
        pair_open.with_label_values(&[&pair, &account]).set(queue.open);
        pair_lag.with_label_values(&[&pair, &account]).set(lag);
        open += queue.open;
        oldest = oldest.max(lag);
    }
    context.metrics.queue_open.set(open);
    context.metrics.queue_lag.set(oldest);
    context.metrics.dead_letters.set(dead);
    account_up.reset();
    account_cooldown.reset();
    for account in &hosted {
        let id = account.account.to_string();
        let platform = match account.platform {
            domain::Platform::Telegram => "telegram",
            domain::Platform::Discord => "discord",
        };
        account_up.with_label_values(&[&id, platform]).set(i64::from(account.status == AccountStatus::Online));
        account_cooldown.with_label_values(&[&id]).set(account.cooldown_until.map_or(0.0, seconds));
    }
    Ok(())
}
