//! Counting at the destination: every message carries its direction and number in its text.

use std::collections::BTreeMap;

use super::Direction;

/// How many digits a number has in a text; more messages than that are never sent.
const DIGITS: usize = 6;

/// The word that names message `number` of a direction: letters and digits only, so that no text conversion touches it.
#[must_use]
pub fn marker(direction: Direction, number: usize) -> String {
    format!("{}{number:0DIGITS$}", direction.letters())
}

/// What stands at a destination, compared with what was written at its source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Different messages that arrived.
    pub delivered: usize,
    /// Messages that did not arrive.
    pub lost: usize,
    /// Copies beyond the first.
    pub duplicated: usize,
    /// First copies that stand after one that was written later.
    pub out_of_order: usize,
}

impl Tally {
    /// Everything arrived once and in order.
    #[must_use]
    pub const fn is_clean(self) -> bool {
        self.lost == 0 && self.duplicated == 0 && self.out_of_order == 0
    }

    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            delivered: self.delivered + other.delivered,
            lost: self.lost + other.lost,
            duplicated: self.duplicated + other.duplicated,
            out_of_order: self.out_of_order + other.out_of_order,
        }
    }
}

/// Counts the messages `0..written` of a direction in the texts of its destination, oldest first.
#[must_use]
pub fn tally(direction: Direction, written: usize, texts: &[String]) -> Tally {
    let mut copies: BTreeMap<usize, usize> = BTreeMap::new();
    let mut tally = Tally::default();
    let mut newest = None;
    for number in texts.iter().filter_map(|text| number_in(direction, text)) {
        let copy = copies.entry(number).or_default();
        *copy += 1;
        if *copy > 1 {
            tally.duplicated += 1;
        } else if newest.is_some_and(|newest| number < newest) {
            tally.out_of_order += 1;
        } else {
            newest = Some(number);
        }
    }
    tally.delivered = copies.len();
    tally.lost = (0..written).filter(|number| !copies.contains_key(number)).count();
    tally
}

/// The number of the message of a direction that a text belongs to.
#[must_use]
pub fn number_in(direction: Direction, text: &str) -> Option<usize> {
    let (_, rest) = text.split_once(direction.letters()).filter(|(_, rest)| rest.len() >= DIGITS)?;
    rest.get(..DIGITS)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIRECTION: Direction = Direction::TelegramToDiscord;

    fn arrived(numbers: &[usize]) -> Vec<String> {
        numbers.iter().map(|number| format!("**news** {} and more", marker(DIRECTION, *number))).collect()
    }

    #[test]
    fn what_is_missing_doubled_or_late_is_counted() {
        let clean = tally(DIRECTION, 3, &arrived(&[0, 1, 2]));
        assert_eq!(clean, Tally { delivered: 3, lost: 0, duplicated: 0, out_of_order: 0 });
        assert!(clean.is_clean());
        let bad = tally(DIRECTION, 6, &arrived(&[0, 2, 1, 2, 4, 4]));
        assert_eq!(bad, Tally { delivered: 4, lost: 2, duplicated: 2, out_of_order: 1 });
        let foreign = tally(DIRECTION, 1, &["DT000000".to_owned(), "TDx".to_owned()]);
        assert_eq!(foreign.lost, 1);
    }
}
