//! What tenants and staff ask of a subscription without paying.

use chrono::{DateTime, Utc};
use domain::{
    AgreementId, Plan, UserId,
    billing::{Interval, Price},
    subscription::{CancelWhen, Changed, EndReason, EventKind, Refusal, Subscription},
};
use sqlx::PgConnection;

use super::{
    drop_agreement,
    events::{Note, record},
    letters,
    row::{lock, save},
};
use crate::{StoreError, payments::Effects, plans, prices, seal::Sealer};

/// What a wish has done.
#[derive(Clone, Debug)]
pub struct Wished {
    /// How the subscription is now.
    pub subscription: Subscription,
    /// Something was changed.
    pub changed: bool,
    /// What is to be done after the commit.
    pub effects: Effects,
}

type Answer = Result<Result<Wished, Refusal>, StoreError>;

/// Lets the tenant try a plan out, once, when they have never subscribed. To be called within a transaction.
pub async fn start_trial(connection: &mut PgConnection, user: UserId, plan: &Plan, now: DateTime<Utc>) -> Answer {
    if !plans::lock_user(connection, user).await? {
        return Ok(Err(Refusal::NoTrial));
    }
    let terms = prices::of(connection, plan.id).await?;
    let price = terms.prices.iter().find(|price| price.interval == Interval::Month).or(terms.prices.first());
    let (Some(price), true) = (price, terms.trial_days > 0) else { return Ok(Err(Refusal::NoTrial)) };
    if plans::granted(connection, user).await?.is_some() {
        return Ok(Err(Refusal::PlanGranted));
    }
    if let Some(one) = lock(connection, user).await? {
        // The same request once more.
        let again = one.status == domain::billing::SubscriptionStatus::Trialing && one.price.plan == plan.id;
        return Ok(if again { Ok(unchanged(one)) } else { Err(Refusal::NoTrial) });
    }
    let one = Subscription::begin_trial(*price, terms.trial_days, now);
    keep(connection, user, one, (EventKind::TrialStarted, None), now).await.map(Ok)
}

/// Lets the tenant have another plan or interval from the end of what is paid, or withdraws that. Unchanged where a
/// payment is needed first: [`super::quote`] says how much. To be called within a transaction.
pub async fn change(
    connection: &mut PgConnection,
    sealer: &Sealer,
    user: UserId,
    wanted: Price,
    now: DateTime<Utc>,
) -> Answer {
    let Some(mut one) = locked(connection, user).await? else { return Ok(Err(Refusal::NoSubscription)) };
    let shift = super::shift(connection, &one.price, &wanted).await?;
    let done = match one.change(wanted, shift, now) {
        Err(refusal) => return Ok(Err(refusal)),
        Ok(Changed::Nothing) => return Ok(Ok(unchanged(one))),
        Ok(Changed::Event { kind, dropped }) => keep(connection, user, one, (kind, dropped), now).await?,
    };
    letters::change_scheduled(connection, sealer, user, &done.subscription, now).await?;
    Ok(Ok(done))
}

/// Ends the subscription now or with what is paid. To be called within a transaction.
pub async fn cancel(
    connection: &mut PgConnection,
    sealer: &Sealer,
    user: UserId,
    (when, reason): (CancelWhen, EndReason),
    now: DateTime<Utc>,
) -> Answer {
    let Some(mut one) = locked(connection, user).await? else { return Ok(Err(Refusal::NoSubscription)) };
    let done = match one.cancel(when, reason, now) {
        Err(refusal) => return Ok(Err(refusal)),
        Ok(Changed::Nothing) => return Ok(Ok(unchanged(one))),
        Ok(Changed::Event { kind, dropped }) => keep(connection, user, one, (kind, dropped), now).await?,
    };
    letters::canceled(connection, sealer, user, &done.subscription, now).await?;
    Ok(Ok(done))
}

/// Lets the subscription go on that was to end. To be called within a transaction.
pub async fn resume(connection: &mut PgConnection, user: UserId, now: DateTime<Utc>) -> Answer {
    let Some(mut one) = locked(connection, user).await? else { return Ok(Err(Refusal::NoSubscription)) };
    match one.resume() {
        Err(refusal) => Ok(Err(refusal)),
        Ok(Changed::Nothing) => Ok(Ok(unchanged(one))),
        Ok(Changed::Event { kind, dropped }) => keep(connection, user, one, (kind, dropped), now).await.map(Ok),
    }
}

async fn locked(connection: &mut PgConnection, user: UserId) -> Result<Option<Subscription>, StoreError> {
    if plans::lock_user(connection, user).await? { lock(connection, user).await } else { Ok(None) }
}

fn unchanged(subscription: Subscription) -> Wished {
    Wished { subscription, changed: false, effects: Effects::default() }
}

async fn keep(
    connection: &mut PgConnection,
    user: UserId,
    one: Subscription,
    (kind, dropped): (EventKind, Option<AgreementId>),
    now: DateTime<Utc>,
) -> Result<Wished, StoreError> {
    save(connection, user, &one, Some(now), now).await?;
    let detail = one.ended.map(|(_, reason)| reason.as_str());
    record(connection, user, (kind, &one), Note { payment: None, detail }, now).await?;
    let mut effects = Effects { subscription: Some(user), ..Effects::default() };
    drop_agreement(connection, dropped, &mut effects, now).await?;
    effects.add(plans::follow(connection, user, now).await?);
    Ok(Wished { subscription: one, changed: true, effects })
}
