//! One bot's gateway connection, on a thread of its own.
//!
//! serenity spawns a task per event, which loses the order of events on a multi-threaded runtime. A current-thread
//! runtime polls spawned tasks first in, first out, and the handlers queue their event in their first poll, so the
//! order stays. The thread belongs to one bot alone, because of how serenity 0.12.5 is built: its queuer and runners
//! hold each other, so that after a fatal error only the end of their runtime ends them; and a runner takes the end of
//! a socket's stream for silence and asks again without yielding until a heartbeat fails, which must not stop others.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::channel::mpsc::UnboundedReceiver;
use serenity::all::{GatewayIntents, ShardId, ShardManager, ShardManagerOptions};
use serenity::gateway::{ConnectionStage, GatewayError};
use serenity::http::Http;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, RwLock};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::platform::{PlatformError, RateObserver};

use super::backoff::Backoff;
use super::errors::{intent_missing, retryable, revoked};
use super::events::EventSender;
use super::handler::Handler;
use super::link::Link;
use super::names::Names;
use super::permit::Permit;

/// How often the state of a link that is up is looked at.
const PULSE: Duration = Duration::from_millis(500);
/// How often one is looked at that is coming up: whoever waits for its address waits at most this long.
const PULSE_RISING: Duration = Duration::from_millis(25);
/// Discord asks for a heartbeat about every 41 s; two of them unanswered mean that serenity itself is stuck.
const ACK_AGE_MAX: Duration = Duration::from_secs(110);
/// serenity retries a failed connection every 5 s by itself; after this long it is built anew.
const DOWN_MAX: Duration = Duration::from_secs(180);
/// A close frame is a courtesy; nobody waits longer for it.
const FAREWELL_LIMIT: Duration = Duration::from_secs(2);
/// serenity's futures are large but not deep.
const STACK_BYTES: usize = 1 << 20;
/// Every bot of ours is far below the 2,500 guilds that one shard may have.
const SHARD: ShardId = ShardId(0);

/// What a gateway needs.
pub(super) struct GatewaySettings {
    /// Carries the token; no call is made with it on the gateway's thread.
    pub(super) http: Arc<Http>,
    /// Where to connect, as `GET /gateway` said.
    pub(super) url: String,
    /// The bot's user id.
    pub(super) me: i64,
    /// Filled with the names of channels as they are seen.
    pub(super) names: Arc<Names>,
    /// Where events go.
    pub(super) events: EventSender,
    /// Asked before every IDENTIFY.
    pub(super) rates: Arc<dyn RateObserver>,
}

/// A running gateway; dropping it stops it.
pub(super) struct Gateway {
    stop: CancellationToken,
    link: Arc<Link>,
}

impl Gateway {
    /// Starts the thread, and its watch on the caller's runtime. Errors when the system refuses another thread.
    pub(super) fn start(settings: GatewaySettings) -> Result<Self, PlatformError> {
        let (stop, link) = (CancellationToken::new(), Arc::new(Link::default()));
        let runtime = Handle::current();
        let worker = Worker { settings: Arc::new(settings), stop: stop.clone(), link: Arc::clone(&link), runtime };
        std::thread::Builder::new()
            .name("discord-gateway".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || worker.run())
            .map_err(|error| retryable("thread_refused", error.to_string()))?;
        tokio::spawn(Arc::clone(&link).watch(SHARD, stop.clone()));
        Ok(Self { stop, link })
    }

    /// True while a session is live and its heartbeats are answered.
    pub(super) fn is_up(&self) -> bool {
        self.link.is_up()
    }

    /// Says good-bye to Discord and ends the thread soon; the event stream ends with it.
    pub(super) fn stop(&self) {
        self.stop.cancel();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Why a session's runtime ended.
enum End {
    Stopped,
    Gone(PlatformError),
    Lost(&'static str),
}

/// The thread's own state.
struct Worker {
    settings: Arc<GatewaySettings>,
    stop: CancellationToken,
    link: Arc<Link>,
    /// The runtime of whoever started the gateway.
    runtime: Handle,
}

impl Worker {
    fn run(self) {
        let mut backoff = Backoff::default();
        loop {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => {
                    tracing::error!(%error, "The system refuses a runtime for a Discord gateway; it is tried again.");
                    std::thread::sleep(backoff.next_wait());
                    if self.stop.is_cancelled() {
                        return;
                    }
                    continue;
                }
            };
            let started = Instant::now();
            let end = runtime.block_on(self.session());
            self.link.beat(None);
            if started.elapsed() > DOWN_MAX {
                backoff = Backoff::default();
            }
            match end {
                End::Stopped => {
                    self.link.set_up(false);
                    return runtime.shutdown_background();
                }
                End::Gone(error) => {
                    self.link.set_up(false);
                    self.settings.events.gone(error);
                    return runtime.shutdown_background();
                }
                End::Lost(detail) => {
                    self.down(detail);
                    runtime.block_on(async {
                        tokio::select! {
                            () = self.stop.cancelled() => (),
                            () = tokio::time::sleep(backoff.next_wait()) => (),
                        }
                    });
                    runtime.shutdown_background();
                }
            }
        }
    }

    /// Runs serenity until it ends, fails for good or is found stuck.
    async fn session(&self) -> End {
        let settings = &self.settings;
        let mut permit = Permit::new(settings.url.clone(), Arc::clone(&settings.rates), self.runtime.clone());
        let (manager, mut verdict) = ShardManager::new(self.options(permit.address()));
        // Also the answer to a stop that came during a backoff.
        if self.stop.is_cancelled() {
            return End::Stopped;
        }
        // The watch must know of the session before its first turn, which may already be the one that spins.
        self.link.beat(Some(&manager));
        manager.set_shards(SHARD.0, 1, 1).await;
        if manager.initialize().is_err() {
            return End::Lost("the gateway could not be started");
        }
        let mut pulse = Pulse::new();
        let mut wait = PULSE_RISING;
        loop {
            tokio::select! {
                () = self.stop.cancelled() => {
                    let _late = tokio::time::timeout(FAREWELL_LIMIT, manager.shutdown_all()).await;
                    return End::Stopped;
                }
                end = fatal(&mut verdict) => return end,
                () = tokio::time::sleep(wait) => {
                    let seen = Seen::of(&manager).await;
                    permit.turn(seen.running).await;
                    if let Some(end) = self.look(&manager, &mut pulse, &seen) {
                        return end;
                    }
                    wait = if seen.connected { PULSE } else { PULSE_RISING };
                }
            }
        }
    }

    fn options(&self, address: Arc<Mutex<String>>) -> ShardManagerOptions {
        let handler = Handler::new(Arc::clone(&self.settings), Arc::clone(&self.link));
        ShardManagerOptions {
            data: Arc::new(RwLock::default()),
            event_handlers: Vec::new(),
            raw_event_handlers: vec![Arc::new(handler)],
            shard_index: SHARD.0,
            shard_init: 1,
            shard_total: 1,
            ws_url: address,
            http: Arc::clone(&self.settings.http),
            intents: GatewayIntents::GUILDS | GatewayIntents::GUILD_MESSAGES | GatewayIntents::MESSAGE_CONTENT,
            presence: None,
        }
    }

    /// serenity reports sessions that begin, not links that end, so the end is seen by looking.
    fn look(&self, manager: &Arc<ShardManager>, pulse: &mut Pulse, seen: &Seen) -> Option<End> {
        self.link.beat(Some(manager));
        if !seen.connected {
            self.down("the gateway connection was lost");
        }
        if self.link.was_freed() {
            return Some(End::Lost("the gateway was stuck"));
        }
        pulse.note(Instant::now(), seen.connected, seen.latency)
    }

    /// Reports the link as down, once.
    fn down(&self, detail: &str) {
        if self.link.set_up(false) {
            self.settings.events.disconnected(detail.to_owned());
        }
    }
}

/// The shard as serenity shows it from outside.
struct Seen {
    running: bool,
    connected: bool,
    latency: Option<Duration>,
}

impl Seen {
    async fn of(manager: &ShardManager) -> Self {
        let runners = manager.runners.lock().await;
        let runner = runners.get(&SHARD);
        Self {
            running: runner.is_some(),
            connected: runner.is_some_and(|runner| runner.stage == ConnectionStage::Connected),
            latency: runner.and_then(|runner| runner.latency),
        }
    }
}

/// Waits for serenity's verdict on the whole client; it gives one only on a fatal close code.
async fn fatal(verdict: &mut UnboundedReceiver<Result<(), GatewayError>>) -> End {
    match verdict.next().await {
        Some(Err(GatewayError::InvalidAuthentication | GatewayError::NoAuthentication)) => {
            End::Gone(revoked("token_invalid", "Discord refuses the bot's token"))
        }
        Some(Err(GatewayError::DisallowedGatewayIntents | GatewayError::InvalidGatewayIntents)) => {
            End::Gone(intent_missing())
        }
        Some(Err(_)) => End::Lost("the gateway refused the session"),
        Some(Ok(())) | None => End::Lost("the gateway client ended"),
    }
}

/// Heartbeats and connection as they are seen from outside.
struct Pulse {
    /// serenity keeps only the latest round-trip time; a new value is a new acknowledgement.
    latency: Option<Duration>,
    acknowledged: Instant,
    connected: Instant,
}

impl Pulse {
    fn new() -> Self {
        Self { latency: None, acknowledged: Instant::now(), connected: Instant::now() }
    }

    /// Takes one look; an end when serenity does not get on by itself.
    fn note(&mut self, now: Instant, connected: bool, latency: Option<Duration>) -> Option<End> {
        if connected {
            self.connected = now;
        }
        if !connected || latency != self.latency {
            self.latency = latency;
            self.acknowledged = now;
        }
        if now.duration_since(self.connected) > DOWN_MAX {
            Some(End::Lost("the gateway stayed unreachable"))
        } else if now.duration_since(self.acknowledged) > ACK_AGE_MAX {
            Some(End::Lost("the gateway's heartbeats were not answered"))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests;
