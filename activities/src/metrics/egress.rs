//! What an address shows of itself.

use prometheus::{IntCounterVec, IntGauge, Opts, Registry};

/// The counters and gauges of what this worker's address has done at Discord.
#[derive(Clone, Debug)]
pub struct EgressMetrics {
    /// `causeway_egress_invalid_requests`: in the current 10 minutes, of all workers behind the address, as of the last
    /// flush.
    pub invalid_requests: IntGauge,
    /// `causeway_egress_closed`: 1 while nothing is sent to Discord from this address.
    pub closed: IntGauge,
    /// `causeway_egress_identifies_total{outcome}`: allowed, waited.
    pub identifies: IntCounterVec,
}

impl EgressMetrics {
    /// Makes and registers them.
    ///
    /// # Errors
    /// When a name is registered twice.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            invalid_requests: IntGauge::new(
                "causeway_egress_invalid_requests",
                "Invalid requests in the current 10 minutes of all workers behind this worker's address",
            )?,
            closed: IntGauge::new("causeway_egress_closed", "1 while nothing is sent to Discord from this address")?,
            identifies: IntCounterVec::new(
                Opts::new("causeway_egress_identifies_total", "Sessions of bots that asked for leave to identify"),
                &["outcome"],
            )?,
        };
        for outcome in ["allowed", "waited"] {
            // Shown as zero from the start, so that a first increase is seen.
            metrics.identifies.with_label_values(&[outcome]);
        }
        registry.register(Box::new(metrics.invalid_requests.clone()))?;
        registry.register(Box::new(metrics.closed.clone()))?;
        registry.register(Box::new(metrics.identifies.clone()))?;
        Ok(metrics)
    }
}
