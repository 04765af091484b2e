//! What a hosting makes of the account's state: online, away, or gone until its user acts.

use domain::AccountStatus;
use store::{StoreError, accounts::Reason, leases};
use workflows::account::HostOutcome;

use super::{End, Hosting, reason};
use crate::{catch_up::persist, platform::PlatformError, wake};

/// Pairs roused when their destination account comes online.
const ROUSED_MAX: i64 = 1_000;

impl Hosting {
    pub(super) async fn set_status(&self, status: AccountStatus, error: Option<&PlatformError>) {
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

    /// The account can send and receive: say so, and rouse the pairs that waited for it.
    pub(super) async fn online(&self) {
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

    pub(super) async fn finish(&self, end: End) -> Result<HostOutcome, StoreError> {
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
