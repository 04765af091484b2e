//! One batch of an act: its things, its progress and its cursor in one transaction, so that a batch that is tried again
//! goes on after the one that was committed.

use chrono::{DateTime, Utc};
use domain::{
    BulkActId, PairId,
    bulk::{BulkKind, BulkScope},
};
use serde::Deserialize as _;
use sqlx::PgConnection;

use super::{End, finish, letters, pairs};
use crate::StoreError;

/// What a pair's workflow has to be told after the commit. What is not told, the sweep finds in the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tell {
    /// It is paused.
    Paused(PairId),
    /// It is resumed.
    Resumed(PairId),
    /// It is deleted.
    Deleted(PairId),
    /// Something waits for it.
    Rouse(PairId),
}

/// What a batch has done.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Things that it has done.
    pub done: i64,
    /// Things that could not be done.
    pub failed: i64,
    /// Whom to tell.
    pub tell: Vec<Tell>,
    /// The act has ended: with this batch, or before.
    pub ended: bool,
}

/// The things of a batch, and the last one that it looked at.
#[derive(Debug, Default)]
pub(super) struct Handled {
    pub(super) batch: Batch,
    pub(super) last: Option<(PairId, Option<i64>)>,
}

/// Where an act is.
pub(super) struct Place<'a> {
    pub(super) scope: &'a BulkScope,
    pub(super) after: Option<(PairId, i64)>,
    /// When it was asked for: what comes later is none of its things.
    pub(super) asked_at: DateTime<Utc>,
}

/// Does at most `limit` things of the act. To be called within a transaction.
///
/// # Errors
/// [`StoreError::Document`] when its scope cannot be read: then it has failed for good.
pub async fn batch(
    connection: &mut PgConnection,
    id: BulkActId,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Batch, StoreError> {
    let ended = Batch { ended: true, ..Batch::default() };
    // The tenant's lock comes before everything else.
    let known = sqlx::query!("SELECT scope FROM bulk_acts WHERE id = $1", id as BulkActId);
    let Some(known) = known.fetch_optional(&mut *connection).await? else { return Ok(ended) };
    let scope = BulkScope::deserialize(&known.scope)?;
    if let Some(user) = scope.user {
        crate::plans::lock_user(connection, user).await?;
    }
    let row = sqlx::query!(
        r#"SELECT kind, total, after_pair, after_seq, created_at, cancel_requested_at IS NOT NULL AS "unwanted!"
           FROM bulk_acts WHERE id = $1 AND state IN ('pending', 'running') FOR UPDATE"#,
        id as BulkActId
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(ended) };
    if row.unwanted {
        finish(connection, id, End::Cancelled, now).await?;
        return Ok(ended);
    }
    let after = row.after_pair.map(|pair| (pair, row.after_seq.unwrap_or(i64::MAX)));
    let place = Place { scope: &scope, after, asked_at: row.created_at };
    if row.total.is_none() {
        begin(connection, id, row.kind, &place, now).await?;
    }
    let handled = match row.kind {
        BulkKind::PausePairs => pairs::pause(connection, &place, limit, now).await?,
        BulkKind::ResumePairs => pairs::resume(connection, &place, limit, now).await?,
        BulkKind::DeletePairs => pairs::delete(connection, &place, limit, now).await?,
        BulkKind::RetryDeadLetters => letters::retry(connection, &place, limit, now).await?,
        BulkKind::DiscardDeadLetters => letters::discard(connection, &place, limit, now).await?,
    };
    let Some((pair, seq)) = handled.last else {
        finish(connection, id, End::Done, now).await?;
        return Ok(Batch { ended: true, ..handled.batch });
    };
    sqlx::query!(
        "UPDATE bulk_acts SET after_pair = $2, after_seq = $3, done = done + $4, failed = failed + $5 WHERE id = $1",
        id as BulkActId,
        pair as PairId,
        seq,
        handled.batch.done,
        handled.batch.failed
    )
    .execute(connection)
    .await?;
    Ok(handled.batch)
}

/// Counts the things.
async fn begin(
    connection: &mut PgConnection,
    id: BulkActId,
    kind: BulkKind,
    place: &Place<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let total = match kind {
        BulkKind::PausePairs | BulkKind::ResumePairs | BulkKind::DeletePairs => {
            pairs::count(connection, kind, place).await?
        }
        BulkKind::RetryDeadLetters | BulkKind::DiscardDeadLetters => letters::count(connection, place).await?,
    };
    sqlx::query!(
        "UPDATE bulk_acts SET state = 'running', total = $2, started_at = $3 WHERE id = $1",
        id as BulkActId,
        total,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}
