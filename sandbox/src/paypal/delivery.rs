//! Webhooks on their way: signed, sent, and sent again with growing pauses until somebody answers with 2xx.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::redirect::Policy;
use serde::{Deserialize, Serialize};
use tokio::{sync::Semaphore, time::sleep};

use super::{
    clock, id,
    server::{Sandbox, Settings},
    weather::{Fate, Weather},
    world::EventState,
};

/// How long an answer may take.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);

/// Webhooks that are sent at the same time.
const AT_ONCE_MAX: usize = 32;

/// How long nobody has to listen before it is looked again where webhooks go.
const NOBODY_PAUSE: Duration = Duration::from_secs(1);

/// The header with the signature.
const SIGNATURE: &str = "paypal-transmission-sig";

/// The one algorithm.
const ALGORITHM: &str = "SHA256withRSA";

/// How a copy is made wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tamper {
    /// The body says something else than what was signed.
    Body,
    /// The signature is of something else.
    Signature,
    /// It was signed for another webhook.
    WebhookId,
    /// It has no signature.
    Unsigned,
}

/// Sends webhooks.
#[derive(Debug)]
pub struct Postman {
    client: reqwest::Client,
    desk: Arc<Semaphore>,
    weather: Mutex<Weather>,
    random: AtomicU64,
}

/// The headers of one transmission.
pub type Headers = Vec<(&'static str, String)>;

impl Postman {
    /// One without work.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn new() -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().no_proxy().redirect(Policy::none()).timeout(ANSWER_PATIENCE);
        let client = client.build()?;
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
        Ok(Self {
            client,
            desk: Arc::new(Semaphore::new(AT_ONCE_MAX)),
            weather: Mutex::default(),
            random: AtomicU64::new(u64::from_le_bytes(seed)),
        })
    }

    /// The weather for new webhooks.
    #[must_use]
    pub fn weather(&self) -> Weather {
        self.weather.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes it; what is under way stays so.
    pub fn set_weather(&self, weather: Weather) {
        *self.weather.lock().unwrap_or_else(PoisonError::into_inner) = weather;
    }

    /// Begins the random numbers anew.
    pub fn seed(&self, seed: u64) {
        self.random.store(seed, Ordering::Relaxed);
    }

    /// A random number: the steps of SplitMix64.
    pub fn random(&self) -> u64 {
        let step = 0x9E37_79B9_7F4A_7C15_u64;
        let mut mixed = self.random.fetch_add(step, Ordering::Relaxed).wrapping_add(step);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

/// Sends a new event as the weather has it.
pub fn post(sandbox: &Arc<Sandbox>, event: String) {
    let Ok(kind) = sandbox.world().event(&event).map(|event| event.event_type.clone()) else { return };
    let fate = sandbox.postman.weather().fate(&kind, || sandbox.postman.random());
    match fate {
        Fate::Held => turn(sandbox, &event, EventState::Held),
        Fate::Lost => turn(sandbox, &event, EventState::Lost),
        Fate::Sent { late_ms, again_ms } => {
            for late_ms in [Some(late_ms), again_ms].into_iter().flatten() {
                send_later(sandbox, event.clone(), Duration::from_millis(late_ms));
            }
        }
    }
}

/// Sends an event now, whatever the weather.
pub fn send(sandbox: &Arc<Sandbox>, event: String) {
    turn(sandbox, &event, EventState::Pending);
    send_later(sandbox, event, Duration::ZERO);
}

/// Sends an event now, and waits for the answer to the first try; what fails is tried again later.
pub async fn send_in_turn(sandbox: &Arc<Sandbox>, event: String) {
    turn(sandbox, &event, EventState::Pending);
    let Ok(body) = sandbox.world().event(&event).map(|event| event.body.clone()) else { return };
    match send_once(sandbox, &event, body, None).await {
        Ok(200..300) => {}
        Ok(_) | Err(_) => send_later(sandbox, event, Duration::from_millis(sandbox.settings().retry_ms)),
    }
}

/// Sends one copy of an event, as a transmission of its own; what it was answered with. One that is wrong on purpose does
/// not count as delivered.
///
/// # Errors
/// When it cannot be signed, or nobody is told where webhooks go.
pub async fn send_once(
    sandbox: &Arc<Sandbox>,
    event: &str,
    body: String,
    tamper: Option<Tamper>,
) -> anyhow::Result<u16> {
    let settings = sandbox.settings();
    let url = settings.webhook_url.ok_or_else(|| anyhow::anyhow!("nobody is told where webhooks go"))?;
    let other = tamper == Some(Tamper::WebhookId);
    let signed_for = if other { "ANOTHERWEBHOOKID" } else { &settings.webhook_id };
    let mut headers = headers(sandbox, signed_for, body.as_bytes())?;
    let mut sent = body;
    match tamper {
        Some(Tamper::Body) => sent.push(' '),
        Some(Tamper::Signature) => {
            for (_, value) in headers.iter_mut().filter(|(name, _)| *name == SIGNATURE) {
                *value = STANDARD.encode(sandbox.identity.sign(b"something else")?);
            }
        }
        Some(Tamper::Unsigned) => headers.retain(|(name, _)| *name != SIGNATURE),
        Some(Tamper::WebhookId) | None => {}
    }
    let status = transmit(sandbox, &url, headers, sent).await;
    if tamper.is_none() {
        answered(sandbox, event, status);
    }
    Ok(status)
}

/// What is signed of a webhook, and the headers with which it is sent.
///
/// # Errors
/// When it cannot be signed.
pub fn headers(sandbox: &Sandbox, webhook_id: &str, body: &[u8]) -> anyhow::Result<Headers> {
    let (id, time) = (id::transmission(), clock::seconds(sandbox.now()));
    let message = message(&id, &time, webhook_id, body);
    let signature = STANDARD.encode(sandbox.identity.sign(message.as_bytes())?);
    Ok(vec![
        ("content-type", "application/json".to_owned()),
        ("paypal-transmission-id", id),
        ("paypal-transmission-time", time),
        (SIGNATURE, signature),
        ("paypal-cert-url", format!("{}/v1/notifications/certs/{}", sandbox.base, sandbox.identity.id)),
        ("paypal-auth-algo", ALGORITHM.to_owned()),
        ("paypal-auth-version", "v2".to_owned()),
    ])
}

/// The text that is signed: the check sum is over the bytes as they are sent, and a number without a sign.
#[must_use]
pub fn message(transmission_id: &str, time: &str, webhook_id: &str, body: &[u8]) -> String {
    format!("{transmission_id}|{time}|{webhook_id}|{}", crc32fast::hash(body))
}

fn send_later(sandbox: &Arc<Sandbox>, event: String, late: Duration) {
    let sandbox = Arc::clone(sandbox);
    tokio::spawn(async move {
        let stop = sandbox.stop.clone();
        tokio::select! {
            () = stop.cancelled() => {}
            () = async {
                sleep(late).await;
                deliver(&sandbox, &event).await;
            } => {}
        }
    });
}

/// Tries until somebody answers with 2xx. Every try of one delivery is the same transmission.
async fn deliver(sandbox: &Arc<Sandbox>, event: &str) {
    let mut transmission = None;
    for attempt in 0.. {
        let settings = sandbox.settings();
        if attempt >= settings.attempts_max {
            return turn_pending(sandbox, event, EventState::Failed);
        }
        let url = loop {
            match sandbox.settings().webhook_url {
                Some(url) => break url,
                None => sleep(NOBODY_PAUSE).await,
            }
        };
        let Some(body) = sandbox.world().event(event).map(|event| event.body.clone()).ok() else { return };
        let headers = match &transmission {
            Some(headers) => Clone::clone(headers),
            None => match headers(sandbox, &settings.webhook_id, body.as_bytes()) {
                Ok(made) => transmission.insert(made).clone(),
                Err(error) => return tracing::error!(%error, "A webhook cannot be signed"),
            },
        };
        let status = transmit(sandbox, &url, headers, body).await;
        if answered(sandbox, event, status) {
            return;
        }
        sleep(pause(&settings, attempt)).await;
    }
}

/// The pause after try number `attempt`, which begins at 0.
fn pause(settings: &Settings, attempt: usize) -> Duration {
    let mut pause_ms = settings.retry_ms;
    for _ in 0..attempt {
        pause_ms = (pause_ms + pause_ms / 2).min(settings.retry_ms_max);
    }
    Duration::from_millis(pause_ms)
}

/// Notes an answer; true when it was a good one.
fn answered(sandbox: &Sandbox, event: &str, status: u16) -> bool {
    let good = (200..300).contains(&status);
    if let Some(event) = sandbox.world().event_mut(event) {
        event.answers.push(status);
        if good {
            event.state = EventState::Delivered;
        }
    }
    good
}

/// The status of the answer; 0 without one.
async fn transmit(sandbox: &Sandbox, url: &str, headers: Headers, body: String) -> u16 {
    let Ok(_turn) = sandbox.postman.desk.acquire().await else { return 0 };
    let mut request = sandbox.postman.client.post(url).header("user-agent", "PayPal/AUHD-214.0-58843711");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    match request.body(body).send().await {
        Ok(answer) => answer.status().as_u16(),
        Err(error) => {
            tracing::debug!(%error, "A webhook was not answered");
            0
        }
    }
}

fn turn(sandbox: &Sandbox, event: &str, state: EventState) {
    if let Some(event) = sandbox.world().event_mut(event) {
        event.state = state;
    }
}

/// As [`turn`], unless another copy has come to its end.
fn turn_pending(sandbox: &Sandbox, event: &str, state: EventState) {
    if let Some(event) = sandbox.world().event_mut(event).filter(|event| event.state == EventState::Pending) {
        event.state = state;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_is_what_the_service_signs() {
        let body = br#"{"id":"WH-TEST-1","event_version":"1.0","create_time":"2026-11-21T00:00:00.000Z","resource_type":"capture","event_type":"PAYMENT.CAPTURE.COMPLETED","resource":{"id":"3C679366HH908993F","amount":{"currency_code":"USD","value":"10.00"},"status":"COMPLETED"}}"#;
        let signed = message("69cd13f0-d67a-11e5-baa3-778b53f4ae55", "2026-11-21T00:00:01Z", "1JE4291016473214C", body);
        assert_eq!(signed, "69cd13f0-d67a-11e5-baa3-778b53f4ae55|2026-11-21T00:00:01Z|1JE4291016473214C|1316215607");
    }

    #[test]
    fn pauses_grow_up_to_the_longest() {
        let settings = Settings { retry_ms: 100, retry_ms_max: 300, ..Settings::default() };
        let pauses: Vec<u128> = (0..5).map(|attempt| pause(&settings, attempt).as_millis()).collect();
        assert_eq!(pauses, [100, 150, 225, 300, 300]);
    }
}
