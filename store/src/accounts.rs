//! Linked platform accounts: what the API shows and what the session workflow records.

use chrono::{DateTime, Utc};
use domain::{AccountId, AccountStatus, Platform, UserId};
use secrecy::SecretString;
use sqlx::PgConnection;

use crate::{StoreError, seal::Sealer};

/// One linked account, without its secrets.
#[derive(Clone, Debug)]
pub struct Account {
    /// Which account.
    pub id: AccountId,
    /// Whose it is.
    pub user_id: UserId,
    /// Where it lives.
    pub platform: Platform,
    /// Its state.
    pub status: AccountStatus,
    /// Stable code of why.
    pub reason_code: Option<String>,
    /// Why, for people.
    pub reason: Option<String>,
    /// The name on the platform.
    pub display_name: Option<String>,
    /// The platform's id of the account.
    pub external_id: Option<i64>,
    /// The phone number that the user typed (Telegram).
    pub phone: Option<String>,
    /// The worker that hosts it.
    pub host: Option<String>,
    /// Counts hostings; every claim of work checks it.
    pub lease_epoch: i64,
    /// Since when that worker hosts it.
    pub hosted_at: Option<DateTime<Utc>>,
    /// The platform wants silence until then.
    pub cooldown_until: Option<DateTime<Utc>>,
    /// The user wants at least so many milliseconds between two messages that the account writes.
    pub send_interval_ms: i32,
    /// When the last health check passed.
    pub health_checked_at: Option<DateTime<Utc>>,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// When its state last changed.
    pub updated_at: DateTime<Utc>,
}

/// A secret column, named for the associated data of its seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretColumn {
    /// Telegram session document or Discord bot token.
    Secret,
    /// The login under way.
    Login,
}

fn place(id: AccountId, column: SecretColumn) -> String {
    let column = match column {
        SecretColumn::Secret => "secret",
        SecretColumn::Login => "login",
    };
    format!("accounts/{id}/{column}")
}

/// Adds an account in state `new`. [`StoreError::Conflict`] `accounts_phone_key` when the tenant has this phone.
pub async fn insert(
    connection: &mut PgConnection,
    user: UserId,
    id: AccountId,
    platform: Platform,
    phone: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO accounts (id, user_id, platform, status, phone, created_at, updated_at)
         VALUES ($1, $2, $3, 'new', $4, $5, $5)",
        id as AccountId,
        user as UserId,
        platform as Platform,
        phone,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The tenant's account.
pub async fn find(connection: &mut PgConnection, user: UserId, id: AccountId) -> Result<Option<Account>, StoreError> {
    Ok(load(connection, id).await?.filter(|account| account.user_id == user))
}

/// The account, for the machinery.
pub async fn load(connection: &mut PgConnection, id: AccountId) -> Result<Option<Account>, StoreError> {
    let account = sqlx::query_as!(
        Account,
        "SELECT id, user_id, platform, status, reason_code, reason, display_name, external_id, phone, host,
                lease_epoch, hosted_at, cooldown_until, send_interval_ms, health_checked_at, created_at, updated_at
         FROM accounts WHERE id = $1",
        id as AccountId
    )
    .fetch_optional(connection)
    .await?;
    Ok(account)
}

/// The tenant's accounts, oldest first, without those that were logged out.
pub async fn list(connection: &mut PgConnection, user: UserId) -> Result<Vec<Account>, StoreError> {
    let accounts = sqlx::query_as!(
        Account,
        "SELECT id, user_id, platform, status, reason_code, reason, display_name, external_id, phone, host,
                lease_epoch, hosted_at, cooldown_until, send_interval_ms, health_checked_at, created_at, updated_at
         FROM accounts WHERE user_id = $1 AND status <> 'logged_out' ORDER BY created_at, id",
        user as UserId
    )
    .fetch_all(connection)
    .await?;
    Ok(accounts)
}

/// Why an account's status is what it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reason<'a> {
    /// Stable code.
    pub code: Option<&'a str>,
    /// For people.
    pub text: Option<&'a str>,
}

/// Records a change of state. A logged-out account stays logged out. Returns false when nothing was changed.
pub async fn set_status(
    connection: &mut PgConnection,
    id: AccountId,
    status: AccountStatus,
    reason: Reason<'_>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE accounts SET status = $2, reason_code = $3, reason = $4, updated_at = $5
         WHERE id = $1 AND status <> 'logged_out'",
        id as AccountId,
        status as AccountStatus,
        reason.code,
        reason.text,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Records who the platform says the account is. [`StoreError::Conflict`] `accounts_identity_key` when the tenant has
/// linked the same identity already.
pub async fn set_identity(
    connection: &mut PgConnection,
    id: AccountId,
    external_id: i64,
    display_name: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE accounts SET external_id = $2, display_name = $3, updated_at = $4 WHERE id = $1",
        id as AccountId,
        external_id,
        display_name,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends an account for good: its secrets are forgotten, its identity may be linked anew. The room that it leaves is given
/// to another that the plan holds back, by the next sweep.
pub async fn log_out(connection: &mut PgConnection, id: AccountId, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE accounts SET status = 'logged_out', secret = NULL, login = NULL, host = NULL, host_task_token = NULL,
                reason_code = NULL, reason = NULL, plan_held_since = NULL, plan_untold_since = NULL, updated_at = $2
         WHERE id = $1",
        id as AccountId,
        now
    )
    .execute(&mut *connection)
    .await?;
    if let Some(owner) = crate::plans::owner_of(connection, id).await? {
        crate::plans::mark_stale(connection, owner, now).await?;
    }
    Ok(())
}

/// Seals and stores a secret, or forgets it.
pub async fn set_secret(
    connection: &mut PgConnection,
    sealer: &Sealer,
    id: AccountId,
    column: SecretColumn,
    plain: Option<&SecretString>,
) -> Result<(), StoreError> {
    let sealed = plain.map(|plain| sealer.seal(&place(id, column), plain)).transpose()?;
    match column {
        SecretColumn::Secret => {
            sqlx::query!("UPDATE accounts SET secret = $2 WHERE id = $1", id as AccountId, sealed)
                .execute(connection)
                .await?
        }
        SecretColumn::Login => {
            sqlx::query!("UPDATE accounts SET login = $2 WHERE id = $1", id as AccountId, sealed)
                .execute(connection)
                .await?
        }
    };
    Ok(())
}

/// Loads and opens a secret.
pub async fn secret(
    connection: &mut PgConnection,
    sealer: &Sealer,
    id: AccountId,
    column: SecretColumn,
) -> Result<Option<SecretString>, StoreError> {
    let row = sqlx::query!("SELECT secret, login FROM accounts WHERE id = $1", id as AccountId)
        .fetch_optional(connection)
        .await?;
    let sealed = row.and_then(|row| match column {
        SecretColumn::Secret => row.secret,
        SecretColumn::Login => row.login,
    });
    sealed.map(|sealed| sealer.open(&place(id, column), &sealed).map_err(StoreError::from)).transpose()
}

/// Remembers that the platform wants silence; an earlier, longer one stays.
pub async fn cool_down(connection: &mut PgConnection, id: AccountId, until: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE accounts SET cooldown_until = greatest(coalesce(cooldown_until, $2), $2) WHERE id = $1",
        id as AccountId,
        until
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Remembers that a health check passed.
pub async fn set_healthy(connection: &mut PgConnection, id: AccountId, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!("UPDATE accounts SET health_checked_at = $2 WHERE id = $1", id as AccountId, now)
        .execute(connection)
        .await?;
    Ok(())
}

/// Remembers that the account's workflow was started.
pub async fn set_workflow_started(connection: &mut PgConnection, id: AccountId) -> Result<(), StoreError> {
    sqlx::query!("UPDATE accounts SET workflow_started = true WHERE id = $1", id as AccountId)
        .execute(connection)
        .await?;
    Ok(())
}
