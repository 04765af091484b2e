//! Snowflakes: 64-bit ids that carry their time, written as decimal text on the wire.

use std::{
    fmt,
    str::FromStr,
    sync::atomic::{AtomicU64, Ordering},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::clock::now_ms;

/// 2015-01-01, where Discord's ids begin, in milliseconds since 1970.
const EPOCH_MS: u64 = 1_420_070_400_000;

/// Bits below the time.
const COUNTER_BITS: u32 = 22;

/// A snowflake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub u64);

impl Id {
    /// When it was made, in milliseconds since 1970.
    #[must_use]
    pub const fn created_ms(self) -> u64 {
        (self.0 >> COUNTER_BITS) + EPOCH_MS
    }

    /// The smallest id that can be made at `ms`.
    #[must_use]
    pub const fn floor_at(ms: u64) -> Self {
        Self(ms.saturating_sub(EPOCH_MS) << COUNTER_BITS)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Id {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TextOrNumber)
    }
}

/// Makes ids: each greater than all before, also across restarts.
#[derive(Debug, Default)]
pub struct Ids(AtomicU64);

impl Ids {
    /// Never gives `id` or anything below it from now on.
    pub fn skip_to(&self, id: Id) {
        self.0.fetch_max(id.0, Ordering::AcqRel);
    }

    /// The next id.
    pub fn next(&self) -> Id {
        let floor = Id::floor_at(now_ms()).0;
        let before = self
            .0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |last| Some(floor.max(last + 1)))
            .unwrap_or_else(|last| last);
        Id(floor.max(before + 1))
    }
}

struct TextOrNumber;

impl de::Visitor<'_> for TextOrNumber {
    type Value = Id;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a snowflake as text or number")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Id, E> {
        text.parse().map_err(|_| E::custom("not a snowflake"))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Id, E> {
        Ok(Id(number))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Id, E> {
        u64::try_from(number).map(Id).map_err(|_| E::custom("not a snowflake"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_even_within_a_millisecond_and_after_a_skip() {
        let ids = Ids::default();
        let made: Vec<Id> = (0..10_000).map(|_| ids.next()).collect();
        assert!(made.windows(2).all(|pair| pair[0] < pair[1]));
        let far = Id(made[9_999].0 + (1 << 40));
        ids.skip_to(far);
        assert!(ids.next() > far);
    }

    #[test]
    fn ids_are_text_on_the_wire_and_may_be_numbers_when_read() {
        assert_eq!(serde_json::to_string(&Id(7)).unwrap(), "\"7\"");
        assert_eq!(serde_json::from_str::<Vec<Id>>("[\"7\", 8]").unwrap(), vec![Id(7), Id(8)]);
        assert!(serde_json::from_str::<Id>("-1").is_err());
    }
}
