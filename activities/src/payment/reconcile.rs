//! Payments of which nothing was heard are asked about: webhooks get lost, money comes late, banks take back.

use std::time::Duration;

use chrono::TimeDelta;
use domain::PaymentId;
use futures::future::join_all;
use store::{StoreError, payment_events, payments as stored};
use temporalio_client::Client;
use temporalio_sdk::activities::ActivityContext;
use tokio::time::Instant;
use workflows::payment::ReconcilePaymentsReport;

use crate::context::Context;

/// One run ends after this time; the next one goes on.
const RUN_FOR: Duration = Duration::from_secs(120);
/// Payments of one look.
const BATCH: i64 = 50;
/// Providers are asked about so many at once.
const AT_ONCE: usize = 4;
/// Rows that should have been looked after for so long are woken.
const LATE_AFTER: TimeDelta = TimeDelta::minutes(1);
/// Workflows woken by one run.
const WOKEN_MAX: i64 = 500;
/// What providers have sent is kept for so long, byte by byte.
const BODIES_KEPT: TimeDelta = TimeDelta::days(90);
/// Bodies forgotten by one run.
const FORGOTTEN_MAX: i64 = 5_000;

impl Context {
    /// Asks about payments that are over and whose time has come, wakes those that sleep too long, passes on what was left.
    pub(super) async fn reconcile_payments(
        &self,
        ctx: &ActivityContext,
    ) -> Result<ReconcilePaymentsReport, StoreError> {
        let (client, started) = (ctx.client(), Instant::now());
        let mut report =
            ReconcilePaymentsReport { events: self.pass_events(&client).await?, ..ReconcilePaymentsReport::default() };
        while started.elapsed() < RUN_FOR && !self.stopping.is_cancelled() && !ctx.is_cancelled() {
            let now = self.clock.now();
            let due = stored::watched(&mut *self.database().await?, now, BATCH).await?;
            if due.is_empty() {
                break;
            }
            for some in due.chunks(AT_ONCE) {
                let found = join_all(some.iter().map(|payment| self.ask_once(&client, *payment))).await;
                report.found += found.into_iter().map(u32::from).sum::<u32>();
                report.asked += u32::try_from(some.len()).unwrap_or(u32::MAX);
                if let Err(error) = ctx.record_heartbeat(()).await {
                    tracing::warn!(%error, "A heartbeat could not be recorded.");
                }
            }
        }
        self.metrics.payments.found(report.found);
        let now = self.clock.now();
        self.sweep_payments(&client, now - LATE_AFTER, WOKEN_MAX).await?;
        let mut database = self.database().await?;
        payment_events::forget_bodies(&mut database, now - BODIES_KEPT, FORGOTTEN_MAX).await?;
        let (unmatched, late) = payment_events::backlog(&mut database, now - LATE_AFTER).await?;
        self.metrics.payments.backlog(unmatched, late);
        Ok(report)
    }

    /// Does what is due for one payment. True when the provider knew something that nobody had told.
    async fn ask_once(&self, client: &Client, payment: PaymentId) -> bool {
        match self.step_payment(client, payment).await {
            Ok(done) => done.is_news,
            Err(error) => {
                tracing::warn!(payment.id = %payment, %error, "A payment could not be asked about; the next run does it.");
                false
            }
        }
    }
}
