//! Logs: JSON for machines, a line for people.

use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::config::Config;

/// Sends what the process has to say to its standard error.
///
/// # Errors
/// When it is called twice, or the level does not parse.
pub fn init(config: &Config) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.log_level)?;
    let registry = tracing_subscriber::registry().with(filter);
    if config.json_logs {
        let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(std::io::stderr);
        registry.with(lines).try_init()?;
    } else {
        let colours = std::io::stderr().is_terminal();
        registry.with(tracing_subscriber::fmt::layer().with_ansi(colours).with_writer(std::io::stderr)).try_init()?;
    }
    Ok(())
}
