//! What payments show of themselves.

use domain::payment::Step;
use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use store::payment_events::Passed;

/// What may become of an event.
const OUTCOMES: [&str; 2] = ["looked_at", "unmatched"];

/// The counters and gauges of payments.
#[derive(Clone, Debug)]
pub struct PaymentMetrics {
    steps: IntCounterVec,
    events: IntCounterVec,
    woken: IntCounter,
    found: IntCounter,
    unmatched: IntGauge,
    late: IntGauge,
}

impl PaymentMetrics {
    /// Makes and registers them.
    ///
    /// # Errors
    /// When a name is registered twice.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            steps: IntCounterVec::new(
                Opts::new("causeway_payment_steps_total", "Steps of payments, by what was done"),
                &["step"],
            )?,
            events: IntCounterVec::new(
                Opts::new("causeway_payment_events_total", "Events of payment providers, by what became of them"),
                &["outcome"],
            )?,
            woken: IntCounter::new("causeway_payment_wakes_total", "Payments that were woken by events")?,
            found: IntCounter::new(
                "causeway_payments_found_total",
                "Payments of which a provider knew something that no webhook had told",
            )?,
            unmatched: IntGauge::new(
                "causeway_payment_events_unmatched",
                "Events of payment providers that belong to nothing known and wait for staff",
            )?,
            late: IntGauge::new(
                "causeway_payment_events_late",
                "Events of payment providers that should have been passed on a minute ago",
            )?,
        };
        for step in ["create", "ask", "capture", "refund", "expire", "end"] {
            // Shown as zero from the start, so that a first increase is seen.
            metrics.steps.with_label_values(&[step]);
        }
        for outcome in OUTCOMES {
            metrics.events.with_label_values(&[outcome]);
        }
        registry.register(Box::new(metrics.steps.clone()))?;
        registry.register(Box::new(metrics.events.clone()))?;
        registry.register(Box::new(metrics.woken.clone()))?;
        registry.register(Box::new(metrics.found.clone()))?;
        registry.register(Box::new(metrics.unmatched.clone()))?;
        registry.register(Box::new(metrics.late.clone()))?;
        Ok(metrics)
    }

    /// Counts a step.
    pub fn step(&self, step: Step) {
        let name = match step {
            Step::Create => "create",
            Step::Ask => "ask",
            Step::Refund(_) => "refund",
            Step::Expire => "expire",
            Step::End => "end",
            Step::Wait(_) | Step::Rest(_) => return,
        };
        self.steps.with_label_values(&[name]).inc();
    }

    /// Counts money that was taken.
    pub fn captured(&self) {
        self.steps.with_label_values(&["capture"]).inc();
    }

    /// Counts a pass over events.
    pub fn passed(&self, passed: &Passed) {
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        self.events.with_label_values(&["looked_at"]).inc_by(count(passed.events));
        self.events.with_label_values(&["unmatched"]).inc_by(count(passed.unmatched));
        self.woken.inc_by(count(passed.payments.len()));
    }

    /// Counts payments of which a provider knew something new.
    pub fn found(&self, count: u32) {
        self.found.inc_by(u64::from(count));
    }

    /// Shows how many events wait for staff, and how many for being passed on.
    pub fn backlog(&self, unmatched: i64, late: i64) {
        self.unmatched.set(unmatched);
        self.late.set(late);
    }
}
