//! Tokens that were mailed: each is good once, for what it was made for. What is kept is their hash.

use chrono::{DateTime, Utc};
use domain::{Email, RegistrationId, UserId, proof::Purpose};
use sqlx::PgConnection;

use crate::StoreError;

/// Whose address a token is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A user.
    User(UserId),
    /// Somebody who has registered.
    Registration(RegistrationId),
}

/// A token to be recorded.
#[derive(Clone, Debug)]
pub struct NewProof<'a> {
    /// SHA-256 of it.
    pub hash: &'a [u8],
    /// What it is good for.
    pub purpose: Purpose,
    /// Whose.
    pub owner: Owner,
    /// The address that it is about.
    pub email: &'a Email,
}

/// A token that is good.
#[derive(Clone, Debug)]
pub struct Proof {
    /// What it is good for.
    pub purpose: Purpose,
    /// Whose.
    pub owner: Owner,
    /// The address that it is about.
    pub email: String,
}

/// Records a token.
pub async fn insert(connection: &mut PgConnection, proof: &NewProof<'_>, now: DateTime<Utc>) -> Result<(), StoreError> {
    let (user, registration) = match proof.owner {
        Owner::User(user) => (Some(user), None),
        Owner::Registration(registration) => (None, Some(registration)),
    };
    sqlx::query!(
        "INSERT INTO proofs (hash, purpose, user_id, registration_id, email, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        proof.hash,
        proof.purpose as Purpose,
        user as Option<UserId>,
        registration as Option<RegistrationId>,
        proof.email.as_str(),
        now,
        now + proof.purpose.lifetime()
    )
    .execute(connection)
    .await?;
    Ok(())
}

struct Row {
    purpose: Purpose,
    user_id: Option<UserId>,
    registration_id: Option<RegistrationId>,
    email: String,
}

impl Row {
    fn proof(self) -> Option<Proof> {
        let owner = match (self.user_id, self.registration_id) {
            (Some(user), _) => Owner::User(user),
            (None, registration) => Owner::Registration(registration?),
        };
        Some(Proof { purpose: self.purpose, owner, email: self.email })
    }
}

/// The token with this hash, if it is still good. It stays so.
pub async fn find(connection: &mut PgConnection, hash: &[u8], now: DateTime<Utc>) -> Result<Option<Proof>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT purpose AS "purpose: Purpose", user_id AS "user_id: UserId",
                  registration_id AS "registration_id: RegistrationId", email
           FROM proofs WHERE hash = $1 AND expires_at > $2"#,
        hash,
        now
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.and_then(Row::proof))
}

/// Uses up the token with this hash, if it is still good for `purpose`. Of two who show it, one wins.
pub async fn take(
    connection: &mut PgConnection,
    purpose: Purpose,
    hash: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<Proof>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"DELETE FROM proofs WHERE hash = $1 AND purpose = $2 AND expires_at > $3
           RETURNING purpose AS "purpose: Purpose", user_id AS "user_id: UserId",
                     registration_id AS "registration_id: RegistrationId", email"#,
        hash,
        purpose as Purpose,
        now
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.and_then(Row::proof))
}

/// Makes void what the tenant was mailed for these purposes.
pub async fn discard(connection: &mut PgConnection, user: UserId, purposes: &[Purpose]) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM proofs WHERE user_id = $1 AND purpose = ANY($2)", user as UserId, purposes as &[Purpose])
        .execute(connection)
        .await?;
    Ok(())
}

/// Forgets tokens that are no longer good. Returns how many.
pub async fn forget(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = sqlx::query!("DELETE FROM proofs WHERE expires_at <= $1", now).execute(connection).await?;
    Ok(done.rows_affected())
}
