//! The worker says every few seconds that it is alive and what it has room for, and hears what it is to do.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use store::{StoreError, workers::Beat};
use temporalio_client::Client;

use crate::{context::Context, duty::Orders, wake};

/// Well within [`store::workers::SEEN_WITHIN`]; what staff says is heard as soon.
const BEAT_EVERY: Duration = Duration::from_secs(3);
/// Pairs of one account that are roused when what held them is over.
const ROUSED_MAX: i64 = 1_000;

/// What does not change while the process runs.
#[derive(Clone, Copy, Debug)]
pub struct Presence {
    /// Accounts that it can host at once.
    pub hosting_slots: usize,
    /// Drains that it can run at once.
    pub drain_slots: usize,
    /// When the process began.
    pub started_at: DateTime<Utc>,
}

impl Presence {
    /// Says it for the first time, however long that takes. To be called before the first account is asked for: a worker
    /// that is being drained takes none after a restart either.
    pub async fn announce(&self, context: &Context) {
        while let Err(error) = self.beat(context).await {
            tracing::warn!(error = %crate::chain(&error), "The worker could not say that it is there.");
            tokio::select! {
                () = tokio::time::sleep(BEAT_EVERY) => (),
                () = context.stopping.cancelled() => return,
            }
        }
    }

    async fn beat(&self, context: &Context) -> Result<(), StoreError> {
        let (mut database, now) = (context.database().await?, context.clock.now());
        let beat = Beat {
            name: &context.worker,
            version: env!("CARGO_PKG_VERSION"),
            hosting_slots: count(self.hosting_slots),
            drain_slots: count(self.drain_slots),
            hosted: count(context.hosts.len()),
            drains: count(context.wakeups.len()),
            started_at: self.started_at,
        };
        let told = store::workers::beat(&mut database, &beat, now).await?;
        let still = store::settings::read(&mut database).await?.maintenance.holds_forwarding(now);
        let orders = Orders { draining: told.draining, forced: told.forced, still };
        let before = context.duty.set(orders);
        if before != orders {
            tracing::info!(?orders, "The worker was told what to do.");
        }
        Ok(())
    }

    /// Says it for ever; the last time when the worker stops.
    pub async fn keep(self, context: Arc<Context>, client: Client) {
        let mut tick = tokio::time::interval(BEAT_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => (),
                () = context.stopping.cancelled() => break,
            }
            let was_still = context.duty.orders().still;
            if let Err(error) = self.beat(&context).await {
                tracing::warn!(error = %crate::chain(&error), "The worker could not say that it is alive.");
            } else if was_still && !context.duty.orders().still {
                rouse_all(&context, &client).await;
            }
        }
        let stopped = async {
            store::workers::stopped(&mut *context.database().await?, &context.worker, context.clock.now()).await
        };
        if let Err(error) = stopped.await {
            tracing::debug!(error = %crate::chain(&error), "The worker could not say that it stops.");
        }
    }
}

/// What has waited for the end of the maintenance is carried now.
async fn rouse_all(context: &Context, client: &Client) {
    for account in context.hosts.accounts() {
        let waiting =
            async { store::sweep::pairs_waiting_for(&mut *context.database().await?, account, ROUSED_MAX).await };
        match waiting.await {
            Ok(pairs) => {
                for pair in pairs {
                    context.wakeups.wake(pair);
                    wake::rouse_pair(client, pair).await;
                }
            }
            // They look by themselves within half a minute.
            Err(error) => {
                tracing::warn!(error = %crate::chain(&error), "Pairs could not be roused after the maintenance.");
            }
        }
    }
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
