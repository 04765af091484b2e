//! The lease of a hosting: taken, kept, and watched for whoever wants it back.

use std::time::Duration;

use domain::{
    AccountId, AccountStatus, Platform, UserId,
    gate::{self, PLAN_LIMIT, Use},
};
use store::{
    PgConnection, StoreError,
    leases::{self, Lease, Tenure},
    plans,
};
use temporalio_sdk::activities::ActivityContext;

use super::{End, Hosting};
use crate::context::Context;

/// How often a host says that it is alive and asks whether the lease is still its own.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(3);

/// What came of asking for a lease.
pub(super) enum Taking {
    /// The account is ours.
    Taken(Platform, Lease),
    /// It is not to be hosted, and is in this state until its user, or their plan, changes that.
    Refused(AccountStatus),
}

pub(super) async fn take_lease(
    context: &Context,
    activity: &ActivityContext,
    account: AccountId,
) -> Result<Taking, StoreError> {
    let mut database = context.database().await?;
    let gone = Taking::Refused(AccountStatus::LoggedOut);
    let Some(asked) = plans::hostable(&mut database, account).await? else { return Ok(gone) };
    if barred(&mut database, &asked).await?.is_some() && keep_back(context, asked.user, account).await? {
        return Ok(Taking::Refused(AccountStatus::Paused));
    }
    let token = &activity.info().task_token;
    let lease = leases::take(&mut database, account, &context.worker, token, context.clock.now()).await?;
    Ok(lease.map_or(gone, |lease| Taking::Taken(asked.platform, lease)))
}

/// Why the plan, or a suspension, keeps the account from being hosted, if one does: a code, and words.
async fn barred(
    database: &mut PgConnection,
    asked: &plans::Hostable,
) -> Result<Option<(&'static str, String)>, StoreError> {
    let Some(tenancy) = plans::tenancy(database, asked.user).await? else { return Ok(None) };
    let bar = gate::permits(&tenancy.terms(), &Use::default(), asked.action()).err();
    let held = asked.held.then(|| (PLAN_LIMIT, "the plan has paused the account until there is room".to_owned()));
    Ok(bar.map(|bar| (bar.code(), bar.to_string())).or(held))
}

/// Records that the plan keeps the account back. False when it does not any more: a plan that gives room again meanwhile
/// has to wait for this, or comes first.
async fn keep_back(context: &Context, user: UserId, account: AccountId) -> Result<bool, StoreError> {
    let mut transaction = context.pool.begin().await?;
    plans::lock_user(&mut transaction, user).await?;
    let Some(asked) = plans::hostable(&mut transaction, account).await? else { return Ok(false) };
    let Some((code, reason)) = barred(&mut transaction, &asked).await? else { return Ok(false) };
    plans::hold(&mut transaction, account, (code, &reason), context.clock.now()).await?;
    transaction.commit().await?;
    tracing::info!(account.id = %account, reason, "The plan keeps an account from being hosted.");
    Ok(true)
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
