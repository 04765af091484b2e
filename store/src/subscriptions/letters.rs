//! What tenants are told of their subscriptions.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Plan, PlanId, UserId,
    billing::{
        SubscriptionStatus,
        letters::{self, Ending, Paying, Renewal, TakesHold},
    },
    ledger::Account,
    notification::{Content, Kind},
    subscription::{EndReason, EventKind, Schedule, Subscription},
};
use sqlx::PgConnection;

use super::Paid;
use crate::{
    StoreError, ledger,
    notifications::{self, NewNotification, Recipient},
    payments::Books,
    plans,
    seal::Sealer,
};

/// A payment has made the plan another one than `from`. The receipt is another letter.
pub(super) async fn bought(
    connection: &mut PgConnection,
    sealer: &Sealer,
    paid: &Paid,
    from: PlanId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if from == paid.price.plan {
        return Ok(());
    }
    let catalogue = plans::catalogue(connection).await?;
    let content =
        letters::plan_changed(name(&catalogue, from), name(&catalogue, paid.price.plan), TakesHold::Now, None);
    let key = format!("subscription/{}/paid/{}", paid.user, paid.payment);
    tell(connection, sealer, paid.user, (&key, &content), now).await
}

/// A lower plan, or another interval, was chosen for later.
pub(super) async fn change_scheduled(
    connection: &mut PgConnection,
    sealer: &Sealer,
    user: UserId,
    one: &Subscription,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let Some(next) = one.next.filter(|next| next.price.plan != one.price.plan) else { return Ok(()) };
    let catalogue = plans::catalogue(connection).await?;
    let (from, to) = (name(&catalogue, one.price.plan), name(&catalogue, next.price.plan));
    let content = letters::plan_changed(from, to, TakesHold::At(next.at), None);
    tell(connection, sealer, user, (&key(user, "change", one, now), &content), now).await
}

/// Its tenant or staff has ended it, or it will end.
pub(super) async fn canceled(
    connection: &mut PgConnection,
    sealer: &Sealer,
    user: UserId,
    one: &Subscription,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let ending = match (one.ended, one.cancel_at) {
        (Some((_, EndReason::Staff)), _) => Ending::ByStaff,
        (Some(_), _) => Ending::Canceled,
        (None, Some(at)) => Ending::AtPeriodEnd(at),
        (None, None) => return Ok(()),
    };
    ends(connection, sealer, user, (one, ending), now).await
}

/// It was ended, or will end, for this reason.
pub(super) async fn ends(
    connection: &mut PgConnection,
    sealer: &Sealer,
    user: UserId,
    (one, ending): (&Subscription, Ending),
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let catalogue = plans::catalogue(connection).await?;
    let content = letters::canceled(name(&catalogue, one.price.plan), ending, None);
    tell(connection, sealer, user, (&key(user, "cancel", one, now), &content), now).await
}

/// What time has brought: `from` is the plan before.
pub(super) async fn stepped(
    connection: &mut PgConnection,
    books: &Books<'_>,
    user: UserId,
    (one, from, kind, schedule): (&Subscription, PlanId, EventKind, &Schedule),
) -> Result<(), StoreError> {
    let catalogue = plans::catalogue(connection).await?;
    let (plan, renewal) = (name(&catalogue, one.price.plan), one.renewal());
    let (due, now) = (renewal.amount, books.now);
    let content = match kind {
        EventKind::Reminded => match reminder(connection, books, user, (one, plan, schedule)).await? {
            Some(content) => content,
            None => return Ok(()),
        },
        EventKind::PastDue | EventKind::PaymentRetried => {
            let since = one.past_due_since.unwrap_or(now);
            let next = schedule.attempt_after(one.attempts).map_or(now, |after| since + after);
            letters::past_due(plan, due, letters::Next::Attempt(next), books.site)
        }
        EventKind::GraceStarted => letters::grace(plan, due, one.grace_until.unwrap_or(now), books.site),
        EventKind::Expired => letters::expired(plan, books.site),
        EventKind::Canceled => letters::canceled(plan, Ending::Canceled, books.site),
        EventKind::PlanChanged if from != one.price.plan => {
            letters::plan_changed(name(&catalogue, from), plan, TakesHold::Now, books.site)
        }
        // Nothing that its tenant has to know: a receipt was sent, or nothing changed for them.
        _ => return Ok(()),
    };
    tell(connection, books.sealer, user, (&key(user, kind.as_str(), one, now), &content), now).await
}

/// Nothing, when the balance pays by itself and that was said before.
async fn reminder(
    connection: &mut PgConnection,
    books: &Books<'_>,
    user: UserId,
    (one, plan, schedule): (&Subscription, &str, &Schedule),
) -> Result<Option<Content>, StoreError> {
    let (due, ends_at) = (one.renewal().amount, one.period.end);
    // What is left of the last day is a day.
    let days = (ends_at - books.now + TimeDelta::days(1) - TimeDelta::seconds(1)).num_days();
    if one.status == SubscriptionStatus::Trialing {
        return Ok(Some(letters::trial_ending(plan, due, ends_at, days, books.site)));
    }
    let balance = ledger::balance(connection, &Account::User(user), due.currency).await?;
    let suffices = balance.available().minor >= due.minor;
    if suffices && one.reminded_days != schedule.reminders().next() {
        return Ok(None);
    }
    let paying = if suffices { Paying::Balance } else { Paying::Tenant };
    Ok(Some(letters::renewal(&Renewal { plan, due, ends_at, days, paying }, books.site)))
}

/// What happened, to which period, and when: the same is told once.
fn key(user: UserId, what: &str, one: &Subscription, now: DateTime<Utc>) -> String {
    format!("subscription/{user}/{what}/{}/{}", one.period.end.timestamp(), now.timestamp_micros())
}

async fn tell(
    connection: &mut PgConnection,
    sealer: &Sealer,
    user: UserId,
    (key, content): (&str, &Content),
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let to = Recipient::User(user);
    let new = NewNotification { to, kind: Kind::Payment, promotional: false, key, content, expires_at: None };
    notifications::enqueue(connection, sealer, &new, now).await?;
    Ok(())
}

fn name(catalogue: &[Plan], id: PlanId) -> &str {
    catalogue.iter().find(|plan| plan.id == id).map_or("", |plan| plan.name.as_str())
}
