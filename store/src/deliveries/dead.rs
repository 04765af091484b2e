//! Dead letters: deliveries that the destination refused for good, until somebody decides about them.

use chrono::{DateTime, Utc};
use domain::{PairId, UserId};
use sqlx::PgConnection;

use crate::StoreError;

/// The dead letters of one pair, summed up.
#[derive(Clone, Debug)]
pub struct DeadLetters {
    /// The pair.
    pub pair_id: PairId,
    /// Its name.
    pub pair_name: String,
    /// How many.
    pub count: i64,
    /// When the oldest of them was given up.
    pub oldest_at: DateTime<Utc>,
    /// When the newest of them was given up.
    pub newest_at: DateTime<Utc>,
    /// Why the newest was, as a stable code.
    pub reason_code: Option<String>,
}

/// The tenant's pairs that have dead letters, those with the newest ones first.
pub async fn dead_letters(connection: &mut PgConnection, user: UserId) -> Result<Vec<DeadLetters>, StoreError> {
    let letters = sqlx::query_as!(
        DeadLetters,
        r#"SELECT p.id AS pair_id, p.name AS pair_name, count(*) AS "count!",
                  min(coalesce(d.settled_at, d.created_at)) AS "oldest_at!",
                  max(coalesce(d.settled_at, d.created_at)) AS "newest_at!",
                  (array_agg(d.reason_code ORDER BY d.seq DESC))[1] AS reason_code
           FROM pairs p JOIN deliveries d ON d.pair_id = p.id AND d.state = 'dead'
           WHERE p.user_id = $1 AND p.deleted_at IS NULL
           GROUP BY p.id, p.name ORDER BY 5 DESC, p.id"#,
        user as UserId
    )
    .fetch_all(connection)
    .await?;
    Ok(letters)
}

/// Whether dead letters are tried again or given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Try again, in the old place of the pair's order and under the old idempotency key. What was edited at its source
    /// meanwhile goes as it reads now, unless a part of it stands already.
    Retry,
    /// Forget them: they become skipped, with the history that says so.
    Discard,
    /// The same, on behalf of the installation.
    DiscardByStaff,
}

/// Decides about the tenant's dead letters of a pair: all of them, or those with the numbers `seqs`. Returns how many there
/// were: deciding twice finds none the second time. A pair with something to try again is marked as to be woken.
pub async fn decide(
    connection: &mut PgConnection,
    user: UserId,
    pair: PairId,
    seqs: Option<&[i64]>,
    decision: Decision,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let (retry, who) = match decision {
        Decision::Retry => (true, ""),
        Decision::Discard => (false, "the user"),
        Decision::DiscardByStaff => (false, "the operators"),
    };
    let done = sqlx::query!(
        r#"WITH decided AS (
             UPDATE deliveries d SET
                 state = CASE WHEN $4 THEN 'pending' ELSE 'skipped' END::delivery_state,
                 reason_code = CASE WHEN $4 THEN NULL ELSE 'discarded' END,
                 reason = CASE WHEN $4 THEN NULL ELSE 'discarded by ' || $6 || '; before that: ' || coalesce(d.reason, d.reason_code, 'no reason') END,
                 due_at = CASE WHEN $4 THEN least(d.due_at, $5) ELSE d.due_at END,
                 settled_at = CASE WHEN $4 THEN NULL ELSE $5::timestamptz END
             WHERE d.pair_id = $2 AND d.state = 'dead' AND ($3::bigint[] IS NULL OR d.seq = ANY($3))
               AND EXISTS (SELECT FROM pairs p WHERE p.id = $2 AND p.user_id = $1 AND p.deleted_at IS NULL)
             RETURNING d.pair_id, d.seq, d.source_message_id),
           flag AS (UPDATE pairs SET wake_pending = true WHERE $4 AND id IN (SELECT pair_id FROM decided)),
           again AS (
             UPDATE media SET state = 'pending', attempts = 0, fetch_after = $5, reason = NULL, size_bytes = NULL
             WHERE $4 AND stored_bytes = 0 AND size_bytes IS DISTINCT FROM 0
               AND source_message_id IN (SELECT coalesce(s.media_from, s.id) FROM decided d
                                         JOIN source_messages s ON s.id = d.source_message_id))
           INSERT INTO delivery_events (pair_id, seq, at, kind, detail)
           SELECT pair_id, seq, $5, CASE WHEN $4 THEN 'retried' ELSE 'discarded' END, NULL FROM decided"#,
        user as UserId,
        pair as PairId,
        seqs,
        retry,
        now,
        who
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
