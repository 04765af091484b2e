//! Payments as they are shown: a tenant's own, and all of them for staff.

use chrono::{DateTime, Utc};
use domain::{
    Money, PaymentId, PlanId, UserId,
    billing::{PaymentPurpose, PaymentState},
};
use sqlx::PgConnection;

use super::{Payment, Row, currency, select_payments};
use crate::StoreError;

/// The payment, whosever it is.
pub async fn find_any(connection: &mut PgConnection, id: PaymentId) -> Result<Option<Payment>, StoreError> {
    let row = select_payments!("WHERE p.id = $1", id as PaymentId).fetch_optional(connection).await?;
    row.map(Payment::try_from).transpose()
}

/// The tenant's payment, if it is theirs.
pub async fn find(connection: &mut PgConnection, user: UserId, id: PaymentId) -> Result<Option<Payment>, StoreError> {
    Ok(find_any(connection, id).await?.filter(|payment| payment.user == Some(user)))
}

/// The tenant's payments from before `before`, newest first.
pub async fn list(
    connection: &mut PgConnection,
    user: UserId,
    before: Option<PaymentId>,
    limit: i64,
) -> Result<Vec<Payment>, StoreError> {
    let asked = Asked { user: Some(user), before, ..Asked::default() };
    let rows = list_all(connection, &asked, limit).await?;
    Ok(rows.into_iter().map(|listed| listed.payment).collect())
}

/// What staff look for; everything that is `None` is any.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Of this tenant.
    pub user: Option<UserId>,
    /// In this state.
    pub state: Option<PaymentState>,
    /// For this.
    pub purpose: Option<PaymentPurpose>,
    /// Through this provider.
    pub provider: Option<String>,
    /// For this plan.
    pub plan: Option<PlanId>,
    /// With this id at the provider: of the order, of a receipt or of what has gone back.
    pub external: Option<String>,
    /// With money that waits for a decision.
    pub undecided: bool,
    /// Asked for since then.
    pub from: Option<DateTime<Utc>>,
    /// Asked for before then.
    pub until: Option<DateTime<Utc>>,
    /// Older than this one.
    pub before: Option<PaymentId>,
}

/// One payment in a list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The payment.
    pub payment: Payment,
    /// Money of it waits for a decision.
    pub is_undecided: bool,
}

/// All payments that staff look for, newest first.
pub async fn list_all(connection: &mut PgConnection, asked: &Asked, limit: i64) -> Result<Vec<Listed>, StoreError> {
    let rows: Vec<Row> = select_payments!(
        "WHERE ($1::uuid IS NULL OR p.user_id = $1) AND ($2::payment_state IS NULL OR p.state = $2)
           AND ($3::text IS NULL OR p.provider = $3) AND ($4::uuid IS NULL OR p.plan_id = $4)
           AND ($5::text IS NULL OR p.external_id = $5
                OR EXISTS (SELECT FROM payment_receipts r WHERE r.payment_id = p.id AND r.external_id = $5)
                OR EXISTS (SELECT FROM payment_reversals v WHERE v.payment_id = p.id AND v.external_id = $5))
           AND (NOT $6 OR EXISTS (SELECT FROM payment_receipts r WHERE r.payment_id = p.id AND r.state = 'undecided'))
           AND ($7::timestamptz IS NULL OR p.created_at >= $7) AND ($8::timestamptz IS NULL OR p.created_at < $8)
           AND ($9::uuid IS NULL OR p.id < $9) AND ($10::payment_purpose IS NULL OR p.purpose = $10)
         ORDER BY p.id DESC LIMIT $11",
        asked.user.map(|id| id.as_uuid()),
        asked.state as Option<PaymentState>,
        asked.provider,
        asked.plan.map(|id| id.as_uuid()),
        asked.external,
        asked.undecided,
        asked.from,
        asked.until,
        asked.before.map(|id| id.as_uuid()),
        asked.purpose as Option<PaymentPurpose>,
        limit
    )
    .fetch_all(&mut *connection)
    .await?;
    let ids: Vec<_> = rows.iter().map(|row| row.id.as_uuid()).collect();
    let undecided = sqlx::query_scalar!(
        "SELECT DISTINCT payment_id FROM payment_receipts WHERE payment_id = ANY($1) AND state = 'undecided'",
        &ids
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let is_undecided = undecided.contains(&row.id);
            Ok(Listed { payment: row.try_into()?, is_undecided })
        })
        .collect()
}

/// What a tenant has paid, in one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Payments that were accounted for.
    pub payments: i64,
    /// What came of them, at providers and from the balance.
    pub paid: Money,
    /// What has gone back.
    pub refunded: Money,
}

/// What the tenant has paid so far, by currency.
pub async fn figures(connection: &mut PgConnection, user: UserId) -> Result<Vec<Figures>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT currency, count(*) AS "payments!", sum(amount + from_balance)::bigint AS "paid!",
                  sum(refunded)::bigint AS "refunded!"
           FROM payments WHERE user_id = $1 AND period_start IS NOT NULL GROUP BY currency ORDER BY currency"#,
        user as UserId
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let currency = currency(&row.currency)?;
            let money = |minor| Money::new(minor, currency);
            Ok(Figures { payments: row.payments, paid: money(row.paid), refunded: money(row.refunded) })
        })
        .collect()
}
