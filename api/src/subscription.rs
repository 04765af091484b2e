//! What the API does after a subscription was changed: workflows are told, after the commit.

use chrono::{DateTime, Utc};
use domain::{UserId, subscription::Subscription};
use store::subscriptions::Wished;

use crate::{plans, state::AppState};

/// Tells the workflows of pairs and accounts what the plan has done, and wakes the subscription's. What cannot be told now,
/// the sweep tells. Returns the subscription as it is now.
pub(crate) async fn settle(app: &AppState, user: UserId, wished: Wished, since: DateTime<Utc>) -> Subscription {
    if wished.changed {
        // They have to end an agreement.
        crate::payments::wake_all(app, &wished.effects.payments).await;
        plans::tell(app, &wished.effects.applied, since).await;
        wake(app, user).await;
    }
    wished.subscription
}

/// Wakes the workflow of the tenant's subscription.
pub(crate) async fn wake(app: &AppState, user: UserId) {
    if let Err(error) = app.temporal.wake_subscription(user).await {
        tracing::warn!(user.id = %user, ?error, "A subscription could not be woken yet; the sweep will do it.");
    }
}
