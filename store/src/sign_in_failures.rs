//! What failed lately when somebody signed in, by what was guessed at and by where from. Subjects are digests.

use chrono::{DateTime, Utc};
use domain::lockout::FORGET_AFTER;
use sqlx::PgConnection;

use crate::StoreError;

/// Failures in a row, and the last of them.
#[derive(Clone, Debug)]
pub struct Failures {
    /// What was guessed at, or from where.
    pub subject: Vec<u8>,
    /// In a row.
    pub failures: i32,
    /// The last one.
    pub last_at: DateTime<Utc>,
}

/// What is on record about these subjects.
pub async fn find(
    connection: &mut PgConnection,
    subjects: &[Vec<u8>],
    now: DateTime<Utc>,
) -> Result<Vec<Failures>, StoreError> {
    let found = sqlx::query_as!(
        Failures,
        "SELECT subject, failures, last_at FROM sign_in_failures WHERE subject = ANY($1) AND last_at > $2",
        subjects,
        now - FORGET_AFTER
    )
    .fetch_all(connection)
    .await?;
    Ok(found)
}

/// Counts one more failure for each of these subjects.
pub async fn add(connection: &mut PgConnection, subjects: &[Vec<u8>], now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO sign_in_failures AS f (subject, failures, last_at)
         SELECT subject, 1, $2 FROM unnest($1::bytea[]) AS subject ORDER BY subject
         ON CONFLICT ON CONSTRAINT sign_in_failures_pkey DO UPDATE SET
             failures = CASE WHEN f.last_at > $3 THEN f.failures + 1 ELSE 1 END,
             last_at = greatest(f.last_at, excluded.last_at)",
        subjects,
        now,
        now - FORGET_AFTER
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets the failures of a subject: it has succeeded.
pub async fn clear(connection: &mut PgConnection, subject: &[u8]) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM sign_in_failures WHERE subject = $1", subject).execute(connection).await?;
    Ok(())
}

/// Forgets what is older than it counts. Returns how many subjects.
pub async fn forget(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let done =
        sqlx::query!("DELETE FROM sign_in_failures WHERE last_at < $1", now - FORGET_AFTER).execute(connection).await?;
    Ok(done.rows_affected())
}
