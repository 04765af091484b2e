//! The second factor: its sealed secret, which of its codes were taken, and the recovery codes.

use chrono::{DateTime, Utc};
use domain::UserId;
use secrecy::SecretString;
use sqlx::PgConnection;

use crate::{StoreError, seal::Sealer};

/// What the sealed secret is bound to.
pub(crate) fn place(user: UserId) -> String {
    format!("users/{user}/totp")
}

/// What is known of a tenant's second factor, without its secret.
#[derive(Clone, Copy, Debug)]
pub struct Factor {
    /// When log-in began to ask for it; `None`: it does not yet.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// Recovery codes that were not used.
    pub recovery_codes_left: i64,
}

/// The tenant's second factor, if there is one, begun or on.
pub async fn find(connection: &mut PgConnection, user: UserId) -> Result<Option<Factor>, StoreError> {
    let factor = sqlx::query_as!(
        Factor,
        r#"SELECT confirmed_at, (SELECT count(*) FROM recovery_codes c
                                 WHERE c.user_id = f.user_id AND c.used_at IS NULL) AS "recovery_codes_left!"
           FROM second_factors f WHERE user_id = $1"#,
        user as UserId
    )
    .fetch_optional(connection)
    .await?;
    Ok(factor)
}

/// Begins a second factor, in place of one that was begun before. False when one is on.
pub async fn begin(
    connection: &mut PgConnection,
    sealer: &Sealer,
    user: UserId,
    secret: &SecretString,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let sealed = sealer.seal(&place(user), secret)?;
    let done = sqlx::query!(
        "INSERT INTO second_factors AS f (user_id, secret, created_at) VALUES ($1, $2, $3)
         ON CONFLICT ON CONSTRAINT second_factors_pkey DO UPDATE
         SET secret = excluded.secret, created_at = excluded.created_at, used_step = NULL
         WHERE f.confirmed_at IS NULL",
        user as UserId,
        sealed,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A second factor that nobody else looks at until the transaction ends.
#[derive(Clone, Debug)]
pub struct Locked {
    /// What its codes are made from.
    pub secret: SecretString,
    /// Log-in asks for it.
    pub confirmed: bool,
    /// The newest step whose code was taken.
    pub used_step: Option<i64>,
}

/// The tenant's second factor, locked: to be called in a transaction, so that a code is taken once.
pub async fn lock(connection: &mut PgConnection, sealer: &Sealer, user: UserId) -> Result<Option<Locked>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT secret, confirmed_at IS NOT NULL AS "confirmed!", used_step FROM second_factors
           WHERE user_id = $1 FOR UPDATE"#,
        user as UserId
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let secret = sealer.open(&place(user), &row.secret)?;
    Ok(Some(Locked { secret, confirmed: row.confirmed, used_step: row.used_step }))
}

/// Remembers that the code of `step` was taken; from the first one on, log-in asks for codes.
pub async fn set_used(
    connection: &mut PgConnection,
    user: UserId,
    step: i64,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE second_factors SET used_step = $2, confirmed_at = coalesce(confirmed_at, $3) WHERE user_id = $1",
        user as UserId,
        step,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Turns the second factor off and forgets its recovery codes. False when there is none.
pub async fn delete(connection: &mut PgConnection, user: UserId) -> Result<bool, StoreError> {
    let done =
        sqlx::query!("DELETE FROM second_factors WHERE user_id = $1", user as UserId).execute(connection).await?;
    Ok(done.rows_affected() == 1)
}

/// Puts these recovery codes, known by their hashes, in the place of all former ones.
pub async fn set_recovery_codes(
    connection: &mut PgConnection,
    user: UserId,
    hashes: &[Vec<u8>],
) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM recovery_codes WHERE user_id = $1", user as UserId).execute(&mut *connection).await?;
    sqlx::query!(
        "INSERT INTO recovery_codes (user_id, hash) SELECT $1, hash FROM unnest($2::bytea[]) AS hash",
        user as UserId,
        hashes
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Uses up a recovery code. False when it is none of the tenant's, or was used.
pub async fn use_recovery_code(
    connection: &mut PgConnection,
    user: UserId,
    hash: &[u8],
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE recovery_codes SET used_at = $3 WHERE user_id = $1 AND hash = $2 AND used_at IS NULL",
        user as UserId,
        hash,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}
