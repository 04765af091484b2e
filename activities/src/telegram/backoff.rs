//! How long to wait between attempts to reach Telegram.

use std::time::Duration;

/// The first wait: a dropped connection is usually accepted again at once.
const FIRST: Duration = Duration::from_millis(200);
/// The longest wait: an outage that ends is noticed within half a minute.
const LONGEST: Duration = Duration::from_secs(30);

/// Doubling waits with jitter, so that many accounts do not come back in step.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// The next wait: between half and all of the doubled time.
    pub(super) fn next(&mut self) -> Duration {
        let full = FIRST.saturating_mul(2_u32.saturating_pow(self.attempts)).min(LONGEST);
        self.attempts = self.attempts.saturating_add(1);
        let mut random = [0];
        // Without randomness all accounts wait the same time, which is worse but not wrong.
        let jitter = getrandom::fill(&mut random).map_or(u8::MAX, |()| random[0]);
        full / 2 + full / 2 * u32::from(jitter) / u32::from(u8::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_longest_and_stay() {
        let mut backoff = Backoff::default();
        let waits: Vec<Duration> = (0..40).map(|_| backoff.next()).collect();
        assert!(waits[0] >= FIRST / 2 && waits[0] <= FIRST);
        assert!(waits[4] > waits[0]);
        assert!(waits[30..].iter().all(|wait| *wait >= LONGEST / 2 && *wait <= LONGEST));
    }
}
