//! REST calls: each with a time limit, each honest about rate-limit waits, each telling the account's observer what
//! Discord said of its limits.
//!
//! The buckets are serenity's ([`Ratelimit`]), which sleep inside a call for as long as Discord asks; the call itself is
//! ours, so that bodies can be streamed and headers read. A bucket announces every sleep through a callback, and a
//! task-local finds the call that it belongs to. A call whose wait is too long is dropped, at a moment when Discord has
//! not taken it, and the wait is returned.

use std::collections::HashMap;
use std::future::Future;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serenity::constants::USER_AGENT;
use serenity::http::{
    ErrorResponse, Http, HttpBuilder, LightMethod, Ratelimit, RatelimitInfo, RatelimitingBucket, Request, Route,
};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::platform::{PlatformError, RATE_LIMITED, RATE_LIMITED_GLOBAL, READ_FLOOD_WAIT, RateHeaders, RateObserver};

use super::ask::{Ask, Purpose};
use super::endpoint::DiscordConfig;
use super::errors::{message, rate_limited, refused_by, retryable, transport};

/// Time for one small question.
pub(super) const CALL_LIMIT: Duration = Duration::from_secs(20);
/// Time for one upload or download; Discord's largest file on a slow line.
pub(super) const TRANSFER_LIMIT: Duration = Duration::from_secs(120);

tokio::task_local! {
    /// The call that is being polled, for the limiter's callback.
    static CURRENT: Arc<Announced>;
}

type Bucket = Arc<tokio::sync::Mutex<Ratelimit>>;

/// One bot's REST client.
pub(super) struct Rest {
    http: Arc<Http>,
    client: reqwest::Client,
    authorization: reqwest::header::HeaderValue,
    buckets: Mutex<HashMap<RatelimitingBucket, Bucket>>,
    global: Arc<GlobalLimit>,
    wait_in_place: Duration,
    rates: Arc<dyn RateObserver>,
}

impl Rest {
    /// A client for the bot of `token`. Nothing is asked of Discord yet.
    pub(super) fn new(
        config: &DiscordConfig,
        token: &str,
        rates: Arc<dyn RateObserver>,
    ) -> Result<Self, PlatformError> {
        let client = config.client()?;
        let mut authorization = reqwest::header::HeaderValue::try_from(format!("Bot {token}"))
            .map_err(|_| super::errors::revoked("token_invalid", "the token has characters no token has"))?;
        authorization.set_sensitive(true);
        // serenity makes no call with it: it carries the token to the gateway.
        let http = HttpBuilder::new(token).client(client.clone()).ratelimiter_disabled(true).build();
        Ok(Self {
            http: Arc::new(http),
            client,
            authorization,
            buckets: Mutex::default(),
            global: Arc::default(),
            wait_in_place: config.wait_in_place,
            rates,
        })
    }

    /// What the gateway needs of serenity's client: the token.
    pub(super) const fn http(&self) -> &Arc<Http> {
        &self.http
    }

    /// Who hears of limits.
    pub(super) const fn rates(&self) -> &Arc<dyn RateObserver> {
        &self.rates
    }

    /// The plain client, for attachments: it adds no token.
    pub(super) const fn files(&self) -> &reqwest::Client {
        &self.client
    }

    /// GETs `route` and decodes as little of it as `T` says: a field of another shape elsewhere does no harm.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        route: Route<'_>,
        params: Vec<(&'static str, String)>,
    ) -> Result<T, PlatformError> {
        self.ask(&Ask::new(route, LightMethod::Get).with_params(params)).await
    }

    /// Makes a call and decodes the answer.
    pub(super) async fn ask<T: DeserializeOwned>(&self, ask: &Ask<'_>) -> Result<T, PlatformError> {
        let answer = self.order(ask).await?;
        serde_json::from_slice(&answer)
            .map_err(|_| retryable("undecodable_answer", "Discord's answer could not be read"))
    }

    /// Makes a call and returns the answer's body as it is.
    pub(super) async fn order(&self, ask: &Ask<'_>) -> Result<bytes::Bytes, PlatformError> {
        if ask.purpose != Purpose::Question {
            return self.within(ask.limit, self.exchange(ask)).await;
        }
        self.rates.read().await.map_err(|wait| rate_limited(READ_FLOOD_WAIT, wait))?;
        let answer = self.within(ask.limit, self.exchange(ask)).await;
        match &answer {
            // A route's own limit is kept by its bucket; the bot's is everybody's.
            Err(PlatformError::Wait { code, wait }) if code == RATE_LIMITED_GLOBAL => {
                self.rates.read_refused(*wait).await;
            }
            _ => (),
        }
        answer
    }

    async fn within<T>(
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

    /// Asks until Discord does not ask us to wait.
    async fn exchange(&self, ask: &Ask<'_>) -> Result<bytes::Bytes, PlatformError> {
        let hooked = Request::new(ask.route, ask.method);
        let announce = |info: RatelimitInfo| announce(&self.global, info.timeout, info.global);
        loop {
            let bucket = self.bucket(ask.route);
            bucket.lock().await.pre_hook(&hooked, &announce).await;
            let response = self.attempt(ask).await?;
            let status = response.status();
            self.observe(ask, &response);
            if status == 429 && is_global(&response) {
                let wait = header(&response, "retry-after").map_or(Duration::from_secs(5), seconds);
                announce_global(&self.global, wait);
                tokio::time::sleep(wait).await;
                continue;
            }
            let again = bucket.lock().await.post_hook(&response, &hooked, &announce, false).await;
            if again.unwrap_or(false) {
                continue;
            }
            if status.is_success() {
                return response.bytes().await.map_err(|error| transport(&error));
            }
            return Err(refused_by(&ErrorResponse::from_response(response, ask.method.reqwest_method()).await));
        }
    }

    async fn attempt(&self, ask: &Ask<'_>) -> Result<reqwest::Response, PlatformError> {
        let url = ask.url().ok_or_else(|| message("invalid_form", "the address cannot be built"))?;
        let mut request =
            self.client.request(ask.method.reqwest_method(), url).header(reqwest::header::USER_AGENT, USER_AGENT);
        if !ask.by_secret {
            request = request.header(reqwest::header::AUTHORIZATION, self.authorization.clone());
        }
        let (request, broken) = ask.body.attach(request)?;
        match request.send().await {
            Ok(response) => Ok(response),
            // A source of bytes that fails ends the request; its own reason says more than "broken off".
            Err(error) => Err(broken.take().unwrap_or_else(|| transport(&error))),
        }
    }

    fn bucket(&self, route: Route<'_>) -> Bucket {
        let mut buckets = lock(&self.buckets);
        Arc::clone(buckets.entry(route.ratelimiting_bucket()).or_default())
    }

    fn observe(&self, ask: &Ask<'_>, response: &reqwest::Response) {
        let status = response.status().as_u16();
        let scope = response.headers().get("x-ratelimit-scope");
        if matches!(status, 401 | 403 | 429) && scope.is_none_or(|scope| scope != "shared") {
            self.rates.invalid();
        }
        let Purpose::Send(chat) = ask.purpose else { return };
        if let (Some(limit), Some(remaining), Some(reset)) = (
            header(response, "x-ratelimit-limit"),
            header(response, "x-ratelimit-remaining"),
            header(response, "x-ratelimit-reset-after"),
        ) {
            self.rates.answered(RateHeaders { chat, limit, remaining, reset_after: seconds(reset) });
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

fn is_global(response: &reqwest::Response) -> bool {
    response.headers().contains_key("x-ratelimit-global")
}

fn header<T: FromStr>(response: &reqwest::Response, name: &str) -> Option<T> {
    response.headers().get(name)?.to_str().ok()?.parse().ok()
}

fn seconds(number: f64) -> Duration {
    Duration::try_from_secs_f64(number.max(0.0)).unwrap_or_default()
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

fn announce_global(global: &GlobalLimit, wait: Duration) {
    announce(global, wait, true);
}

fn announce(global: &GlobalLimit, wait: Duration, is_global: bool) {
    if is_global {
        global.close_for(wait);
    }
    // Outside of a call there is nobody to tell, and nothing is lost by not telling.
    let _told = CURRENT.try_with(|announced| announced.note(wait, is_global));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discord::endpoint::DiscordEndpoint;
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
