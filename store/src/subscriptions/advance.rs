//! What time does to a subscription: reminders, the next period, asking for a missing payment, the end.

use chrono::{DateTime, Utc};
use domain::{
    UserId,
    billing::SubscriptionStatus,
    subscription::{EventKind, Schedule, Step, Subscription},
};
use sqlx::PgConnection;

use super::{
    drop_agreement,
    events::{Note, record},
    letters,
    row::{lock, save},
};
use crate::{
    StoreError,
    payments::{self, Books, Effects},
    plans,
};

/// Steps at once: a life that nobody looked after for years is caught up with in a few calls.
const STEPS_MAX: usize = 32;

/// Where time has left a subscription.
#[derive(Clone, Debug, Default)]
pub struct Advanced {
    /// How it stands; `None` when the tenant has none.
    pub status: Option<SubscriptionStatus>,
    /// When something is due next; `None`: not before somebody changes it.
    pub next: Option<DateTime<Utc>>,
    /// What is to be done after the commit.
    pub effects: Effects,
}

/// Does what is due at the time of `books`. A renewal that is due is paid from the balance where that suffices. Twice is the
/// same as once. To be called within a transaction.
pub async fn advance(
    connection: &mut PgConnection,
    books: &Books<'_>,
    user: UserId,
    schedule: &Schedule,
) -> Result<Advanced, StoreError> {
    let (mut effects, now) = (Effects::default(), books.now);
    if !plans::lock_user(connection, user).await? {
        return Ok(Advanced::default());
    }
    let Some(mut one) = lock(connection, user).await? else { return Ok(Advanced::default()) };
    let mut next = Some(now);
    for _ in 0..STEPS_MAX {
        let step = one.step(schedule, now);
        if let Step::Wait(until) = step {
            next = until;
            break;
        }
        if let Step::Collect { from_balance: true } = step
            && let Some(paid) = renew(connection, books, user, &one, &mut effects).await?
        {
            one = paid;
            continue;
        }
        take(connection, books, user, (&mut one, step, schedule), &mut effects).await?;
    }
    save(connection, user, &one, next, now).await?;
    effects.add(plans::follow(connection, user, now).await?);
    // It is its own workflow that asks.
    effects.subscription = None;
    Ok(Advanced { status: Some(one.status), next, effects })
}

/// Pays the renewal from the balance, and returns the subscription as that has left it; `None` when it does not suffice.
async fn renew(
    connection: &mut PgConnection,
    books: &Books<'_>,
    user: UserId,
    one: &Subscription,
    effects: &mut Effects,
) -> Result<Option<Subscription>, StoreError> {
    let Some(price) = one.renewal_due() else { return Ok(None) };
    // The payment finds what the row says, not what the steps before have made of it.
    save(connection, user, one, Some(books.now), books.now).await?;
    let Some(renewed) = payments::renew_from_balance(connection, books, user, price).await? else { return Ok(None) };
    effects.add(renewed.effects.applied);
    renewed.effects.payments.into_iter().for_each(|payment| effects.wake(payment));
    lock(connection, user).await
}

/// Takes one step.
async fn take(
    connection: &mut PgConnection,
    books: &Books<'_>,
    user: UserId,
    (one, step, schedule): (&mut Subscription, Step, &Schedule),
    effects: &mut Effects,
) -> Result<(), StoreError> {
    let (from, now) = (one.price.plan, books.now);
    let (kind, detail) = match step {
        Step::Wait(_) => return Ok(()),
        Step::Remind { days } => {
            one.reminded(days);
            (EventKind::Reminded, None)
        }
        Step::Roll => (one.roll(), None),
        Step::Collect { .. } => (one.unpaid(schedule, now), None),
        Step::End { status, reason } => {
            let dropped = one.end(status, reason, now);
            drop_agreement(connection, dropped, effects, now).await?;
            let kind = if status == SubscriptionStatus::Canceled { EventKind::Canceled } else { EventKind::Expired };
            (kind, Some(reason.as_str()))
        }
    };
    record(connection, user, (kind, one), Note { payment: None, detail }, now).await?;
    letters::stepped(connection, books, user, (one, from, kind, schedule)).await
}

/// Tenants whose subscriptions were to be looked after before `before`, those first that wait the longest: their workflows
/// are to be woken.
pub async fn due(connection: &mut PgConnection, before: DateTime<Utc>, limit: i64) -> Result<Vec<UserId>, StoreError> {
    let users = sqlx::query_scalar!(
        "SELECT user_id FROM subscriptions WHERE due_at < $1 ORDER BY due_at LIMIT $2",
        before,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(users)
}
