//! Which topic or post of a destination forum stands for which topic or thread of the source.

use chrono::{DateTime, Utc};
use domain::{ChatId, PairId};
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
    Ok(thread.flatten())
}

/// A thread that is about to be made, or may have been.
#[derive(Clone, Debug)]
pub struct Intent {
    /// Its name: that of the first attempt.
    pub title: String,
    /// When it was first about to be made.
    pub since: DateTime<Utc>,
    /// It was about to be made before: it may be there.
    pub again: bool,
}

/// Records that a thread for `source_topic` is about to be made, unless it is on record already.
pub async fn intend(
    connection: &mut PgConnection,
    pair: PairId,
    source_topic: i64,
    title: &str,
    now: DateTime<Utc>,
) -> Result<Intent, StoreError> {
    let row = sqlx::query!(
        r#"WITH new AS (
             INSERT INTO pair_threads (pair_id, source_topic, title, made_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT ON CONSTRAINT pair_threads_pkey DO NOTHING RETURNING title, made_at)
           SELECT title AS "title!", made_at AS "since!", false AS "again!" FROM new
           UNION ALL
           SELECT title, made_at, true FROM pair_threads WHERE pair_id = $1 AND source_topic = $2"#,
        pair as PairId,
        source_topic,
        title,
        now
    )
    .fetch_one(connection)
    .await?;
    Ok(Intent { title: row.title, since: row.since, again: row.again })
}

/// Which of these threads of a destination chat stand for something already, on any pair that writes there.
pub async fn taken(
    connection: &mut PgConnection,
    destination: ChatId,
    threads: &[i64],
) -> Result<Vec<i64>, StoreError> {
    let taken = sqlx::query_scalar!(
        r#"SELECT t.destination_thread AS "thread!" FROM pair_threads t JOIN pairs p ON p.id = t.pair_id
           WHERE p.destination_chat_id = $1 AND t.destination_thread = ANY($2)"#,
        destination as ChatId,
        threads
    )
    .fetch_all(connection)
    .await?;
    Ok(taken)
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
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT ON CONSTRAINT pair_threads_pkey DO UPDATE
         SET destination_thread = excluded.destination_thread WHERE pair_threads.destination_thread IS NULL",
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
