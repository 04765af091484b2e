//! The activity of `subscription`, and telling its workflow that something has happened.

#![expect(missing_docs, reason = "the macro makes items without documentation")]

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use domain::UserId;
use store::{StoreError, subscriptions as stored};
use temporalio_client::{Client, WorkflowStartOptions};
use temporalio_common::search_attributes::SearchAttributes;
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use workflows::{
    contract::{BILLING_QUEUE, USER_ID, subscription_workflow_id},
    subscription::{AdvanceInput, AdvanceReport, SubscriptionInput, SubscriptionWorkflow},
};

use crate::{context::Context, failure::Fail};

/// Implements the declarations of `workflows::subscription`.
#[derive(Debug)]
pub struct Subscriptions(pub Arc<Context>);

#[activities]
impl Subscriptions {
    /// Does what is due for a subscription.
    #[activity(definition = workflows::subscription::Advance)]
    pub async fn advance(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: AdvanceInput,
    ) -> Result<AdvanceReport, ActivityError> {
        let client = ctx.client();
        self.0.advance(&client, input).await.retry("database")
    }
}

impl Context {
    async fn advance(&self, client: &Client, input: AdvanceInput) -> Result<AdvanceReport, StoreError> {
        let now = DateTime::<Utc>::from_timestamp_millis(input.now_ms).unwrap_or(DateTime::UNIX_EPOCH);
        let books = self.books(None, now);
        let mut transaction = self.pool.begin().await?;
        let done = stored::advance(&mut transaction, &books, input.user, &self.subscription_schedule).await?;
        transaction.commit().await?;
        self.follow_up(client, &done.effects, now).await?;
        Ok(AdvanceReport {
            status: done.status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
            next_at_ms: done.next.map(rounded_up_ms),
        })
    }

    /// Wakes workflows of subscriptions that something is due for; returns how many.
    pub(crate) async fn sweep_subscriptions(
        &self,
        client: &Client,
        before: DateTime<Utc>,
        limit: i64,
    ) -> Result<u32, StoreError> {
        let mut woken = 0;
        for user in stored::due(&mut *self.database().await?, before, limit).await? {
            woken += u32::from(wake(client, user).await);
        }
        Ok(woken)
    }
}

/// A workflow that wakes a fraction of a millisecond early would have to wake twice.
fn rounded_up_ms(at: DateTime<Utc>) -> i64 {
    (at + TimeDelta::milliseconds(1) - TimeDelta::microseconds(1)).timestamp_millis()
}

/// Wakes the workflow of the tenant's subscription, starting it where it does not run: for after the commit. False when
/// Temporal cannot be told; then the sweep does it.
pub async fn wake(client: &Client, user: UserId) -> bool {
    let options = WorkflowStartOptions::new(BILLING_QUEUE, subscription_workflow_id(user))
        .search_attributes(SearchAttributes::new([USER_ID.value_set(user.to_string())]))
        .build();
    let input = SubscriptionInput { user, history_max: 0 };
    let wake = SubscriptionWorkflow::wake;
    let woken = client.signal_with_start_workflow(SubscriptionWorkflow::run, input, wake, (), options).await;
    if let Err(error) = &woken {
        tracing::warn!(user.id = %user, %error, "A subscription could not be woken; the sweep will do it.");
    }
    woken.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_rounded_up_to_milliseconds() {
        let at = |micros| rounded_up_ms(DateTime::from_timestamp_micros(micros).unwrap());
        assert_eq!([at(5_000), at(5_001), at(5_999), at(6_000)], [5, 6, 6, 6]);
    }
}
