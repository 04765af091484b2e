//! What was bought with each payment.

use chrono::{DateTime, Utc};
use domain::{
    PaymentId, PlanId, UserId,
    billing::{Interval, Price},
    money::Money,
    subscription::{Bought, Period, Segment},
};
use sqlx::PgConnection;

use crate::{StoreError, prices::money};

/// What is on record of a payment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// The time that it bought; `None`: nothing.
    pub(super) covers: Option<Period>,
    /// It was refunded in whole or taken back, or its time was given up with its subscription.
    pub(super) is_over: bool,
}

/// The payment, if it is known.
pub(super) async fn known(
    connection: &mut PgConnection,
    user: UserId,
    payment: PaymentId,
) -> Result<Option<Known>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT covers_from, covers_to, taken_back_at IS NOT NULL OR forfeited_at IS NOT NULL AS "is_over!"
           FROM subscription_payments
           WHERE payment_id = $1 AND user_id = $2"#,
        payment as PaymentId,
        user as UserId
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| {
        let covers = row.covers_from.zip(row.covers_to).map(|(start, end)| Period { start, end });
        Known { covers, is_over: row.is_over }
    }))
}

/// What was paid for time that is not over, and counts.
pub(super) async fn segments(
    connection: &mut PgConnection,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<Vec<Segment>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT value, currency, covers_from AS "covers_from!", covers_to AS "covers_to!" FROM subscription_payments
           WHERE user_id = $1 AND covers_to > $2 AND superseded_at IS NULL AND taken_back_at IS NULL
             AND forfeited_at IS NULL
           ORDER BY covers_from, payment_id"#,
        user as UserId,
        now
    )
    .fetch_all(connection)
    .await?;
    let segment = |value, currency: String, covers| Ok(Segment { value: money(value, &currency)?, covers });
    rows.into_iter()
        .map(|row| segment(row.value, row.currency, Period { start: row.covers_from, end: row.covers_to }))
        .collect()
}

/// Records what a payment has bought; `None`: nothing. What it replaces counts no more.
pub(super) async fn insert(
    connection: &mut PgConnection,
    user: UserId,
    (payment, price, net): (PaymentId, &Price, Money),
    bought: Option<&Bought>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if bought.is_some_and(|bought| bought.replaces) {
        sqlx::query!(
            "UPDATE subscription_payments SET superseded_at = $2
             WHERE user_id = $1 AND covers_to > $2 AND superseded_at IS NULL",
            user as UserId,
            now
        )
        .execute(&mut *connection)
        .await?;
    }
    sqlx::query!(
        "INSERT INTO subscription_payments (payment_id, user_id, plan_id, billing_interval, net, value, currency,
                                            covers_from, covers_to, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        payment as PaymentId,
        user as UserId,
        price.plan as PlanId,
        price.interval as Interval,
        net.minor,
        bought.map_or(0, |bought| bought.value.minor),
        net.currency.code(),
        bought.map(|bought| bought.covers.start),
        bought.map(|bought| bought.covers.end),
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Lowers what a payment is worth, of which a part has gone back: its own time, or that of the payment that has replaced it.
pub(super) async fn lower(
    connection: &mut PgConnection,
    (user, payment): (UserId, PaymentId),
    amount: Money,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE subscription_payments SET value = greatest(value - $3, 0)
         WHERE payment_id = (
             SELECT counts.payment_id FROM subscription_payments counts
             WHERE counts.user_id = $1 AND counts.currency = $4 AND counts.covers_to > $5
               AND counts.superseded_at IS NULL AND counts.taken_back_at IS NULL AND counts.forfeited_at IS NULL
               AND EXISTS (SELECT FROM subscription_payments paid
                           WHERE paid.payment_id = $2 AND paid.user_id = $1
                             AND paid.taken_back_at IS NULL AND paid.forfeited_at IS NULL
                             AND (paid.payment_id = counts.payment_id OR paid.superseded_at IS NOT NULL))
             ORDER BY counts.payment_id <> $2, counts.covers_from LIMIT 1)",
        user as UserId,
        payment as PaymentId,
        amount.minor,
        amount.currency.code(),
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that what is left of the tenant's paid time is given up: its subscription has ended.
pub(super) async fn forfeit(connection: &mut PgConnection, user: UserId, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE subscription_payments SET forfeited_at = $2
         WHERE user_id = $1 AND covers_to > $2 AND forfeited_at IS NULL",
        user as UserId,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that a payment was refunded in whole or taken back.
pub(super) async fn take_back(
    connection: &mut PgConnection,
    payment: PaymentId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE subscription_payments SET taken_back_at = $2 WHERE payment_id = $1 AND taken_back_at IS NULL",
        payment as PaymentId,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}
