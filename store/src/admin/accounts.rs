//! The accounts of all tenants, live.

use chrono::{DateTime, Utc};
use domain::{AccountId, AccountStatus, Platform, UserId};
use sqlx::PgConnection;

use super::{COUNTED_MAX, LastError};
use crate::StoreError;

/// Which accounts; everything that is given must fit. Those that were logged out are none.
#[derive(Clone, Copy, Debug, Default)]
pub struct AccountFilter<'a> {
    /// In this state.
    pub status: Option<AccountStatus>,
    /// On this platform.
    pub platform: Option<Platform>,
    /// Hosted by this worker.
    pub host: Option<&'a str>,
    /// Of this tenant.
    pub user: Option<UserId>,
    /// The oldest delivery that it has to send could have been sent since then, or longer.
    pub due_before: Option<DateTime<Utc>>,
    /// Only those below this one.
    pub before: Option<AccountId>,
}

/// One account's health.
#[derive(Clone, Debug)]
pub struct AccountRow {
    /// Which.
    pub id: AccountId,
    /// Whose.
    pub user_id: UserId,
    /// Their address.
    pub user_email: String,
    /// Where it lives.
    pub platform: Platform,
    /// The name on the platform.
    pub display_name: Option<String>,
    /// Its state.
    pub status: AccountStatus,
    /// Stable code of why.
    pub reason_code: Option<String>,
    /// Why, for people.
    pub reason: Option<String>,
    /// The worker that hosts it.
    pub host: Option<String>,
    /// Since when.
    pub hosted_at: Option<DateTime<Utc>>,
    /// When the last health check passed.
    pub health_checked_at: Option<DateTime<Utc>>,
    /// The platform wants silence until then.
    pub cooldown_until: Option<DateTime<Utc>>,
    /// Pairs that write through it.
    pub pairs: i64,
    /// Deliveries that wait to be sent by it, of each pair at most [`COUNTED_MAX`].
    pub open: i64,
    /// When the oldest of those that are first in their pairs could have been sent.
    pub oldest_due_at: Option<DateTime<Utc>>,
    /// Its latest trouble.
    pub last_error: Option<LastError>,
}

/// The accounts that fit, the newest first.
pub async fn accounts(
    connection: &mut PgConnection,
    filter: &AccountFilter<'_>,
    limit: i64,
) -> Result<Vec<AccountRow>, StoreError> {
    let rows = sqlx::query!(
        r#"WITH page AS (
             SELECT a.id FROM accounts a
             WHERE a.status <> 'logged_out' AND ($1::account_status IS NULL OR a.status = $1)
               AND ($2::platform IS NULL OR a.platform = $2) AND ($3::text IS NULL OR a.host = $3)
               AND ($4::uuid IS NULL OR a.user_id = $4) AND ($5::uuid IS NULL OR a.id < $5)
               AND ($6::timestamptz IS NULL OR EXISTS (
                 SELECT FROM pairs p
                 CROSS JOIN LATERAL (SELECT d.due_at FROM deliveries d
                                     WHERE d.pair_id = p.id AND d.state IN ('pending', 'sending')
                                     ORDER BY d.seq LIMIT 1) h
                 WHERE p.destination_account_id = a.id AND p.deleted_at IS NULL AND h.due_at <= $6))
             ORDER BY a.id DESC LIMIT $7)
           SELECT a.id, a.user_id, u.email AS user_email, a.platform, a.display_name, a.status, a.reason_code, a.reason,
                  a.host, a.hosted_at, a.health_checked_at, a.cooldown_until, q.pairs AS "pairs!", q.open AS "open!",
                  q.oldest_due_at, e.code AS "error_code?", e.detail AS "error_detail?", e.last_at AS "error_at?"
           FROM page JOIN accounts a ON a.id = page.id JOIN users u ON u.id = a.user_id
           CROSS JOIN LATERAL (
             SELECT count(*) AS pairs, coalesce(sum(w.open), 0)::bigint AS open, min(h.due_at) AS oldest_due_at
             FROM pairs p
             CROSS JOIN LATERAL (SELECT count(*) AS open FROM (
                 SELECT FROM deliveries d WHERE d.pair_id = p.id AND d.state IN ('pending', 'sending') LIMIT $8) o) w
             LEFT JOIN LATERAL (SELECT d.due_at FROM deliveries d
                                WHERE d.pair_id = p.id AND d.state IN ('pending', 'sending')
                                ORDER BY d.seq LIMIT 1) h ON true
             WHERE p.destination_account_id = a.id AND p.deleted_at IS NULL) q
           LEFT JOIN LATERAL (SELECT l.code, l.detail, l.last_at FROM error_logs l
                              WHERE l.account_id = a.id ORDER BY l.id DESC LIMIT 1) e ON true
           ORDER BY a.id DESC"#,
        filter.status as Option<AccountStatus>,
        filter.platform as Option<Platform>,
        filter.host,
        filter.user.map(|user| user.as_uuid()),
        filter.before.map(|account| account.as_uuid()),
        filter.due_before,
        limit,
        COUNTED_MAX
    )
    .fetch_all(connection)
    .await?;
    let rows = rows.into_iter().map(|row| AccountRow {
        id: row.id,
        user_id: row.user_id,
        user_email: row.user_email,
        platform: row.platform,
        display_name: row.display_name,
        status: row.status,
        reason_code: row.reason_code,
        reason: row.reason,
        host: row.host,
        hosted_at: row.hosted_at,
        health_checked_at: row.health_checked_at,
        cooldown_until: row.cooldown_until,
        pairs: row.pairs,
        open: row.open,
        oldest_due_at: row.oldest_due_at,
        last_error: LastError::of(row.error_code, row.error_detail, row.error_at),
    });
    Ok(rows.collect())
}
