//! Numbers from a seed: the same ones on every machine, for ever.

use std::time::Duration;

/// SplitMix64: small, well distributed, and its output is fixed by its published definition.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A stream of its own for `purpose`, so that more messages do not change who is killed when.
    #[must_use]
    pub fn new(seed: u64, purpose: u64) -> Self {
        let mut mixed = Self(seed ^ purpose.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        mixed.next();
        mixed
    }

    /// The next 64 bits.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`; 0 when the limit is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        // A modulo bias of 2^-50 changes no test.
        let wide = u64::try_from(limit.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.next() % wide).unwrap_or(0)
    }

    /// True in `percent` of all cases.
    pub fn happens(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// A span from `min` up to `max`, in whole milliseconds.
    pub fn span(&mut self, min: Duration, max: Duration) -> Duration {
        let range = usize::try_from(max.saturating_sub(min).as_millis()).unwrap_or(usize::MAX);
        min + Duration::from_millis(u64::try_from(self.below(range)).unwrap_or(0))
    }

    /// One of `choices`; `None` when there are none.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        choices.get(self.below(choices.len()))
    }

    /// Puts `items` into an order that is as likely as any other.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_definition() {
        // The first outputs of SplitMix64 for the state 1234567, from its reference implementation.
        let mut random = Random(1_234_567);
        assert_eq!([random.next(), random.next()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn purposes_do_not_share_numbers_and_limits_hold() {
        let (mut one, mut other) = (Random::new(7, 1), Random::new(7, 2));
        assert_ne!(one.next(), other.next());
        for _ in 0..1_000 {
            assert!(one.below(6) < 6);
            let span = one.span(Duration::from_secs(1), Duration::from_secs(2));
            assert!(span >= Duration::from_secs(1) && span < Duration::from_secs(2));
        }
        let mut items = [1, 2, 3, 4, 5, 6];
        one.shuffle(&mut items);
        items.sort_unstable();
        assert_eq!(items, [1, 2, 3, 4, 5, 6]);
    }
}
