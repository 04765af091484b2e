//! The one place of this server that looks at the wall clock, and the one that throws dice.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
#[must_use]
pub fn now_ms() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a server of its own: this is its only clock")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// A number below `end`, any; 0 when there is none, or no randomness.
#[must_use]
pub fn any_below(end: u64) -> u64 {
    let mut bytes = [0; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => u64::from_le_bytes(bytes).checked_rem(end).unwrap_or(0),
        Err(_) => 0,
    }
}
