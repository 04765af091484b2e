//! Tenants.

use chrono::{DateTime, Utc};
use domain::{Email, PlanId, UserId};
use sqlx::PgConnection;

use crate::StoreError;

/// One tenant, without the password.
#[derive(Clone, Debug)]
pub struct User {
    /// Who it is.
    pub id: UserId,
    /// The address, lower-cased.
    pub email: String,
    /// What they pay for.
    pub plan: PlanId,
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
         RETURNING id, email, plan_id AS plan, created_at",
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
    let user =
        sqlx::query_as!(User, "SELECT id, email, plan_id AS plan, created_at FROM users WHERE id = $1", id as UserId)
            .fetch_optional(connection)
            .await?;
    Ok(user)
}

/// The tenant with this address and its password hash, for the login.
pub async fn find_credentials(
    connection: &mut PgConnection,
    email: &Email,
) -> Result<Option<(User, String)>, StoreError> {
    let row = sqlx::query!(
        "SELECT id, email, plan_id AS plan, created_at, password_hash FROM users WHERE email = $1",
        email.as_str()
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| {
        let user = User { id: row.id, email: row.email, plan: row.plan, created_at: row.created_at };
        (user, row.password_hash)
    }))
}
