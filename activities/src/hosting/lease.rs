//! The lease of a hosting: taken, kept, and watched for whoever wants it back.

use std::time::Duration;

use domain::{AccountId, Platform};
use store::{
    StoreError,
    leases::{self, Lease, Tenure},
};
use temporalio_sdk::activities::ActivityContext;

use super::{End, Hosting};
use crate::context::Context;

/// How often a host says that it is alive and asks whether the lease is still its own.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(3);

pub(super) async fn take_lease(
    context: &Context,
    activity: &ActivityContext,
    account: AccountId,
) -> Result<Option<(Platform, Lease)>, StoreError> {
    let mut database = context.database().await?;
    let Some(row) = store::accounts::load(&mut database, account).await? else { return Ok(None) };
    let token = &activity.info().task_token;
    let lease = leases::take(&mut database, account, &context.worker, token, context.clock.now()).await?;
    Ok(lease.map(|lease| (row.platform, lease)))
}

impl Hosting {
    /// Heartbeats, and watches for the reasons to stop that come from outside. A user's wish is first seen in the lease:
    /// Temporal tells of it with the answer to a heartbeat.
    pub(super) async fn keep_lease(&self, activity: &ActivityContext) -> End {
        let mut beat = tokio::time::interval(HEARTBEAT_EVERY);
        loop {
            tokio::select! {
                () = activity.cancelled() => return End::Cancelled,
                () = self.context.stopping.cancelled() => return End::Cancelled,
                _ = beat.tick() => (),
            }
            if let Err(error) = activity.record_heartbeat(()).await {
                tracing::warn!(account.id = %self.source.account, %error, "A heartbeat could not be recorded.");
            }
            let tenure = async {
                let mut database = self.context.database().await?;
                leases::tenure(&mut database, self.lease).await
            };
            match tenure.await {
                Ok(Tenure::Held) => (),
                Ok(Tenure::Revoked) => return End::Cancelled,
                Ok(Tenure::Lost) => return End::LeaseLost,
                // The database is away: nobody can take the lease either.
                Err(error) => {
                    tracing::warn!(account.id = %self.source.account, error = %crate::chain(&error), "The lease could not be checked.");
                }
            }
        }
    }
}
