//! Hosting one account: lease, connection, updates, ingest, until told to stop.

use std::{sync::Arc, time::Duration};

use domain::{AccountId, AccountStatus, Platform, Update};
use secrecy::SecretString;
use store::{
    StoreError,
    accounts::{Reason, SecretColumn},
    leases::{self, Lease, Tenure},
};
use temporalio_client::Client;
use temporalio_sdk::activities::ActivityContext;
use tokio::{sync::Notify, time::MissedTickBehavior};
use tokio_util::task::AbortOnDropHandle;
use workflows::account::HostOutcome;

use crate::{
    attachments,
    catch_up::{CatchUp, Closed, persist},
    context::Context,
    hosts::Hosted,
    ingest::{Source, ingest},
    pace::Pacer,
    platform::{Connection, EventStream, PlatformError, PlatformEvent},
    wake,
};

/// How often a host says that it is alive and asks whether the lease is still its own.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(3);
/// First wait after a connection could not be made; doubled up to [`CONNECT_RETRY_MAX`].
const CONNECT_RETRY_FIRST: Duration = Duration::from_millis(250);
/// Longest wait between tries to connect.
const CONNECT_RETRY_MAX: Duration = Duration::from_secs(30);
/// How often chats whose gap could not be read are tried again: somebody may have given the permission back.
const CLOSED_AGAIN_EVERY: Duration = Duration::from_secs(120);
/// Pairs roused when their destination account comes online.
const ROUSED_MAX: i64 = 1_000;

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
    let Some((platform, lease)) = take_lease(&context, activity, account).await? else {
        return Ok(HostOutcome::Gone { status: AccountStatus::LoggedOut });
    };
    let pacer = context.paces.open(account, platform).await?;
    let hosting = Hosting {
        pacer,
        source: Source { account, platform },
        client: activity.client(),
        media: Arc::new(Notify::new()),
        closed: Arc::default(),
        context,
        lease,
    };
    let end = tokio::select! {
        end = hosting.keep_lease(activity) => end,
        end = hosting.run() => end,
        error = hosting.pacer.stopped() => End::Gone(error),
    };
    hosting.context.hosts.remove(lease);
    hosting.context.metrics.hosted_accounts.set(i64::try_from(hosting.context.hosts.len()).unwrap_or(0));
    hosting.finish(end).await
}

async fn take_lease(
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
    async fn keep_lease(&self, activity: &ActivityContext) -> End {
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

    /// Connects, however long it takes, and follows the account's events.
    async fn run(&self) -> End {
        let mut wait = CONNECT_RETRY_FIRST;
        let (connection, stream) = loop {
            match self.connect().await {
                Ok(link) => break link,
                Err(
                    gone @ (PlatformError::Revoked { .. } | PlatformError::Banned { .. } | PlatformError::Input { .. }),
                ) => {
                    return End::Gone(gone);
                }
                Err(error) => {
                    self.set_status(AccountStatus::Reconnecting, Some(&error)).await;
                    let pause = match error {
                        PlatformError::Wait { wait, .. } => wait,
                        _ => wait,
                    };
                    tokio::time::sleep(pause).await;
                    wait = (wait * 2).min(CONNECT_RETRY_MAX);
                }
            }
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
        });
        self.context.metrics.hosted_accounts.set(i64::try_from(self.context.hosts.len()).unwrap_or(0));
        let closer = CloseOnDrop(Arc::clone(&connection));
        let end = self.follow(connection.as_ref(), stream).await;
        drop(closer);
        end
    }

    async fn connect(&self) -> Result<(Arc<dyn Connection>, Box<dyn EventStream>), PlatformError> {
        let account = self.source.account;
        let secret = persist("load the account's secret", || async {
            let mut database = self.context.database().await?;
            store::accounts::secret(&mut database, &self.context.sealer, account, SecretColumn::Secret).await
        })
        .await;
        let missing = || PlatformError::Revoked {
            code: "not_signed_in".into(),
            detail: "the account has no session; sign in again".into(),
        };
        let secret = secret.ok_or_else(missing)?;
        let clock = Arc::clone(&self.context.clock);
        let rates = Arc::clone(&self.pacer);
        match self.source.platform {
            Platform::Telegram => {
                let link = crate::telegram::connect_observed(&self.context.telegram, &secret, clock, rates).await?;
                Ok((link.connection, link.events))
            }
            Platform::Discord => crate::discord::connect_observed(&self.context.discord, &secret, clock, rates).await,
        }
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

    async fn set_status(&self, status: AccountStatus, error: Option<&PlatformError>) {
        let (code, text) = error.map(reason).unzip();
        persist("record the account's state", || async {
            let mut database = self.context.database().await?;
            let reason = Reason { code: code.as_deref(), text: text.as_deref() };
            let (account, now) = (self.source.account, self.context.clock.now());
            if let (Some(code), Some(text)) = (reason.code, reason.text) {
                store::error_logs::record_account(&mut database, account, code, text, now).await?;
            }
            store::accounts::set_status(&mut database, account, status, reason, now).await
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

impl Hosting {
    /// The account can send and receive: say so, and rouse the pairs that waited for it.
    async fn online(&self) {
        let account = self.source.account;
        self.set_status(AccountStatus::Online, None).await;
        let waiting = persist("find the pairs that wait for the account", || async {
            let mut database = self.context.database().await?;
            store::sweep::pairs_waiting_for(&mut database, account, ROUSED_MAX).await
        })
        .await;
        for pair in waiting {
            self.context.wakeups.wake(pair);
            let client = self.client.clone();
            tokio::spawn(async move { wake::rouse_pair(&client, pair).await });
        }
    }

    async fn finish(&self, end: End) -> Result<HostOutcome, StoreError> {
        let outcome = match end {
            End::Cancelled => HostOutcome::Stopped,
            End::LeaseLost => return Ok(HostOutcome::Lost),
            End::Gone(error) => match &error {
                PlatformError::Banned { .. } => self.gone(AccountStatus::Banned, &error).await,
                PlatformError::Flooded { .. } => self.gone(AccountStatus::Limited, &error).await,
                PlatformError::Revoked { .. } | PlatformError::Input { .. } => {
                    self.gone(AccountStatus::Revoked, &error).await
                }
                PlatformError::Retryable { .. }
                | PlatformError::Wait { .. }
                | PlatformError::Message { .. }
                | PlatformError::Chat { .. } => {
                    self.set_status(AccountStatus::Reconnecting, Some(&error)).await;
                    HostOutcome::Lost
                }
            },
        };
        let mut database = self.context.database().await?;
        leases::release(&mut database, self.lease).await?;
        Ok(outcome)
    }

    async fn gone(&self, status: AccountStatus, error: &PlatformError) -> HostOutcome {
        let (code, _) = reason(error);
        tracing::warn!(account.id = %self.source.account, code, "The account is gone until its user acts.");
        self.set_status(status, Some(error)).await;
        HostOutcome::Gone { status }
    }
}
