//! Hosting one account: lease, connection, updates, ingest, until told to stop.

use std::{sync::Arc, time::Duration};

use domain::{AccountId, AccountStatus, Update};
use secrecy::SecretString;
use store::{StoreError, accounts::SecretColumn, leases::Lease};
use temporalio_client::Client;
use temporalio_sdk::activities::ActivityContext;
use tokio::{sync::Notify, time::MissedTickBehavior};
use tokio_util::{
    sync::CancellationToken,
    task::{AbortOnDropHandle, TaskTracker},
};
use workflows::account::HostOutcome;

use crate::{
    attachments,
    catch_up::{CatchUp, Closed, persist},
    context::Context,
    hosts::Hosted,
    ingest::{Source, ingest},
    pace::Pacer,
    platform::{Connection, EventStream, PlatformError, PlatformEvent},
};

mod connect;
mod lease;
mod leave;
mod status;

use lease::{Taking, take_lease};

/// How often chats whose gap could not be read are tried again: somebody may have given the permission back.
const CLOSED_AGAIN_EVERY: Duration = Duration::from_secs(120);

/// Why a hosting ends.
enum End {
    Cancelled,
    LeaseLost,
    Gone(PlatformError),
}

/// One hosting of one account.
struct Hosting {
    context: Arc<Context>,
    client: Client,
    source: Source,
    lease: Lease,
    pacer: Arc<Pacer>,
    media: Arc<Notify>,
    closed: Arc<Closed>,
    /// The account is about to be given away.
    leaving: CancellationToken,
    /// The drains that write through it.
    drains: TaskTracker,
}

/// Hosts `account` under a new lease. Returns when it is told to stop, when another host has taken the account, or
/// when the account is gone until its user acts.
///
/// # Errors
/// [`StoreError`] when the lease cannot be taken; the caller retries.
pub async fn host(
    context: Arc<Context>,
    activity: &ActivityContext,
    account: AccountId,
) -> Result<HostOutcome, StoreError> {
    let (platform, lease) = match take_lease(&context, activity, account).await? {
        Taking::Taken(platform, lease) => (platform, lease),
        Taking::Refused(status) => return Ok(HostOutcome::Gone { status }),
    };
    let pacer = context.paces.open(account, platform).await?;
    let hosting = Hosting {
        pacer,
        source: Source { account, platform },
        client: activity.client(),
        media: Arc::new(Notify::new()),
        closed: Arc::default(),
        leaving: CancellationToken::new(),
        drains: TaskTracker::new(),
        context,
        lease,
    };
    let (end, turn) = tokio::select! {
        end = hosting.keep_lease(activity) => (end, None),
        end = hosting.run() => (end, None),
        error = hosting.pacer.stopped() => (End::Gone(error), None),
        (end, turn) = hosting.leave() => (end, Some(turn)),
    };
    hosting.context.hosts.remove(lease);
    hosting.context.metrics.hosted_accounts.set(i64::try_from(hosting.context.hosts.len()).unwrap_or(0));
    let outcome = hosting.finish(end).await;
    if let Some(turn) = turn {
        leave::see_off(hosting.context, account, turn);
    }
    outcome
}

impl Hosting {
    /// Connects, however long it takes, and follows the account's events.
    async fn run(&self) -> End {
        let (connection, stream) = match self.connect().await {
            Ok(link) => link,
            Err(gone) => return End::Gone(gone),
        };
        let _fetcher = AbortOnDropHandle::new(tokio::spawn(attachments::fetch_loop(
            Arc::clone(&self.context),
            self.client.clone(),
            (self.source.account, self.source.platform),
            Arc::clone(&connection),
            Arc::clone(&self.media),
        )));
        self.context.hosts.insert(Hosted {
            connection: Arc::clone(&connection),
            lease: self.lease,
            pacer: Arc::clone(&self.pacer),
            media: Arc::clone(&self.media),
            closed: Arc::clone(&self.closed),
            leaving: self.leaving.clone(),
            drains: self.drains.clone(),
        });
        self.context.metrics.hosted_accounts.set(i64::try_from(self.context.hosts.len()).unwrap_or(0));
        let closer = CloseOnDrop(Arc::clone(&connection));
        let end = self.follow(connection.as_ref(), stream).await;
        drop(closer);
        end
    }

    async fn follow(&self, connection: &dyn Connection, mut stream: Box<dyn EventStream>) -> End {
        let (context, client) = (&self.context, &self.client);
        let missed = CatchUp { context, client, source: self.source, connection, closed: &self.closed };
        let mut again = tokio::time::interval(CLOSED_AGAIN_EVERY);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let event = tokio::select! {
                event = stream.next() => event,
                _ = again.tick(), if !self.closed.is_empty() => {
                    if let Err(gone) = missed.look_again().await {
                        return End::Gone(gone);
                    }
                    self.media.notify_one();
                    continue;
                }
            };
            match event {
                Some(PlatformEvent::Connected) => {
                    if let Err(gone) = missed.run().await {
                        return End::Gone(gone);
                    }
                    self.media.notify_one();
                }
                Some(PlatformEvent::Disconnected { detail }) => {
                    let error = PlatformError::Retryable { code: "disconnected".into(), detail };
                    self.set_status(AccountStatus::Reconnecting, Some(&error)).await;
                    continue;
                }
                Some(PlatformEvent::Updates(updates)) => {
                    self.take(&updates).await;
                    self.save(stream.acknowledge().await).await;
                    continue;
                }
                Some(PlatformEvent::Gone(error)) => return End::Gone(error),
                None => {
                    let detail = "the event stream ended".into();
                    return End::Gone(PlatformError::Retryable { code: "stream_ended".into(), detail });
                }
            }
            self.online().await;
        }
    }

    async fn take(&self, updates: &[Update]) {
        let media = persist("record updates", || ingest(&self.context, &self.client, self.source, updates)).await;
        if media > 0 {
            self.media.notify_one();
        }
    }

    async fn save(&self, session: Option<SecretString>) {
        let Some(session) = session else { return };
        persist("save the session", || async {
            let mut database = self.context.database().await?;
            let account = self.source.account;
            store::accounts::set_secret(
                &mut database,
                &self.context.sealer,
                account,
                SecretColumn::Secret,
                Some(&session),
            )
            .await
        })
        .await;
    }
}

/// Closes the connection also when the hosting is dropped in the middle of an await.
struct CloseOnDrop(Arc<dyn Connection>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        let connection = Arc::clone(&self.0);
        tokio::spawn(async move { connection.close().await });
    }
}

/// An error's stable code and its words for people.
pub(crate) fn reason(error: &PlatformError) -> (String, String) {
    match error {
        PlatformError::Retryable { code, detail }
        | PlatformError::Message { code, detail }
        | PlatformError::Chat { code, detail }
        | PlatformError::Flooded { code, detail }
        | PlatformError::Revoked { code, detail }
        | PlatformError::Banned { code, detail }
        | PlatformError::Input { code, detail } => (code.clone(), detail.clone()),
        PlatformError::Wait { code, wait } => {
            (code.clone(), format!("the platform asks to wait {} s", wait.as_secs_f64().ceil()))
        }
    }
}
