//! Messages on their way: when each stood at its source and when at its destination, and whether all came as they should.

use std::collections::HashMap;

use anyhow::Context as _;

use crate::{
    arrivals::{Arrival, now_us},
    scene::{Direction, Route, marker, nearest_rank, number_in, tally},
};

/// One message that was written and has arrived.
#[derive(Clone, Copy, Debug)]
pub struct Trip {
    /// When it stood at its source, in microseconds since 1970.
    pub from_us: u64,
    /// When the destination had accepted it.
    pub to_us: u64,
}

/// Arrivals at both ends of some pairs.
pub(super) struct Trips {
    /// The pair and whether it is its source, by direction's letters and chat.
    ends: HashMap<String, (usize, bool)>,
    directions: Vec<Direction>,
    pairs: Vec<String>,
    /// By message number: its place in the source's order, and when it stood there. Messages that are written at the same
    /// time need not stand in the order of their numbers.
    from: Vec<HashMap<usize, (usize, u64)>>,
    /// Number and time of arrival, in the destination's order.
    to: Vec<Vec<(usize, u64)>>,
    came: usize,
}

impl Trips {
    /// Nothing has come yet.
    pub(super) fn new(routes: &[Route]) -> Self {
        let mut ends = HashMap::new();
        for (index, route) in routes.iter().enumerate() {
            ends.insert(route.source.chat(), (index, true));
            ends.insert(route.destination.chat(), (index, false));
        }
        Self {
            ends,
            directions: routes.iter().map(|route| route.direction).collect(),
            pairs: routes.iter().map(|route| route.pair.id.clone()).collect(),
            from: vec![HashMap::new(); routes.len()],
            to: vec![Vec::new(); routes.len()],
            came: 0,
        }
    }

    /// How many have come to a destination.
    pub(super) const fn came(&self) -> usize {
        self.came
    }

    /// Notes what came to stand; what is not of these pairs is passed over.
    pub(super) fn note(&mut self, arrival: &Arrival) {
        let Some((index, is_source)) = self.ends.get(&arrival.chat).copied() else { return };
        let Some(number) = number_in(self.directions[index], &arrival.head) else { return };
        if is_source {
            let place = self.from[index].len();
            self.from[index].entry(number).or_insert((place, arrival.at_us));
        } else {
            self.to[index].push((number, arrival.at_us));
            self.came += 1;
        }
    }

    /// The trips, when each destination has what its source has, once and in the source's order.
    ///
    /// # Errors
    /// When a message is lost, doubled or out of order.
    pub(super) fn checked(self) -> anyhow::Result<Vec<Trip>> {
        let mut trips = Vec::with_capacity(self.came);
        for (index, to) in self.to.iter().enumerate() {
            let (direction, pair, from) = (self.directions[index], &self.pairs[index], &self.from[index]);
            let mut places = Vec::with_capacity(to.len());
            for (number, to_us) in to {
                let (place, from_us) = from
                    .get(number)
                    .with_context(|| format!("{pair}: message {number} came without having stood at its source"))?;
                places.push(marker(direction, *place));
                trips.push(Trip { from_us: *from_us, to_us: *to_us });
            }
            let found = tally(direction, from.len(), &places);
            anyhow::ensure!(found.is_clean(), "{pair}: {found:?}");
        }
        Ok(trips)
    }
}

/// Messages per second from `start_us` to the last arrival.
#[must_use]
pub fn rate(trips: &[Trip], start_us: u64) -> f64 {
    let end = trips.iter().map(|trip| trip.to_us).max().unwrap_or_else(now_us);
    count(trips.len()) / seconds(end.saturating_sub(start_us))
}

/// Microseconds as seconds.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "spans of a bench are far below 2^52 µs")]
pub const fn seconds(us: u64) -> f64 {
    us as f64 / 1_000_000.0
}

/// Milliseconds from source to destination, shortest first.
#[must_use]
pub fn times_ms(trips: &[Trip]) -> Vec<f64> {
    let mut times: Vec<f64> =
        trips.iter().map(|trip| seconds(trip.to_us.saturating_sub(trip.from_us)) * 1_000.0).collect();
    times.sort_unstable_by(f64::total_cmp);
    times
}

/// A percentile of `times`, shortest first; not a number when nothing was measured.
#[must_use]
pub fn percentile(times: &[f64], percent: usize) -> f64 {
    nearest_rank(times, percent).unwrap_or(f64::NAN)
}

/// A number of messages for a division.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of messages are far below 2^52")]
pub const fn count(messages: usize) -> f64 {
    messages as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_milliseconds_and_in_order() {
        let trips: Vec<Trip> = (1..=200).rev().map(|ms| Trip { from_us: 5, to_us: 5 + ms * 1_000 }).collect();
        let times = times_ms(&trips);
        assert!((percentile(&times, 50) - 100.0).abs() < 1e-6 && (percentile(&times, 99) - 198.0).abs() < 1e-6);
        assert!(percentile(&[], 50).is_nan());
    }
}
