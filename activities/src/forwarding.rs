//! The activities of `pair_forwarding`: route, drain, end.

#![expect(missing_docs, reason = "the macro makes items without documentation")]

use std::sync::Arc;

use domain::AccountStatus;
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use workflows::{
    contract::host_queue,
    forwarding::{DrainReport, PairRef, PairRoute},
};

use crate::{context::Context, drain, failure::Fail};

/// Implements the declarations of `workflows::forwarding`.
#[derive(Debug)]
pub struct Forwarding(pub Arc<Context>);

#[activities]
impl Forwarding {
    /// Where does the pair drain now?
    #[activity(definition = workflows::forwarding::Route)]
    pub async fn route(self: Arc<Self>, _ctx: ActivityContext, input: PairRef) -> Result<PairRoute, ActivityError> {
        let mut database = self.0.database().await.retry("database")?;
        let route = store::pairs::route(&mut database, input.pair).await.retry("database")?;
        let deleted = PairRoute { queue: None, status: None, unavailable: None, priority_key: 3, fairness_weight: 1.0 };
        Ok(route.map_or(deleted, |route| PairRoute {
            queue: route.host.as_deref().map(host_queue),
            status: Some(route.status),
            unavailable: unavailable(route.account_status).map(str::to_owned),
            priority_key: u32::try_from(route.priority_key).unwrap_or(0),
            fairness_weight: route.fairness_weight,
        }))
    }

    /// Sends what is due, in order.
    #[activity(definition = workflows::forwarding::DrainPair)]
    pub async fn drain_pair(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: PairRef,
    ) -> Result<DrainReport, ActivityError> {
        drain::drain(&self.0, &ctx, input.pair).await.retry("database")
    }

    /// The pair is deleted and its workflow is about to end.
    #[activity(definition = workflows::forwarding::PairEnded)]
    pub async fn pair_ended(self: Arc<Self>, _ctx: ActivityContext, input: PairRef) -> Result<(), ActivityError> {
        let mut database = self.0.database().await.retry("database")?;
        store::pairs::set_workflow_started(&mut database, input.pair, false).await.retry("database")
    }
}

/// Why an account will not be hosted before its user acts.
fn unavailable(status: AccountStatus) -> Option<&'static str> {
    match status {
        AccountStatus::Connecting | AccountStatus::Online | AccountStatus::Reconnecting => None,
        AccountStatus::New | AccountStatus::AwaitingCode | AccountStatus::AwaitingPassword => {
            Some("the destination account is not signed in")
        }
        AccountStatus::Paused => Some("the destination account is paused"),
        AccountStatus::Limited => Some("the platform has limited the destination account; it rests, or resume it"),
        AccountStatus::Revoked => Some("the destination account's session was ended; sign in again"),
        AccountStatus::Banned => Some("the platform has banned the destination account"),
        AccountStatus::LoggedOut => Some("the destination account was logged out"),
    }
}
