//! Waits between attempts: growing, bounded, and different for every bot, so that a recovered server is not stormed.

use std::time::Duration;

const FIRST_MS: u64 = 500;
const LONGEST_MS: u64 = 30_000;

/// The waits of one series of attempts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    upper_ms: u64,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { upper_ms: FIRST_MS }
    }
}

impl Backoff {
    /// Between half and all of the present bound, which then doubles.
    pub(super) fn next_wait(&mut self) -> Duration {
        let half_ms = self.upper_ms / 2;
        // Without randomness the waits are merely alike.
        let jitter_ms = getrandom::u64().map_or(half_ms, |random| random % (half_ms + 1));
        self.upper_ms = (self.upper_ms * 2).min(LONGEST_MS);
        Duration::from_millis(half_ms + jitter_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_bound() {
        let mut backoff = Backoff::default();
        for upper_ms in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
            let wait_ms = backoff.next_wait().as_millis();
            assert!((upper_ms / 2..=upper_ms).contains(&wait_ms), "{wait_ms} within {upper_ms}");
        }
    }
}
