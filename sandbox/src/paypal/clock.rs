//! The one place of this server that looks at the wall clock, and how it spells times.

use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};

/// The machine's time; what the service shows may be ahead of it, see [`super::world::World::shift`].
#[must_use]
pub fn now() -> DateTime<Utc> {
    #[expect(clippy::disallowed_methods, reason = "a server of its own: this is its only clock")]
    let now = SystemTime::now();
    now.into()
}

/// As in resources: `2026-11-21T00:00:00Z`.
#[must_use]
pub fn seconds(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// As in webhooks: `2026-11-21T00:00:00.000Z`.
#[must_use]
pub fn millis(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
