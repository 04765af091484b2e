//! What time does to a subscription: reminders, the next period, asking for a missing payment, the end.

use chrono::{DateTime, Utc};
use domain::{
    AgreementId, UserId,
    billing::SubscriptionStatus,
    subscription::{EventKind, Schedule, Step, Subscription},
};
use sqlx::PgConnection;

use super::{
    events::{Note, record},
    letters,
    row::{lock, save},
};
use crate::{
    StoreError,
    plans::{self, Applied},
    seal::Sealer,
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
    /// What the plan has paused and resumed: workflows are told after the commit.
    pub applied: Applied,
    /// An agreement that must not make any more payments.
    pub dropped: Option<AgreementId>,
}

/// Does what is due at `now`. Twice is the same as once. To be called within a transaction.
pub async fn advance(
    connection: &mut PgConnection,
    sealer: &Sealer,
    user: UserId,
    schedule: &Schedule,
    now: DateTime<Utc>,
) -> Result<Advanced, StoreError> {
    let mut done = Advanced::default();
    if !plans::lock_user(connection, user).await? {
        return Ok(done);
    }
    let Some(mut one) = lock(connection, user).await? else { return Ok(done) };
    let mut next = Some(now);
    for _ in 0..STEPS_MAX {
        let step = one.step(schedule, now);
        if let Step::Wait(until) = step {
            next = until;
            break;
        }
        if let Some(dropped) = take(connection, sealer, user, (&mut one, step, schedule), now).await? {
            done.dropped = Some(dropped);
        }
    }
    save(connection, user, &one, next, now).await?;
    done.applied = plans::follow(connection, user, now).await?;
    Ok(Advanced { status: Some(one.status), next, ..done })
}

/// Takes one step, and returns the agreement that ended with it.
async fn take(
    connection: &mut PgConnection,
    sealer: &Sealer,
    user: UserId,
    (one, step, schedule): (&mut Subscription, Step, &Schedule),
    now: DateTime<Utc>,
) -> Result<Option<AgreementId>, StoreError> {
    let (mut dropped, from) = (None, one.price.plan);
    let (kind, detail) = match step {
        Step::Wait(_) => return Ok(None),
        Step::Remind { days } => {
            one.reminded(days);
            (EventKind::Reminded, None)
        }
        Step::Roll => (one.roll(), None),
        Step::Collect { from_balance: _ } => (one.unpaid(schedule, now), None),
        Step::End { status, reason } => {
            dropped = one.end(status, reason, now);
            let kind = if status == SubscriptionStatus::Canceled { EventKind::Canceled } else { EventKind::Expired };
            (kind, Some(reason.as_str()))
        }
    };
    record(connection, user, (kind, one), Note { payment: None, detail }, now).await?;
    letters::stepped(connection, sealer, user, (one, from, kind, schedule), now).await?;
    Ok(dropped)
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
