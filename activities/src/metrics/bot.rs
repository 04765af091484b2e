//! What is counted of the bot.

use prometheus::{IntCounterVec, IntGauge, Opts, Registry};

/// What becomes of messages to the bot: each is received; its answer is given, not let through, or given up.
const OUTCOMES: [&str; 4] = ["received", "answered", "blocked", "failed"];

/// `causeway_bot_*`.
#[derive(Clone, Debug)]
pub struct BotMetrics {
    /// `causeway_bot_up`: 1 while the bot is hosted here and connected.
    pub up: IntGauge,
    /// `causeway_bot_refused`: 1 once Telegram has refused the token.
    pub refused: IntGauge,
    /// `causeway_bot_messages_total{outcome}`: received, answered, blocked, failed.
    messages: IntCounterVec,
}

impl BotMetrics {
    /// Makes and registers them.
    ///
    /// # Errors
    /// When a name is registered twice.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            up: IntGauge::new("causeway_bot_up", "1 while the Telegram bot is hosted here and connected")?,
            refused: IntGauge::new("causeway_bot_refused", "1 once Telegram has refused the bot's token")?,
            messages: IntCounterVec::new(
                Opts::new("causeway_bot_messages_total", "Messages to the Telegram bot and their answers"),
                &["outcome"],
            )?,
        };
        for outcome in OUTCOMES {
            // Shown as zero from the start, so that a first increase is seen.
            metrics.messages.with_label_values(&[outcome]);
        }
        registry.register(Box::new(metrics.up.clone()))?;
        registry.register(Box::new(metrics.refused.clone()))?;
        registry.register(Box::new(metrics.messages.clone()))?;
        Ok(metrics)
    }

    /// One more message with this outcome.
    pub fn count(&self, outcome: &str) {
        self.messages.with_label_values(&[outcome]).inc();
    }
}
