//! People who have registered and not proven yet that the address is theirs: no users so far.

use chrono::{DateTime, Utc};
use domain::{
    Email, RegistrationId,
    proof::{MAILS_MAX, MAILS_WINDOW, REGISTRATIONS_MAX},
};
use sqlx::PgConnection;

use crate::StoreError;

/// Somebody who waits for a mail.
#[derive(Clone, Debug)]
pub struct Registration {
    /// Which.
    pub id: RegistrationId,
    /// The address, lower-cased.
    pub email: String,
    /// What will be their password.
    pub password_hash: String,
}

/// Records a registration. Others of the same address stay, up to [`REGISTRATIONS_MAX`]: whoever reads the mail decides.
pub async fn insert(
    connection: &mut PgConnection,
    id: RegistrationId,
    email: &Email,
    password_hash: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "DELETE FROM registrations WHERE id IN (
             SELECT id FROM registrations WHERE email = $1 ORDER BY created_at DESC, id DESC OFFSET $2)",
        email.as_str(),
        REGISTRATIONS_MAX - 1
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO registrations (id, email, password_hash, created_at) VALUES ($1, $2, $3, $4)",
        id as RegistrationId,
        email.as_str(),
        password_hash,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The newest registration of an address.
pub async fn newest(connection: &mut PgConnection, email: &Email) -> Result<Option<RegistrationId>, StoreError> {
    let id = sqlx::query_scalar!(
        r#"SELECT id AS "id: RegistrationId" FROM registrations WHERE email = $1 ORDER BY created_at DESC, id DESC LIMIT 1"#,
        email.as_str()
    )
    .fetch_optional(connection)
    .await?;
    Ok(id)
}

/// Ends the waiting of a registration, and of every other one of the same address, with their tokens.
pub async fn take(connection: &mut PgConnection, id: RegistrationId) -> Result<Option<Registration>, StoreError> {
    let registration = sqlx::query_as!(
        Registration,
        r#"DELETE FROM registrations WHERE id = $1 RETURNING id AS "id: RegistrationId", email, password_hash"#,
        id as RegistrationId
    )
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(registration) = &registration {
        sqlx::query!("DELETE FROM registrations WHERE email = $1", registration.email).execute(connection).await?;
    }
    Ok(registration)
}

/// Forgets registrations from before `before`. Returns how many.
pub async fn forget(connection: &mut PgConnection, before: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = sqlx::query!("DELETE FROM registrations WHERE created_at < $1", before).execute(connection).await?;
    Ok(done.rows_affected())
}

/// Counts one more mail to an address, known by its digest. False when it has had [`MAILS_MAX`] in this hour already.
pub async fn admit_mail(connection: &mut PgConnection, subject: &[u8], now: DateTime<Utc>) -> Result<bool, StoreError> {
    let mails = sqlx::query_scalar!(
        "INSERT INTO mailed_addresses AS m (subject, window_start, mails) VALUES ($1, $2, 1)
         ON CONFLICT ON CONSTRAINT mailed_addresses_pkey DO UPDATE SET
             mails = CASE WHEN m.window_start > $3 THEN least(m.mails, $4) + 1 ELSE 1 END,
             window_start = CASE WHEN m.window_start > $3 THEN m.window_start ELSE $2 END
         RETURNING mails",
        subject,
        now,
        now - MAILS_WINDOW,
        MAILS_MAX
    )
    .fetch_one(connection)
    .await?;
    Ok(mails <= MAILS_MAX)
}

/// Forgets counts of mails that are out of date. Returns how many.
pub async fn forget_mails(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = sqlx::query!("DELETE FROM mailed_addresses WHERE window_start <= $1", now - MAILS_WINDOW)
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}
