//! One hosted bot.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{ChatFacts, ChatId, Clock, Media, Message};
use secrecy::SecretString;

use crate::platform::{
    ByteSink, Connection, DeleteRequest, EditRequest, EventStream, Identity, PlatformError, SendRequest, Sent,
};

use super::chats::Asker;
use super::endpoint::DiscordConfig;
use super::errors::retryable;
use super::events::queue;
use super::gateway::{Gateway, GatewaySettings};
use super::media;
use super::names::Names;
use super::rest::{CALL_LIMIT, Rest};
use super::send::{self, Recent};
use super::token::{well_formed, whoami};

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
    let rest = Rest::new(config, well_formed(token)?)?;
    let identity = whoami(&rest).await?;
    let url = config.checked_gateway(rest.call(CALL_LIMIT, rest.http().get_gateway()).await?.url)?;
    let names = Arc::new(Names::default());
    let (sender, events) = queue();
    let gateway = Gateway::start(GatewaySettings {
        http: Arc::clone(rest.http()),
        url,
        me: identity.external_id,
        names: Arc::clone(&names),
        events: sender,
    })?;
    let connection = DiscordConnection { identity, rest, gateway, names, recent: Recent::default(), clock };
    Ok((Arc::new(connection), Box::new(events)))
}

struct DiscordConnection {
    identity: Identity,
    rest: Rest,
    gateway: Gateway,
    names: Arc<Names>,
    recent: Recent,
    clock: Arc<dyn Clock>,
}

impl DiscordConnection {
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
        send::send(&self.rest, &self.recent, request).await.map(Sent::one)
    }

    async fn read_back(&self, request: &SendRequest, since: DateTime<Utc>) -> Result<Option<Sent>, PlatformError> {
        let found = send::read_back(&self.rest, &self.recent, self.identity.external_id, request, since).await?;
        Ok(found.map(Sent::one))
    }

    async fn edit(&self, _request: &EditRequest) -> Result<(), PlatformError> {
        Err(PlatformError::Message { code: "not_editable".to_owned(), detail: "edits are not carried yet".to_owned() })
    }

    async fn delete(&self, _request: &DeleteRequest) -> Result<(), PlatformError> {
        Err(PlatformError::Message {
            code: "not_deletable".to_owned(),
            detail: "deletions are not carried yet".to_owned(),
        })
    }

    async fn open_thread(&self, _chat: ChatId, _title: &str) -> Result<i64, PlatformError> {
        Err(PlatformError::Message { code: "no_threads".to_owned(), detail: "threads are not made yet".to_owned() })
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
