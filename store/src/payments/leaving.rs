//! Tenants who leave: what they had open ends, and of what they have paid only the books stay.

use chrono::{DateTime, Utc};
use domain::{UserId, billing::PaymentState};
use sqlx::PgConnection;

use super::{FORGOTTEN_AT_ONCE, agreements, close, lock_alone};
use crate::StoreError;

/// Gives up what the tenant has not paid, and ends their agreements. Money that comes all the same is staff's to give back.
/// To be called within a transaction that has locked nothing but the tenant; workflows find what is due by the sweep.
pub async fn leave(connection: &mut PgConnection, user: UserId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let open = sqlx::query_scalar!(
        "SELECT id FROM payments WHERE user_id = $1 AND state IN ('created', 'pending') ORDER BY id",
        user as UserId
    )
    .fetch_all(&mut *connection)
    .await?;
    for id in open {
        let Some(payment) = lock_alone(connection, id).await? else { continue };
        if matches!(payment.state, PaymentState::Created | PaymentState::Pending) {
            let why = ("tenant_gone", "its tenant has left");
            close::close(connection, &payment, PaymentState::Canceled, why, now).await?;
        }
    }
    agreements::end_all(connection, user, "the customer has left", now).await?;
    Ok(())
}

/// Forgets what is not money of some of the tenant's payments: what providers have told, addresses, notes. Returns how many
/// rows that were.
pub async fn forget_some(connection: &mut PgConnection, user: UserId) -> Result<u64, StoreError> {
    let events = sqlx::query!(
        "UPDATE payment_events SET body = NULL WHERE id = ANY(ARRAY(
             SELECT e.id FROM payment_events e JOIN payments p ON p.id = e.payment_id
             WHERE p.user_id = $1 AND e.body IS NOT NULL LIMIT $2))",
        user as UserId,
        FORGOTTEN_AT_ONCE
    )
    .execute(&mut *connection)
    .await?;
    if events.rows_affected() > 0 {
        return Ok(events.rows_affected());
    }
    let payments = sqlx::query!(
        "UPDATE payments SET handover = NULL, idempotency_key = NULL, request_hash = NULL WHERE id = ANY(ARRAY(
             SELECT id FROM payments WHERE user_id = $1 AND (handover IS NOT NULL OR idempotency_key IS NOT NULL) LIMIT $2))",
        user as UserId,
        FORGOTTEN_AT_ONCE
    )
    .execute(connection)
    .await?;
    Ok(payments.rows_affected())
}
