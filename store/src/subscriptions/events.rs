//! What happened to a subscription, for its tenant and for staff to look up.

use chrono::{DateTime, Utc};
use domain::{
    PaymentId, PlanId, UserId,
    billing::{Interval, SubscriptionStatus},
    subscription::{EventKind, Period, Subscription},
};
use sqlx::PgConnection;

use crate::StoreError;

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// Grows with time.
    pub id: i64,
    /// What.
    pub kind: String,
    /// How the subscription stood afterwards.
    pub status: SubscriptionStatus,
    /// The code of the plan that it was on.
    pub plan: String,
    /// How long its periods were.
    pub interval: Interval,
    /// The period that ran.
    pub period: Period,
    /// The payment that brought it about.
    pub payment: Option<PaymentId>,
    /// What else there is to say, as a code.
    pub detail: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

/// What a record says beside the subscription itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Note<'a> {
    pub(super) payment: Option<PaymentId>,
    pub(super) detail: Option<&'a str>,
}

/// Records what has made the subscription what it is now.
pub(super) async fn record(
    connection: &mut PgConnection,
    user: UserId,
    (kind, one): (EventKind, &Subscription),
    note: Note<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO subscription_events (user_id, kind, status, plan_id, billing_interval, period_start, period_end,
                                          payment_id, detail, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        user as UserId,
        kind.as_str(),
        one.status as SubscriptionStatus,
        one.price.plan as PlanId,
        one.price.interval as Interval,
        one.period.start,
        one.period.end,
        note.payment as Option<PaymentId>,
        note.detail,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What happened to the tenant's subscription, the newest first, before the one with the id `before`.
pub async fn history(
    connection: &mut PgConnection,
    user: UserId,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Event>, StoreError> {
    let rows = sqlx::query!(
        "SELECT e.id, e.kind, e.status, l.code, e.billing_interval, e.period_start, e.period_end, e.payment_id, e.detail,
                e.at
         FROM subscription_events e JOIN plans l ON l.id = e.plan_id
         WHERE e.user_id = $1 AND ($2::bigint IS NULL OR e.id < $2) ORDER BY e.id DESC LIMIT $3",
        user as UserId,
        before,
        limit
    )
    .fetch_all(connection)
    .await?;
    let events = rows.into_iter().map(|row| Event {
        id: row.id,
        kind: row.kind,
        status: row.status,
        plan: row.code,
        interval: row.billing_interval,
        period: Period { start: row.period_start, end: row.period_end },
        payment: row.payment_id,
        detail: row.detail,
        at: row.at,
    });
    Ok(events.collect())
}
