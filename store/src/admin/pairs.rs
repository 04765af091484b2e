//! The pairs of all tenants, live.

use chrono::{DateTime, Utc};
use domain::{AccountId, AccountStatus, PairId, PairStatus, Platform, UserId};
use sqlx::PgConnection;

use super::{COUNTED_MAX, LastError};
use crate::StoreError;

/// Which pairs; everything that is given must fit.
#[derive(Clone, Copy, Debug, Default)]
pub struct PairFilter<'a> {
    /// In this state.
    pub status: Option<PairStatus>,
    /// With an end on this platform.
    pub platform: Option<Platform>,
    /// Whose destination is hosted by this worker.
    pub host: Option<&'a str>,
    /// Of this tenant.
    pub user: Option<UserId>,
    /// Read or written through this account.
    pub account: Option<AccountId>,
    /// Its oldest delivery could have been sent since then, or longer.
    pub due_before: Option<DateTime<Utc>>,
    /// Only those below this one.
    pub before: Option<PairId>,
}

/// One pair's queue.
#[derive(Clone, Debug)]
pub struct PairRow {
    /// Which.
    pub id: PairId,
    /// Whose.
    pub user_id: UserId,
    /// Their address.
    pub user_email: String,
    /// The user's name for it.
    pub name: String,
    /// Its state.
    pub status: PairStatus,
    /// Stable code of why.
    pub reason_code: Option<String>,
    /// Why, for people.
    pub reason: Option<String>,
    /// Reads.
    pub source_account_id: AccountId,
    /// Where the source is.
    pub source_platform: Platform,
    /// Writes.
    pub destination_account_id: AccountId,
    /// Where the destination is.
    pub destination_platform: Platform,
    /// The state of the account that writes.
    pub destination_status: AccountStatus,
    /// The worker that hosts it.
    pub host: Option<String>,
    /// Deliveries that wait, at most [`COUNTED_MAX`].
    pub open: i64,
    /// Dead letters, at most [`COUNTED_MAX`].
    pub dead: i64,
    /// When the oldest that waits was received.
    pub oldest_received_at: Option<DateTime<Utc>>,
    /// When it could have been sent; later ones wait for it.
    pub oldest_due_at: Option<DateTime<Utc>>,
    /// Why it waits, for people.
    pub waiting_for: Option<String>,
    /// The pair's latest trouble.
    pub last_error: Option<LastError>,
}

/// The pairs that fit, the newest first.
pub async fn pairs(
    connection: &mut PgConnection,
    filter: &PairFilter<'_>,
    limit: i64,
) -> Result<Vec<PairRow>, StoreError> {
    let rows = sqlx::query!(
        r#"WITH page AS (
             SELECT p.id FROM pairs p
             JOIN accounts s ON s.id = p.source_account_id JOIN accounts t ON t.id = p.destination_account_id
             WHERE p.deleted_at IS NULL AND ($1::pair_status IS NULL OR p.status = $1)
               AND ($2::platform IS NULL OR s.platform = $2 OR t.platform = $2)
               AND ($3::text IS NULL OR t.host = $3) AND ($4::uuid IS NULL OR p.user_id = $4)
               AND ($5::uuid IS NULL OR s.id = $5 OR t.id = $5) AND ($6::uuid IS NULL OR p.id < $6)
               AND ($7::timestamptz IS NULL OR (
                 SELECT d.due_at FROM deliveries d WHERE d.pair_id = p.id AND d.state IN ('pending', 'sending')
                 ORDER BY d.seq LIMIT 1) <= $7)
             ORDER BY p.id DESC LIMIT $8)
           SELECT p.id, p.user_id, u.email AS user_email, p.name, p.status, p.reason_code, p.reason,
                  p.source_account_id, s.platform AS source_platform, p.destination_account_id,
                  t.platform AS destination_platform, t.status AS destination_status, t.host,
                  w.open AS "open!", x.dead AS "dead!", h.created_at AS "oldest_received_at?",
                  h.due_at AS "oldest_due_at?", h.reason AS waiting_for,
                  e.code AS "error_code?", e.detail AS "error_detail?", e.last_at AS "error_at?"
           FROM page JOIN pairs p ON p.id = page.id JOIN users u ON u.id = p.user_id
           JOIN accounts s ON s.id = p.source_account_id JOIN accounts t ON t.id = p.destination_account_id
           CROSS JOIN LATERAL (SELECT count(*) AS open FROM (
               SELECT FROM deliveries d WHERE d.pair_id = p.id AND d.state IN ('pending', 'sending') LIMIT $9) o) w
           CROSS JOIN LATERAL (SELECT count(*) AS dead FROM (
               SELECT FROM deliveries d WHERE d.pair_id = p.id AND d.state = 'dead' LIMIT $9) o) x
           LEFT JOIN LATERAL (SELECT d.created_at, d.due_at, d.reason FROM deliveries d
                              WHERE d.pair_id = p.id AND d.state IN ('pending', 'sending')
                              ORDER BY d.seq LIMIT 1) h ON true
           LEFT JOIN LATERAL (SELECT l.code, l.detail, l.last_at FROM error_logs l
                              WHERE l.pair_id = p.id ORDER BY l.id DESC LIMIT 1) e ON true
           ORDER BY p.id DESC"#,
        filter.status as Option<PairStatus>,
        filter.platform as Option<Platform>,
        filter.host,
        filter.user.map(|user| user.as_uuid()),
        filter.account.map(|account| account.as_uuid()),
        filter.before.map(|pair| pair.as_uuid()),
        filter.due_before,
        limit,
        COUNTED_MAX
    )
    .fetch_all(connection)
    .await?;
    let rows = rows.into_iter().map(|row| PairRow {
        id: row.id,
        user_id: row.user_id,
        user_email: row.user_email,
        name: row.name,
        status: row.status,
        reason_code: row.reason_code,
        reason: row.reason,
        source_account_id: row.source_account_id,
        source_platform: row.source_platform,
        destination_account_id: row.destination_account_id,
        destination_platform: row.destination_platform,
        destination_status: row.destination_status,
        host: row.host,
        open: row.open,
        dead: row.dead,
        oldest_received_at: row.oldest_received_at,
        oldest_due_at: row.oldest_due_at,
        waiting_for: row.waiting_for,
        last_error: LastError::of(row.error_code, row.error_detail, row.error_at),
    });
    Ok(rows.collect())
}
