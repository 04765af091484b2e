//! Plans in the sweep: what has expired ends, whoever may have too much or may have more is settled, and workflows that
//! were not told of it are.

use chrono::{DateTime, Utc};
use domain::{AccountId, PairId, UserId};
use store::{
    StoreError,
    plans::{self, Applied},
};
use temporalio_client::Client;

use super::{BATCH, LEFT_BEHIND_AFTER, start_account};
use crate::{
    context::Context,
    wake::{self, Roused},
};

impl Context {
    /// Returns how many tenants were found with pairs or accounts that had to be paused or resumed.
    pub(super) async fn sweep_plans(&self, client: &Client, now: DateTime<Utc>) -> Result<u32, StoreError> {
        let mut database = self.database().await?;
        let expired = plans::expire(&mut database, now, BATCH).await?;
        if expired > 0 {
            tracing::info!(plan.expired = expired, "Plans or exceptions have expired.");
        }
        let stale = plans::stale(&mut database, BATCH).await?;
        drop(database);
        let mut settled = 0;
        for user in stale {
            settled += u32::from(self.settle_plan(client, user, now).await?);
        }
        let mut database = self.database().await?;
        let before = now - LEFT_BEHIND_AFTER;
        for pair in plans::untold_pairs(&mut database, before, BATCH).await? {
            self.tell_pair(client, pair.id, pair.paused, pair.since).await?;
        }
        for account in plans::untold_accounts(&mut database, before, BATCH).await? {
            self.tell_account(client, account.id, account.since).await?;
        }
        Ok(settled)
    }

    /// Settles one tenant. True when something had to change.
    async fn settle_plan(&self, client: &Client, user: UserId, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let mut transaction = self.pool.begin().await?;
        let applied = plans::apply(&mut transaction, user, now).await?;
        transaction.commit().await?;
        self.tell_applied(client, &applied, now).await?;
        Ok(!applied.is_empty())
    }

    /// Tells workflows what a plan has paused and resumed, after the commit. Whoever cannot be told now is told by the sweep.
    pub(crate) async fn tell_applied(
        &self,
        client: &Client,
        applied: &Applied,
        since: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        for (pairs, paused) in [(&applied.pairs_paused, true), (&applied.pairs_resumed, false)] {
            for pair in pairs {
                self.tell_pair(client, *pair, paused, since).await?;
            }
        }
        for account in &applied.accounts_resumed {
            self.tell_account(client, *account, since).await?;
        }
        Ok(())
    }

    /// Tells a pair's workflow what its row says already. Gone or not, the row is not untold any more.
    pub(crate) async fn tell_pair(
        &self,
        client: &Client,
        pair: PairId,
        paused: bool,
        since: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let told = if paused { wake::pause_pair(client, pair).await } else { wake::resume_pair(client, pair).await };
        let mut database = self.database().await?;
        match told {
            Roused::Told => plans::pair_told(&mut database, pair, since).await,
            Roused::Gone => {
                // The next sweep starts its workflow, which reads the row.
                store::pairs::set_workflow_started(&mut database, pair, false).await?;
                plans::pair_told(&mut database, pair, since).await
            }
            Roused::Unheard => Ok(()),
        }
    }

    /// Tells an account's workflow to host it, as its row says already.
    pub(crate) async fn tell_account(
        &self,
        client: &Client,
        account: AccountId,
        since: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut database = self.database().await?;
        let told = match wake::resume_account(client, account).await {
            Roused::Told => true,
            Roused::Gone => match store::accounts::load(&mut database, account).await? {
                Some(row) => start_account(client, &row).await,
                None => true,
            },
            Roused::Unheard => false,
        };
        if told { plans::account_told(&mut database, account, since).await } else { Ok(()) }
    }
}
