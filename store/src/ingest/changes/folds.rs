//! Deliveries that wait take the new revision in place of the one that they had.

use domain::change::Change;
use sqlx::PgConnection;

use super::affected::Row;
use crate::{
    StoreError,
    ingest::{Ingest, ledger::Revision},
};

/// Deliveries that take the new revision, by their pair and number.
#[derive(Default)]
pub(super) struct Folds {
    pairs: Vec<uuid::Uuid>,
    seqs: Vec<i64>,
    messages: Vec<uuid::Uuid>,
    has_media: Vec<bool>,
    details: Vec<&'static str>,
    /// Deliveries that wait for new attachments of an item that travels with them.
    carriers: Vec<(uuid::Uuid, i64)>,
}

pub(super) fn fold(
    folds: &mut Folds,
    group: &[&Row],
    seq: i64,
    revision: &Revision<'_>,
    change: Change,
    new_media: bool,
) {
    let Some(row) = group.iter().find(|row| row.known.seq == seq) else { return };
    folds.pairs.push(row.pair.as_uuid());
    folds.seqs.push(seq);
    folds.messages.push(revision.id.as_uuid());
    folds.has_media.push(new_media && !revision.message.media.is_empty());
    folds.details.push(match change {
        Change::Edit => "the message was edited while it waited",
        Change::Delete => "the message was deleted while its album waited",
    });
    if row.travels && new_media {
        // The delivery that it travels with waits for the new attachments.
        folds.carriers.push((row.pair.as_uuid(), row.known.root_seq));
    }
}

pub(super) async fn apply_folds(
    connection: &mut PgConnection,
    folds: &Folds,
    ingest: &Ingest<'_>,
) -> Result<(), StoreError> {
    if folds.pairs.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "WITH fold AS (
           SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::boolean[], $5::text[])
             AS f(pair, seq, message, has_media, detail)),
         folded AS (
           UPDATE deliveries d SET has_media = d.has_media OR f.has_media, source_message_id = f.message
           FROM fold f WHERE d.pair_id = f.pair AND d.seq = f.seq)
         INSERT INTO delivery_events (pair_id, seq, at, kind, detail)
         SELECT pair, seq, $6, 'folded', detail FROM fold",
        &folds.pairs,
        &folds.seqs,
        &folds.messages,
        &folds.has_media,
        &folds.details as &[&str],
        ingest.now
    )
    .execute(&mut *connection)
    .await?;
    if folds.carriers.is_empty() {
        return Ok(());
    }
    let (pairs, seqs): (Vec<_>, Vec<_>) = folds.carriers.iter().copied().unzip();
    sqlx::query!(
        "UPDATE deliveries d SET has_media = true
         WHERE (d.pair_id, d.seq) IN (SELECT * FROM unnest($1::uuid[], $2::bigint[]))",
        &pairs,
        &seqs
    )
    .execute(connection)
    .await?;
    Ok(())
}
