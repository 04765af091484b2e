//! How long a drain with an empty queue lingers: a wake costs Temporal some 30 ms of CPU, lingering costs a slot, so a
//! drain waits about twice the pair's usual gap between messages, and not at all for long where the gap is long.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use domain::PairId;

/// A pair with longer gaps is woken each time; a slot is not held for it.
const LINGER_MAX: Duration = Duration::from_secs(5);
/// Even a slow pair lingers so long: people write in bursts.
const LINGER_MIN: Duration = Duration::from_millis(300);
/// Pairs remembered; beyond it the longest silent ones are forgotten.
const PAIRS_MAX: usize = 10_000;
/// Weight of the newest gap in the average, in percent.
const NEWEST_PERCENT: u32 = 30;

#[derive(Clone, Copy, Debug)]
struct Rhythm {
    last: Instant,
    gap: Option<Duration>,
}

/// What is known of each pair's rhythm, since the process started.
#[derive(Debug, Default)]
pub struct Rhythms(Mutex<HashMap<PairId, Rhythm>>);

impl Rhythms {
    /// Messages of the pair were found at `now`.
    pub fn beat(&self, pair: PairId, now: Instant) {
        let mut rhythms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rhythms.len() >= PAIRS_MAX && !rhythms.contains_key(&pair) {
            let oldest = rhythms.iter().min_by_key(|(_, rhythm)| rhythm.last).map(|(pair, _)| *pair);
            oldest.and_then(|oldest| rhythms.remove(&oldest));
        }
        let rhythm = rhythms.entry(pair).or_insert(Rhythm { last: now, gap: None });
        let gap = now.saturating_duration_since(rhythm.last);
        if !gap.is_zero() {
            rhythm.gap = Some(match rhythm.gap {
                None => gap,
                Some(average) => (average * (100 - NEWEST_PERCENT) + gap * NEWEST_PERCENT) / 100,
            });
        }
        rhythm.last = now;
    }

    /// How long to wait for the pair's next message.
    #[must_use]
    pub fn linger(&self, pair: PairId) -> Duration {
        let rhythms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match rhythms.get(&pair).and_then(|rhythm| rhythm.gap) {
            Some(gap) if gap * 2 <= LINGER_MAX => (gap * 2).max(LINGER_MIN),
            Some(_) | None => LINGER_MIN,
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::SystemClock;

    use super::*;

    fn linger_after(gap: Duration) -> Duration {
        let (rhythms, pair, start) = (Rhythms::default(), PairId::new(&SystemClock), Instant::now());
        for beat in 0..10 {
            rhythms.beat(pair, start + gap * beat);
        }
        rhythms.linger(pair)
    }

    #[test]
    fn a_busy_pair_lingers_a_slow_one_does_not() {
        assert_eq!(linger_after(Duration::from_millis(50)), LINGER_MIN);
        assert_eq!(linger_after(Duration::from_secs(1)), Duration::from_secs(2));
        assert_eq!(linger_after(Duration::from_secs(60)), LINGER_MIN);
        assert_eq!(Rhythms::default().linger(PairId::new(&SystemClock)), LINGER_MIN);
    }
}
