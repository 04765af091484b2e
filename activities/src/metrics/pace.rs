//! What pace shows of itself.

use domain::{AccountId, pace::Scope};
use prometheus::{CounterVec, GaugeVec, IntCounter, IntCounterVec, Opts, Registry};

/// The counters and gauges of pace.
#[derive(Clone, Debug)]
pub struct PaceMetrics {
    /// `causeway_pace_waits_total{scope}`: how often a platform asked for silence.
    pub waits: IntCounterVec,
    /// `causeway_pace_throttled_seconds_total{scope}`: time that drains and questions waited in place for their turn.
    pub throttled: CounterVec,
    /// `causeway_pace_plan_limited_total`: how often a delivery waited for its plan.
    pub plan_limited: IntCounter,
    tokens: GaugeVec,
    rate: GaugeVec,
}

impl PaceMetrics {
    /// Makes and registers them.
    ///
    /// # Errors
    /// When a name is registered twice.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            waits: IntCounterVec::new(
                Opts::new("causeway_pace_waits_total", "Times that a platform asked for silence"),
                &["scope"],
            )?,
            throttled: CounterVec::new(
                Opts::new(
                    "causeway_pace_throttled_seconds_total",
                    "Time that drains and questions waited in place for their turn",
                ),
                &["scope"],
            )?,
            plan_limited: IntCounter::new("causeway_pace_plan_limited_total", "Deliveries that waited for their plan")?,
            tokens: GaugeVec::new(
                Opts::new("causeway_pace_budget_left", "Messages that an account may write at once"),
                &["account", "scope"],
            )?,
            rate: GaugeVec::new(
                Opts::new("causeway_pace_rate", "Messages per second that an account may write, as learned"),
                &["account", "scope"],
            )?,
        };
        for scope in [Scope::Account, Scope::Chat, Scope::Global, Scope::Reads] {
            // Shown as zero from the start, so that a first increase is seen.
            metrics.waits.with_label_values(&[scope.as_str()]);
            metrics.throttled.with_label_values(&[scope.as_str()]);
        }
        registry.register(Box::new(metrics.waits.clone()))?;
        registry.register(Box::new(metrics.throttled.clone()))?;
        registry.register(Box::new(metrics.plan_limited.clone()))?;
        registry.register(Box::new(metrics.tokens.clone()))?;
        registry.register(Box::new(metrics.rate.clone()))?;
        Ok(metrics)
    }

    /// Shows what an account has left.
    pub fn show(&self, account: AccountId, scope: Scope, tokens: f64, rate: f64) {
        let account = account.to_string();
        let labels = [account.as_str(), scope.as_str()];
        self.tokens.with_label_values(&labels).set(tokens);
        self.rate.with_label_values(&labels).set(rate);
    }

    /// The account is not hosted here any more.
    pub fn forget(&self, account: AccountId, scope: Scope) {
        let account = account.to_string();
        let labels = [account.as_str(), scope.as_str()];
        // It may never have been shown.
        let _shown = self.tokens.remove_label_values(&labels);
        let _shown = self.rate.remove_label_values(&labels);
    }
}
