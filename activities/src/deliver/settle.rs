//! What is recorded of a delivery that was carried, skipped or refused for good, or that has to wait.

use store::{
    PgConnection, StoreError,
    deliveries::{self, SentPart, Settlement, Standing},
};

use super::{Delivered, Delivery};

impl Delivery<'_> {
    pub(super) async fn put_back(&self, untouched: bool, code: &str, text: &str) -> Result<(), StoreError> {
        let mut database = self.context.database().await?;
        let now = self.context.clock.now();
        deliveries::put_back(&mut database, self.pair.id, self.row.seq, untouched, (code, text), now).await
    }

    pub(super) async fn skip(&self, code: &str, text: &str) -> Result<Delivered, StoreError> {
        self.settle(Settlement::Skipped { code, text }).await?;
        Ok(Delivered::Skipped)
    }

    pub(super) async fn settle(&self, settlement: Settlement<'_>) -> Result<(), StoreError> {
        let mut database = self.context.database().await?;
        let (sealer, now) = (&self.context.sealer, self.context.clock.now());
        deliveries::settle(&mut database, sealer, self.pair.id, self.row.seq, settlement, now).await?;
        if self.row.album {
            for item in deliveries::items(&mut database, sealer, self.pair.id, self.row.root_seq).await? {
                store::media::forget_settled(&mut database, item.media_message_id).await?;
            }
        } else if !self.row.message.media.is_empty() {
            store::media::forget_settled(&mut database, self.row.media_message_id).await?;
        }
        Ok(())
    }

    /// What a send left that was not the last one of its delivery.
    pub(super) async fn record(&self, database: &mut PgConnection, sent: &[SentPart]) -> Result<(), StoreError> {
        let (sealer, now) = (&self.context.sealer, self.context.clock.now());
        deliveries::record_parts(database, sealer, self.pair.id, self.row.seq, sent, now).await
    }

    /// What delivery `root_seq` and the changes of it have left at the destination.
    pub(super) async fn standing(
        &self,
        database: &mut PgConnection,
        root_seq: i64,
    ) -> Result<Vec<Standing>, StoreError> {
        deliveries::standing(database, &self.context.sealer, self.pair.id, root_seq).await
    }

    pub(super) fn observe_latency(&self) {
        let waited = self.context.clock.now() - self.row.ready_at;
        if let Ok(waited) = waited.to_std() {
            self.context.metrics.latency.observe(waited.as_secs_f64());
        }
    }
}
