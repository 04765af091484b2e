//! What the rules of a pair need from the database: content that was carried a short time ago, messages to try rules
//! on, and deliveries that wait for active hours.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::{
    Message, PairId, UserId,
    rules::{DuplicateCheck, PairOptions, RuleBook, Rules, Unreadable},
};
use serde::Deserialize as _;
use serde_json::Value;
use sqlx::PgConnection;

use crate::{StoreError, content, seal::Sealer};

/// The reason code of a pending delivery that waits for the pair's active hours.
pub const OUTSIDE_HOURS: &str = "outside_hours";

/// The rules of a pair whose row was last changed at `version` and holds `options`.
///
/// # Errors
/// When the options cannot be read: a version that knows others has written them.
pub fn compiled(
    book: &RuleBook,
    pair: PairId,
    version: DateTime<Utc>,
    options: &Value,
) -> Result<Arc<Rules>, Unreadable> {
    if options.as_object().is_some_and(serde_json::Map::is_empty) {
        return Ok(book.without());
    }
    book.of(pair, version, || PairOptions::deserialize(options).map_err(|error| Unreadable::new(error.to_string())))
}

/// What the content may be known by: its digest under the key that seals, and all others, under which it was remembered
/// before the keys were rotated. Rows from before digests had keys hold the bare fingerprint.
fn fingerprints(sealer: &Sealer, check: DuplicateCheck) -> (Vec<u8>, Vec<Vec<u8>>) {
    let bare = check.fingerprint.as_bytes();
    let mut digests = sealer.digests("carried_content", bare);
    let first = digests.swap_remove(0);
    digests.push(bare.to_vec());
    (first, digests)
}

/// Remembers that a delivery, by its pair and number, carries this content. False when another delivery has carried the
/// same within the window. Asking again for the same delivery is the same answer.
pub async fn claim_content(
    connection: &mut PgConnection,
    sealer: &Sealer,
    (pair, seq): (PairId, i64),
    check: DuplicateCheck,
    written_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let (fingerprint, former) = fingerprints(sealer, check);
    let claimed = sqlx::query!(
        "INSERT INTO carried_content AS c (fingerprint, pair_id, seq, written_at, expires_at)
         SELECT $1, $2, $3, $4, $5 WHERE NOT EXISTS (
             SELECT FROM carried_content f WHERE f.fingerprint = ANY($8) AND f.written_at BETWEEN $6 AND $7
               AND NOT (f.pair_id = $2 AND f.seq = $3))
         ON CONFLICT ON CONSTRAINT carried_content_pkey DO UPDATE
             SET pair_id = excluded.pair_id, seq = excluded.seq, written_at = excluded.written_at,
                 expires_at = excluded.expires_at
             WHERE (c.pair_id = excluded.pair_id AND c.seq = excluded.seq)
                OR c.written_at NOT BETWEEN $6 AND $7",
        fingerprint,
        pair as PairId,
        seq,
        written_at,
        written_at.max(now) + check.window,
        written_at - check.window,
        written_at + check.window,
        &former
    )
    .execute(connection)
    .await?;
    Ok(claimed.rows_affected() == 1)
}

/// True when the content was carried within the window around `written_at`; remembers nothing.
pub async fn is_duplicate(
    connection: &mut PgConnection,
    sealer: &Sealer,
    check: DuplicateCheck,
    written_at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let (fingerprint, mut known) = fingerprints(sealer, check);
    known.push(fingerprint);
    let known = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM carried_content
                          WHERE fingerprint = ANY($1) AND written_at BETWEEN $2 AND $3) AS "known!""#,
        &known,
        written_at - check.window,
        written_at + check.window
    )
    .fetch_one(connection)
    .await?;
    Ok(known)
}

/// Forgets what delivery `seq` was to carry: it will not stand at the destination.
pub async fn release_content(connection: &mut PgConnection, pair: PairId, seq: i64) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM carried_content WHERE pair_id = $1 AND seq = $2", pair as PairId, seq)
        .execute(connection)
        .await?;
    Ok(())
}

/// Forgets content that nobody asks for any more, at most `limit` at once; how much it was.
pub async fn prune_content(connection: &mut PgConnection, now: DateTime<Utc>, limit: i64) -> Result<u64, StoreError> {
    let pruned = sqlx::query!(
        "DELETE FROM carried_content WHERE fingerprint IN (
             SELECT fingerprint FROM carried_content WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
        now,
        limit
    )
    .execute(connection)
    .await?;
    Ok(pruned.rows_affected())
}

/// The newest revision of a message that the tenant's pair has received, by the source platform's id.
pub async fn received_message(
    connection: &mut PgConnection,
    sealer: &Sealer,
    user: UserId,
    pair: PairId,
    message_id: i64,
) -> Result<Option<Message>, StoreError> {
    let row = sqlx::query!(
        "SELECT s.id, s.content, s.sealed_content FROM deliveries d
         JOIN pairs p ON p.id = d.pair_id
         JOIN source_messages s ON s.id = d.source_message_id
         WHERE p.user_id = $1 AND d.pair_id = $2 AND s.message_id = $3 ORDER BY s.revision DESC LIMIT 1",
        user as UserId,
        pair as PairId,
        message_id
    )
    .fetch_optional(connection)
    .await?;
    row.map(|row| content::message(sealer, row.id, row.sealed_content.as_deref(), row.content)).transpose()
}

/// The active hours of a pair, when they are closed.
#[derive(Clone, Copy, Debug)]
pub struct Closed<'a> {
    /// The time of the pair's last change when its rules were read.
    pub version: DateTime<Utc>,
    /// When they begin.
    pub until: DateTime<Utc>,
    /// For people.
    pub text: &'a str,
}

/// Puts a claimed delivery that was not begun back until the active hours begin: the claim does not count. Its history
/// has it once, however often that is renewed. False when the pair has been changed since, or is being changed: then
/// nothing is done, for the hours may be others.
pub async fn hold_for_hours(
    connection: &mut PgConnection,
    pair: PairId,
    seq: i64,
    closed: Closed<'_>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    // Who changes the hours locks the pair first and moves what is held then; who adds deliveries locks the pair last.
    let held = sqlx::query_scalar!(
        r#"WITH former AS (
             SELECT pair_id, seq, reason_code FROM deliveries
             WHERE pair_id = $1 AND seq = $2 AND state = 'sending' FOR UPDATE),
           unchanged AS (
             SELECT p.id FROM pairs p WHERE p.id = (SELECT f.pair_id FROM former f) AND p.updated_at = $3
             FOR SHARE SKIP LOCKED),
           held AS (
             UPDATE deliveries d SET attempts = d.attempts - 1, due_at = $4,
                    state = CASE WHEN d.attempts <= 1 THEN 'pending' ELSE d.state END,
                    first_attempt_at = CASE WHEN d.attempts <= 1 THEN NULL ELSE d.first_attempt_at END,
                    reason_code = $5, reason = $6
             FROM former f JOIN unchanged u ON u.id = f.pair_id
             WHERE d.pair_id = f.pair_id AND d.seq = f.seq
             RETURNING d.pair_id, d.seq, f.reason_code AS former),
           told AS (
             INSERT INTO delivery_events (pair_id, seq, at, kind, detail)
             SELECT pair_id, seq, $7, 'waiting', $6 FROM held WHERE former IS DISTINCT FROM $5)
           SELECT count(*) AS "held!" FROM held"#,
        pair as PairId,
        seq,
        closed.version,
        closed.until,
        OUTSIDE_HOURS,
        closed.text,
        now
    )
    .fetch_one(connection)
    .await?;
    Ok(held == 1)
}

/// Deliveries of the pair that wait for active hours wait until `open_at` instead, and for the pair's delay.
pub async fn move_hours(
    connection: &mut PgConnection,
    pair: PairId,
    open_at: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let moved = sqlx::query!(
        "UPDATE deliveries d SET due_at = greatest($2, d.created_at + make_interval(secs => p.delay_seconds))
         FROM pairs p WHERE p.id = d.pair_id AND d.pair_id = $1 AND d.state IN ('pending', 'sending')
           AND d.reason_code = $3",
        pair as PairId,
        open_at,
        OUTSIDE_HOURS
    )
    .execute(connection)
    .await?;
    Ok(moved.rows_affected())
}
