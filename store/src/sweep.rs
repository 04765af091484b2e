//! Cross-tenant questions of the sweep: what did a crash leave between a commit and Temporal?

use chrono::{DateTime, Utc};
use domain::{AccountId, PairId, UserId};
use sqlx::PgConnection;

use crate::StoreError;

/// Pairs with deliveries that were due before `due_before` and are still open, whatever their wake flag says. Pairs
/// whose destination account is away, or asked to wait, are left out: they are roused when it comes online, or wait for
/// a timer. So are pairs that were swept after `swept_before`, unless everything that was due then is gone. Those that
/// were not swept for longest come first.
pub async fn stuck_pairs(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
    due_before: DateTime<Utc>,
    swept_before: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<PairId>, StoreError> {
    let pairs = sqlx::query_scalar!(
        "SELECT p.id FROM pairs p JOIN accounts a ON a.id = p.destination_account_id
         WHERE p.deleted_at IS NULL AND p.status = 'active' AND a.status = 'online'
           AND (a.cooldown_until IS NULL OR a.cooldown_until <= $1)
           AND EXISTS (
             SELECT FROM deliveries d WHERE d.pair_id = p.id AND d.state IN ('pending', 'sending') AND d.due_at < $2)
           AND (p.swept_at IS NULL OR p.swept_at < $3 OR NOT EXISTS (
             SELECT FROM deliveries d
             WHERE d.pair_id = p.id AND d.state IN ('pending', 'sending') AND d.due_at <= p.swept_at))
         ORDER BY p.swept_at NULLS FIRST, p.id LIMIT $4",
        now,
        due_before,
        swept_before,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(pairs)
}

/// Remembers that the sweep has roused the pair.
pub async fn set_swept(connection: &mut PgConnection, pair: PairId, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!("UPDATE pairs SET swept_at = $2 WHERE id = $1", pair as PairId, now).execute(connection).await?;
    Ok(())
}

/// Something whose workflow is not known to run.
#[derive(Clone, Copy, Debug)]
pub struct Unstarted<Id> {
    /// What.
    pub id: Id,
    /// Whose.
    pub user_id: UserId,
}

/// Pairs made before `made_before` whose workflow is not known to have started.
pub async fn unstarted_pairs(
    connection: &mut PgConnection,
    made_before: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Unstarted<PairId>>, StoreError> {
    let rows = sqlx::query!(
        "SELECT id, user_id FROM pairs WHERE NOT workflow_started AND deleted_at IS NULL AND created_at < $1
         ORDER BY id LIMIT $2",
        made_before,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| Unstarted { id: row.id, user_id: row.user_id }).collect())
}

/// Deleted pairs whose workflow is not known to have ended.
pub async fn unended_pairs(
    connection: &mut PgConnection,
    deleted_before: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<PairId>, StoreError> {
    let pairs = sqlx::query_scalar!(
        "SELECT id FROM pairs WHERE workflow_started AND deleted_at < $1 ORDER BY id LIMIT $2",
        deleted_before,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(pairs)
}

/// Accounts that want a host and whose workflow is not known to have started.
pub async fn unstarted_accounts(
    connection: &mut PgConnection,
    made_before: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Unstarted<AccountId>>, StoreError> {
    let rows = sqlx::query!(
        "SELECT id, user_id FROM accounts
         WHERE NOT workflow_started AND status NOT IN ('logged_out', 'revoked', 'banned') AND created_at < $1
         ORDER BY id LIMIT $2",
        made_before,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| Unstarted { id: row.id, user_id: row.user_id }).collect())
}

/// Pairs with open deliveries that wait for a destination account, which has just come online.
pub async fn pairs_waiting_for(
    connection: &mut PgConnection,
    account: AccountId,
    limit: i64,
) -> Result<Vec<PairId>, StoreError> {
    let pairs = sqlx::query_scalar!(
        "SELECT p.id FROM pairs p
         WHERE p.destination_account_id = $1 AND p.deleted_at IS NULL AND p.status <> 'paused' AND EXISTS (
             SELECT FROM deliveries d WHERE d.pair_id = p.id AND d.state IN ('pending', 'sending'))
         ORDER BY p.id LIMIT $2",
        account as AccountId,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(pairs)
}
