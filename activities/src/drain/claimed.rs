//! What a drain has claimed: sent in order or put back, and a measure for its next claim.

use std::time::{Duration, Instant};

use domain::PairStatus;
use store::{
    StoreError,
    deliveries::{self, Claimed},
};
use workflows::forwarding::Next;

use super::Drain;
use crate::deliver::{Delivered, Delivery};

/// Deliveries claimed at once at first, and at least: few, because a crash makes each of them a question to the
/// destination.
pub(super) const CLAIM_MIN: i64 = 20;
/// Deliveries claimed at once from a destination that takes them quickly.
const CLAIM_MAX: i64 = 160;
/// A claim that was sent within this is doubled next time, one that took four times as long is halved: what a crash
/// leaves open is about a second's work.
const CLAIM_SENT_WITHIN: Duration = Duration::from_millis(250);
/// What was claimed and not begun within this is put back: a new claim asks whether the pair and the account are still
/// this drain's.
const CLAIM_KEPT: Duration = Duration::from_secs(10);

impl Drain<'_> {
    /// Sends the claimed deliveries in order. `Some` when the drain has to stop; what was not begun is put back.
    pub(super) async fn send(&mut self, rows: Vec<Claimed>) -> Result<Option<Next>, StoreError> {
        let (began, claimed) = (Instant::now(), rows.len());
        let mut rows = rows.into_iter();
        while let Some(row) = rows.next() {
            let kept_too_long = began.elapsed() > CLAIM_KEPT;
            if kept_too_long || self.stopping() {
                let left: Vec<i64> = std::iter::once(row.seq).chain(rows.map(|row| row.seq)).collect();
                self.unclaim(&left).await?;
                return Ok((!kept_too_long).then_some(Next::More));
            }
            self.context.bulk.give_way(self.in_a_row).await;
            let seq = row.seq;
            if !row.is_plain() {
                // It looks at what stands at the destination.
                self.settler.flush().await?;
            }
            let (pair, terms, hosted, settler) = (&self.pair, &self.terms, &self.hosted, &self.settler);
            let delivered = Delivery { context: self.context, pair, terms, hosted, settler, row }.carry().await?;
            self.carried = seq;
            let outcome = match &delivered {
                Delivered::Sent => "sent",
                Delivered::Skipped => "skipped",
                Delivered::Dead => "dead",
                Delivered::Stop(_) => "waiting",
            };
            self.context.metrics.deliveries.with_label_values(&[outcome]).inc();
            match delivered {
                Delivered::Sent => {
                    self.report.sent += 1;
                    self.in_a_row += 1;
                    self.unblock().await?;
                }
                Delivered::Skipped => (),
                Delivered::Dead => self.report.dead += 1,
                Delivered::Stop(next) => {
                    tracing::debug!(pair.id = %self.pair.id, delivery.seq = seq, "A drain stops at a delivery.");
                    self.unclaim(&rows.map(|row| row.seq).collect::<Vec<_>>()).await?;
                    return Ok(Some(next));
                }
            }
        }
        let was_full = i64::try_from(claimed).is_ok_and(|claimed| claimed >= self.claim);
        self.learn(was_full, began.elapsed());
        Ok(None)
    }

    /// How many deliveries to claim next time, after all of the last claim took `elapsed`.
    fn learn(&mut self, was_full: bool, elapsed: Duration) {
        if was_full && elapsed <= CLAIM_SENT_WITHIN {
            self.claim = (self.claim * 2).min(CLAIM_MAX);
        } else if elapsed > 4 * CLAIM_SENT_WITHIN {
            self.claim = (self.claim / 2).max(CLAIM_MIN);
        }
    }

    async fn unclaim(&self, seqs: &[i64]) -> Result<(), StoreError> {
        if seqs.is_empty() {
            return Ok(());
        }
        let mut database = self.context.database().await?;
        deliveries::unclaim(&mut database, self.pair.id, seqs).await
    }

    /// The destination took a message, so it does not refuse us any more.
    async fn unblock(&mut self) -> Result<(), StoreError> {
        if self.pair.status == PairStatus::Blocked {
            let mut database = self.context.database().await?;
            store::pairs::set_blocked(&mut database, self.pair.id, None, self.context.clock.now()).await?;
            self.pair.status = PairStatus::Active;
        }
        Ok(())
    }
}
