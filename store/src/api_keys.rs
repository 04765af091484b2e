//! API keys: shown once, kept as a hash.

use chrono::{DateTime, Utc};
use domain::{ApiKeyId, PlanId, Role, Scope, UserId};
use sqlx::PgConnection;

use crate::{StoreError, sessions::Holder};

/// Keys that one tenant may have at a time: enough for one a program, too few to hide one among them.
pub const API_KEYS_MAX: i64 = 50;

/// One key, without its secret.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// Which.
    pub id: ApiKeyId,
    /// The user's name for it.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// A key to be recorded.
#[derive(Clone, Debug)]
pub struct NewApiKey<'a> {
    /// Its id.
    pub id: ApiKeyId,
    /// The user's name for it.
    pub name: &'a str,
    /// SHA-256 of its secret.
    pub hash: &'a [u8],
    /// What it may do.
    pub scopes: &'a [Scope],
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Records a key. False when the tenant has [`API_KEYS_MAX`] already; to be called in a transaction.
pub async fn insert(
    connection: &mut PgConnection,
    user: UserId,
    key: &NewApiKey<'_>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    // One at a time for one tenant, so that the count holds.
    sqlx::query!("SELECT id FROM users WHERE id = $1 FOR NO KEY UPDATE", user as UserId)
        .fetch_optional(&mut *connection)
        .await?;
    let done = sqlx::query!(
        "INSERT INTO api_keys (id, user_id, name, hash, scopes, created_at, expires_at)
         SELECT $1, $2, $3, $4, $5, $6, $7
         WHERE (SELECT count(*) FROM api_keys
                WHERE user_id = $2 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $6)) < $8",
        key.id as ApiKeyId,
        user as UserId,
        key.name,
        key.hash,
        key.scopes as &[Scope],
        now,
        key.expires_at,
        API_KEYS_MAX
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The tenant's keys that are good, newest first.
pub async fn list(connection: &mut PgConnection, user: UserId, now: DateTime<Utc>) -> Result<Vec<ApiKey>, StoreError> {
    let keys = sqlx::query_as!(
        ApiKey,
        r#"SELECT id AS "id: ApiKeyId", name, scopes AS "scopes: Vec<Scope>", created_at, expires_at, last_used_at
           FROM api_keys
           WHERE user_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)
           ORDER BY created_at DESC, id"#,
        user as UserId,
        now
    )
    .fetch_all(connection)
    .await?;
    Ok(keys)
}

/// Ends a key of the tenant's. False when there is none that is good.
pub async fn revoke(
    connection: &mut PgConnection,
    user: UserId,
    id: ApiKeyId,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE api_keys SET revoked_at = $3
         WHERE id = $2 AND user_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $3)",
        user as UserId,
        id as ApiKeyId,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends every key of the tenant: what follows when a password was lost. Returns how many.
pub async fn revoke_all(connection: &mut PgConnection, user: UserId, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "UPDATE api_keys SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL",
        user as UserId,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// A key that is still good, and whose it is.
#[derive(Clone, Debug)]
pub struct LiveApiKey {
    /// Whose.
    pub holder: Holder,
    /// SHA-256 of its secret.
    pub hash: Vec<u8>,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// The key, if it is still good.
pub async fn find_live(
    connection: &mut PgConnection,
    id: ApiKeyId,
    now: DateTime<Utc>,
) -> Result<Option<LiveApiKey>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT k.user_id AS "user: UserId", u.plan_id AS "plan: PlanId", u.role AS "role: Role",
                  u.suspended_at IS NOT NULL AS "suspended!",
                  coalesce(x.requests_per_minute, l.requests_per_minute) AS requests_per_minute, k.hash, k.scopes AS "scopes: Vec<Scope>", k.expires_at,
                  k.last_used_at
           FROM api_keys k JOIN users u ON u.id = k.user_id
           JOIN plans l ON l.id = u.plan_id
           LEFT JOIN user_limits x ON x.user_id = u.id AND (x.expires_at IS NULL OR x.expires_at > $2)
           WHERE k.id = $1 AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $2)
             AND u.leaving_at IS NULL"#,
        id as ApiKeyId,
        now
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| LiveApiKey {
        holder: Holder {
            user: row.user,
            plan: row.plan,
            role: row.role,
            suspended: row.suspended,
            requests_per_minute: row.requests_per_minute,
        },
        hash: row.hash,
        scopes: row.scopes,
        expires_at: row.expires_at,
        last_used_at: row.last_used_at,
    }))
}

/// Remembers that the key was used.
pub async fn set_used(connection: &mut PgConnection, id: ApiKeyId, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!("UPDATE api_keys SET last_used_at = greatest(last_used_at, $2) WHERE id = $1", id as ApiKeyId, now)
        .execute(connection)
        .await?;
    Ok(())
}

/// Forgets keys that ended before `before`. Returns how many.
pub async fn forget(connection: &mut PgConnection, before: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = sqlx::query!("DELETE FROM api_keys WHERE expires_at < $1 OR revoked_at < $1", before)
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}
