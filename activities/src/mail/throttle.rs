//! How many mails may be handed in.

use std::time::{Duration, Instant};

/// What may be handed in at once after a silence is what may be handed in in this time: a mail server that counts by the
/// minute sees no more than it allows.
const BURST_SECONDS: f64 = 10.0;

/// Fills with time and empties with mails.
#[derive(Debug)]
pub(super) struct Bucket {
    per_second: f64,
    capacity: f64,
    tokens: f64,
    filled_at: Option<Instant>,
}

impl Bucket {
    /// A full one.
    pub(super) fn new(per_minute: u32) -> Self {
        let per_second = f64::from(per_minute.max(1)) / 60.0;
        let capacity = (per_second * BURST_SECONDS).max(1.0);
        Self { per_second, capacity, tokens: capacity, filled_at: None }
    }

    /// Takes up to `wanted`, at least one; or says how long until there is one.
    pub(super) fn take(&mut self, wanted: u32, now: Instant) -> Result<u32, Duration> {
        let passed = self.filled_at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.filled_at = Some(now);
        self.tokens = (self.tokens + passed.as_secs_f64() * self.per_second).min(self.capacity);
        let taken = (1..=wanted).take_while(|count| f64::from(*count) <= self.tokens).last().unwrap_or(0);
        if taken == 0 {
            // A little more, so that rounding does not ask twice.
            let wait = (1.0 - self.tokens) / self.per_second + 0.001;
            return Err(Duration::from_secs_f64(wait));
        }
        self.tokens -= f64::from(taken);
        Ok(taken)
    }

    /// Gives back what was not used.
    pub(super) fn give_back(&mut self, unused: u32) {
        self.tokens = (self.tokens + f64::from(unused)).min(self.capacity);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_lets_through_what_it_may_and_no_more() {
        let (mut bucket, began) = (Bucket::new(60), Instant::now());
        let (mut now, mut sent) = (began, 0);
        while now < began + Duration::from_secs(60) {
            match bucket.take(4, now) {
                Ok(taken) => sent += taken,
                Err(wait) => now += wait,
            }
        }
        assert!((60..=70).contains(&sent), "{sent}");
    }

    #[test]
    fn a_slow_one_lets_one_through_at_a_time() {
        let (mut bucket, now) = (Bucket::new(1), Instant::now());
        assert_eq!(bucket.take(4, now), Ok(1));
        let wait = bucket.take(4, now).unwrap_err();
        assert!(wait > Duration::from_secs(59) && wait < Duration::from_secs(61), "{wait:?}");
        bucket.give_back(1);
        assert_eq!(bucket.take(4, now), Ok(1));
        assert_eq!(bucket.take(4, now + wait), Ok(1));
    }
}
