//! To whom a tenant's invoices are made out from now on, sealed. What was made out stays as it is.

use chrono::{DateTime, Utc};
use domain::{UserId, billing::invoice::BillingDetails};
use secrecy::ExposeSecret as _;
use sqlx::PgConnection;

use crate::{StoreError, seal::Sealer};

/// What the tenant has set, if they have.
pub async fn find(
    connection: &mut PgConnection,
    sealer: &Sealer,
    user: UserId,
) -> Result<Option<BillingDetails>, StoreError> {
    let sealed = sqlx::query_scalar!("SELECT details FROM billing_details WHERE user_id = $1", user as UserId)
        .fetch_optional(connection)
        .await?;
    let Some(sealed) = sealed else { return Ok(None) };
    let opened = sealer.open(&place(user), &sealed)?;
    Ok(Some(serde_json::from_str(opened.expose_secret())?))
}

/// Sets them.
pub async fn set(
    connection: &mut PgConnection,
    sealer: &Sealer,
    user: UserId,
    details: &BillingDetails,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let sealed = sealer.seal(&place(user), &serde_json::to_string(details)?.into())?;
    sqlx::query!(
        "INSERT INTO billing_details (user_id, details, updated_at) VALUES ($1, $2, $3)
         ON CONFLICT ON CONSTRAINT billing_details_pkey DO UPDATE SET details = EXCLUDED.details, updated_at = EXCLUDED.updated_at",
        user as UserId,
        sealed,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets them; without effect when there are none.
pub async fn delete(connection: &mut PgConnection, user: UserId) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM billing_details WHERE user_id = $1", user as UserId).execute(connection).await?;
    Ok(())
}

/// What the sealed details are bound to.
pub(crate) fn place(user: UserId) -> String {
    format!("billing_details/{user}/details")
}
