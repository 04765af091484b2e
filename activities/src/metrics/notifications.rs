//! What the outbox shows of itself.

use domain::notification::Channel;
use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// What may become of an attempt.
const OUTCOMES: [&str; 4] = ["sent", "postponed", "failed", "dropped"];

/// The counters and gauges of notifications.
#[derive(Clone, Debug)]
pub struct NotificationMetrics {
    attempts: IntCounterVec,
    waiting: IntGaugeVec,
    due: IntGaugeVec,
    /// `causeway_mail_configured`: 1 when this worker has a mail server.
    pub mail_configured: IntGauge,
}

impl NotificationMetrics {
    /// Makes and registers them.
    ///
    /// # Errors
    /// When a name is registered twice.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauge = |name: &str, help: &str| IntGaugeVec::new(Opts::new(name, help), &["channel"]);
        let metrics = Self {
            attempts: IntCounterVec::new(
                Opts::new("causeway_notifications_total", "Attempts to send a notification, by what came of them"),
                &["channel", "outcome"],
            )?,
            waiting: gauge("causeway_notifications_waiting", "Notifications that are to be sent, now or later")?,
            due: gauge("causeway_notifications_due", "Notifications that could be sent now")?,
            mail_configured: IntGauge::new("causeway_mail_configured", "1 when this worker has a mail server")?,
        };
        for channel in Channel::ALL {
            for outcome in OUTCOMES {
                // Shown as zero from the start, so that a first increase is seen.
                metrics.attempts.with_label_values(&[channel.as_str(), outcome]);
            }
        }
        registry.register(Box::new(metrics.attempts.clone()))?;
        registry.register(Box::new(metrics.waiting.clone()))?;
        registry.register(Box::new(metrics.due.clone()))?;
        registry.register(Box::new(metrics.mail_configured.clone()))?;
        Ok(metrics)
    }

    /// One attempt: `sent`, `postponed`, `failed` or `dropped`.
    pub fn count(&self, channel: Channel, outcome: &str) {
        self.attempts.with_label_values(&[channel.as_str(), outcome]).inc();
    }

    /// What waits on a channel, in the whole installation.
    pub fn show_backlog(&self, channel: Channel, waiting: i64, due: i64) {
        self.waiting.with_label_values(&[channel.as_str()]).set(waiting);
        self.due.with_label_values(&[channel.as_str()]).set(due);
    }
}
