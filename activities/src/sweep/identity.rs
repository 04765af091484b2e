//! Who somebody was is forgotten in time, and whoever leaves is seen off.

use chrono::{DateTime, TimeDelta, Utc};
use domain::proof::REGISTRATIONS_KEPT;
use store::{StoreError, erasure::Leaving};
use temporalio_client::Client;
use workflows::erasure::DeleteUserInput;

use super::BATCH;
use crate::{context::Context, erasure};

/// For so long staff can look up sessions and API keys that have ended.
const ENDED_KEPT: TimeDelta = TimeDelta::days(30);
/// For so long the address of somebody who is no user is kept with the message that was sent there.
const ADDRESSES_KEPT: TimeDelta = TimeDelta::days(7);

impl Context {
    /// Starts the workflows of users who leave; returns how many were started, or run already.
    pub(super) async fn sweep_leaving(&self, client: &Client, before: DateTime<Utc>) -> Result<u32, StoreError> {
        let leaving = store::erasure::left_behind(&mut *self.database().await?, before, BATCH).await?;
        let mut started = 0;
        for Leaving { user, by, reason, .. } in leaving {
            let input = DeleteUserInput { user, by, reason, stopped: false, history_max: 0 };
            started += u32::from(erasure::start(client, input).await);
        }
        Ok(started)
    }

    /// Forgets what is out of date: sessions, keys, mailed tokens, registrations, and what failed when somebody signed in.
    pub(super) async fn forget_identities(&self) -> Result<(), StoreError> {
        let (mut database, now) = (self.database().await?, self.clock.now());
        store::sessions::forget(&mut database, now - ENDED_KEPT).await?;
        store::api_keys::forget(&mut database, now - ENDED_KEPT).await?;
        store::sign_in_failures::forget(&mut database, now).await?;
        store::proofs::forget(&mut database, now).await?;
        store::registrations::forget(&mut database, now - REGISTRATIONS_KEPT).await?;
        store::registrations::forget_mails(&mut database, now).await?;
        store::erasure::forget_addresses(&mut database, now - ADDRESSES_KEPT).await?;
        Ok(())
    }
}
