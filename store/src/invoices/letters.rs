//! What the tenant is told of a document: asked for once, in the transaction that makes it out.

use chrono::{DateTime, Utc};
use domain::{
    InvoiceId, UserId,
    billing::letters,
    notification::{Content, Kind},
};
use sqlx::PgConnection;

use super::find_any;
use crate::{
    StoreError,
    notifications::{self, NewNotification, Recipient},
    seal::Sealer,
};

/// Sends the receipt of an invoice. Twice is as once.
pub async fn receipt(
    connection: &mut PgConnection,
    sealer: &Sealer,
    id: InvoiceId,
    site: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let Some(invoice) = find_any(connection, sealer, id).await? else { return Ok(()) };
    let content = letters::receipt(&invoice.document, site);
    tell(connection, sealer, invoice.user, &format!("receipt/{id}"), (&content, now)).await
}

/// Tells of the refund that a credit note is for. Twice is as once.
pub async fn refunded(
    connection: &mut PgConnection,
    sealer: &Sealer,
    id: InvoiceId,
    site: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let Some(note) = find_any(connection, sealer, id).await? else { return Ok(()) };
    let content = letters::refunded(&note.document, site);
    tell(connection, sealer, note.user, &format!("refunded/{id}"), (&content, now)).await
}

async fn tell(
    connection: &mut PgConnection,
    sealer: &Sealer,
    user: Option<UserId>,
    key: &str,
    (content, now): (&Content, DateTime<Utc>),
) -> Result<(), StoreError> {
    let Some(user) = user else { return Ok(()) };
    let new = NewNotification {
        to: Recipient::User(user),
        kind: Kind::Payment,
        promotional: false,
        key,
        content,
        expires_at: None,
    };
    notifications::enqueue(connection, sealer, &new, now).await?;
    Ok(())
}
