//! What a failed send means: for the delivery, for its pair, for the account.

use store::{StoreError, deliveries::Settlement};
use workflows::forwarding::Next;

use super::{Delivered, Delivery};
use crate::{hosting::reason, platform::PlatformError};

impl Delivery<'_> {
    pub(super) async fn failed(&self, error: PlatformError) -> Result<Delivered, StoreError> {
        let (code, text) = reason(&error);
        let now = self.context.clock.now();
        self.log_error(&error, &code, &text).await?;
        let stop = match &error {
            PlatformError::Message { code, .. } if code == "too_large" && self.expected_more() => {
                self.lower_limits().await?;
                self.put_back(true, code, &text).await?;
                Next::More
            }
            PlatformError::Message { .. } | PlatformError::Input { .. } => {
                self.settle(Settlement::Dead { code: &code, text: &text }).await?;
                self.release().await?;
                return Ok(Delivered::Dead);
            }
            PlatformError::Retryable { .. } => {
                self.put_back(false, &code, &text).await?;
                Next::Retry { reason: text }
            }
            PlatformError::Wait { wait, .. } => {
                self.put_back(true, &code, &text).await?;
                self.silenced(&code, *wait, text).await?
            }
            PlatformError::Chat { .. } => {
                self.put_back(true, &code, &text).await?;
                let mut database = self.context.database().await?;
                store::pairs::set_blocked(&mut database, self.pair.id, Some((&code, &text)), now).await?;
                Next::Blocked { reason: text }
            }
            // The account stops at once, on its host; the pair waits for it.
            PlatformError::Flooded { .. } | PlatformError::Revoked { .. } | PlatformError::Banned { .. } => {
                self.put_back(true, &code, &text).await?;
                self.account_stopped(error, text)
            }
        };
        Ok(Delivered::Stop(stop))
    }

    /// For the user's list of errors and the operator's counters.
    pub(super) async fn log_error(&self, error: &PlatformError, code: &str, text: &str) -> Result<(), StoreError> {
        if matches!(error, PlatformError::Wait { .. }) {
            let account = self.pair.destination_account_id.to_string();
            self.context.metrics.platform_waits.with_label_values(&[&account]).inc();
        }
        let mut database = self.context.database().await?;
        store::error_logs::record_pair(&mut database, self.pair.id, code, text, self.context.clock.now()).await
    }
}
