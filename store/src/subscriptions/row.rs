//! The row of a subscription.

use chrono::{DateTime, Utc};
use domain::{
    AgreementId, PlanId, UserId,
    billing::{Interval, Price, SubscriptionStatus},
    subscription::{EndReason, Next, Period, Subscription},
};
use sqlx::PgConnection;

use super::payments;
use crate::{StoreError, prices::money};

struct Row {
    status: SubscriptionStatus,
    plan_id: PlanId,
    billing_interval: Interval,
    amount: i64,
    currency: String,
    period_start: DateTime<Utc>,
    period_end: DateTime<Utc>,
    paid_until: DateTime<Utc>,
    anchor_day: i16,
    next_plan_id: Option<PlanId>,
    next_interval: Option<Interval>,
    next_amount: Option<i64>,
    next_at: Option<DateTime<Utc>>,
    cancel_at: Option<DateTime<Utc>>,
    agreement_id: Option<AgreementId>,
    past_due_since: Option<DateTime<Utc>>,
    attempts: i16,
    grace_until: Option<DateTime<Utc>>,
    reminded_days: Option<i16>,
    ended_at: Option<DateTime<Utc>>,
    end_reason: Option<String>,
    trial_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Subscription {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let amount = money(row.amount, &row.currency)?;
        let price = Price { plan: row.plan_id, interval: row.billing_interval, amount };
        let next = match (row.next_plan_id, row.next_interval, row.next_amount, row.next_at) {
            (Some(plan), Some(interval), Some(minor), Some(at)) => {
                let amount = domain::Money::new(minor, amount.currency);
                Some(Next { price: Price { plan, interval, amount }, at })
            }
            (..) => None,
        };
        let reason = row.end_reason.as_deref().and_then(EndReason::parse);
        Ok(Self {
            status: row.status,
            price,
            period: Period { start: row.period_start, end: row.period_end },
            paid_until: row.paid_until,
            anchor_day: u32::try_from(row.anchor_day).unwrap_or(1),
            next,
            cancel_at: row.cancel_at,
            agreement: row.agreement_id,
            past_due_since: row.past_due_since,
            attempts: u16::try_from(row.attempts).unwrap_or(0),
            grace_until: row.grace_until,
            reminded_days: row.reminded_days.and_then(|days| u16::try_from(days).ok()),
            ended: row.ended_at.map(|at| (at, reason.unwrap_or(EndReason::Requested))),
            trial_at: row.trial_at,
        })
    }
}

macro_rules! select {
    ($tail:literal, $user:expr) => {
        sqlx::query_as!(
            Row,
            "SELECT status, plan_id, billing_interval, amount, currency, period_start, period_end, paid_until, anchor_day,
                    next_plan_id, next_interval, next_amount, next_at, cancel_at, agreement_id, past_due_since, attempts,
                    grace_until, reminded_days, ended_at, end_reason, trial_at
             FROM subscriptions WHERE user_id = $1" + $tail,
            $user as UserId
        )
    };
}

/// The tenant's subscription, if they have ever had one; it may have ended.
pub async fn find(connection: &mut PgConnection, user: UserId) -> Result<Option<Subscription>, StoreError> {
    let row = select!("", user).fetch_optional(connection).await?;
    row.map(Subscription::try_from).transpose()
}

/// The same, and nobody else changes it until the transaction ends.
pub(super) async fn lock(connection: &mut PgConnection, user: UserId) -> Result<Option<Subscription>, StoreError> {
    let row = select!(" FOR UPDATE", user).fetch_optional(connection).await?;
    row.map(Subscription::try_from).transpose()
}

/// Writes the row; what was paid for time that an end has cut off is given up. `due_at`: when its workflow has something to
/// do.
pub(super) async fn save(
    connection: &mut PgConnection,
    user: UserId,
    one: &Subscription,
    due_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (next, small) = (one.next, |number: u16| i16::try_from(number).unwrap_or(i16::MAX));
    sqlx::query!(
        "INSERT INTO subscriptions (user_id, status, plan_id, billing_interval, amount, currency, period_start, period_end,
                paid_until, anchor_day, next_plan_id, next_interval, next_amount, next_at, cancel_at, agreement_id,
                past_due_since, attempts, grace_until, reminded_days, ended_at, end_reason, trial_at, due_at, created_at,
                updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
                 $24, $25, $25)
         ON CONFLICT ON CONSTRAINT subscriptions_pkey DO UPDATE SET
                status = excluded.status, plan_id = excluded.plan_id, billing_interval = excluded.billing_interval,
                amount = excluded.amount, currency = excluded.currency, period_start = excluded.period_start,
                period_end = excluded.period_end, paid_until = excluded.paid_until, anchor_day = excluded.anchor_day,
                next_plan_id = excluded.next_plan_id, next_interval = excluded.next_interval,
                next_amount = excluded.next_amount, next_at = excluded.next_at, cancel_at = excluded.cancel_at,
                agreement_id = excluded.agreement_id, past_due_since = excluded.past_due_since,
                attempts = excluded.attempts, grace_until = excluded.grace_until,
                reminded_days = excluded.reminded_days, ended_at = excluded.ended_at, end_reason = excluded.end_reason,
                trial_at = excluded.trial_at, due_at = excluded.due_at, updated_at = excluded.updated_at",
        user as UserId,
        one.status as SubscriptionStatus,
        one.price.plan as PlanId,
        one.price.interval as Interval,
        one.price.amount.minor,
        one.price.amount.currency.code(),
        one.period.start,
        one.period.end,
        one.paid_until,
        i16::try_from(one.anchor_day).unwrap_or(1),
        next.map(|next| next.price.plan) as Option<PlanId>,
        next.map(|next| next.price.interval) as Option<Interval>,
        next.map(|next| next.price.amount.minor),
        next.map(|next| next.at),
        one.cancel_at,
        one.agreement as Option<AgreementId>,
        one.past_due_since,
        small(one.attempts),
        one.grace_until,
        one.reminded_days.map(small),
        one.ended.map(|(at, _)| at),
        one.ended.map(|(_, reason)| reason.as_str()),
        one.trial_at,
        due_at,
        now
    )
    .execute(&mut *connection)
    .await?;
    if one.status.entitles() { Ok(()) } else { payments::forfeit(connection, user, now).await }
}
