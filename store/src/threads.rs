//! Which topic or post of a destination forum stands for which topic or thread of the source.

use chrono::{DateTime, Utc};
use domain::{ChatId, PairId};
use sqlx::PgConnection;

use crate::{StoreError, content, seal::Sealer};

/// The thread at the destination that stands for `source_topic`, if there is one yet: one that this pair has made, or one from
/// which a pair of the same user the other way has made the topic.
pub async fn find(connection: &mut PgConnection, pair: PairId, source_topic: i64) -> Result<Option<i64>, StoreError> {
    let found = sqlx::query!(
        r#"SELECT destination_thread AS "thread", 1 AS "rank!" FROM pair_threads
         WHERE pair_id = $1 AND source_topic = $2 AND destination_thread IS NOT NULL
         UNION ALL
         SELECT t.source_topic, 2 FROM pairs p
         JOIN pairs back ON back.user_id = p.user_id AND back.deleted_at IS NULL
              AND back.source_chat_id = p.destination_chat_id AND back.destination_chat_id = p.source_chat_id
         JOIN pair_threads t ON t.pair_id = back.id AND t.destination_thread = $2
         WHERE p.id = $1
         ORDER BY 2 LIMIT 1"#,
        pair as PairId,
        source_topic
    )
    .fetch_optional(connection)
    .await?;
    Ok(found.and_then(|row| row.thread))
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
    sealer: &Sealer,
    (pair, source_topic): (PairId, i64),
    title: &str,
    now: DateTime<Utc>,
) -> Result<Intent, StoreError> {
    let row = sqlx::query!(
        r#"WITH new AS (
             INSERT INTO pair_threads (pair_id, source_topic, sealed_title, made_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT ON CONSTRAINT pair_threads_pkey DO NOTHING RETURNING sealed_title, made_at)
           SELECT sealed_title, NULL AS title, made_at AS "since!", false AS "again!" FROM new
           UNION ALL
           SELECT sealed_title, title, made_at, true FROM pair_threads WHERE pair_id = $1 AND source_topic = $2"#,
        pair as PairId,
        source_topic,
        sealer.seal_bytes(&content::title_place(pair, source_topic), title.as_bytes())?,
        now
    )
    .fetch_one(connection)
    .await?;
    let title = content::title(sealer, (pair, source_topic), row.sealed_title.as_deref(), row.title)?;
    Ok(Intent { title, since: row.since, again: row.again })
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
    sealer: &Sealer,
    (pair, source_topic): (PairId, i64),
    destination_thread: i64,
    title: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO pair_threads (pair_id, source_topic, destination_thread, sealed_title, made_at)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT ON CONSTRAINT pair_threads_pkey DO UPDATE
         SET destination_thread = excluded.destination_thread WHERE pair_threads.destination_thread IS NULL",
        pair as PairId,
        source_topic,
        destination_thread,
        sealer.seal_bytes(&content::title_place(pair, source_topic), title.as_bytes())?,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets a thread that is not at the destination any more, whichever of a user's pairs made it: the next message of its topic
/// gets a new one. False when nothing stood for it.
pub async fn forget(connection: &mut PgConnection, pair: PairId, thread: i64) -> Result<bool, StoreError> {
    let forgotten = sqlx::query!(
        "DELETE FROM pair_threads t USING pairs p, pairs made
         WHERE p.id = $1 AND made.id = t.pair_id AND made.user_id = p.user_id AND (
             (made.destination_chat_id = p.destination_chat_id AND t.destination_thread = $2)
             OR (made.source_chat_id = p.destination_chat_id AND made.destination_chat_id = p.source_chat_id
                 AND t.source_topic = $2))",
        pair as PairId,
        thread
    )
    .execute(connection)
    .await?;
    Ok(forgotten.rows_affected() > 0)
}
