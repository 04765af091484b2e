//! Which topic or post of a destination forum stands for which topic or thread of the source.

use chrono::{DateTime, Utc};
use domain::PairId;
use sqlx::PgConnection;

use crate::StoreError;

/// The thread at the destination that stands for `source_topic`, if there is one yet.
pub async fn find(connection: &mut PgConnection, pair: PairId, source_topic: i64) -> Result<Option<i64>, StoreError> {
    let thread = sqlx::query_scalar!(
        "SELECT destination_thread FROM pair_threads WHERE pair_id = $1 AND source_topic = $2",
        pair as PairId,
        source_topic
    )
    .fetch_optional(connection)
    .await?;
    Ok(thread)
}

/// Records a thread that was made; the first one stays.
pub async fn insert(
    connection: &mut PgConnection,
    pair: PairId,
    source_topic: i64,
    destination_thread: i64,
    title: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO pair_threads (pair_id, source_topic, destination_thread, title, made_at)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT ON CONSTRAINT pair_threads_pkey DO NOTHING",
        pair as PairId,
        source_topic,
        destination_thread,
        title,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}
