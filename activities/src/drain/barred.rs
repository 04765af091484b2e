//! A pair that uses what its owner's plan does not include is not carried, whatever its row still says.

use domain::gate::{self, Action, Bar, Use};
use store::StoreError;
use workflows::forwarding::Next;

use super::Drain;

impl Drain<'_> {
    /// Asks the gate. Where the plan has lost what the pair uses and nobody has seen to it yet, the owner's pairs and
    /// accounts are settled now; this one says why it is paused, and its messages wait.
    pub(super) async fn barred(&self) -> Result<Option<Next>, StoreError> {
        let Err(bar) = self.permitted() else { return Ok(None) };
        let mut transaction = self.context.pool.begin().await?;
        let now = self.context.clock.now();
        let applied = store::plans::apply(&mut transaction, self.pair.user_id, now).await?;
        transaction.commit().await?;
        tracing::info!(pair.id = %self.pair.id, reason = %bar, "The plan does not include what a pair uses.");
        // A plan that has changed back meanwhile is seen by the next drain.
        let paused = applied.pairs_paused.contains(&self.pair.id);
        Ok(Some(if paused { Next::Paused } else { Next::Retry { reason: bar.to_string() } }))
    }

    fn permitted(&self) -> Result<(), Bar> {
        // Options that cannot be read carry nothing: the rules say so with each delivery.
        let options = self.pair.options().unwrap_or_default();
        let needs = gate::needs(self.pair.way(), self.pair.mode, &options);
        gate::permits(&self.terms, &Use::default(), Action::CarryPair { needs })
    }
}
