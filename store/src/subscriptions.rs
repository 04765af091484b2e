//! Subscriptions: one row for each tenant who has ever had one, what was bought with each payment, and what happened.
//!
//! Whoever changes one locks the tenant first, then the row, and leaves the tenant's plan as it follows from the
//! subscription ([`crate::plans::follow`]) in the same transaction. After the commit its workflow is woken; a crash in
//! between leaves `due_at` in the past, which the sweep finds.

use chrono::{DateTime, Utc};
use domain::{AgreementId, PlanId, billing::Price, subscription::Shift};
use sqlx::PgConnection;

use crate::{
    StoreError,
    payments::{Effects, agreements},
};

mod advance;
mod events;
mod letters;
mod paid;
mod payments;
mod quote;
mod row;
mod wishes;

pub use advance::{Advanced, advance, due};
pub use events::{Event, history};
pub use paid::{GoneBack, Paid, PaidOutcome, TakenBack, agreement_changed, paid, taken_back};
pub use quote::{quote, renewal_due};
pub use row::find;
pub use wishes::{Wished, cancel, change, resume, start_trial};

/// Lets the provider be told that an agreement must not make any more payments.
async fn drop_agreement(
    connection: &mut PgConnection,
    dropped: Option<AgreementId>,
    effects: &mut Effects,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let Some(dropped) = dropped else { return Ok(()) };
    if let Some(payment) =
        agreements::end(connection, dropped, "the subscription does not need it any more", now).await?
    {
        effects.wake(payment);
    }
    Ok(())
}

/// How `wanted` is to the price that the tenant has.
async fn shift(connection: &mut PgConnection, current: &Price, wanted: &Price) -> Result<Shift, StoreError> {
    let rows = sqlx::query!(
        "SELECT id, position FROM plans WHERE id = $1 OR id = $2",
        current.plan as PlanId,
        wanted.plan as PlanId
    )
    .fetch_all(connection)
    .await?;
    let position = |price: &Price| rows.iter().find(|row| row.id == price.plan).map_or(0, |row| row.position);
    Ok(Shift::between((position(current), current), (position(wanted), wanted)))
}
