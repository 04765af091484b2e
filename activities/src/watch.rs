//! Queues and sessions as Prometheus sees them: read from the rows every few seconds, because the rows are the truth.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use domain::{AccountStatus, Platform, notification::Channel};
use store::{
    StoreError,
    status::{AccountCount, Hosted, Queues},
};

use crate::{context::Context, metrics::Metrics};

/// How often the rows are read: Prometheus usually scrapes every 15 s.
const WATCH_EVERY: Duration = Duration::from_secs(10);
/// Pairs with a series of their own: those whose oldest message waits longest. More would be a burden for Prometheus; the
/// sums count all pairs.
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
    let (now, metrics) = (context.clock.now(), &context.metrics);
    let mut database = context.database().await?;
    let queues = store::status::queues_of(&mut database, &context.worker, now, PAIRS_MAX).await?;
    let hosted = store::status::hosted_by(&mut database, &context.worker, ACCOUNTS_MAX).await?;
    let accounts = store::status::account_counts(&mut database).await?;
    let unhosted = store::status::unhosted(&mut database).await?;
    let dead = store::status::dead_letters(&mut database).await?;
    for channel in Channel::ALL {
        let backlog = store::notifications::backlog(&mut database, channel, now).await?;
        metrics.notifications.show_backlog(channel, backlog.waiting, backlog.due);
    }
    if let Some(proof) = store::ledger::last_proof(&mut database).await? {
        metrics.ledger.show(&proof);
    }
    drop(database);
    metrics.notifications.mail_configured.set(i64::from(context.mailer.is_some()));
    show_queues(metrics, &queues, now);
    show_hosted(metrics, &hosted, now);
    show_accounts(metrics, &accounts);
    metrics.queue_unhosted.set(unhosted);
    metrics.dead_letters.set(dead);
    Ok(())
}

fn show_queues(metrics: &Metrics, queues: &Queues, now: DateTime<Utc>) {
    let lag = |since: Option<DateTime<Utc>>| since.map_or(0.0, |since| (now - since).as_seconds_f64().max(0.0));
    metrics.queue_open.set(queues.open);
    metrics.queue_lag.set(lag(queues.ready_since));
    metrics.pair_open.reset();
    metrics.pair_lag.reset();
    for queue in &queues.pairs {
        let (pair, account) = (queue.pair.to_string(), queue.account.to_string());
        metrics.pair_open.with_label_values(&[&pair, &account]).set(queue.open);
        metrics.pair_lag.with_label_values(&[&pair, &account]).set(lag(queue.ready_since));
    }
}

fn show_hosted(metrics: &Metrics, hosted: &[Hosted], now: DateTime<Utc>) {
    let left = |until: DateTime<Utc>| (until - now).as_seconds_f64().max(0.0);
    metrics.account_up.reset();
    metrics.account_cooldown.reset();
    for account in hosted {
        let id = account.account.to_string();
        let is_up = i64::from(account.status == AccountStatus::Online);
        metrics.account_up.with_label_values(&[id.as_str(), account.platform.as_str()]).set(is_up);
        metrics.account_cooldown.with_label_values(&[&id]).set(account.cooldown_until.map_or(0.0, left));
    }
}

/// States in which there is no account are shown as zero, so that a first one is seen as an increase.
fn show_accounts(metrics: &Metrics, counts: &[AccountCount]) {
    let counts: HashMap<_, _> = counts.iter().map(|one| ((one.platform, one.status), one.count)).collect();
    for platform in Platform::ALL {
        for status in AccountStatus::ALL {
            let count = counts.get(&(platform, status)).copied().unwrap_or(0);
            metrics.accounts.with_label_values(&[platform.as_str(), status.as_str()]).set(count);
        }
    }
}
