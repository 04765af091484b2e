//! Deliveries that wait and for which a change leaves nothing to carry: they end as skipped.

use domain::Operation;
use sqlx::PgConnection;

use super::affected::Row;
use crate::{StoreError, ingest::Ingest};

/// Deliveries that are not carried any more.
#[derive(Default)]
pub(super) struct Withdrawals {
    pairs: Vec<uuid::Uuid>,
    seqs: Vec<i64>,
    codes: Vec<&'static str>,
    reasons: Vec<&'static str>,
}

pub(super) fn withdraw(withdrawals: &mut Withdrawals, group: &[&Row], seq: i64) {
    let Some(row) = group.iter().find(|row| row.known.seq == seq) else { return };
    let (code, reason) = match row.known.operation {
        Operation::Post => ("deleted_at_source", "the message was deleted before it was sent"),
        Operation::Edit | Operation::Delete => {
            ("superseded", "the message was changed again or deleted before this edit was carried")
        }
    };
    withdrawals.pairs.push(row.pair.as_uuid());
    withdrawals.seqs.push(seq);
    withdrawals.codes.push(code);
    withdrawals.reasons.push(reason);
}

pub(super) async fn apply_withdrawals(
    connection: &mut PgConnection,
    withdrawals: &Withdrawals,
    ingest: &Ingest<'_>,
) -> Result<(), StoreError> {
    if withdrawals.pairs.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "WITH gone AS (
           SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[]) AS w(pair, seq, code, reason)),
         withdrawn AS (
           UPDATE deliveries d SET state = 'skipped', reason_code = w.code, reason = w.reason, settled_at = $5
           FROM gone w WHERE d.pair_id = w.pair AND d.seq = w.seq)
         INSERT INTO delivery_events (pair_id, seq, at, kind, detail)
         SELECT pair, seq, $5, 'skipped', reason FROM gone",
        &withdrawals.pairs,
        &withdrawals.seqs,
        &withdrawals.codes as &[&str],
        &withdrawals.reasons as &[&str],
        ingest.now
    )
    .execute(connection)
    .await?;
    Ok(())
}
