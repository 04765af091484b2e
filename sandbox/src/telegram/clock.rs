//! The only door of the sandbox server to wall time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds since the Unix epoch, in the 32-bit form that the protocol uses.
pub(crate) fn now() -> i32 {
    i32::try_from(since_epoch().as_secs()).unwrap_or(i32::MAX)
}

/// Time since the Unix epoch; message identifiers are made from it.
#[expect(clippy::disallowed_methods, reason = "the one place of this server that may read the wall clock")]
pub(crate) fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
