//! What every activity of a worker shares.

use std::{sync::Arc, time::Duration};

use domain::{Clock, billing::invoice::InvoiceSettings, rules::RuleBook, subscription::Schedule};
use payments::Providers;
use store::{PgConnection, PgPool, StoreError, seal::Sealer};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    attachments::MediaSettings, bot::BotDesk, bulk::Bulk, discord::DiscordConfig, duty::Duty, gates::Gates,
    hosts::Hosts, mail::Mailer, metrics::Metrics, pace::Paces, payment::PaymentSettings, rhythm::Rhythms,
    telegram::TelegramConfig, wakeups::Wakeups,
};

/// The worker's settings and live state, shared by its activities.
#[derive(Debug)]
pub struct Context {
    /// The database.
    pub pool: PgPool,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Opens and seals secret columns.
    pub sealer: Sealer,
    /// How to reach Telegram.
    pub telegram: TelegramConfig,
    /// How to reach Discord.
    pub discord: DiscordConfig,
    /// What may be kept of attachments, and how links to them are made.
    pub media: MediaSettings,
    /// Where users reach the API; set wherever there is a payment provider.
    pub public_url: Option<Url>,
    /// How to reach payment providers.
    pub payments: Arc<Providers>,
    /// How payments are looked after.
    pub payment_settings: PaymentSettings,
    /// Sends e-mail; none where no mail server is set: then e-mails wait.
    pub mailer: Option<Mailer>,
    /// This worker's name, stable over restarts.
    pub worker: String,
    /// How often the session workflow asks for the health of an account hosted here.
    pub health_check_period: Duration,
    /// How often every pair is reconciled.
    pub reconcile_every: Duration,
    /// Who makes invoices out.
    pub invoices: InvoiceSettings,
    /// When tenants are reminded of the end of a period, and when a missing payment is asked for again.
    pub subscription_schedule: Schedule,
    /// Accounts hosted here.
    pub hosts: Hosts,
    /// The Telegram bot, where this worker may host it.
    pub bot: BotDesk,
    /// Drains that run here and can be woken without Temporal.
    pub wakeups: Arc<Wakeups>,
    /// Turns of those who carry much.
    pub bulk: Bulk,
    /// Sends under way, by destination chat.
    pub gates: Gates,
    /// The compiled rules of the pairs that are read or written here.
    pub rules: RuleBook,
    /// How fast what is hosted here may send.
    pub paces: Arc<Paces>,
    /// How often each pair has something to do.
    pub rhythms: Rhythms,
    /// What this worker was told to do.
    pub duty: Duty,
    /// Counters for Prometheus.
    pub metrics: Metrics,
    /// The worker is stopping: hostings and drains end at their next safe point.
    pub stopping: CancellationToken,
}

impl Context {
    /// A connection of the pool.
    ///
    /// # Errors
    /// [`StoreError::Database`] when there is none within a few seconds.
    pub async fn database(&self) -> Result<impl std::ops::DerefMut<Target = PgConnection> + use<>, StoreError> {
        Ok(self.pool.acquire().await?)
    }
}
