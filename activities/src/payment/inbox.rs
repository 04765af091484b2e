//! Providers' events are passed on to the payments that they belong to: each payment is woken once for many events.

use std::{sync::Arc, time::Duration};

use store::{StoreError, payment_events};
use temporalio_client::Client;

use super::wake_all;
use crate::context::Context;

/// Looked at this often, should nobody have said that there is something.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Events of less than this apart are passed on together.
const PAUSE: Duration = Duration::from_millis(10);
/// Events of one transaction.
const BATCH: i64 = 500;
/// Passes of one look: more is another worker's, or the next look's.
const PASSES_MAX: usize = 100;

/// Passes events on, for ever.
pub async fn pass_on(context: Arc<Context>, client: Client) {
    while !context.stopping.is_cancelled() {
        tokio::select! {
            () = context.wakeups.payments_woken() => (),
            () = tokio::time::sleep(LOOK_EVERY) => (),
            () = context.stopping.cancelled() => return,
        }
        if let Err(error) = context.pass_events(&client).await {
            tracing::warn!(%error, "Events of payment providers could not be passed on; trying again.");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

impl Context {
    /// Passes on what is due; returns how many events that were.
    pub(super) async fn pass_events(&self, client: &Client) -> Result<u32, StoreError> {
        let mut events = 0_usize;
        for _ in 0..PASSES_MAX {
            let now = self.clock.now();
            let mut transaction = self.pool.begin().await?;
            let passed = payment_events::pass(&mut transaction, now, BATCH).await?;
            transaction.commit().await?;
            wake_all(client, &passed.payments).await;
            self.metrics.payments.passed(&passed);
            events += passed.events;
            if i64::try_from(passed.events).is_ok_and(|count| count < BATCH) {
                break;
            }
        }
        Ok(u32::try_from(events).unwrap_or(u32::MAX))
    }
}
