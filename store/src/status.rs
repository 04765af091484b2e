//! How a tenant's accounts and pairs are doing: queues, lag, the oldest that waits.

use chrono::{DateTime, Utc};
use domain::{AccountId, AccountStatus, PairId, PairStatus, Platform, UserId};
use sqlx::PgConnection;

use crate::StoreError;

/// One account's health.
#[derive(Clone, Debug)]
pub struct AccountHealth {
    /// The account.
    pub id: AccountId,
    /// Where it lives.
    pub platform: Platform,
    /// The name on the platform.
    pub display_name: Option<String>,
    /// Its state.
    pub status: AccountStatus,
    /// Stable code of why.
    pub reason_code: Option<String>,
    /// The worker that hosts it.
    pub host: Option<String>,
    /// Since when.
    pub hosted_at: Option<DateTime<Utc>>,
    /// When the last health check passed.
    pub health_checked_at: Option<DateTime<Utc>>,
    /// The platform wants silence until then.
    pub cooldown_until: Option<DateTime<Utc>>,
    /// The newest message that it received for some pair.
    pub last_received_at: Option<DateTime<Utc>>,
    /// Deliveries that wait to be sent by it.
    pub open: i64,
    /// When the oldest of those that are first in their pairs could have been sent; later ones wait for them.
    pub oldest_due_at: Option<DateTime<Utc>>,
}

/// The tenant's accounts with their queues, oldest account first.
pub async fn accounts(connection: &mut PgConnection, user: UserId) -> Result<Vec<AccountHealth>, StoreError> {
    let health = sqlx::query_as!(
        AccountHealth,
        r#"SELECT a.id, a.platform, a.display_name, a.status, a.reason_code, a.host, a.hosted_at, a.health_checked_at,
                  a.cooldown_until,
                  (SELECT max(d.created_at) FROM pairs p CROSS JOIN LATERAL (
                       SELECT n.created_at FROM deliveries n WHERE n.pair_id = p.id ORDER BY n.seq DESC LIMIT 1) d
                   WHERE p.source_account_id = a.id) AS last_received_at,
                  coalesce(q.open, 0) AS "open!", q.oldest_due_at AS "oldest_due_at?"
           FROM accounts a
           LEFT JOIN (SELECT p.destination_account_id AS account_id, sum(w.open)::bigint AS open,
                             min(h.due_at) AS oldest_due_at
                      FROM pairs p
                      CROSS JOIN LATERAL (SELECT count(*) AS open FROM deliveries d
                                          WHERE d.pair_id = p.id AND d.state IN ('pending', 'sending')) w
                      LEFT JOIN LATERAL (SELECT d.due_at FROM deliveries d
                                         WHERE d.pair_id = p.id AND d.state IN ('pending', 'sending')
                                         ORDER BY d.seq LIMIT 1) h ON true
                      WHERE p.user_id = $1 AND p.deleted_at IS NULL GROUP BY 1) q ON q.account_id = a.id
           WHERE a.user_id = $1 AND a.status <> 'logged_out' ORDER BY a.created_at, a.id"#,
        user as UserId
    )
    .fetch_all(connection)
    .await?;
    Ok(health)
}

/// One pair's queue.
#[derive(Clone, Debug)]
pub struct PairHealth {
    /// The pair.
    pub id: PairId,
    /// Its name.
    pub name: String,
    /// Its state.
    pub status: PairStatus,
    /// Stable code of why.
    pub reason_code: Option<String>,
    /// Deliveries that wait.
    pub open: i64,
    /// When the oldest of them was received.
    pub oldest_received_at: Option<DateTime<Utc>>,
    /// When the oldest of them could have been sent; later ones wait for it.
    pub oldest_due_at: Option<DateTime<Utc>>,
    /// Why the oldest of them waits, for people.
    pub waiting_for: Option<String>,
    /// When the newest message was sent.
    pub last_sent_at: Option<DateTime<Utc>>,
    /// Dead letters.
    pub dead: i64,
}

/// The tenant's pairs with their queues, oldest pair first.
pub async fn pairs(connection: &mut PgConnection, user: UserId) -> Result<Vec<PairHealth>, StoreError> {
    let health = sqlx::query_as!(
        PairHealth,
        r#"SELECT p.id, p.name, p.status, p.reason_code, coalesce(q.open, 0) AS "open!",
                  h.created_at AS "oldest_received_at?", h.due_at AS "oldest_due_at?", h.reason AS waiting_for,
                  (SELECT d.settled_at FROM deliveries d WHERE d.pair_id = p.id AND d.state = 'sent'
                   ORDER BY d.seq DESC LIMIT 1) AS last_sent_at,
                  (SELECT count(*) FROM deliveries d WHERE d.pair_id = p.id AND d.state = 'dead') AS "dead!"
           FROM pairs p
           LEFT JOIN LATERAL (SELECT count(*) AS open FROM deliveries d
                              WHERE d.pair_id = p.id AND d.state IN ('pending', 'sending')) q ON true
           LEFT JOIN LATERAL (SELECT d.created_at, d.due_at, d.reason FROM deliveries d
                              WHERE d.pair_id = p.id AND d.state IN ('pending', 'sending')
                              ORDER BY d.seq LIMIT 1) h ON true
           WHERE p.user_id = $1 AND p.deleted_at IS NULL ORDER BY p.created_at, p.id"#,
        user as UserId
    )
    .fetch_all(connection)
    .await?;
    Ok(health)
}

/// A queue as the worker's metrics show it.
#[derive(Clone, Debug)]
pub struct Queue {
    /// The pair.
    pub pair: PairId,
    /// The account that sends.
    pub account: AccountId,
    /// Deliveries that wait.
    pub open: i64,
    /// Since when the oldest of them could have been sent; `None` while something holds the pair back.
    pub ready_since: Option<DateTime<Utc>>,
}

/// The queues of one worker as its metrics show them.
#[derive(Clone, Debug, Default)]
pub struct Queues {
    /// Deliveries that wait, in all pairs.
    pub open: i64,
    /// Since when the oldest of them could have been sent, over all pairs that nothing holds back.
    pub ready_since: Option<DateTime<Utc>>,
    /// Some pairs: those that wait longest without anything that holds them back, then the longest queues.
    pub pairs: Vec<Queue>,
}

/// The queues of the accounts that `host` hosts; the sums are of all pairs, at most `limit` are listed. A pair is held
/// back while it is not active, its account is not online, the platform wants silence from the account or in the chat,
/// or its oldest delivery waits for the plan.
pub async fn queues_of(
    connection: &mut PgConnection,
    host: &str,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Queues, StoreError> {
    // A platform may ask for a longer silence than a timestamp can hold: of a chat's, a month counts at most.
    let rows = sqlx::query!(
        r#"SELECT p.id AS pair, a.id AS account, q.open AS "open!", r.ready_since,
                  (sum(q.open) OVER ())::bigint AS "all_open!", min(r.ready_since) OVER () AS all_ready_since
           FROM (SELECT p.id, count(*) AS open, min(d.seq) AS head
                 FROM accounts a JOIN pairs p ON p.destination_account_id = a.id AND p.deleted_at IS NULL
                 JOIN deliveries d ON d.pair_id = p.id AND d.state IN ('pending', 'sending')
                 WHERE a.host = $1 GROUP BY p.id) q
           JOIN pairs p ON p.id = q.id
           JOIN accounts a ON a.id = p.destination_account_id
           JOIN deliveries h ON h.pair_id = q.id AND h.seq = q.head
           CROSS JOIN LATERAL (SELECT CASE
               WHEN p.status = 'active' AND a.status = 'online' AND (a.cooldown_until > $2) IS NOT TRUE
                AND h.reason_code IS DISTINCT FROM 'plan_limit'
                AND NOT EXISTS (
                    SELECT FROM pace_budgets b
                    WHERE b.account_id = a.id AND b.scope = 'chat' AND b.chat_id = p.destination_chat_id
                      AND b.last_wait_at + least(b.last_wait_ms, 2592000000) * interval '1 millisecond' > $2)
               THEN h.due_at END AS ready_since) r
           ORDER BY r.ready_since NULLS LAST, q.open DESC, p.id LIMIT $3"#,
        host,
        now,
        limit
    )
    .fetch_all(connection)
    .await?;
    let sums = rows.first().map(|row| (row.all_open, row.all_ready_since));
    let (open, ready_since) = sums.unwrap_or_default();
    let pairs = rows.into_iter().map(|row| Queue {
        pair: row.pair,
        account: row.account,
        open: row.open,
        ready_since: row.ready_since,
    });
    Ok(Queues { open, ready_since, pairs: pairs.collect() })
}

/// Deliveries that wait for accounts that no worker hosts, in all pairs together.
pub async fn unhosted(connection: &mut PgConnection) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!"
           FROM accounts a JOIN pairs p ON p.destination_account_id = a.id AND p.deleted_at IS NULL
           JOIN deliveries d ON d.pair_id = p.id AND d.state IN ('pending', 'sending')
           WHERE a.host IS NULL"#
    )
    .fetch_one(connection)
    .await?;
    Ok(count)
}

/// How many accounts of a platform are in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountCount {
    /// Where they live.
    pub platform: Platform,
    /// Their state.
    pub status: AccountStatus,
    /// How many.
    pub count: i64,
}

/// The accounts of all tenants by platform and state; what does not occur is not listed.
pub async fn account_counts(connection: &mut PgConnection) -> Result<Vec<AccountCount>, StoreError> {
    let counts = sqlx::query_as!(
        AccountCount,
        r#"SELECT platform, status, count(*) AS "count!" FROM accounts GROUP BY platform, status
           ORDER BY platform, status"#
    )
    .fetch_all(connection)
    .await?;
    Ok(counts)
}

/// An account as its host's metrics show it.
#[derive(Clone, Debug)]
pub struct Hosted {
    /// The account.
    pub account: AccountId,
    /// Where it lives.
    pub platform: Platform,
    /// Its state.
    pub status: AccountStatus,
    /// The platform wants silence until then.
    pub cooldown_until: Option<DateTime<Utc>>,
}

/// The accounts that `host` hosts.
pub async fn hosted_by(connection: &mut PgConnection, host: &str, limit: i64) -> Result<Vec<Hosted>, StoreError> {
    let hosted = sqlx::query_as!(
        Hosted,
        "SELECT id AS account, platform, status, cooldown_until FROM accounts WHERE host = $1 ORDER BY id LIMIT $2",
        host,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(hosted)
}

/// Dead letters in all pairs together.
pub async fn dead_letters(connection: &mut PgConnection) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM deliveries d JOIN pairs p ON p.id = d.pair_id
           WHERE d.state = 'dead' AND p.deleted_at IS NULL"#
    )
    .fetch_one(connection)
    .await?;
    Ok(count)
}
