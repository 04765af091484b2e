//! Which worker hosts which account. A lease has an epoch, and work done under an older epoch is refused.

use chrono::{DateTime, Utc};
use domain::AccountId;
use sqlx::PgConnection;

use crate::StoreError;

/// A lease that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The account.
    pub account: AccountId,
    /// Valid as long as the row has this epoch.
    pub epoch: i64,
}

/// Takes the lease, from whoever had it. `task_token` names the hosting attempt, so that the same worker, started
/// anew, can report it as failed. Drains of a former host are over, or will be refused at their next claim, so the pairs
/// that write through the account lose their wake flag: a row that is committed after this wakes its pair, and an older
/// one is found when the account comes online.
pub async fn take(
    connection: &mut PgConnection,
    account: AccountId,
    host: &str,
    task_token: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<Lease>, StoreError> {
    let epoch = sqlx::query_scalar!(
        "UPDATE accounts SET host = $2, host_task_token = $3, hosted_at = $4, lease_epoch = lease_epoch + 1
         WHERE id = $1 AND status <> 'logged_out' RETURNING lease_epoch",
        account as AccountId,
        host,
        task_token,
        now
    )
    .fetch_optional(&mut *connection)
    .await?;
    // In the order in which an ingest locks pairs.
    sqlx::query!(
        "UPDATE pairs SET wake_pending = false
         WHERE id IN (SELECT id FROM pairs WHERE destination_account_id = $1 AND deleted_at IS NULL AND wake_pending
                      ORDER BY id FOR UPDATE)",
        account as AccountId
    )
    .execute(connection)
    .await?;
    Ok(epoch.map(|epoch| Lease { account, epoch }))
}

/// Gives the lease back, if it is still ours.
pub async fn release(connection: &mut PgConnection, lease: Lease) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE accounts SET host = NULL, host_task_token = NULL WHERE id = $1 AND lease_epoch = $2",
        lease.account as AccountId,
        lease.epoch
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes the lease from whoever has it and gives it to nobody: the host ends by itself when it next looks, and what
/// writes under the lease is refused at its next claim.
pub async fn revoke(connection: &mut PgConnection, account: AccountId) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE accounts SET host = NULL, host_task_token = NULL, lease_epoch = lease_epoch + 1
         WHERE id = $1 AND host IS NOT NULL",
        account as AccountId
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What has become of a lease that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tenure {
    /// It is ours.
    Held,
    /// It was revoked, and nobody has it.
    Revoked,
    /// Another host has taken it, or the account is gone.
    Lost,
}

/// Whether the lease is still ours.
pub async fn tenure(connection: &mut PgConnection, lease: Lease) -> Result<Tenure, StoreError> {
    let row = sqlx::query!(
        r#"SELECT lease_epoch = $2 AS "held!", host IS NULL AS "free!" FROM accounts WHERE id = $1"#,
        lease.account as AccountId,
        lease.epoch
    )
    .fetch_optional(connection)
    .await?;
    Ok(match row {
        Some(row) if row.held => Tenure::Held,
        Some(row) if row.free => Tenure::Revoked,
        Some(_) | None => Tenure::Lost,
    })
}

/// A hosting attempt that a former process of this worker left behind.
#[derive(Clone, Debug)]
pub struct StaleAttempt {
    /// The lease, for [`release`].
    pub account: AccountId,
    /// Its epoch.
    pub epoch: i64,
    /// The activity attempt's task token.
    pub task_token: Vec<u8>,
}

/// What a worker's former process left: at start, all of it is stale.
pub async fn left_by(connection: &mut PgConnection, host: &str) -> Result<Vec<StaleAttempt>, StoreError> {
    let attempts = sqlx::query_as!(
        StaleAttempt,
        r#"SELECT id AS account, lease_epoch AS epoch, host_task_token AS "task_token!" FROM accounts
           WHERE host = $1 AND host_task_token IS NOT NULL ORDER BY id"#,
        host
    )
    .fetch_all(connection)
    .await?;
    Ok(attempts)
}

/// The worker that hosts the account now.
pub async fn host_of(connection: &mut PgConnection, account: AccountId) -> Result<Option<String>, StoreError> {
    let host = sqlx::query_scalar!("SELECT host FROM accounts WHERE id = $1", account as AccountId)
        .fetch_optional(connection)
        .await?;
    Ok(host.flatten())
}
