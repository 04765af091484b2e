//! One hosted bot.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{ChatFacts, ChatId, Clock, Media, Message};
use secrecy::SecretString;
use serde::Deserialize;
use serenity::http::Route;

use crate::platform::{
    Below, ByteSink, Connection, DeleteRequest, EditRequest, EventStream, Identity, PlatformError, RateObserver,
    SendRequest, Sent, Unobserved,
};

use super::change;
use super::chats::Asker;
use super::endpoint::DiscordConfig;
use super::errors::retryable;
use super::events::{Lookup, queue};
use super::gateway::{Gateway, GatewaySettings};
use super::media;
use super::names::Names;
use super::read_back::read_back;
use super::rest::Rest;
use super::send::{Recent, Sender, is_recognised};
use super::threads;
use super::token::{well_formed, whoami};
use super::webhooks::Webhooks;

/// Signs in with `token` and starts the gateway. The stream's first event is
/// [`Connected`](crate::platform::PlatformEvent::Connected) once Discord has opened a session, or
/// [`Gone`](crate::platform::PlatformEvent::Gone) when it refuses one.
///
/// Errors: [`PlatformError::Input`] `token_malformed` or a bad endpoint, [`PlatformError::Revoked`] `token_invalid`,
/// [`PlatformError::Retryable`] and [`PlatformError::Wait`] when Discord cannot be asked now.
pub async fn connect(
    config: &DiscordConfig,
    token: &SecretString,
    clock: Arc<dyn Clock>,
) -> Result<(Arc<dyn Connection>, Box<dyn EventStream>), PlatformError> {
    connect_observed(config, token, clock, Arc::new(Unobserved)).await
}

/// As [`connect`], with somebody who hears what Discord says of its limits and is asked before every IDENTIFY.
///
/// # Errors
/// As [`connect`].
pub async fn connect_observed(
    config: &DiscordConfig,
    token: &SecretString,
    clock: Arc<dyn Clock>,
    rates: Arc<dyn RateObserver>,
) -> Result<(Arc<dyn Connection>, Box<dyn EventStream>), PlatformError> {
    let rest = Arc::new(Rest::new(config, well_formed(token)?, rates)?);
    let identity = whoami(&rest).await?;
    let gateway: Address = rest.get(Route::Gateway, Vec::new()).await?;
    let url = config.checked_gateway(gateway.url)?;
    let (me, names) = (identity.external_id, Arc::new(Names::default()));
    let (sender, events) = queue(Lookup { rest: Arc::clone(&rest), me, names: Arc::clone(&names) });
    let gateway = Gateway::start(GatewaySettings {
        http: Arc::clone(rest.http()),
        url,
        me,
        names: Arc::clone(&names),
        events: sender,
        rates: Arc::clone(rest.rates()),
    })?;
    let webhooks = Webhooks::new(me, Arc::clone(&names));
    let connection = DiscordConnection { identity, rest, gateway, names, webhooks, recent: Recent::default(), clock };
    Ok((Arc::new(connection), Box::new(events)))
}

#[derive(Deserialize)]
struct Address {
    url: String,
}

struct DiscordConnection {
    identity: Identity,
    rest: Arc<Rest>,
    gateway: Gateway,
    names: Arc<Names>,
    webhooks: Webhooks,
    recent: Recent,
    clock: Arc<dyn Clock>,
}

impl DiscordConnection {
    fn sender(&self) -> Sender<'_> {
        Sender { rest: &self.rest, recent: &self.recent, webhooks: &self.webhooks, me: self.identity.external_id }
    }

    fn asker(&self) -> Asker<'_> {
        Asker { rest: &self.rest, me: self.identity.external_id, names: &self.names, now: self.clock.now() }
    }
}

#[async_trait]
impl Connection for DiscordConnection {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    async fn send(&self, request: &SendRequest) -> Result<Sent, PlatformError> {
        self.sender().send(request).await
    }

    fn remembers(&self, request: &SendRequest) -> bool {
        is_recognised(request)
    }

    async fn read_back(&self, request: &SendRequest, since: DateTime<Utc>) -> Result<Option<Sent>, PlatformError> {
        read_back(&self.sender(), &self.asker(), request, since).await
    }

    async fn edit(&self, request: &EditRequest) -> Result<(), PlatformError> {
        change::edit(&self.rest, &self.webhooks, request).await
    }

    async fn delete(&self, request: &DeleteRequest) -> Result<(), PlatformError> {
        change::delete(&self.rest, &self.webhooks, request).await
    }

    async fn open_thread(&self, chat: ChatId, title: &str) -> Result<i64, PlatformError> {
        threads::open(&self.asker(), chat, title).await
    }

    async fn opened_threads(&self, chat: ChatId, title: &str, since: DateTime<Utc>) -> Result<Vec<i64>, PlatformError> {
        threads::opened(&self.asker(), chat, title, since).await
    }

    async fn threads(&self, chat: ChatId, since: DateTime<Utc>) -> Result<Vec<Below>, PlatformError> {
        threads::written_since(&self.asker(), chat, since).await
    }

    async fn chats(&self) -> Result<Vec<ChatFacts>, PlatformError> {
        self.asker().chats().await
    }

    async fn chat(&self, chat: ChatId) -> Result<ChatFacts, PlatformError> {
        self.asker().chat(chat).await
    }

    async fn history_after(&self, chat: ChatId, after: i64, limit: usize) -> Result<Vec<Message>, PlatformError> {
        self.asker().history_after(chat, after, limit).await
    }

    async fn download(&self, media: &Media, bytes_max: u64, sink: &mut dyn ByteSink) -> Result<u64, PlatformError> {
        media::download(&self.rest, media, bytes_max, sink).await
    }

    /// The token must still be good and the gateway's heartbeats answered.
    async fn health(&self) -> Result<(), PlatformError> {
        whoami(&self.rest).await?;
        if self.gateway.is_up() { Ok(()) } else { Err(retryable("gateway_down", "the gateway is reconnecting")) }
    }

    async fn close(&self) {
        self.gateway.stop();
    }
}
