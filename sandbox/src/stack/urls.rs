//! The addresses of a running stack.

use std::path::PathBuf;

/// Where the stack's parts are reached.
#[derive(Clone, Debug)]
pub struct Urls {
    /// Base address of the HTTP API.
    pub api: String,
    /// The interactive API documentation.
    pub docs: String,
    /// Temporal's gRPC address, as a URL.
    pub temporal: String,
    /// Base address of Temporal's HTTP API.
    pub temporal_http: String,
    /// The Temporal UI.
    pub temporal_ui: String,
    /// Base address of the Telegram sandbox's control API.
    pub telegram_control: String,
    /// `host:port` of the Telegram sandbox (MTProto).
    pub telegram: String,
    /// The file with its public RSA key.
    pub telegram_key: PathBuf,
    /// Base address of the Discord sandbox's control API.
    pub discord_control: String,
    /// Base address of the Discord sandbox's plain REST and gateway.
    pub discord_http: String,
    /// `host:port` of the Discord sandbox's REST over TLS.
    pub discord_tls: String,
    /// The file with its certificate authority.
    pub discord_ca: PathBuf,
    /// The mail sandbox with the log-in that it wants, as `SMTP_URL`.
    pub smtp: String,
    /// Base address of the mail sandbox's control API.
    pub smtp_control: String,
    /// Base address of the PayPal sandbox.
    pub paypal: String,
    /// Base address of the PayPal sandbox's control API.
    pub paypal_control: String,
    /// The file with the authority of its webhooks' certificate.
    pub paypal_ca: PathBuf,
    /// Base address of the NOWPayments sandbox, as `NOWPAYMENTS_URL`.
    pub nowpayments: String,
    /// Base address of the NOWPayments sandbox's control API.
    pub nowpayments_control: String,
    /// Base address of the worker's health and metrics.
    pub worker_metrics: String,
    /// The database, with its password.
    pub database: String,
}
