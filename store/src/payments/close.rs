//! Payments that end without money: what was set aside for them is free again. Money that comes all the same is late, not
//! lost.

use chrono::{DateTime, Utc};
use domain::{
    PaymentId, UserId,
    billing::PaymentState,
    payment::{is_unpaid, late_watch},
};
use sqlx::PgConnection;

use super::{Effects, Payment, clipped, lock, unbooked};
use crate::{StoreError, coupons, ledger, payments::agreements};

/// What became of a wish to give a payment up.
#[derive(Clone, Debug)]
pub enum Closing {
    /// It is given up now, or was before.
    Closed(Payment, Effects),
    /// Money is on its way, or has come: it cannot be given up.
    Refused(Payment),
}

/// Gives up a payment of the tenant's that nobody has paid. `None` when there is no such payment. To be called within a
/// transaction that has locked nothing.
pub async fn cancel(
    connection: &mut PgConnection,
    user: UserId,
    id: PaymentId,
    now: DateTime<Utc>,
) -> Result<Option<Closing>, StoreError> {
    let payment = lock(connection, id).await?.filter(|payment| payment.user == Some(user));
    let Some(payment) = payment else { return Ok(None) };
    let mut effects = Effects::default();
    match payment.state {
        PaymentState::Created | PaymentState::Pending => {
            let why = ("canceled", "given up by you");
            close(connection, &payment, PaymentState::Canceled, why, now).await?;
            effects.wake(id);
            let closed = super::find_any(connection, id).await?;
            Ok(closed.map(|payment| Closing::Closed(payment, effects)))
        }
        PaymentState::Canceled | PaymentState::Expired | PaymentState::Failed => {
            Ok(Some(Closing::Closed(payment, effects)))
        }
        PaymentState::Processing
        | PaymentState::Review
        | PaymentState::Settled
        | PaymentState::Refunded
        | PaymentState::ChargedBack => Ok(Some(Closing::Refused(payment))),
    }
}

/// Gives up a payment whose time is over and that nobody has paid. False when it is not so any more.
pub async fn expire(connection: &mut PgConnection, id: PaymentId, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let Some(payment) = lock(connection, id).await? else { return Ok(false) };
    let is_over = matches!(payment.state, PaymentState::Created | PaymentState::Pending) && payment.expires_at <= now;
    if is_over {
        close(connection, &payment, PaymentState::Expired, ("expired", "nobody has paid in time"), now).await?;
    }
    Ok(is_over)
}

/// Gives up a payment that the provider refuses for good. False when it is not unpaid any more.
pub async fn fail(
    connection: &mut PgConnection,
    id: PaymentId,
    (code, words): (&str, &str),
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let Some(payment) = lock(connection, id).await? else { return Ok(false) };
    let is_open = is_unpaid(payment.state);
    if is_open {
        close(connection, &payment, PaymentState::Failed, (code, words), now).await?;
    }
    Ok(is_open)
}

/// Ends the payment, which is locked and unpaid or in review, and lets go what was set aside. The provider is told, where it
/// knows of the payment: nobody shall pay for nothing.
pub(super) async fn close(
    connection: &mut PgConnection,
    payment: &Payment,
    state: PaymentState,
    (code, words): (&str, &str),
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let is_known = payment.external.is_some();
    // What the provider has ended by itself it need not be told.
    let end_at = Some(now).filter(|_| is_known && state != PaymentState::Failed);
    let ask_at = late_watch(now, now).filter(|_| is_known);
    sqlx::query!(
        "UPDATE payments SET state = $2, reason_code = $3, reason = $4, closed_at = $5, end_at = $6::timestamptz,
                ask_at = $7::timestamptz, due_at = coalesce($6::timestamptz, $7::timestamptz), tries = 0, updated_at = $5
         WHERE id = $1",
        payment.id as PaymentId,
        state as PaymentState,
        code,
        clipped(words),
        now,
        end_at,
        ask_at
    )
    .execute(&mut *connection)
    .await?;
    if let Some(agreement) = payment.agreement {
        agreements::end(connection, agreement, words, now).await?;
    }
    coupons::release(connection, payment.id, now).await?;
    ledger::release_for(connection, payment.id.as_uuid(), now).await.map_err(unbooked)?;
    Ok(())
}
