//! A tenant's subscription: how it stands, another plan, its end, and a trial.

mod wire;

pub(crate) use wire::{
    CancelIn, CancelWhenDoc, ChangeIn, ChangedOut, EventOut, Outcome, PurposeDoc, QuoteOut, SubscriptionOut,
    SubscriptionStatusDoc, TrialIn, ViewOut,
};

use domain::{
    Plan, UserId,
    billing::{Interval, Price},
    subscription::{EndReason, Refusal, Subscription},
};
use salvo::prelude::*;
use store::{PgConnection, StoreError, subscriptions};

use super::page;
use crate::{
    auth::Actor,
    body::JsonBody,
    error::{ApiError, Thing},
    state::AppState,
    subscription,
};

/// Shows the plan that holds, the subscription, and what happened to it, newest first.
#[endpoint(
    operation_id = "read_subscription",
    tags("billing"),
    parameters(
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 200, description = "Events on a page: 1 to 200, 50 unless given."),
        ("before" = Option<i64>, Query, minimum = 1, description = "Only events older than this `id`.")
    )
)]
pub(crate) async fn read(actor: Actor, app: AppState, req: &mut Request) -> Result<Json<ViewOut>, ApiError> {
    let (limit, before) = (page::size(req)?, page::before(req)?);
    let mut database = app.database().await?;
    Ok(Json(view(&mut database, actor.user, before, limit).await?))
}

/// How somebody's subscription stands, with a page of what happened to it.
pub(super) async fn view(
    database: &mut PgConnection,
    user: UserId,
    before: Option<i64>,
    limit: i64,
) -> Result<ViewOut, ApiError> {
    let tenancy = store::plans::tenancy(database, user).await?.ok_or(ApiError::NotFound(Thing::User))?;
    let granted = store::plans::granted(database, user).await?.is_some();
    let current = subscriptions::find(database, user).await?;
    let catalogue = store::plans::catalogue(database).await?;
    let events = subscriptions::history(database, user, before, limit + 1).await?;
    let (events, next) = page::cut(events, limit, |event| event.id);
    Ok(ViewOut {
        plan: tenancy.plan.code,
        given: granted,
        given_until: tenancy.plan_expires_at.filter(|_| granted),
        subscription: current.as_ref().map(|current| SubscriptionOut::new(current, &catalogue)),
        may_try: current.is_none() && !granted,
        history: events.into_iter().map(EventOut::from).collect(),
        next,
    })
}

/// Changes the plan or the interval. A lower plan or a shorter interval begins when what is paid is over, and costs nothing
/// now: `scheduled`. The plan of now withdraws that: `kept`. What has to be paid first is not changed yet:
/// `payment_needed`, with what it costs now; `POST /api/billing/checkouts` does it.
#[endpoint(operation_id = "change_subscription", tags("billing"))]
pub(crate) async fn change(
    actor: Actor,
    app: AppState,
    body: JsonBody<ChangeIn>,
) -> Result<Json<ChangedOut>, ApiError> {
    let (user, now) = (actor.user, app.clock.now());
    let mut transaction = app.transaction().await?;
    let (plan, price) = wanted(&mut transaction, user, &body.0.plan, body.0.interval).await?;
    let quote = subscriptions::quote(&mut transaction, user, price, now).await?;
    let wished = subscriptions::change(&mut transaction, &app.sealer, user, price, now).await?;
    let catalogue = store::plans::catalogue(&mut transaction).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    let wished = match wished {
        Ok(wished) => wished,
        // Whoever has none buys one.
        Err(Refusal::NoSubscription) => {
            let quote = quote?;
            return Ok(Json(ChangedOut {
                outcome: Outcome::PaymentNeeded,
                quote: Some(QuoteOut::new(&quote, &plan)),
                subscription: None,
            }));
        }
        Err(refusal) => return Err(refusal.into()),
    };
    let current = subscription::settle(&app, user, wished, now).await;
    let is_wanted = |one: &Price| one.plan == price.plan && one.interval == price.interval;
    let (outcome, quote) = if current.next.is_some_and(|next| is_wanted(&next.price)) {
        (Outcome::Scheduled, None)
    } else if current.is_paid(now) && is_wanted(&current.price) {
        (Outcome::Kept, None)
    } else {
        (Outcome::PaymentNeeded, Some(QuoteOut::new(&quote?, &plan)))
    };
    Ok(Json(ChangedOut { outcome, quote, subscription: Some(SubscriptionOut::new(&current, &catalogue)) }))
}

/// What is asked for: a plan that is sold now, or what the tenant has agreed on and that may be sold no more.
pub(super) async fn wanted(
    connection: &mut PgConnection,
    user: UserId,
    code: &str,
    interval: Interval,
) -> Result<(Plan, Price), ApiError> {
    if let Some(offer) = store::prices::offer(connection, code, interval).await? {
        return Ok(offer);
    }
    let plan = store::plans::find(connection, code).await?.ok_or(ApiError::NotFound(Thing::Plan))?;
    let current = subscriptions::find(connection, user).await?;
    let own = current.map(|current| current.price).filter(|own| own.plan == plan.id && own.interval == interval);
    own.map(|price| (plan, price)).ok_or_else(|| Refusal::NotForSale.into())
}

/// Ends the subscription, now or when what is paid is over. What is missing its payment ends now in any case. Nothing is
/// given back by itself. It can be called again.
#[endpoint(operation_id = "cancel_subscription", tags("billing"))]
pub(crate) async fn cancel(
    actor: Actor,
    app: AppState,
    body: JsonBody<CancelIn>,
) -> Result<Json<SubscriptionOut>, ApiError> {
    let (user, now) = (actor.user, app.clock.now());
    let mut transaction = app.transaction().await?;
    let wish = (body.0.when, EndReason::Requested);
    let wished = subscriptions::cancel(&mut transaction, &app.sealer, user, wish, now).await??;
    let catalogue = store::plans::catalogue(&mut transaction).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    let current = subscription::settle(&app, user, wished, now).await;
    Ok(Json(SubscriptionOut::new(&current, &catalogue)))
}

/// Lets the subscription go on that was to end when what is paid is over. It can be called again. Renewals are paid by hand
/// or from the balance then: an agreement with a payment provider has ended with the wish to end.
#[endpoint(operation_id = "resume_subscription", tags("billing"))]
pub(crate) async fn resume(actor: Actor, app: AppState) -> Result<Json<SubscriptionOut>, ApiError> {
    let (user, now) = (actor.user, app.clock.now());
    let mut transaction = app.transaction().await?;
    let wished = subscriptions::resume(&mut transaction, user, now).await??;
    let catalogue = store::plans::catalogue(&mut transaction).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    let current = subscription::settle(&app, user, wished, now).await;
    Ok(Json(SubscriptionOut::new(&current, &catalogue)))
}

/// Lets a plan be tried out, at once and without a payment: once, and by whoever has never subscribed. It ends by itself
/// unless it is paid before.
#[endpoint(operation_id = "start_trial", tags("billing"))]
pub(crate) async fn start_trial(
    actor: Actor,
    app: AppState,
    body: JsonBody<TrialIn>,
) -> Result<Json<SubscriptionOut>, ApiError> {
    let (user, now) = (actor.user, app.clock.now());
    let mut transaction = app.transaction().await?;
    let plan = store::plans::find(&mut transaction, &body.0.plan).await?;
    let plan = plan.filter(|plan| plan.is_public).ok_or(ApiError::NotFound(Thing::Plan))?;
    let wished = subscriptions::start_trial(&mut transaction, user, &plan, now).await??;
    let catalogue = store::plans::catalogue(&mut transaction).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    let current: Subscription = subscription::settle(&app, user, wished, now).await;
    Ok(Json(SubscriptionOut::new(&current, &catalogue)))
}
