//! Connecting the account, however long it takes.

use std::{sync::Arc, time::Duration};

use domain::{AccountStatus, Platform};
use store::accounts::SecretColumn;

use super::Hosting;
use crate::{
    catch_up::persist,
    platform::{Connection, EventStream, PlatformError},
};

/// First wait after a connection could not be made; doubled up to [`CONNECT_RETRY_MAX`].
const CONNECT_RETRY_FIRST: Duration = Duration::from_millis(250);
/// Longest wait between tries to connect.
const CONNECT_RETRY_MAX: Duration = Duration::from_secs(30);

/// The account on its platform, and what comes from there.
type Link = (Arc<dyn Connection>, Box<dyn EventStream>);

impl Hosting {
    /// Tries until there is a connection. `Err` when the account is gone until its user acts.
    pub(super) async fn connect(&self) -> Result<Link, PlatformError> {
        let mut wait = CONNECT_RETRY_FIRST;
        loop {
            match self.try_to_connect().await {
                Ok(link) => return Ok(link),
                Err(
                    gone @ (PlatformError::Revoked { .. } | PlatformError::Banned { .. } | PlatformError::Input { .. }),
                ) => {
                    return Err(gone);
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
        }
    }

    async fn try_to_connect(&self) -> Result<Link, PlatformError> {
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
}
