//! Logs: one line each, pretty or JSON.

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

use crate::config::Config;

/// Installs the subscriber.
///
/// # Errors
/// When the level does not parse.
pub fn init(config: &Config) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.log_level).context("LOG_LEVEL is wrong")?;
    // Last, so that no setting can make serenity log what people write.
    let filter = filter.add_directive(activities::discord::LOG_DIRECTIVE.parse()?);
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if config.json_logs {
        builder.json().flatten_event(true).init();
    } else {
        builder.with_ansi(false).init();
    }
    Ok(())
}
