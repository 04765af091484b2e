//! What Prometheus may know: requests by route, method and status, and how long they took.

use std::time::Duration;

use prometheus::{Encoder as _, Histogram, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder};

/// Upper bounds of the latency buckets, in seconds: from a read of one row to a login step at a slow platform.
const BUCKETS_SECONDS: [f64; 12] = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 50.0];

/// The process's counters.
pub(crate) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    refused: IntCounterVec,
    leases: IntCounterVec,
    cut: IntCounterVec,
    webhooks: IntCounterVec,
    webhook_batch: Histogram,
}

impl Metrics {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let registry = Registry::new();
        let requests = IntCounterVec::new(
            Opts::new("causeway_api_requests_total", "Requests that were answered."),
            &["route", "method", "status"],
        )?;
        let seconds = HistogramVec::new(
            HistogramOpts::new("causeway_api_request_seconds", "Time until the answer.")
                .buckets(BUCKETS_SECONDS.to_vec()),
            &["route", "method"],
        )?;
        let refused = IntCounterVec::new(
            Opts::new("causeway_api_rate_limited_total", "Requests beyond a rate limit."),
            &["caller"],
        )?;
        let leases = IntCounterVec::new(
            Opts::new("causeway_api_rate_leases_total", "Questions to the database about rate limits."),
            &["outcome"],
        )?;
        let cut = IntCounterVec::new(
            Opts::new("causeway_api_connections_cut_total", "Connections that the API has ended or not taken."),
            &["why"],
        )?;
        let webhooks = IntCounterVec::new(
            Opts::new("causeway_api_webhooks_total", "Webhooks of payment providers, by what became of them."),
            &["provider", "outcome"],
        )?;
        let webhook_batch = Histogram::with_opts(
            HistogramOpts::new("causeway_api_webhook_batch", "Webhooks that were committed together.")
                .buckets(vec![1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0]),
        )?;
        registry.register(Box::new(webhook_batch.clone()))?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        for counter in [&refused, &leases, &cut, &webhooks] {
            registry.register(Box::new(counter.clone()))?;
        }
        Ok(Self { registry, requests, seconds, refused, leases, cut, webhooks, webhook_batch })
    }

    /// Counts a request beyond a rate limit, by the kind of caller: `user`, `key` or `address`.
    pub(crate) fn refused(&self, caller: &str) {
        self.refused.with_label_values(&[caller]).inc();
    }

    /// Counts a question to the database about rate limits, which was answered or not.
    pub(crate) fn leased(&self, answered: bool) {
        self.leases.with_label_values(&[if answered { "answered" } else { "away" }]).inc();
    }

    /// Counts a connection that was ended because it is `slow` or `idle`, or not taken because of its `address`.
    pub(crate) fn connection_cut(&self, why: &str) {
        self.cut.with_label_values(&[why]).inc();
    }

    /// Counts a webhook: `accepted`, `forged`, `malformed`, `unproved` or `unkept`.
    pub(crate) fn webhook(&self, provider: &str, outcome: &str) {
        self.webhooks.with_label_values(&[provider, outcome]).inc();
    }

    /// Counts webhooks that are committed together.
    pub(crate) fn webhooks_written(&self, count: usize) {
        self.webhook_batch.observe(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
    }

    /// Counts one answer. `route` is a pattern, never a path, so that ids make no series.
    pub(crate) fn observe(&self, route: &str, method: &str, status: u16, took: Duration) {
        self.requests.with_label_values(&[route, method, &status.to_string()]).inc();
        self.seconds.with_label_values(&[route, method]).observe(took.as_secs_f64());
    }

    /// The text that Prometheus scrapes.
    pub(crate) fn text(&self) -> Result<String, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}
