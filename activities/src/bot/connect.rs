//! Connecting the bot, however long it takes, with the session that is on record: signing in anew is limited, and done
//! only when there is none.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use secrecy::SecretString;
use store::{
    StoreError,
    bot::{self, BotRow},
};

use super::host::Hosting;
use crate::{
    catch_up::persist,
    platform::PlatformError,
    telegram::{BotLink, connect_bot, sign_in_bot},
};

/// First wait after a connection could not be made; doubled up to [`CONNECT_RETRY_MAX`].
const CONNECT_RETRY_FIRST: Duration = Duration::from_millis(250);
/// Longest wait between tries to connect.
const CONNECT_RETRY_MAX: Duration = Duration::from_secs(30);
/// Wait before signing in anew after a session was found to be over.
const SIGN_IN_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// While Telegram wants silence, it is looked this often whether it still does.
const REST_STEP: Duration = Duration::from_secs(60);

impl Hosting {
    /// Tries until there is a connection. `Err` when Telegram refuses the bot.
    pub(super) async fn connect(&self) -> Result<BotLink, PlatformError> {
        let mut wait = CONNECT_RETRY_FIRST;
        loop {
            self.rest().await;
            match self.try_to_connect().await {
                Ok(link) => return Ok(link),
                Err(gone @ (PlatformError::Banned { .. } | PlatformError::Input { .. })) => return Err(gone),
                Err(PlatformError::Revoked { code, .. }) => {
                    tracing::warn!(bot.id = self.lease.bot, code, "The bot's session is over; it signs in anew.");
                    persist("forget the bot's session", || async {
                        let mut database = self.context.database().await?;
                        bot::forget_session(&mut database, self.lease).await
                    })
                    .await;
                    wait = wait.max(SIGN_IN_AGAIN_AFTER);
                }
                Err(PlatformError::Wait { wait, .. }) => self.cool_down(wait).await,
                Err(error) => tracing::warn!(bot.id = self.lease.bot, %error, "The bot could not be connected yet."),
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(CONNECT_RETRY_MAX);
        }
    }

    async fn try_to_connect(&self) -> Result<BotLink, PlatformError> {
        let session = match self.stored_session().await {
            Some(session) => session,
            None => {
                let session = sign_in_bot(&self.context.telegram, &self.token).await?;
                // On record before anything else, so that it need not be done again.
                self.save(Some(session.clone())).await;
                session
            }
        };
        connect_bot(&self.context.telegram, &session, Arc::clone(&self.context.clock)).await
    }

    async fn stored_session(&self) -> Option<SecretString> {
        persist("load the bot's session", || async {
            let mut database = self.context.database().await?;
            match bot::session(&mut database, &self.context.sealer, self.lease.bot).await {
                // A key that is gone does not come back by waiting, and a bot can sign in without anybody's help.
                Err(StoreError::Seal(error)) => {
                    tracing::error!(%error, "The bot's session cannot be opened; it signs in anew.");
                    Ok(None)
                }
                answer => answer,
            }
        })
        .await
    }

    /// Keeps the silence that Telegram has asked for, in this process or a former one.
    async fn rest(&self) {
        loop {
            let row = persist("look whether the bot has to rest", || async {
                let mut database = self.context.database().await?;
                bot::load(&mut database, self.lease.bot).await
            })
            .await;
            let until = row.and_then(|BotRow { cooldown_until, .. }| cooldown_until);
            let left = until.and_then(|until| (until - self.context.clock.now()).to_std().ok());
            match left {
                Some(left) if !left.is_zero() => tokio::time::sleep(left.min(REST_STEP)).await,
                Some(_) | None => return,
            }
        }
    }

    /// Remembers that Telegram wants silence.
    pub(super) async fn cool_down(&self, wait: Duration) {
        tracing::warn!(bot.id = self.lease.bot, wait_s = wait.as_secs(), "Telegram asks the bot to wait.");
        let wait = TimeDelta::from_std(wait).unwrap_or(TimeDelta::days(1));
        let until = self.context.clock.now() + wait;
        persist("remember that the bot has to rest", || async {
            let mut database = self.context.database().await?;
            bot::cool_down(&mut database, self.lease.bot, until).await
        })
        .await;
    }
}
