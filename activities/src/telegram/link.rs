//! The pool of connections under one session: time-outs, supervision and rebuilding, which grammers leaves to us.
//!
//! Grammers has no time-outs, connects inline (one silent server blocks every request) and re-raises panics of its
//! connections in the runner. So every call here has a time-out, and after one, or after the runner ended by itself,
//! the pool is thrown away and the next call makes a new one.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use grammers_mtsender::{ConnectionParams, InvocationError, NoRetries, SenderPool, SenderPoolHandle};
use grammers_session::updates::UpdatesLike;
use grammers_tl_types::RemoteCall;
use tokio::{
    sync::{Mutex, mpsc},
    task::AbortHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    endpoint::{TelegramConfig, TelegramEndpoint},
    errors::{CallError, NETWORK, retryable},
    handshake::{self, HandshakeError},
    session::TelegramSession,
};
use crate::platform::{PlatformError, READ_FLOOD_WAIT, RateObserver};

/// Updates that may wait between the socket and our loop. Grammers drops what does not fit (the gap is then fetched),
/// and its default of 100 is less than one burst of a busy group.
const UPDATES_BUFFER: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);

/// The updates of one pool, from its birth to its end.
pub(super) type Feed = mpsc::Receiver<UpdatesLike>;

/// The pool in use. Dropping it closes its sockets.
struct Pool {
    generation: u64,
    handle: SenderPoolHandle,
    runner: AbortHandle,
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.runner.abort();
    }
}

/// One session's way to Telegram. Connects on the first call, and again whenever it has to.
pub(super) struct Link {
    config: TelegramConfig,
    session: Arc<TelegramSession>,
    /// Gives questions their turns.
    rates: Arc<dyn RateObserver>,
    pool: Mutex<Option<Pool>>,
    generations: AtomicU64,
    feeds: mpsc::UnboundedSender<Feed>,
    closed: CancellationToken,
    /// Foreign data centres that know our authorisation, for downloads.
    authorised: Mutex<Vec<i32>>,
}

impl Link {
    /// A link that is not connected yet, and the receiver of every pool's updates.
    pub(super) fn new(
        config: TelegramConfig,
        session: Arc<TelegramSession>,
        rates: Arc<dyn RateObserver>,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<Feed>) {
        let (feeds, received) = mpsc::unbounded_channel();
        let link = Self {
            config,
            session,
            rates,
            pool: Mutex::new(None),
            generations: AtomicU64::new(0),
            feeds,
            closed: CancellationToken::new(),
            authorised: Mutex::new(Vec::new()),
        };
        (Arc::new(link), received)
    }

    pub(super) fn session(&self) -> &TelegramSession {
        &self.session
    }

    /// Ends once [`Self::close`] was called.
    pub(super) const fn closed(&self) -> &CancellationToken {
        &self.closed
    }

    /// Cuts all connections; every later call fails.
    pub(super) async fn close(&self) {
        self.closed.cancel();
        self.pool.lock().await.take();
    }

    /// Asks the home data centre, once.
    pub(super) async fn call<R>(&self, request: &R) -> Result<R::Return, CallError>
    where
        R: RemoteCall + Sync,
    {
        self.call_in(self.session.home(), request).await
    }

    /// Asks the home data centre when it is a question's turn, once more when the connection breaks. For reads only.
    pub(super) async fn ask<R>(&self, request: &R) -> Result<R::Return, PlatformError>
    where
        R: RemoteCall + Sync,
    {
        self.rates.read().await.map_err(read_flood_wait)?;
        match self.ask_at_once(request).await {
            Ok(answer) => Ok(answer),
            Err(error) => Err(self.refused_read(error).await),
        }
    }

    /// As [`Self::ask`], without waiting for a turn: for what is no question (logging in, parts of a file to be sent) and
    /// for what a live link cannot do without (who we are, the state, the differences), so that refused questions about
    /// history do not cut off messages.
    pub(super) async fn ask_at_once<R>(&self, request: &R) -> Result<R::Return, PlatformError>
    where
        R: RemoteCall + Sync,
    {
        match self.call(request).await {
            // A broken connection is no answer yet.
            Err(CallError::Link(PlatformError::Retryable { code, .. })) if code == NETWORK => {
                Ok(self.call(request).await?)
            }
            answer => Ok(answer?),
        }
    }

    /// What a question's error means; a wait is kept in mind, and concerns questions alone.
    pub(super) async fn refused_read(&self, error: PlatformError) -> PlatformError {
        let PlatformError::Wait { wait, .. } = error else { return error };
        self.rates.read_refused(wait).await;
        read_flood_wait(wait)
    }

    /// Asks the data centre `dc`, once.
    pub(super) async fn call_in<R>(&self, dc: i32, request: &R) -> Result<R::Return, CallError>
    where
        R: RemoteCall + Sync,
    {
        let (generation, handle) = tokio::select! {
            biased;
            () = self.closed.cancelled() => return Err(closed()),
            pool = self.pool() => pool?,
        };
        let answer = tokio::select! {
            biased;
            () = self.closed.cancelled() => return Err(closed()),
            answer = timeout(self.config.call_timeout, handle.invoke_in_dc(dc, request)) => answer,
        };
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                if matches!(error, InvocationError::Dropped(_)) {
                    self.retire(generation).await;
                }
                Err(self.understand(error))
            }
            Err(_) => {
                tracing::warn!(telegram.dc = dc, "Telegram did not answer in time; the connections are rebuilt");
                self.retire(generation).await;
                Err(CallError::Link(retryable("timeout", "Telegram did not answer in time")))
            }
        }
    }

    /// Makes the data centre `dc` accept our login, for files that live there.
    pub(super) async fn authorise_in(&self, dc: i32) -> Result<(), CallError> {
        use grammers_tl_types::{enums, functions::auth};
        let mut authorised = self.authorised.lock().await;
        if dc == self.session.home() || authorised.contains(&dc) {
            return Ok(());
        }
        let enums::auth::ExportedAuthorization::Authorization(exported) =
            self.call(&auth::ExportAuthorization { dc_id: dc }).await?;
        self.call_in(dc, &auth::ImportAuthorization { id: exported.id, bytes: exported.bytes }).await?;
        authorised.push(dc);
        Ok(())
    }

    /// The current pool, made anew when there is none or when its runner has ended.
    async fn pool(&self) -> Result<(u64, SenderPoolHandle), CallError> {
        let mut slot = self.pool.lock().await;
        if let Some(pool) = slot.as_ref().filter(|pool| !pool.runner.is_finished()) {
            return Ok((pool.generation, pool.handle.clone()));
        }
        self.agree_on_key().await?;
        let params = ConnectionParams {
            app_version: env!("CARGO_PKG_VERSION").to_owned(),
            retry_policy: Box::new(NoRetries),
            updates_channel_capacity: UPDATES_BUFFER,
            ..ConnectionParams::default()
        };
        let made = SenderPool::with_configuration(Arc::clone(&self.session), self.config.api_id, params);
        let generation = self.generations.fetch_add(1, Ordering::Relaxed);
        let task = tokio::spawn(made.runner.run());
        let runner = task.abort_handle();
        tokio::spawn(async move {
            if let Err(error) = task.await
                && error.is_panic()
            {
                tracing::error!(telegram.pool = generation, "a Telegram connection panicked and is rebuilt");
            }
        });
        // Nobody listens while logging in.
        let _nobody_listens = self.feeds.send(made.updates);
        let handle = made.handle.thin.clone();
        *slot = Some(Pool { generation, handle: handle.clone(), runner });
        Ok((generation, handle))
    }

    /// Runs the key exchange where grammers cannot: with a server that has a key of its own.
    async fn agree_on_key(&self) -> Result<(), CallError> {
        let TelegramEndpoint::Custom { addr, key } = &self.config.endpoint else { return Ok(()) };
        if self.session.has_key() {
            return Ok(());
        }
        match timeout(self.config.call_timeout, handshake::exchange(*addr, key)).await {
            Ok(Ok(auth_key)) => {
                self.session.set_key(Some(auth_key));
                Ok(())
            }
            Ok(Err(HandshakeError::Link(detail))) => Err(CallError::Link(retryable(NETWORK, detail))),
            Ok(Err(error)) => Err(CallError::Link(retryable("key_exchange_failed", error.to_string()))),
            Err(_) => Err(CallError::Link(retryable("timeout", "the key exchange took too long"))),
        }
    }

    /// Throws the pool away, unless a newer one has taken its place.
    async fn retire(&self, generation: u64) {
        let mut slot = self.pool.lock().await;
        if slot.as_ref().is_some_and(|pool| pool.generation == generation) {
            *slot = None;
        }
    }

    fn understand(&self, error: InvocationError) -> CallError {
        // A server with a key of its own that does not know ours: grammers has then tried Telegram's built-in keys.
        if matches!(error, InvocationError::Authentication(_))
            && matches!(self.config.endpoint, TelegramEndpoint::Custom { .. })
        {
            return CallError::Link(PlatformError::Revoked {
                code: "session_revoked".to_owned(),
                detail: "the server does not know this session's key".to_owned(),
            });
        }
        error.into()
    }
}

fn read_flood_wait(wait: Duration) -> PlatformError {
    PlatformError::Wait { code: READ_FLOOD_WAIT.to_owned(), wait }
}

fn closed() -> CallError {
    CallError::Link(retryable("closed", "the connection was closed"))
}
