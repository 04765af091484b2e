//! Giving an account away, so that the worker can be stopped: its drains end first, then the lease is given back, and its
//! workflow has it hosted elsewhere.

use std::{sync::Arc, time::Duration};

use domain::AccountId;
use store::StoreError;

use super::{End, Hosting};
use crate::{context::Context, duty::Turn};

/// Drains of the account end at their next message; one that hangs longer is stuck in a call, and ends with the
/// connection.
const DRAINS_END_WITHIN: Duration = Duration::from_secs(10);
/// How often it is looked whether somebody has taken the account.
const LOOK_EVERY: Duration = Duration::from_millis(250);

impl Hosting {
    /// Resolves when it is this account's turn to be given away, and its drains have ended.
    pub(super) async fn leave(&self) -> (End, Turn) {
        let turn = self.context.duty.leave().await;
        tracing::info!(account.id = %self.source.account, "An account is given away.");
        self.leaving.cancel();
        self.drains.close();
        if tokio::time::timeout(DRAINS_END_WITHIN, self.drains.wait()).await.is_err() {
            tracing::warn!(account.id = %self.source.account, "A drain did not end; the account goes without it.");
        }
        (End::Cancelled, turn)
    }
}

/// Keeps the turn until somebody has taken the account, so that no more than a few are without a host at a time. Where
/// nobody takes it, the others stay here, unless the worker was told to give them away all the same.
pub(super) fn see_off(context: Arc<Context>, account: AccountId, turn: Turn) {
    tokio::spawn(async move {
        while !context.stopping.is_cancelled() {
            let orders = context.duty.orders();
            if orders.forced || !orders.draining || has_arrived(&context, account).await.unwrap_or(false) {
                break;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        drop(turn);
    });
}

/// Somebody else hosts the account, or nobody is to.
async fn has_arrived(context: &Context, account: AccountId) -> Result<bool, StoreError> {
    let row = store::accounts::load(&mut *context.database().await?, account).await?;
    Ok(row.is_none_or(|row| !row.status.wants_host() || row.host.is_some_and(|host| host != context.worker)))
}
