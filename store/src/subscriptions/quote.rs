//! What is to be paid for what a tenant wants.

use chrono::{DateTime, Utc};
use domain::{
    UserId,
    billing::Price,
    subscription::{self, Quote, Refusal, Shift, Wanted},
};
use sqlx::PgConnection;

use super::{find, payments::segments};
use crate::{StoreError, plans};

/// What the tenant has to pay now for `wanted`, which [`crate::prices::offer`] has; what they agreed to pay before, where they
/// stay on their plan. Locks nothing: what a payment buys is decided when it arrives.
pub async fn quote(
    connection: &mut PgConnection,
    user: UserId,
    wanted: Price,
    now: DateTime<Utc>,
) -> Result<Result<Quote, Refusal>, StoreError> {
    let current = find(connection, user).await?;
    let shift = match &current {
        None => Shift::Same,
        Some(current) => super::shift(connection, &current.price, &wanted).await?,
    };
    if let Some((_, given)) = plans::granted(connection, user).await? {
        let positions = plans::catalogue(connection).await?;
        let position = positions.iter().find(|plan| plan.id == wanted.plan).map_or(0, |plan| plan.position);
        let renews = current.as_ref().and_then(|current| current.renewal_due());
        // Who subscribes already may go on to do so.
        if position <= given && renews.is_none_or(|due| due.plan != wanted.plan || due.interval != wanted.interval) {
            return Ok(Err(Refusal::PlanGranted));
        }
    }
    let segments = segments(connection, user, now).await?;
    Ok(subscription::quote(current.as_ref(), Wanted { price: wanted, shift }, &segments, now))
}

/// What the tenant's next period costs, when it is not paid and not given up. A plan that is sold no more is renewed too.
pub async fn renewal_due(connection: &mut PgConnection, user: UserId) -> Result<Option<Price>, StoreError> {
    Ok(find(connection, user).await?.and_then(|current| current.renewal_due()))
}
