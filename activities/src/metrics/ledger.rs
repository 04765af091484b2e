//! What the ledger shows of itself.

use prometheus::{IntGauge, Registry};
use store::ledger::Proof;

/// `causeway_ledger_*`: as of the last proof, in the whole installation.
#[derive(Clone, Debug)]
pub struct LedgerMetrics {
    discrepancies: IntGauge,
    proved_at: IntGauge,
    entries: IntGauge,
}

impl LedgerMetrics {
    /// Makes and registers them.
    ///
    /// # Errors
    /// When a name is registered twice.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            discrepancies: IntGauge::new(
                "causeway_ledger_discrepancies",
                "What the last proof of the ledger has found wrong",
            )?,
            proved_at: IntGauge::new(
                "causeway_ledger_proof_timestamp_seconds",
                "When the ledger was proved last; 0 before the first time",
            )?,
            entries: IntGauge::new("causeway_ledger_entries", "Entries of the ledger as of its last proof")?,
        };
        registry.register(Box::new(metrics.discrepancies.clone()))?;
        registry.register(Box::new(metrics.proved_at.clone()))?;
        registry.register(Box::new(metrics.entries.clone()))?;
        Ok(metrics)
    }

    /// Shows what a proof has found, wherever it was made.
    pub fn show(&self, proof: &Proof) {
        self.discrepancies.set(proof.found);
        self.proved_at.set(proof.at.timestamp());
        self.entries.set(proof.entries);
    }
}
