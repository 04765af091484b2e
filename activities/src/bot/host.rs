//! Hosting the bot: lease, connection, what people write, until told to stop.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use domain::{Update, notification::Channel};
use secrecy::SecretString;
use store::{
    StoreError,
    bot::{self, BotLease},
    notifications,
};
use temporalio_client::Client;
use temporalio_sdk::activities::ActivityContext;
use tokio::sync::Notify;
use workflows::bot::BotOutcome;

use super::{desk::BotState, outbox::Outbox};
use crate::{
    catch_up::persist,
    context::Context,
    hosting::reason,
    platform::{EventStream, PlatformError, PlatformEvent},
    telegram::{BotConnection, BotLink, BotToken},
};

/// How often a host says that it is alive and asks whether the lease is still its own.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(3);

/// Why a hosting ends.
enum End {
    Stopped,
    LeaseLost,
    Gone(PlatformError),
}

/// One hosting of the bot.
pub(super) struct Hosting {
    pub(super) context: Arc<Context>,
    pub(super) client: Client,
    pub(super) token: BotToken,
    pub(super) lease: BotLease,
    /// There may be an answer to write.
    pub(super) news: Notify,
    /// It is connected.
    online: AtomicBool,
}

/// Hosts the bot under a new lease. Returns when it is told to stop, when another host has taken the bot, or when
/// Telegram refuses it.
///
/// # Errors
/// [`StoreError`] when the lease cannot be taken; the caller retries.
pub(super) async fn host(context: Arc<Context>, activity: &ActivityContext) -> Result<BotOutcome, StoreError> {
    let Some(token) = context.bot.token().cloned() else { return Ok(BotOutcome::Lost) };
    let lease = {
        let mut database = context.database().await?;
        let task_token = &activity.info().task_token;
        bot::take(&mut database, token.id(), &context.worker, task_token, context.clock.now()).await?
    };
    let (client, news, online) = (activity.client(), Notify::new(), AtomicBool::new(false));
    let hosting = Hosting { client, context, token, lease, news, online };
    hosting.show(BotState::Connecting);
    let end = tokio::select! {
        end = hosting.keep_lease(activity) => end,
        error = hosting.run() => End::Gone(error),
    };
    hosting.finish(end).await
}

impl Hosting {
    /// Heartbeats, and watches for the reasons to stop that come from outside.
    async fn keep_lease(&self, activity: &ActivityContext) -> End {
        let mut beat = tokio::time::interval(HEARTBEAT_EVERY);
        loop {
            tokio::select! {
                () = activity.cancelled() => return End::Stopped,
                () = self.context.stopping.cancelled() => return End::Stopped,
                _ = beat.tick() => (),
            }
            if let Err(error) = activity.record_heartbeat(()).await {
                tracing::warn!(%error, "A heartbeat of the bot could not be recorded.");
            }
            let online = self.is_online();
            let held = async {
                let mut database = self.context.database().await?;
                bot::keep_alive(&mut database, self.lease, online, self.context.clock.now()).await
            };
            match held.await {
                Ok(true) => (),
                Ok(false) => return End::LeaseLost,
                // The database is away: nobody can take the lease either.
                Err(error) => {
                    tracing::warn!(error = %crate::chain(&error), "The bot's lease could not be checked.");
                }
            }
        }
    }

    /// True while the bot is connected.
    pub(super) fn is_online(&self) -> bool {
        self.online.load(Ordering::Acquire)
    }

    /// Shows how it is, unless a younger hosting has begun on this worker.
    fn show(&self, state: BotState) {
        let online = state == BotState::Online;
        self.online.store(online, Ordering::Release);
        if self.context.bot.set(self.lease.epoch, state) {
            self.context.metrics.bot.up.set(i64::from(online));
        }
    }

    /// Connects, however long it takes, and works until the bot is gone.
    async fn run(&self) -> PlatformError {
        let BotLink { connection, events, username } = match self.connect().await {
            Ok(link) => link,
            Err(gone) => return gone,
        };
        let _closer = CloseOnDrop(Arc::clone(&connection));
        self.begin(&connection, &username).await;
        let outbox = Outbox::new(self, Arc::clone(&connection));
        tokio::select! {
            gone = self.follow(&connection, events, &username) => gone,
            gone = outbox.run() => gone,
        }
    }

    /// What is done once at the beginning of each hosting.
    async fn begin(&self, connection: &BotConnection, username: &str) {
        let (now, lease) = (self.context.clock.now(), self.lease);
        self.context.metrics.bot.refused.set(0);
        persist("record the bot", || async {
            let mut database = self.context.database().await?;
            bot::signed_in(&mut database, lease, username, now).await?;
            // Nobody else sends by the bot as long as the lease is ours.
            notifications::reclaim(&mut database, Channel::Bot, now).await
        })
        .await;
        // Who has linked a former bot has not started this one.
        loop {
            let ended = persist("end links to a former bot", || async {
                let mut transaction = self.context.pool.begin().await?;
                let ended = bot::unlink_strangers(&mut transaction, lease.bot, now).await?;
                transaction.commit().await?;
                Ok(ended)
            })
            .await;
            if ended == 0 {
                break;
            }
        }
        if let Err(error) = connection.set_menu(&domain::bot::MENU).await {
            tracing::warn!(%error, "The bot's menu could not be set; the next hosting tries again.");
        }
        tracing::info!(bot.id = lease.bot, bot.username = username, "The bot is at work.");
    }

    async fn follow(
        &self,
        connection: &BotConnection,
        mut events: Box<dyn EventStream>,
        username: &str,
    ) -> PlatformError {
        loop {
            match events.next().await {
                Some(PlatformEvent::Connected) => {
                    self.show(BotState::Online);
                    self.news.notify_one();
                }
                Some(PlatformEvent::Disconnected { detail }) => {
                    tracing::info!(detail, "The bot is disconnected and connects again.");
                    self.show(BotState::Connecting);
                }
                Some(PlatformEvent::Updates(updates)) => {
                    for update in &updates {
                        if let Update::Posted(message) = update {
                            self.take(connection, message, username).await;
                        }
                    }
                    connection.forget_people();
                    self.save(events.acknowledge().await).await;
                }
                Some(PlatformEvent::Gone(error)) => return error,
                None => {
                    let detail = "the event stream ended".to_owned();
                    return PlatformError::Retryable { code: "stream_ended".to_owned(), detail };
                }
            }
        }
    }

    /// Keeps the session; under a lost lease nothing is written.
    pub(super) async fn save(&self, session: Option<SecretString>) {
        let Some(session) = session else { return };
        persist("save the bot's session", || async {
            let mut database = self.context.database().await?;
            bot::save_session(&mut database, &self.context.sealer, self.lease, &session).await
        })
        .await;
    }

    async fn finish(&self, end: End) -> Result<BotOutcome, StoreError> {
        let mut database = self.context.database().await?;
        let (outcome, state) = match end {
            End::Stopped => (BotOutcome::Stopped, BotState::Elsewhere),
            End::LeaseLost => (BotOutcome::Lost, BotState::Elsewhere),
            End::Gone(error @ (PlatformError::Input { .. } | PlatformError::Banned { .. })) => {
                let (code, text) = reason(&error);
                tracing::error!(
                    bot.id = self.lease.bot,
                    code,
                    "Telegram refuses the bot. Mend TELEGRAM_BOT_TOKEN and start the worker anew: until then there is no bot."
                );
                bot::refused(&mut database, self.lease, &code, &text).await?;
                self.context.metrics.bot.refused.set(1);
                (BotOutcome::Refused, BotState::Refused { code })
            }
            End::Gone(error) => {
                tracing::warn!(bot.id = self.lease.bot, %error, "The bot has lost its connection and is hosted anew.");
                if matches!(error, PlatformError::Revoked { .. }) {
                    bot::forget_session(&mut database, self.lease).await?;
                }
                (BotOutcome::Lost, BotState::Elsewhere)
            }
        };
        self.show(state);
        bot::release(&mut database, self.lease).await?;
        Ok(outcome)
    }
}

/// Closes the connection also when the hosting is dropped in the middle of an await.
struct CloseOnDrop(Arc<BotConnection>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        let connection = Arc::clone(&self.0);
        tokio::spawn(async move { connection.close().await });
    }
}
