//! What all handlers share.

use std::{net::IpAddr, sync::Arc};

use chrono::TimeDelta;
use domain::{Clock, SystemClock, billing::invoice::InvoiceSettings, media_link::LinkKey, pace::Mode};
use ipnet::IpNet;
use payments::Providers;
use salvo::{
    Extractible,
    extract::Metadata,
    oapi::{Components, EndpointArgRegister, Operation},
    prelude::*,
};
use secrecy::SecretString;
use store::{PgConnection, PgPool, StoreError, seal::Sealer};
use workflows::codec::Codec;

use crate::{
    config::{Config, EdgeSettings, Registration, StaffSecondFactor},
    connections::Connections,
    credentials::Credentials,
    edge::{Cors, Headers},
    error::ApiError,
    inbox::Inbox,
    limits::Limits,
    metrics::Metrics,
    password::Passwords,
    peer,
    plans::Plans,
    server::Patience,
    settings::KnownSettings,
    temporal::Temporal,
    token::Tokens,
};

/// A handle on everything that a handler may need; cheap to clone. A hoop puts it into the depot.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

/// What an [`AppState`] points to; only this crate looks inside.
pub struct Shared {
    pub(crate) pool: PgPool,
    pub(crate) temporal: Temporal,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) sealer: Sealer,
    pub(crate) codec: Codec,
    pub(crate) tokens: Tokens,
    pub(crate) credentials: Credentials,
    pub(crate) settings: KnownSettings,
    pub(crate) passwords: Passwords,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) limits: Limits,
    pub(crate) connections: Arc<Connections>,
    pub(crate) edge: EdgeSettings,
    pub(crate) headers: Headers,
    pub(crate) cors: Cors,
    pub(crate) patience: Patience,
    pub(crate) operator_token: SecretString,
    pub(crate) admin_allow: Vec<IpNet>,
    pub(crate) registration: Registration,
    pub(crate) staff_second_factor: StaffSecondFactor,
    pub(crate) public_url: Option<url::Url>,
    pub(crate) checkout_return_url: Option<url::Url>,
    pub(crate) payments: Arc<Providers>,
    pub(crate) invoices: InvoiceSettings,
    pub(crate) checkout_expires: TimeDelta,
    pub(crate) inbox: Inbox,
    pub(crate) codec_cors_origin: Option<String>,
    pub(crate) media_link_key: Option<LinkKey>,
    pub(crate) body_limit_bytes: usize,
    pub(crate) pace: Mode,
    pub(crate) plans: Plans,
}

impl std::fmt::Debug for AppState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AppState(..)")
    }
}

impl std::ops::Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl AppState {
    /// Sets everything up without connecting to anything.
    ///
    /// # Errors
    /// When a setting is unusable.
    pub fn new(config: Config) -> anyhow::Result<Self> {
        Self::with_patience(config, Patience::USUAL)
    }

    pub(crate) fn with_patience(config: Config, patience: Patience) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let (pool, metrics) = (store::connect(&config.database_url)?, Arc::new(Metrics::new()?));
        let limits = Limits::new(config.edge.limits, pool.clone(), Arc::clone(&clock), Arc::clone(&metrics));
        let connections = Arc::new(Connections::new(&config.edge, patience, Arc::clone(&metrics)));
        let temporal =
            Temporal::new(config.temporal_address, config.temporal_namespace, config.codec.clone().data_converter());
        Ok(Self(Arc::new(Shared {
            pool,
            limits,
            connections,
            headers: Headers::new(config.edge.hsts_seconds)?,
            cors: Cors::new(&config.edge.cors_origins)?,
            edge: config.edge,
            patience,
            temporal,
            tokens: Tokens::new(&config.jwt_keys, Arc::clone(&clock)),
            credentials: Credentials::default(),
            settings: KnownSettings::default(),
            clock,
            sealer: config.sealer,
            codec: config.codec,
            passwords: Passwords::new()?,
            metrics,
            operator_token: config.operator_token,
            admin_allow: config.admin_allow,
            registration: config.registration,
            staff_second_factor: config.staff_second_factor,
            public_url: config.public_url,
            checkout_return_url: config.checkout_return_url,
            payments: Arc::new(config.payments),
            invoices: config.invoices,
            checkout_expires: config.checkout_expires,
            inbox: Inbox::new(),
            codec_cors_origin: config.codec_cors_origin,
            media_link_key: config.media_link_key,
            body_limit_bytes: config.body_limit_bytes,
            pace: config.pace,
            plans: Plans::default(),
        })))
    }

    /// Connects to Temporal in the background, so that the first request need not.
    pub fn keep_temporal_connected(&self) {
        let state = self.clone();
        tokio::spawn(async move { state.temporal.connect_in_background().await });
    }

    /// Writes in the background what payment providers tell.
    pub fn keep_inbox_written(&self) {
        Inbox::write_in_background(self);
    }

    /// Hears in the background when something about a session or a key changes.
    pub fn keep_credentials_fresh(&self) {
        let state = self.clone();
        tokio::spawn(async move { state.credentials.listen(&state.pool).await });
    }

    /// Hears in the background when a setting changes.
    pub fn keep_settings_fresh(&self) {
        let state = self.clone();
        tokio::spawn(async move { state.settings.listen(&state.pool).await });
    }

    /// Lets go of the database.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    pub(crate) fn of(depot: &Depot) -> Result<Self, ApiError> {
        depot.get_typed::<Self>().cloned().map_err(|_| ApiError::internal("the state hoop is missing"))
    }
}

impl Shared {
    /// A connection for one request.
    pub(crate) async fn database(&self) -> Result<impl std::ops::DerefMut<Target = PgConnection>, ApiError> {
        Ok(self.pool.acquire().await.map_err(StoreError::from)?)
    }

    /// Who asks, as far as the network tells.
    pub(crate) fn address(&self, req: &Request) -> IpAddr {
        peer::address(req, &self.edge.proxies)
    }

    /// A transaction for one request.
    pub(crate) async fn transaction(&self) -> Result<store::Transaction<'static, store::Postgres>, ApiError> {
        Ok(self.pool.begin().await.map_err(StoreError::from)?)
    }
}

#[async_trait]
impl Handler for AppState {
    async fn handle(&self, _req: &mut Request, depot: &mut Depot, _res: &mut Response, _ctrl: &mut FlowCtrl) {
        depot.insert_typed(self.clone());
    }
}

static STATE: Metadata = Metadata::new("app_state");

impl<'ex> Extractible<'ex> for AppState {
    fn metadata() -> &'static Metadata {
        &STATE
    }

    #[expect(refining_impl_trait, reason = "the caller may name the error")]
    async fn extract(_req: &'ex mut Request, depot: &'ex mut Depot) -> Result<Self, ApiError> {
        Self::of(depot)
    }
}

impl EndpointArgRegister for AppState {
    fn register(_components: &mut Components, _operation: &mut Operation, _arg: &str) {}
}
