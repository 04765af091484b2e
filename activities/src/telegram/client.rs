//! A live, signed-in account.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use domain::{ChatFacts, ChatId, Clock, Media, Message};
use grammers_session::types::{PeerInfo, UpdatesState};
use grammers_tl_types::{enums, functions, types};
use secrecy::SecretString;
use store::avatars::Portrait;
use tokio::sync::mpsc;

use super::{
    account::Account,
    endpoint::TelegramConfig,
    engine,
    errors::CallError,
    link::Link,
    names::{Names, display_name},
    session::TelegramSession,
    topics::Topics,
    updates::TelegramEvents,
};
use crate::platform::{
    ByteSink, Connection, DeleteRequest, EditRequest, EventStream, Identity, PlatformError, RateObserver, SendRequest,
    Sent, Unobserved,
};

/// Both halves of a live account, and the door to its session.
pub struct TelegramLink {
    /// Sends and reads.
    pub connection: Arc<dyn Connection>,
    /// What happens. Starts with [`crate::platform::PlatformEvent::Connected`].
    pub events: Box<dyn EventStream>,
    /// The session, for saving it outside of [`EventStream::acknowledge`] (before a planned stop).
    pub session: SessionHandle,
}

/// Reads the session of a live account.
#[derive(Clone)]
pub struct SessionHandle(Arc<Account>);

impl SessionHandle {
    /// The session document with everything that was acknowledged so far; a secret.
    #[must_use]
    pub fn snapshot(&self) -> SecretString {
        self.0.link.session().export()
    }
}

struct TelegramConnection {
    account: Arc<Account>,
    clock: Arc<dyn Clock>,
}

/// Connects the account of a stored session and asks who it is.
///
/// # Errors
/// [`PlatformError::Revoked`] or [`PlatformError::Banned`] when the session is over; [`PlatformError::Retryable`] and
/// [`PlatformError::Wait`] when it may work later.
pub async fn connect(
    config: &TelegramConfig,
    session: &SecretString,
    clock: Arc<dyn Clock>,
) -> Result<TelegramLink, PlatformError> {
    connect_observed(config, session, clock, Arc::new(Unobserved)).await
}

/// As [`connect`], with somebody who gives questions their turns.
///
/// # Errors
/// As [`connect`].
pub async fn connect_observed(
    config: &TelegramConfig,
    session: &SecretString,
    clock: Arc<dyn Clock>,
    rates: Arc<dyn RateObserver>,
) -> Result<TelegramLink, PlatformError> {
    let session = TelegramSession::open(session, &config.endpoint)
        .map_err(|error| PlatformError::Revoked { code: "session_unreadable".to_owned(), detail: error.to_string() })?;
    let (link, feeds) = Link::new(config.clone(), Arc::new(session), rates);
    let user = who_am_i(&link).await?;
    let identity = signed_in(&link, &user).await?;
    let (own, news) = mpsc::unbounded_channel();
    let account = Arc::new(Account { link, names: Names::default(), topics: Topics::default(), identity, own });
    account.names.learn(&[user.into()], &[]);
    if account.link.session().knows_no_chats() {
        account.dialogs().await?;
    }
    let queue = engine::start(Arc::clone(&account), feeds, news);
    Ok(TelegramLink {
        connection: Arc::new(TelegramConnection { account: Arc::clone(&account), clock: Arc::clone(&clock) }),
        events: Box::new(TelegramEvents::new(Arc::clone(&account), queue, clock)),
        session: SessionHandle(account),
    })
}

/// The user that the session belongs to.
pub(super) async fn who_am_i(link: &Link) -> Result<types::User, PlatformError> {
    let users = link.ask_at_once(&functions::users::GetUsers { id: vec![enums::InputUser::UserSelf] }).await?;
    let user = users.into_iter().find_map(|user| match user {
        enums::User::User(user) => Some(user),
        enums::User::Empty(_) => None,
    });
    user.ok_or_else(|| PlatformError::Revoked {
        code: "session_revoked".to_owned(),
        detail: "nobody is signed in with this session".to_owned(),
    })
}

/// Notes in the session who is signed in and, the first time, where its updates start.
pub(super) async fn signed_in(link: &Link, user: &types::User) -> Result<Identity, PlatformError> {
    let session = link.session();
    session.remember(PeerInfo::from(types::User { is_self: true, ..user.clone() }));
    if session.cursors().pts == 0 {
        let enums::updates::State::State(state) = link.ask_at_once(&functions::updates::GetState {}).await?;
        let (pts, qts, date, seq) = (state.pts, state.qts, state.date, state.seq);
        session.set_cursors(UpdatesState { pts, qts, date, seq, channels: session.cursors().channels });
    }
    Ok(Identity { external_id: user.id, display_name: display_name(user) })
}

/// Ends the session at Telegram; one that is over already is fine.
pub(super) async fn end_session(link: &Link) -> Result<(), PlatformError> {
    match link.call(&functions::auth::LogOut {}).await.map_err(CallError::into) {
        Ok(_) | Err(PlatformError::Revoked { .. } | PlatformError::Banned { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

#[async_trait]
impl Connection for TelegramConnection {
    fn identity(&self) -> &Identity {
        &self.account.identity
    }

    async fn send(&self, request: &SendRequest) -> Result<Sent, PlatformError> {
        self.account.send(request, self.clock.now()).await
    }

    async fn read_back(&self, request: &SendRequest, since: DateTime<Utc>) -> Result<Option<Sent>, PlatformError> {
        self.account.read_back(request, since).await
    }

    async fn edit(&self, request: &EditRequest) -> Result<(), PlatformError> {
        self.account.edit(request).await
    }

    async fn delete(&self, request: &DeleteRequest) -> Result<(), PlatformError> {
        self.account.delete(request).await
    }

    async fn open_thread(&self, chat: ChatId, title: &str) -> Result<i64, PlatformError> {
        self.account.open_topic(chat, title).await
    }

    async fn opened_threads(&self, chat: ChatId, title: &str, since: DateTime<Utc>) -> Result<Vec<i64>, PlatformError> {
        self.account.opened_topics(chat, title, since).await
    }

    async fn chats(&self) -> Result<Vec<ChatFacts>, PlatformError> {
        self.account.dialogs().await
    }

    async fn chat(&self, chat: ChatId) -> Result<ChatFacts, PlatformError> {
        self.account.facts(chat).await
    }

    async fn history_after(&self, chat: ChatId, after: i64, limit: usize) -> Result<Vec<Message>, PlatformError> {
        self.account.history_after(chat, after, limit).await
    }

    async fn download(&self, media: &Media, bytes_max: u64, sink: &mut dyn ByteSink) -> Result<u64, PlatformError> {
        self.account.download(media, bytes_max, sink).await
    }

    async fn portrait(&self, portrait: &Portrait) -> Result<Bytes, PlatformError> {
        self.account.portrait(portrait).await
    }

    async fn health(&self) -> Result<(), PlatformError> {
        self.account.link.ask_at_once(&functions::updates::GetState {}).await.map(drop)
    }

    async fn close(&self) {
        self.account.link.close().await;
    }
}
