//! What tenants are told of their subscriptions.

use chrono::{DateTime, Utc};
use domain::{
    Plan, PlanId, UserId,
    billing::{
        PaymentPurpose, SubscriptionStatus,
        letters::{self, Ending, Paying, Renewal, TakesHold},
    },
    notification::{Content, Kind},
    subscription::{Bought, EndReason, EventKind, Schedule, Subscription},
};
use sqlx::PgConnection;

use super::Paid;
use crate::{
    StoreError,
    notifications::{self, NewNotification, Recipient},
    plans,
    seal::Sealer,
};

/// A payment has made the plan another one. The receipt is another letter.
pub(super) async fn bought(
    connection: &mut PgConnection,
    sealer: &Sealer,
    paid: &Paid,
    (before, bought): (Option<PlanId>, &Bought),
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let from = before.unwrap_or(PlanId::FREE);
    if from == paid.price.plan || (bought.kind != EventKind::Upgraded && paid.purpose == PaymentPurpose::Renew) {
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

/// It was ended, or will end.
pub(super) async fn canceled(
    connection: &mut PgConnection,
    sealer: &Sealer,
    user: UserId,
    one: &Subscription,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let ending = match (one.ended, one.cancel_at) {
        (Some((_, EndReason::Staff)), _) => Ending::ByStaff,
        (Some((_, EndReason::TakenBack)), _) => Ending::Refunded,
        (Some(_), _) => Ending::Canceled,
        (None, Some(at)) => Ending::AtPeriodEnd(at),
        (None, None) => return Ok(()),
    };
    ends(connection, sealer, user, (one, ending), now).await
}

/// The agreement that paid for it has ended at the provider.
pub(super) async fn agreement_ended(
    connection: &mut PgConnection,
    sealer: &Sealer,
    user: UserId,
    one: &Subscription,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    ends(connection, sealer, user, (one, Ending::AgreementEnded(one.paid_until)), now).await
}

async fn ends(
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

/// What time has brought.
pub(super) async fn stepped(
    connection: &mut PgConnection,
    sealer: &Sealer,
    user: UserId,
    (one, kind, schedule): (&Subscription, EventKind, &Schedule),
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let catalogue = plans::catalogue(connection).await?;
    let (plan, renewal) = (name(&catalogue, one.price.plan), one.renewal());
    let due = renewal.amount;
    let content = match kind {
        EventKind::Reminded => {
            let balance = balance(connection, user, due.currency).await?;
            reminder(one, (plan, name(&catalogue, renewal.plan)), balance.minor >= due.minor, now)
        }
        EventKind::PastDue | EventKind::PaymentRetried => {
            let since = one.past_due_since.unwrap_or(now);
            let next = schedule.attempt_after(one.attempts).map_or(now, |after| since + after);
            letters::past_due(plan, due, letters::Next::Attempt(next), None)
        }
        EventKind::GraceStarted => letters::grace(plan, due, one.grace_until.unwrap_or(now), None),
        EventKind::Expired => letters::expired(plan, None),
        EventKind::Canceled => letters::canceled(plan, Ending::Canceled, None),
        EventKind::PlanChanged => letters::plan_changed("", plan, TakesHold::Now, None),
        _ => return Ok(()),
    };
    tell(connection, sealer, user, (&key(user, kind.as_str(), one, now), &content), now).await
}

fn name(catalogue: &[Plan], id: PlanId) -> &str {
    catalogue.iter().find(|plan| plan.id == id).map_or("", |plan| plan.name.as_str())
}
