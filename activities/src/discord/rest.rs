//! REST calls: each with a time limit, each honest about rate-limit waits.
//!
//! serenity's limiter sleeps inside a call for as long as Discord asks. It announces every sleep through one callback;
//! a task-local finds the call that it belongs to. A call whose wait is too long is dropped, at a moment when Discord
//! has not taken it, and the wait is returned.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serenity::http::{Http, HttpBuilder, LightMethod, RatelimitInfo, Ratelimiter, Request, Route};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::platform::PlatformError;

use super::endpoint::DiscordConfig;
use super::errors::{classify, rate_limited, retryable};

/// Time for one small question.
pub(super) const CALL_LIMIT: Duration = Duration::from_secs(20);
/// Time for one upload or download; Discord's largest file on a slow line.
pub(super) const TRANSFER_LIMIT: Duration = Duration::from_secs(120);

tokio::task_local! {
    /// The call that is being polled, for the limiter's callback.
    static CURRENT: Arc<Announced>;
}

/// One bot's REST client.
pub(super) struct Rest {
    http: Arc<Http>,
    files: reqwest::Client,
    global: Arc<GlobalLimit>,
    wait_in_place: Duration,
}

impl Rest {
    /// A client for the bot of `token`. Nothing is asked of Discord yet.
    pub(super) fn new(config: &DiscordConfig, token: &str) -> Result<Self, PlatformError> {
        let client = config.client()?;
        let global = Arc::new(GlobalLimit::default());
        let mut limiter = Ratelimiter::new(client.clone(), format!("Bot {token}"));
        limiter.set_ratelimit_callback(Box::new({
            let global = Arc::clone(&global);
            move |info: RatelimitInfo| announce(&global, info.timeout, info.global)
        }));
        let http = HttpBuilder::new(token).client(client.clone()).ratelimiter(limiter).build();
        Ok(Self { http: Arc::new(http), files: client, global, wait_in_place: config.wait_in_place })
    }

    /// serenity's client; its calls belong inside [`Self::call`].
    pub(super) const fn http(&self) -> &Arc<Http> {
        &self.http
    }

    /// The plain client, for attachments: it adds no token.
    pub(super) const fn files(&self) -> &reqwest::Client {
        &self.files
    }

    /// Runs one serenity call within `limit`.
    pub(super) async fn call<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = serenity::Result<T>>,
    ) -> Result<T, PlatformError> {
        self.pass_global_limit().await?;
        let announced = Arc::new(Announced::default());
        tokio::select! {
            biased;
            wait = announced.longer_than(self.wait_in_place) => Err(rate_limited(wait)),
            answer = tokio::time::timeout(limit, CURRENT.scope(Arc::clone(&announced), work)) => match answer {
                Ok(answer) => answer.map_err(|error| classify(&error)),
                Err(_) => Err(retryable("timeout", "Discord did not answer in time")),
            },
        }
    }

    /// GETs `route` and decodes as little of it as `T` says: a field of another shape elsewhere does no harm.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        route: Route<'_>,
        params: Vec<(&'static str, String)>,
    ) -> Result<T, PlatformError> {
        let request = Request::new(route, LightMethod::Get).params((!params.is_empty()).then_some(params));
        self.call(CALL_LIMIT, self.http.fire(request)).await
    }

    /// serenity does not hold other calls back after a global limit, so this does.
    async fn pass_global_limit(&self) -> Result<(), PlatformError> {
        let Some(until) = self.global.until() else { return Ok(()) };
        let wait = until.saturating_duration_since(Instant::now());
        if wait > self.wait_in_place {
            return Err(rate_limited(wait));
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

/// Until when Discord has closed the whole API to this bot.
#[derive(Default)]
struct GlobalLimit(Mutex<Option<Instant>>);

impl GlobalLimit {
    fn until(&self) -> Option<Instant> {
        *lock(&self.0)
    }

    fn close_for(&self, wait: Duration) {
        *lock(&self.0) = Instant::now().checked_add(wait);
    }
}

/// The longest sleep that the limiter has announced for one call.
#[derive(Default)]
struct Announced {
    wait: Mutex<Duration>,
    changed: Notify,
}

impl Announced {
    fn note(&self, wait: Duration) {
        let mut longest = lock(&self.wait);
        *longest = wait.max(*longest);
        self.changed.notify_one();
    }

    async fn longer_than(&self, bound: Duration) -> Duration {
        loop {
            self.changed.notified().await;
            let wait = *lock(&self.wait);
            if wait > bound {
                return wait;
            }
        }
    }
}

fn announce(global: &GlobalLimit, wait: Duration, is_global: bool) {
    if is_global {
        global.close_for(wait);
    }
    // Outside of a call there is nobody to tell, and nothing is lost by not telling.
    let _told = CURRENT.try_with(|announced| announced.note(wait));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discord::endpoint::DiscordEndpoint;

    fn rest() -> Rest {
        Rest::new(&DiscordConfig::new(DiscordEndpoint::Production), "OTAw.x.y").unwrap()
    }

    /// A call that meets a limit of `seconds`, sleeps, and succeeds.
    async fn limited(global: &GlobalLimit, wait: Duration, is_global: bool) -> serenity::Result<u8> {
        announce(global, wait, is_global);
        tokio::time::sleep(wait).await;
        Ok(7)
    }

    #[tokio::test]
    async fn a_short_wait_is_slept_and_a_long_one_is_returned() {
        let (rest, bucket) = (rest(), GlobalLimit::default());
        let short = rest.call(CALL_LIMIT, limited(&bucket, Duration::from_millis(5), false)).await;
        assert_eq!(short, Ok(7));
        let long = rest.call(CALL_LIMIT, limited(&bucket, Duration::from_secs(600), false)).await;
        assert_eq!(long, Err(rate_limited(Duration::from_secs(600))));
    }

    #[tokio::test]
    async fn a_global_limit_holds_the_next_call_back() {
        let rest = rest();
        let first = rest.call(CALL_LIMIT, limited(&rest.global, Duration::from_secs(600), true)).await;
        assert_eq!(first, Err(rate_limited(Duration::from_secs(600))));
        let next = rest.call(CALL_LIMIT, async { Ok::<u8, serenity::Error>(1) }).await;
        assert!(matches!(next, Err(PlatformError::Wait { wait, .. }) if wait > Duration::from_secs(500)), "{next:?}");
    }

    #[tokio::test]
    async fn a_call_that_is_not_answered_ends() {
        let silent = rest().call(Duration::from_millis(5), std::future::pending::<serenity::Result<u8>>()).await;
        assert_eq!(silent, Err(retryable("timeout", "Discord did not answer in time")));
    }
}
