//! Dead letters of whatever tenant, pair, reason and time: tried again, or given up.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{PairId, UserId, bulk::BulkScope};
use sqlx::PgConnection;

use super::batch::{Handled, Place, Tell};
use crate::{
    StoreError,
    deliveries::{Decision, decide},
};

/// Dead letters that were given up before this: what dies later is not looked at, whatever was asked for.
fn until(place: &Place<'_>) -> DateTime<Utc> {
    place.scope.until.map_or(place.asked_at, |until| until.min(place.asked_at))
}

/// How many dead letters there are to act on.
pub(super) async fn count(connection: &mut PgConnection, place: &Place<'_>) -> Result<i64, StoreError> {
    let BulkScope { user, pair, code, from, .. } = place.scope;
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM deliveries d JOIN pairs p ON p.id = d.pair_id
           WHERE d.state = 'dead' AND p.deleted_at IS NULL AND ($1::uuid IS NULL OR p.user_id = $1)
             AND ($2::uuid IS NULL OR d.pair_id = $2) AND ($3::text IS NULL OR d.reason_code = $3)
             AND ($4::timestamptz IS NULL OR coalesce(d.settled_at, d.created_at) >= $4)
             AND coalesce(d.settled_at, d.created_at) <= $5"#,
        user.map(|user| user.as_uuid()),
        pair.map(|pair| pair.as_uuid()),
        code.as_deref(),
        *from,
        until(place)
    )
    .fetch_one(connection)
    .await?;
    Ok(count)
}

/// The next dead letters, as [`count`] counts them, with whose they are.
async fn next(
    connection: &mut PgConnection,
    place: &Place<'_>,
    limit: i64,
) -> Result<Vec<(UserId, PairId, i64)>, StoreError> {
    let BulkScope { user, pair, code, from, .. } = place.scope;
    let (after_pair, after_seq) = place.after.unzip();
    let rows = sqlx::query!(
        r#"SELECT p.user_id, d.pair_id, d.seq FROM deliveries d JOIN pairs p ON p.id = d.pair_id
           WHERE d.state = 'dead' AND p.deleted_at IS NULL AND ($1::uuid IS NULL OR p.user_id = $1)
             AND ($2::uuid IS NULL OR d.pair_id = $2) AND ($3::text IS NULL OR d.reason_code = $3)
             AND ($4::timestamptz IS NULL OR coalesce(d.settled_at, d.created_at) >= $4)
             AND coalesce(d.settled_at, d.created_at) <= $5
             AND ($6::uuid IS NULL OR (d.pair_id, d.seq) > ($6, $7::bigint))
           ORDER BY d.pair_id, d.seq LIMIT $8"#,
        user.map(|user| user.as_uuid()),
        pair.map(|pair| pair.as_uuid()),
        code.as_deref(),
        *from,
        until(place),
        after_pair.map(|pair| pair.as_uuid()),
        after_seq,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.user_id, row.pair_id, row.seq)).collect())
}

/// Tries them again.
pub(super) async fn retry(
    connection: &mut PgConnection,
    place: &Place<'_>,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Handled, StoreError> {
    settle(connection, place, Decision::Retry, limit, now).await
}

/// Gives them up.
pub(super) async fn discard(
    connection: &mut PgConnection,
    place: &Place<'_>,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Handled, StoreError> {
    settle(connection, place, Decision::DiscardByStaff, limit, now).await
}

async fn settle(
    connection: &mut PgConnection,
    place: &Place<'_>,
    decision: Decision,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Handled, StoreError> {
    let mut handled = Handled::default();
    let mut by_pair: BTreeMap<(PairId, UserId), Vec<i64>> = BTreeMap::new();
    for (user, pair, seq) in next(connection, place, limit).await? {
        handled.last = Some((pair, Some(seq)));
        by_pair.entry((pair, user)).or_default().push(seq);
    }
    // In the order in which an ingest locks pairs.
    for ((pair, user), seqs) in by_pair {
        let decided = decide(connection, user, pair, Some(&seqs), decision, now).await?;
        handled.batch.done += i64::try_from(decided).unwrap_or(i64::MAX);
        if decided > 0 && decision == Decision::Retry {
            handled.batch.tell.push(Tell::Rouse(pair));
        }
    }
    Ok(handled)
}
