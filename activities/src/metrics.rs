//! The worker's counters, in Prometheus' words.

use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

mod bot;
mod egress;
mod ledger;
mod notifications;
mod pace;
mod payments;

pub use bot::BotMetrics;
pub use egress::EgressMetrics;
pub use ledger::LedgerMetrics;
pub use notifications::NotificationMetrics;
pub use pace::PaceMetrics;
pub use payments::PaymentMetrics;

/// Bounds of the delivery latency histogram, in seconds: from a warm pair to one that waited out a flood.
const LATENCY_BUCKETS: &[f64] = &[0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0];

/// Outcomes of a comparison with the ledger.
const RECONCILED: [&str; 5] = ["checked", "missing", "missing_edits", "missing_deletions", "repaired"];

/// All of them.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// `causeway_hosted_accounts`.
    pub hosted_accounts: IntGauge,
    /// `causeway_messages_ingested_total`.
    pub ingested: IntCounter,
    /// `causeway_deliveries_total{outcome}`: sent, skipped, dead, waiting.
    pub deliveries: IntCounterVec,
    /// `causeway_delivery_seconds`: from receipt to the destination's answer, delay not included.
    pub latency: Histogram,
    /// `causeway_reconciled_messages_total{outcome}`: checked, missing, missing_edits, missing_deletions, repaired.
    pub reconciled: IntCounterVec,
    /// `causeway_wakes_total{way}`: local (a drain ran here), express (drained without Temporal), signal.
    pub wakes: IntCounterVec,
    /// `causeway_platform_waits_total{account}`: times that a platform asked an account to wait.
    pub platform_waits: IntCounterVec,
    /// `causeway_account_up{account,platform}`: 1 while a hosted account is online.
    pub account_up: IntGaugeVec,
    /// `causeway_account_cooldown_seconds{account}`: for how long the platform wants silence.
    pub account_cooldown: GaugeVec,
    /// `causeway_pair_open{pair,account}`: deliveries that wait, of the pairs that wait longest, then of those that
    /// wait for most.
    pub pair_open: IntGaugeVec,
    /// `causeway_pair_lag_seconds{pair,account}`: for how long the oldest of them could have been sent; 0 while
    /// something holds the pair back.
    pub pair_lag: GaugeVec,
    /// `causeway_queue_open`: deliveries that wait for the accounts hosted here.
    pub queue_open: IntGauge,
    /// `causeway_queue_lag_seconds`: for how long the oldest of them could have been sent, over pairs that nothing
    /// holds back.
    pub queue_lag: Gauge,
    /// `causeway_queue_unhosted`: deliveries that wait for accounts hosted nowhere, in the whole installation.
    pub queue_unhosted: IntGauge,
    /// `causeway_accounts{platform,status}`: accounts by state, in the whole installation.
    pub accounts: IntGaugeVec,
    /// `causeway_dead_letters`: messages given up that nobody has decided about, in the whole installation.
    pub dead_letters: IntGauge,
    /// `causeway_bot_*`.
    pub bot: BotMetrics,
    /// `causeway_egress_*`.
    pub egress: EgressMetrics,
    /// `causeway_ledger_*`.
    pub ledger: LedgerMetrics,
    /// `causeway_notifications_*`, `causeway_mail_configured`.
    pub notifications: NotificationMetrics,
    /// `causeway_pace_*`.
    pub pace: PaceMetrics,
    /// `causeway_payment_*`, `causeway_payments_*`.
    pub payments: PaymentMetrics,
}

impl Metrics {
    /// Makes and registers them.
    ///
    /// # Errors
    /// When a name is registered twice.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            hosted_accounts: IntGauge::new("causeway_hosted_accounts", "Accounts hosted by this worker")?,
            ingested: IntCounter::new("causeway_messages_ingested_total", "Source messages recorded")?,
            deliveries: IntCounterVec::new(
                Opts::new("causeway_deliveries_total", "Deliveries by outcome"),
                &["outcome"],
            )?,
            latency: Histogram::with_opts(
                HistogramOpts::new("causeway_delivery_seconds", "From receipt or due time to the destination's answer")
                    .buckets(LATENCY_BUCKETS.to_vec()),
            )?,
            reconciled: IntCounterVec::new(
                Opts::new("causeway_reconciled_messages_total", "Source messages compared with the ledger"),
                &["outcome"],
            )?,
            wakes: IntCounterVec::new(Opts::new("causeway_wakes_total", "Wakes of pairs"), &["way"])?,
            platform_waits: IntCounterVec::new(
                Opts::new("causeway_platform_waits_total", "Times that a platform asked an account to wait"),
                &["account"],
            )?,
            account_up: IntGaugeVec::new(
                Opts::new("causeway_account_up", "1 while a hosted account is online"),
                &["account", "platform"],
            )?,
            account_cooldown: GaugeVec::new(
                Opts::new("causeway_account_cooldown_seconds", "For how long the platform wants silence"),
                &["account"],
            )?,
            pair_open: IntGaugeVec::new(
                Opts::new("causeway_pair_open", "Deliveries that wait, of the pairs that wait longest"),
                &["pair", "account"],
            )?,
            pair_lag: GaugeVec::new(
                Opts::new("causeway_pair_lag_seconds", "For how long the pair's oldest delivery could have been sent"),
                &["pair", "account"],
            )?,
            queue_open: IntGauge::new("causeway_queue_open", "Deliveries that wait for the accounts hosted here")?,
            queue_lag: Gauge::new(
                "causeway_queue_lag_seconds",
                "For how long the oldest delivery of the accounts hosted here could have been sent",
            )?,
            queue_unhosted: IntGauge::new(
                "causeway_queue_unhosted",
                "Deliveries that wait for accounts that no worker hosts",
            )?,
            accounts: IntGaugeVec::new(Opts::new("causeway_accounts", "Accounts by state"), &["platform", "status"])?,
            dead_letters: IntGauge::new("causeway_dead_letters", "Messages given up that nobody has decided about")?,
            bot: BotMetrics::new(registry)?,
            egress: EgressMetrics::new(registry)?,
            ledger: LedgerMetrics::new(registry)?,
            notifications: NotificationMetrics::new(registry)?,
            pace: PaceMetrics::new(registry)?,
            payments: PaymentMetrics::new(registry)?,
        };
        metrics.register_counted(registry)?;
        metrics.register_watched(registry)?;
        Ok(metrics)
    }

    fn register_counted(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        for outcome in RECONCILED {
            // Shown as zero from the start, so that a first increase is seen.
            self.reconciled.with_label_values(&[outcome]);
        }
        registry.register(Box::new(self.hosted_accounts.clone()))?;
        registry.register(Box::new(self.ingested.clone()))?;
        registry.register(Box::new(self.deliveries.clone()))?;
        registry.register(Box::new(self.latency.clone()))?;
        registry.register(Box::new(self.reconciled.clone()))?;
        registry.register(Box::new(self.wakes.clone()))
    }

    fn register_watched(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        registry.register(Box::new(self.platform_waits.clone()))?;
        registry.register(Box::new(self.account_up.clone()))?;
        registry.register(Box::new(self.account_cooldown.clone()))?;
        registry.register(Box::new(self.pair_open.clone()))?;
        registry.register(Box::new(self.pair_lag.clone()))?;
        registry.register(Box::new(self.queue_open.clone()))?;
        registry.register(Box::new(self.queue_lag.clone()))?;
        registry.register(Box::new(self.queue_unhosted.clone()))?;
        registry.register(Box::new(self.accounts.clone()))?;
        registry.register(Box::new(self.dead_letters.clone()))
    }
}
