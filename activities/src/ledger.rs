//! The activity of `ledger_check`: proves the books. What it finds is on record with the proof; the alert and the metric
//! are made of that.

#![expect(missing_docs, reason = "the macro makes items without documentation")]

use std::sync::Arc;

use chrono::TimeDelta;
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use workflows::ledger::{LedgerCheckInput, LedgerCheckReport};

use crate::{context::Context, failure::Fail};

/// Proofs that have found nothing are kept for so long; the others stay.
const PROOFS_KEPT: TimeDelta = TimeDelta::days(30);

/// Implements the declarations of `workflows::ledger`.
#[derive(Debug)]
pub struct Ledger(pub Arc<Context>);

#[activities]
impl Ledger {
    /// Proves the books, and keeps what came of it.
    #[activity(definition = workflows::ledger::Prove)]
    pub async fn prove(
        self: Arc<Self>,
        _ctx: ActivityContext,
        _input: LedgerCheckInput,
    ) -> Result<LedgerCheckReport, ActivityError> {
        let now = self.0.clock.now();
        let mut database = self.0.database().await.retry("database")?;
        let proof = store::ledger::prove_and_record(&mut database, now).await.retry("database")?;
        store::ledger::prune_proofs(&mut database, now - PROOFS_KEPT).await.retry("database")?;
        self.0.metrics.ledger.show(&proof);
        for wrong in &proof.discrepancies {
            tracing::error!(
                ledger.kind = ?wrong.kind,
                ledger.subject = wrong.subject,
                ledger.currency = wrong.currency,
                ledger.expected = wrong.expected,
                ledger.found = wrong.found,
                "The books are wrong."
            );
        }
        let count = |count: i64| u64::try_from(count).unwrap_or(0);
        Ok(LedgerCheckReport {
            accounts: count(proof.accounts),
            entries: count(proof.entries),
            discrepancies: count(proof.found),
        })
    }
}
