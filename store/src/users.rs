//! Tenants.

use chrono::{DateTime, Utc};
use domain::{Email, PlanId, Role, UserId};
use sqlx::PgConnection;

use crate::StoreError;

/// One tenant, without the password.
#[derive(Clone, Debug)]
pub struct User {
    /// Who it is.
    pub id: UserId,
    /// The address, lower-cased.
    pub email: String,
    /// When they have proven that the address is theirs.
    pub email_verified_at: Option<DateTime<Utc>>,
    /// What they pay for.
    pub plan: PlanId,
    /// What they are to this installation.
    pub role: Role,
    /// Since when they may do nothing.
    pub suspended_at: Option<DateTime<Utc>>,
    /// Since when everything of theirs is being deleted.
    pub leaving_at: Option<DateTime<Utc>>,
    /// When they registered.
    pub created_at: DateTime<Utc>,
}

/// Registers a tenant. [`StoreError::Conflict`] `users_email_key` when the address is taken.
pub async fn insert(
    connection: &mut PgConnection,
    id: UserId,
    email: &Email,
    password_hash: &str,
    now: DateTime<Utc>,
) -> Result<User, StoreError> {
    let user = sqlx::query_as!(
        User,
        "INSERT INTO users (id, email, password_hash, created_at) VALUES ($1, $2, $3, $4)
         RETURNING id, email, email_verified_at, plan_id AS plan, role, suspended_at, leaving_at, created_at",
        id as UserId,
        email.as_str(),
        password_hash,
        now
    )
    .fetch_one(connection)
    .await?;
    Ok(user)
}

/// The tenant, if it exists.
pub async fn find(connection: &mut PgConnection, id: UserId) -> Result<Option<User>, StoreError> {
    let user = sqlx::query_as!(
        User,
        "SELECT id, email, email_verified_at, plan_id AS plan, role, suspended_at, leaving_at, created_at
         FROM users WHERE id = $1",
        id as UserId
    )
    .fetch_optional(connection)
    .await?;
    Ok(user)
}

/// The tenant with this address.
pub async fn find_by_email(connection: &mut PgConnection, email: &Email) -> Result<Option<User>, StoreError> {
    let user = sqlx::query_as!(
        User,
        "SELECT id, email, email_verified_at, plan_id AS plan, role, suspended_at, leaving_at, created_at
         FROM users WHERE email = $1",
        email.as_str()
    )
    .fetch_optional(connection)
    .await?;
    Ok(user)
}

/// The tenant's password hash, in PHC form, or bcrypt's where it came from elsewhere.
pub async fn password_hash(connection: &mut PgConnection, id: UserId) -> Result<Option<String>, StoreError> {
    let hash = sqlx::query_scalar!("SELECT password_hash FROM users WHERE id = $1", id as UserId)
        .fetch_optional(connection)
        .await?;
    Ok(hash)
}

/// Replaces the password, if it is still `known`. False when somebody was faster, or the tenant is gone.
pub async fn set_password(
    connection: &mut PgConnection,
    id: UserId,
    known: &str,
    new: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE users SET password_hash = $3, password_changed_at = $4 WHERE id = $1 AND password_hash = $2",
        id as UserId,
        known,
        new,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Replaces the password, whatever it was.
pub async fn replace_password(
    connection: &mut PgConnection,
    id: UserId,
    new: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!("UPDATE users SET password_hash = $2, password_changed_at = $3 WHERE id = $1", id as UserId, new, now)
        .execute(connection)
        .await?;
    Ok(())
}

/// Records that the tenant has proven that the address is theirs. The first time counts.
pub async fn set_email_verified(
    connection: &mut PgConnection,
    id: UserId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE users SET email_verified_at = coalesce(email_verified_at, $2) WHERE id = $1",
        id as UserId,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Gives the tenant another address, which is proven. [`StoreError::Conflict`] `users_email_key` when somebody has it.
pub async fn set_email(
    connection: &mut PgConnection,
    id: UserId,
    email: &Email,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE users SET email = $2, email_verified_at = $3 WHERE id = $1",
        id as UserId,
        email.as_str(),
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores the same password under a better hash, if it is still `known`.
pub async fn rehash(connection: &mut PgConnection, id: UserId, known: &str, new: &str) -> Result<(), StoreError> {
    sqlx::query!("UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2", id as UserId, known, new)
        .execute(connection)
        .await?;
    Ok(())
}

/// Gives a role, and returns the former one; `None` when there is no such tenant.
pub async fn set_role(connection: &mut PgConnection, id: UserId, role: Role) -> Result<Option<Role>, StoreError> {
    let former = sqlx::query_scalar!(
        r#"WITH former AS (SELECT id, role FROM users WHERE id = $1 FOR UPDATE)
           UPDATE users u SET role = $2 FROM former f WHERE u.id = f.id RETURNING f.role AS "role: Role""#,
        id as UserId,
        role as Role
    )
    .fetch_optional(connection)
    .await?;
    Ok(former)
}

/// Who may administer, is not suspended, and does not leave. Whoever asks before taking that from somebody holds all of
/// their rows until the transaction ends, so that two who do so at once do not leave nobody.
pub async fn lock_admins(connection: &mut PgConnection) -> Result<Vec<UserId>, StoreError> {
    let admins = sqlx::query_scalar!(
        "SELECT id FROM users WHERE role = 'admin' AND suspended_at IS NULL AND leaving_at IS NULL
         ORDER BY id FOR NO KEY UPDATE"
    )
    .fetch_all(connection)
    .await?;
    Ok(admins)
}
