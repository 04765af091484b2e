//! Waits that Discord asks for: a short one is slept within the call, a long one is returned.
//!
//! A bucket announces every sleep through a callback, and a task-local finds the call that it belongs to. A call whose
//! wait is too long is dropped, at a moment when Discord has not taken it, and the wait is returned.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::discord::errors::{rate_limited, retryable};
use crate::platform::{PlatformError, RATE_LIMITED, RATE_LIMITED_GLOBAL};

use super::{Rest, lock};

tokio::task_local! {
    /// The call that is being polled, for the limiter's callback.
    static CURRENT: Arc<Announced>;
}

impl Rest {
    pub(super) async fn within<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, PlatformError>>,
    ) -> Result<T, PlatformError> {
        self.pass_global_limit().await?;
        let announced = Arc::new(Announced::default());
        tokio::select! {
            biased;
            (wait, global) = announced.longer_than(self.wait_in_place) => Err(limited(wait, global)),
            answer = tokio::time::timeout(limit, CURRENT.scope(Arc::clone(&announced), work)) => {
                answer.unwrap_or_else(|_| Err(retryable("timeout", "Discord did not answer in time")))
            }
        }
    }

    /// A bucket does not hold other calls back after a global limit, so this does.
    async fn pass_global_limit(&self) -> Result<(), PlatformError> {
        let Some(until) = self.global.until() else { return Ok(()) };
        let wait = until.saturating_duration_since(Instant::now());
        if wait > self.wait_in_place {
            return Err(limited(wait, true));
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

fn limited(wait: Duration, global: bool) -> PlatformError {
    rate_limited(if global { RATE_LIMITED_GLOBAL } else { RATE_LIMITED }, wait)
}

/// Until when Discord has closed the whole API to this bot.
#[derive(Default)]
pub(super) struct GlobalLimit(Mutex<Option<Instant>>);

impl GlobalLimit {
    fn until(&self) -> Option<Instant> {
        *lock(&self.0)
    }

    fn close_for(&self, wait: Duration) {
        *lock(&self.0) = Instant::now().checked_add(wait);
    }
}

/// The longest sleep that a limit has announced for one call, and whether it was the whole bot's.
#[derive(Default)]
struct Announced {
    wait: Mutex<(Duration, bool)>,
    changed: Notify,
}

impl Announced {
    fn note(&self, wait: Duration, is_global: bool) {
        let mut longest = lock(&self.wait);
        if wait > longest.0 {
            *longest = (wait, is_global);
        }
        self.changed.notify_one();
    }

    async fn longer_than(&self, bound: Duration) -> (Duration, bool) {
        loop {
            self.changed.notified().await;
            let longest = *lock(&self.wait);
            if longest.0 > bound {
                return longest;
            }
        }
    }
}

pub(super) fn announce_global(global: &GlobalLimit, wait: Duration) {
    announce(global, wait, true);
}

pub(super) fn announce(global: &GlobalLimit, wait: Duration, is_global: bool) {
    if is_global {
        global.close_for(wait);
    }
    // Outside of a call there is nobody to tell, and nothing is lost by not telling.
    let _told = CURRENT.try_with(|announced| announced.note(wait, is_global));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discord::endpoint::{DiscordConfig, DiscordEndpoint};
    use crate::discord::rest::CALL_LIMIT;
    use crate::platform::Unobserved;

    fn rest() -> Rest {
        Rest::new(&DiscordConfig::new(DiscordEndpoint::Production), "OTAw.x.y", Arc::new(Unobserved)).unwrap()
    }

    /// A call that meets a limit of `seconds`, sleeps, and succeeds.
    async fn meeting(global: &GlobalLimit, wait: Duration, is_global: bool) -> Result<u8, PlatformError> {
        announce(global, wait, is_global);
        tokio::time::sleep(wait).await;
        Ok(7)
    }

    #[tokio::test]
    async fn a_short_wait_is_slept_and_a_long_one_is_returned() {
        let (rest, bucket) = (rest(), GlobalLimit::default());
        let short = rest.within(CALL_LIMIT, meeting(&bucket, Duration::from_millis(5), false)).await;
        assert_eq!(short, Ok(7));
        let long = rest.within(CALL_LIMIT, meeting(&bucket, Duration::from_secs(600), false)).await;
        assert_eq!(long, Err(limited(Duration::from_secs(600), false)));
    }

    #[tokio::test]
    async fn a_global_limit_holds_the_next_call_back() {
        let rest = rest();
        let first = rest.within(CALL_LIMIT, meeting(&rest.global, Duration::from_secs(600), true)).await;
        assert_eq!(first, Err(limited(Duration::from_secs(600), true)));
        let next = rest.within(CALL_LIMIT, async { Ok(1) }).await;
        assert!(matches!(next, Err(PlatformError::Wait { wait, .. }) if wait > Duration::from_secs(500)), "{next:?}");
    }

    #[tokio::test]
    async fn a_call_that_is_not_answered_ends() {
        let silent = rest().within(Duration::from_millis(5), std::future::pending::<Result<u8, PlatformError>>()).await;
        assert_eq!(silent, Err(retryable("timeout", "Discord did not answer in time")));
    }
}
