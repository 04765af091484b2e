//! What is due for a payment, and what became of it: for its workflow, and for those who look whether it sleeps too long.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    AgreementId, PaymentId,
    payment::{Facts, Step, backoff, next},
};
use sqlx::PgConnection;

use super::{Payment, agreements, clipped, find_any};
use crate::StoreError;

/// After the provider did not take the money, the payer needs a while to choose another way.
const DECLINED_ASK_AFTER: TimeDelta = TimeDelta::seconds(30);

/// The next step of a payment.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// The payment as it stands.
    pub payment: Payment,
    /// What is due.
    pub step: Step,
}

/// Chooses what is due for a payment, and notes when it is. `None` when there is no such payment. To be called within a
/// transaction that has locked nothing: it locks the payment alone.
pub async fn choose(
    connection: &mut PgConnection,
    id: PaymentId,
    now: DateTime<Utc>,
) -> Result<Option<Chosen>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT p.state, p.external_id IS NOT NULL AS "is_known!", p.ask_at, p.asked_at, p.expires_at,
                  least(p.end_at, (SELECT a.end_at FROM agreements a WHERE a.payment_id = p.id)) AS end_at
           FROM payments p WHERE p.id = $1 FOR NO KEY UPDATE OF p"#,
        id as PaymentId
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let refund = sqlx::query!(
        r#"SELECT id, due_at AS "due_at!" FROM refunds
           WHERE payment_id = $1 AND state IN ('asked', 'pending') AND due_at IS NOT NULL ORDER BY due_at, id LIMIT 1"#,
        id as PaymentId
    )
    .fetch_optional(&mut *connection)
    .await?;
    let facts = Facts {
        state: row.state,
        is_known: row.is_known,
        ask_at: row.ask_at,
        asked_at: row.asked_at,
        expires_at: row.expires_at,
        end_at: row.end_at,
        refund: refund.map(|refund| (refund.id, refund.due_at)),
    };
    let step = next(&facts, now);
    let due_at = match step {
        Step::Wait(at) => Some(at),
        Step::Rest(at) => at,
        Step::Create | Step::Ask | Step::Refund(_) | Step::Expire | Step::End => Some(now),
    };
    sqlx::query!("UPDATE payments SET due_at = $2 WHERE id = $1", id as PaymentId, due_at)
        .execute(&mut *connection)
        .await?;
    let payment = find_any(connection, id).await?;
    Ok(payment.map(|payment| Chosen { payment, step }))
}

/// The provider is to be asked about a payment now: something was heard of it. Its workflow is to be woken after the
/// commit.
pub async fn touch(connection: &mut PgConnection, id: PaymentId, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE payments SET due_at = $2, ask_at = CASE WHEN external_id IS NULL THEN ask_at ELSE $2 END WHERE id = $1",
        id as PaymentId,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The provider has not answered, or refuses to say anything: it is asked again, the later the oftener that was so, and
/// not before `after`. What it said is shown while the payment is unpaid.
pub async fn missed(
    connection: &mut PgConnection,
    id: PaymentId,
    (after, code, words): (Option<Duration>, &str, &str),
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let tries = sqlx::query_scalar!(
        "UPDATE payments SET tries = tries + 1,
                reason_code = CASE WHEN state IN ('created', 'pending', 'processing') THEN $2 ELSE reason_code END,
                reason = CASE WHEN state IN ('created', 'pending', 'processing') THEN $3 ELSE reason END
         WHERE id = $1 RETURNING tries",
        id as PaymentId,
        code,
        clipped(words)
    )
    .fetch_optional(&mut *connection)
    .await?;
    let wait = backoff(u32::try_from(tries.unwrap_or(1)).unwrap_or(1));
    let at = now + after.and_then(|after| TimeDelta::from_std(after).ok()).map_or(wait, |after| after.max(wait));
    sqlx::query!(
        "UPDATE payments SET ask_at = $2::timestamptz, due_at = $2::timestamptz,
                end_at = CASE WHEN end_at IS NOT NULL THEN $2::timestamptz END WHERE id = $1",
        id as PaymentId,
        at
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!("UPDATE agreements SET end_at = $2 WHERE payment_id = $1 AND end_at IS NOT NULL", id as PaymentId, at)
        .execute(connection)
        .await?;
    Ok(())
}

/// The provider did not take the money that the payer had agreed to: the payer may choose another way to pay.
pub async fn declined(
    connection: &mut PgConnection,
    id: PaymentId,
    (code, words): (&str, &str),
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE payments SET state = 'pending', reason_code = $2, reason = $3, ask_at = $4, due_at = $4, updated_at = $5
         WHERE id = $1 AND state = 'processing'",
        id as PaymentId,
        code,
        clipped(words),
        now + DECLINED_ASK_AFTER,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The provider knows that the payment was given up, and that its agreement has ended.
pub async fn ended(connection: &mut PgConnection, id: PaymentId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let agreement = sqlx::query_scalar!(
        r#"SELECT id AS "id: AgreementId" FROM agreements WHERE payment_id = $1 AND end_at IS NOT NULL"#,
        id as PaymentId
    )
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(agreement) = agreement {
        agreements::ended(connection, agreement, now).await?;
    }
    sqlx::query!("UPDATE payments SET end_at = NULL, tries = 0 WHERE id = $1", id as PaymentId)
        .execute(connection)
        .await?;
    Ok(())
}

/// Payments that should have been looked after before `before` and that something still happens to, those first that wait
/// the longest: their workflows are to be woken.
pub async fn overdue(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<PaymentId>, StoreError> {
    let ids = sqlx::query_scalar!(
        "SELECT p.id FROM payments p
         WHERE p.due_at < $1 AND (
             p.state IN ('created', 'pending', 'processing', 'review') OR p.end_at IS NOT NULL
             OR EXISTS (SELECT FROM agreements a WHERE a.payment_id = p.id AND a.end_at IS NOT NULL)
             OR EXISTS (SELECT FROM refunds r WHERE r.payment_id = p.id AND r.state IN ('asked', 'pending')))
         ORDER BY p.due_at LIMIT $2",
        before,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(ids)
}

/// Payments that are over, and of which the time has come to ask the provider once more whether everything is as it was:
/// money that came late, money that was taken back, an agreement's next payment.
pub async fn watched(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<PaymentId>, StoreError> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM payments
         WHERE due_at <= $1 AND state NOT IN ('created', 'pending', 'processing', 'review')
         ORDER BY due_at LIMIT $2",
        now,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(ids)
}
