//! The worker's counters, in Prometheus' words.

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// Bounds of the delivery latency histogram, in seconds: from a warm pair to one that waited out a flood.
const LATENCY_BUCKETS: &[f64] = &[0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0];

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
    /// `causeway_wakes_total{way}`: signal, local.
    pub wakes: IntCounterVec,
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
            wakes: IntCounterVec::new(Opts::new("causeway_wakes_total", "Wakes of pairs"), &["way"])?,
        };
        registry.register(Box::new(metrics.hosted_accounts.clone()))?;
        registry.register(Box::new(metrics.ingested.clone()))?;
        registry.register(Box::new(metrics.deliveries.clone()))?;
        registry.register(Box::new(metrics.latency.clone()))?;
        registry.register(Box::new(metrics.wakes.clone()))?;
        Ok(metrics)
    }
}
