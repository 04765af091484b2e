//! Subscriptions of all tenants.

use chrono::{DateTime, Utc};
use domain::{
    Money, UserId,
    billing::{Interval, SubscriptionStatus},
};
use sqlx::PgConnection;

use crate::{StoreError, prices::money};

/// Which subscriptions to list; `None` is all.
#[derive(Clone, Copy, Debug, Default)]
pub struct SubscriptionFilter<'a> {
    /// Standing so.
    pub status: Option<SubscriptionStatus>,
    /// Of the plan with this code.
    pub plan: Option<&'a str>,
    /// Of tenants whose address has this in it.
    pub email_part: Option<&'a str>,
    /// Of tenants who registered before this one.
    pub before: Option<UserId>,
}

/// One tenant's subscription.
#[derive(Clone, Debug)]
pub struct SubscriptionRow {
    /// Whose.
    pub user: UserId,
    /// Their address.
    pub email: String,
    /// Where it stands.
    pub status: SubscriptionStatus,
    /// The plan's code.
    pub plan: String,
    /// How long a period is.
    pub interval: Interval,
    /// What a period costs, as it was agreed on.
    pub amount: Money,
    /// When the period ends.
    pub period_end: DateTime<Utc>,
    /// When it ends by its tenant's wish.
    pub cancel_at: Option<DateTime<Utc>>,
    /// A provider pays for the next period by itself.
    pub has_agreement: bool,
    /// The code of the plan that staff has given.
    pub granted_plan: Option<String>,
    /// When something is due.
    pub due_at: Option<DateTime<Utc>>,
}

/// The subscriptions that fit, those of the youngest tenants first.
pub async fn subscriptions(
    connection: &mut PgConnection,
    filter: &SubscriptionFilter<'_>,
    limit: i64,
) -> Result<Vec<SubscriptionRow>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT s.user_id, u.email, s.status, l.code, s.billing_interval, s.amount, s.currency, s.period_end, s.cancel_at,
                  s.agreement_id IS NOT NULL AS "has_agreement!", s.due_at,
                  CASE WHEN u.plan_granted THEN g.code END AS granted_plan
           FROM subscriptions s JOIN users u ON u.id = s.user_id JOIN plans l ON l.id = s.plan_id
           JOIN plans g ON g.id = u.plan_id
           WHERE ($1::subscription_status IS NULL OR s.status = $1) AND ($2::text IS NULL OR l.code = $2)
             AND ($3::text IS NULL OR strpos(u.email, $3) > 0) AND ($4::uuid IS NULL OR s.user_id < $4)
           ORDER BY s.user_id DESC LIMIT $5"#,
        filter.status as Option<SubscriptionStatus>,
        filter.plan,
        filter.email_part,
        filter.before.map(|user| user.as_uuid()),
        limit
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(SubscriptionRow {
                user: row.user_id,
                email: row.email,
                status: row.status,
                plan: row.code,
                interval: row.billing_interval,
                amount: money(row.amount, &row.currency)?,
                period_end: row.period_end,
                cancel_at: row.cancel_at,
                has_agreement: row.has_agreement,
                granted_plan: row.granted_plan,
                due_at: row.due_at,
            })
        })
        .collect()
}
