//! All pairs of a tenant: paused, resumed, deleted.

use chrono::{DateTime, Utc};
use domain::{
    PairId, UserId,
    bulk::BulkKind,
    gate::{self, Action},
    plan::Features,
};
use sqlx::PgConnection;

use super::batch::{Handled, Place, Tell};
use crate::{StoreError, plans};

/// How many pairs there are to act on.
pub(super) async fn count(connection: &mut PgConnection, kind: BulkKind, place: &Place<'_>) -> Result<i64, StoreError> {
    let Some(user) = place.scope.user else { return Ok(0) };
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM pairs
           WHERE user_id = $1 AND deleted_at IS NULL
             AND ($2 OR ($3 AND (status <> 'paused' OR reason_code IS NOT NULL)) OR ($4 AND status = 'paused'))"#,
        user as UserId,
        kind == BulkKind::DeletePairs,
        kind == BulkKind::PausePairs,
        kind == BulkKind::ResumePairs
    )
    .fetch_one(connection)
    .await?;
    Ok(count)
}

/// The next pairs to act on, as [`count`] counts them, in the order in which an ingest locks pairs.
async fn next(
    connection: &mut PgConnection,
    kind: BulkKind,
    (user, after): (UserId, Option<PairId>),
    limit: i64,
) -> Result<Vec<PairId>, StoreError> {
    let pairs = sqlx::query_scalar!(
        "SELECT id FROM pairs
         WHERE user_id = $1 AND deleted_at IS NULL AND ($5::uuid IS NULL OR id > $5)
           AND ($2 OR ($3 AND (status <> 'paused' OR reason_code IS NOT NULL)) OR ($4 AND status = 'paused'))
         ORDER BY id LIMIT $6",
        user as UserId,
        kind == BulkKind::DeletePairs,
        kind == BulkKind::PausePairs,
        kind == BulkKind::ResumePairs,
        after.map(|pair| pair.as_uuid()),
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(pairs)
}

fn after(place: &Place<'_>) -> Option<PairId> {
    place.after.map(|(pair, _)| pair)
}

/// Pauses pairs, also those that the plan has paused: these are not resumed by it any more.
pub(super) async fn pause(
    connection: &mut PgConnection,
    place: &Place<'_>,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Handled, StoreError> {
    let mut handled = Handled::default();
    let Some(user) = place.scope.user else { return Ok(handled) };
    for pair in next(connection, BulkKind::PausePairs, (user, after(place)), limit).await? {
        handled.last = Some((pair, None));
        if crate::pairs::set_paused(connection, user, pair, true, now).await? {
            to_be_told(connection, pair, now).await?;
            handled.batch.done += 1;
            handled.batch.tell.push(Tell::Paused(pair));
        }
    }
    Ok(handled)
}

/// Resumes pairs, as far as the gate lets them pass.
pub(super) async fn resume(
    connection: &mut PgConnection,
    place: &Place<'_>,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Handled, StoreError> {
    let mut handled = Handled::default();
    let Some(user) = place.scope.user else { return Ok(handled) };
    let Some(tenancy) = plans::tenancy(connection, user).await? else { return Ok(handled) };
    let terms = tenancy.terms();
    let mut used = plans::used(connection, user, now).await?;
    for id in next(connection, BulkKind::ResumePairs, (user, after(place)), limit).await? {
        handled.last = Some((id, None));
        let Some(pair) = crate::pairs::find(connection, user, id).await? else { continue };
        let chain_forwarding = plans::chain(connection, user, pair.way()).await?.follows;
        let options = pair.options().unwrap_or_default();
        let needs = Features { chain_forwarding, ..gate::needs(pair.way(), pair.mode, &options) };
        if gate::permits(&terms, &used, Action::ResumePair { needs }).is_err() {
            handled.batch.failed += 1;
        } else if crate::pairs::set_paused(connection, user, id, false, now).await? {
            to_be_told(connection, id, now).await?;
            used.pairs_running += 1;
            handled.batch.done += 1;
            handled.batch.tell.push(Tell::Resumed(id));
        }
    }
    Ok(handled)
}

/// Deletes pairs; their history stays.
pub(super) async fn delete(
    connection: &mut PgConnection,
    place: &Place<'_>,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Handled, StoreError> {
    let mut handled = Handled::default();
    let Some(user) = place.scope.user else { return Ok(handled) };
    for pair in next(connection, BulkKind::DeletePairs, (user, after(place)), limit).await? {
        handled.last = Some((pair, None));
        if crate::pairs::delete(connection, user, pair, now).await? {
            handled.batch.done += 1;
            handled.batch.tell.push(Tell::Deleted(pair));
        }
    }
    Ok(handled)
}

/// Until its workflow was told, the sweep tells it.
async fn to_be_told(connection: &mut PgConnection, pair: PairId, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!("UPDATE pairs SET plan_untold_since = $2 WHERE id = $1", pair as PairId, now)
        .execute(connection)
        .await?;
    Ok(())
}
