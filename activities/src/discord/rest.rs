//! REST calls: each with a time limit, each honest about rate-limit waits, each telling the account's observer what
//! Discord said of its limits.
//!
//! The buckets are serenity's ([`Ratelimit`]), which sleep inside a call for as long as Discord asks; the call itself is
//! ours, so that bodies can be streamed and headers read.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serenity::constants::USER_AGENT;
use serenity::http::{
    ErrorResponse, Http, HttpBuilder, LightMethod, Ratelimit, RatelimitInfo, RatelimitingBucket, Request, Route,
};

use crate::platform::{PlatformError, RATE_LIMITED_GLOBAL, READ_FLOOD_WAIT, RateHeaders, RateObserver};

use super::ask::{Ask, Purpose};
use super::endpoint::DiscordConfig;
use super::errors::{message, rate_limited, refused_by, retryable, transport};

mod limits;

use limits::{GlobalLimit, announce, announce_global};

/// Time for one small question.
pub(super) const CALL_LIMIT: Duration = Duration::from_secs(20);
/// Time for one upload or download; Discord's largest file on a slow line.
pub(super) const TRANSFER_LIMIT: Duration = Duration::from_secs(120);

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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
