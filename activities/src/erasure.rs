//! The activities of `delete_user`.

#![expect(missing_docs, reason = "the macro makes items without documentation")]

use std::{sync::Arc, time::Duration};

use domain::{
    Email, PairId, UserId,
    notification::{Content, Kind},
};
use futures::future::join_all;
use store::{
    StoreError,
    accounts::Account,
    audit::Act,
    notifications::{NewNotification, Recipient},
};
use temporalio_client::{
    Client, WorkflowSignalOptions, WorkflowStartOptions, WorkflowTerminateOptions,
    errors::{WorkflowInteractionError, WorkflowStartError},
};
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use tokio::time::Instant;
use workflows::{
    account::{AccountInput, AccountSession},
    contract::{CONTROL_QUEUE, account_workflow_id, delete_user_workflow_id, pair_workflow_id},
    erasure::{DeleteUserInput, DeleteUserWorkflow, EraseReport, StopInput, StopReport, UserRef},
    forwarding::PairForwarding,
};

use crate::{context::Context, failure::Fail};

/// Pairs told to end by one look: the next one goes on.
const PAIRS_AT_ONCE: i64 = 200;
/// One deletion of rows returns after this long, so that the workflow's history shows how it goes.
const ERASE_FOR: Duration = Duration::from_secs(60);
const BY_FORCE: &str = "its user is deleted, and it did not end by itself";

/// Implements the declarations of `workflows::erasure`.
#[derive(Debug)]
pub struct Erasure(pub Arc<Context>);

#[activities]
impl Erasure {
    /// Marks the user as leaving, if that was not done before.
    #[activity(definition = workflows::erasure::Begin)]
    pub async fn begin(self: Arc<Self>, _ctx: ActivityContext, input: DeleteUserInput) -> Result<(), ActivityError> {
        self.0.begin_leaving(&input).await.retry("database")
    }

    /// Tells everything of the tenant's to end, and says what has not.
    #[activity(definition = workflows::erasure::Stop)]
    pub async fn stop(self: Arc<Self>, ctx: ActivityContext, input: StopInput) -> Result<StopReport, ActivityError> {
        self.0.stop_all(&ctx.client(), input).await.retry("database")
    }

    /// Deletes rows for a while.
    #[activity(definition = workflows::erasure::Erase)]
    pub async fn erase(self: Arc<Self>, ctx: ActivityContext, input: UserRef) -> Result<EraseReport, ActivityError> {
        let (started, mut report) = (Instant::now(), EraseReport::default());
        while started.elapsed() < ERASE_FOR && !self.0.stopping.is_cancelled() && !ctx.is_cancelled() {
            let mut database = self.0.database().await.retry("database")?;
            let deleted = store::erasure::delete_some(&mut database, input.user).await.retry("database")?;
            drop(database);
            report.rows += deleted;
            if deleted == 0 {
                report.done = true;
                break;
            }
            if let Err(error) = ctx.record_heartbeat(()).await {
                tracing::warn!(user.id = %input.user, %error, "A heartbeat could not be recorded.");
            }
        }
        Ok(report)
    }

    /// Deletes the user, says so in the audit log, and bids farewell.
    #[activity(definition = workflows::erasure::Finish)]
    pub async fn finish(self: Arc<Self>, _ctx: ActivityContext, input: UserRef) -> Result<(), ActivityError> {
        self.0.finish_leaving(input.user).await.retry("database")
    }
}

/// Starts the workflow that deletes a user. True when it runs.
pub(crate) async fn start(client: &Client, input: DeleteUserInput) -> bool {
    let user = input.user;
    let options = WorkflowStartOptions::new(CONTROL_QUEUE, delete_user_workflow_id(user)).build();
    match client.start_workflow(DeleteUserWorkflow::run, input, options).await {
        Ok(_) | Err(WorkflowStartError::AlreadyStarted { .. }) => true,
        Err(error) => {
            tracing::warn!(user.id = %user, %error, "The deletion of a user could not be started.");
            false
        }
    }
}

impl Context {
    async fn begin_leaving(&self, input: &DeleteUserInput) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin().await?;
        let (user, now) = (input.user, self.clock.now());
        store::erasure::begin(&mut transaction, user, input.by, input.reason.as_deref(), now).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn stop_all(&self, client: &Client, input: StopInput) -> Result<StopReport, StoreError> {
        let StopInput { user, by_force } = input;
        let mut database = self.database().await?;
        // What was made by a request that had begun before the user left ends, too.
        let pairs = store::erasure::end_pairs(&mut database, user, self.clock.now(), PAIRS_AT_ONCE).await?;
        let accounts = store::accounts::list(&mut database, user).await?;
        drop(database);
        join_all(accounts.iter().map(|account| log_out(client, account))).await;
        let ended = join_all(pairs.iter().map(|pair| end_pair(client, *pair))).await;
        let mut database = self.database().await?;
        for pair in pairs.iter().zip(ended).filter_map(|(pair, ended)| ended.then_some(*pair)) {
            store::pairs::set_workflow_started(&mut database, pair, false).await?;
        }
        // The hosts see it within seconds; the workflows do not have them hosted again.
        store::erasure::revoke_leases(&mut database, user).await?;
        if by_force {
            drop(database);
            let ids = accounts.iter().map(|account| account_workflow_id(account.id));
            join_all(ids.chain(pairs.iter().map(|pair| pair_workflow_id(*pair))).map(|id| terminate(client, id))).await;
            return Ok(StopReport::default());
        }
        let reconciliations = store::erasure::running_reconciliations(&mut database, user).await?;
        let accounts = store::accounts::list(&mut database, user).await?.len();
        let pairs = store::erasure::end_pairs(&mut database, user, self.clock.now(), PAIRS_AT_ONCE).await?.len();
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let workflows = count(pairs).saturating_add(u32::try_from(reconciliations).unwrap_or(u32::MAX));
        Ok(StopReport { accounts: count(accounts), workflows })
    }

    /// All of it in one transaction: there is no user without a line in the log, and no farewell to somebody who is here.
    async fn finish_leaving(&self, user: UserId) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut transaction = self.pool.begin().await?;
        let Some(leaving) = store::erasure::lock(&mut transaction, user).await? else { return Ok(()) };
        let subject = user.to_string();
        let act = Act {
            actor: leaving.by,
            action: "user.deleted",
            subject: Some(&subject),
            user: Some(user),
            reason: leaving.reason.as_deref(),
            ..Act::default()
        };
        store::audit::record(&mut transaction, &act, now).await?;
        store::erasure::delete_user(&mut transaction, user).await?;
        // An address that mail cannot be sent to was never mailed to either.
        if let Ok(email) = Email::parse(&leaving.email) {
            let new = NewNotification {
                to: Recipient::Address(&email),
                kind: Kind::SecurityNotice,
                promotional: false,
                key: &format!("user_deleted/{user}"),
                content: &farewell(),
                expires_at: None,
            };
            store::notifications::enqueue(&mut transaction, &self.sealer, &new, now).await?;
        }
        transaction.commit().await?;
        tracing::info!(user.id = %user, "A user was deleted.");
        Ok(())
    }
}

fn farewell() -> Content {
    Content::new("Your account was deleted")
        .paragraph(
            "Your account and everything in it were deleted: linked accounts, pairs, messages, files and settings. \
             Sessions at Telegram were ended where Telegram could be reached; in Telegram, Settings, Devices lists what is left.",
        )
        .paragraph("This is the last message to this address.")
}

/// Tells an account's workflow to log out, starting it where it does not run: then it does nothing else.
async fn log_out(client: &Client, account: &Account) {
    let input = AccountInput {
        account: account.id,
        user: account.user_id,
        platform: account.platform,
        status: account.status,
        history_max: 0,
    };
    let options = WorkflowStartOptions::new(CONTROL_QUEUE, account_workflow_id(account.id)).build();
    let told = client.signal_with_start_workflow(AccountSession::run, input, AccountSession::log_out, (), options);
    if let Err(error) = told.await {
        tracing::warn!(account.id = %account.id, %error, "An account could not be told to log out.");
    }
}

/// Tells a pair's workflow to end. True when it is known to have ended.
async fn end_pair(client: &Client, pair: PairId) -> bool {
    let handle = client.get_workflow_handle::<PairForwarding>(pair_workflow_id(pair));
    match handle.signal(PairForwarding::delete, (), WorkflowSignalOptions::default()).await {
        Ok(()) => false,
        Err(WorkflowInteractionError::NotFound(_)) => true,
        Err(error) => {
            tracing::warn!(pair.id = %pair, %error, "A pair could not be told to end.");
            false
        }
    }
}

async fn terminate(client: &Client, id: String) {
    let handle = client.get_workflow_handle::<AccountSession>(id.clone());
    let options = WorkflowTerminateOptions::builder().reason(BY_FORCE).build();
    match handle.terminate(options).await {
        Ok(()) => tracing::warn!(workflow.id = id, "A workflow of a deleted user was ended by force."),
        Err(WorkflowInteractionError::NotFound(_)) => (),
        Err(error) => tracing::warn!(workflow.id = id, %error, "A workflow of a deleted user could not be ended."),
    }
}
