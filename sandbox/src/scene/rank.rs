//! Percentiles of what was measured.

/// Nearest rank: the smallest of `sorted`, least first, that at least `percent` of all do not exceed. `None` when nothing
/// was measured.
#[must_use]
pub fn nearest_rank<T: Copy>(sorted: &[T], percent: usize) -> Option<T> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let all: Vec<u32> = (1..=200).collect();
        assert_eq!([50, 99, 100].map(|percent| nearest_rank(&all, percent)), [Some(100), Some(198), Some(200)]);
        assert_eq!([50, 99].map(|percent| nearest_rank(&[7], percent)), [Some(7), Some(7)]);
        assert_eq!(nearest_rank::<u32>(&[], 50), None);
    }
}
