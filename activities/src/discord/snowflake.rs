//! Discord's ids: 64 bits whose upper 42 are milliseconds since 2015.

use chrono::{DateTime, Utc};

use crate::platform::PlatformError;

/// 2015-01-01T00:00:00Z in Unix milliseconds.
const EPOCH_MS: i64 = 1_420_070_400_000;
/// Bits below the time: worker, process and counter.
const TIME_SHIFT: u32 = 22;

/// The smallest id that can have been made at `moment`; at least 1, because serenity refuses 0.
pub(super) fn at(moment: DateTime<Utc>) -> i64 {
    let since_epoch_ms = moment.timestamp_millis().saturating_sub(EPOCH_MS).clamp(0, i64::MAX >> TIME_SHIFT);
    (since_epoch_ms << TIME_SHIFT).max(1)
}

/// When an id was made.
pub(super) fn time(id: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis((id >> TIME_SHIFT).saturating_add(EPOCH_MS)).unwrap_or_default()
}

/// Our signed number from Discord's unsigned one. The top bit stays free until the year 2084.
pub(super) fn signed(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

/// A channel id for serenity. [`PlatformError::Chat`] for a number that no Discord channel can have.
pub(super) fn channel(chat: domain::ChatId) -> Result<serenity::all::ChannelId, PlatformError> {
    match u64::try_from(chat.get()) {
        Ok(id) if id > 0 => Ok(serenity::all::ChannelId::new(id)),
        _ => Err(super::errors::chat("unknown_channel", "not a Discord channel id")),
    }
}

/// A message id for serenity; anything below 1 becomes 1, the beginning of time.
pub(super) fn message(id: i64) -> serenity::all::MessageId {
    serenity::all::MessageId::new(u64::try_from(id).unwrap_or(1).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_carries_its_time() {
        // The example in Discord's reference.
        assert_eq!(time(175_928_847_299_117_063).timestamp_millis(), 1_462_015_105_796);
        let moment = DateTime::from_timestamp_millis(1_462_015_105_796).unwrap();
        assert!(at(moment) <= 175_928_847_299_117_063);
        assert_eq!(time(at(moment)), moment);
    }

    #[test]
    fn times_before_the_epoch_become_the_first_id() {
        assert_eq!(at(DateTime::from_timestamp_millis(0).unwrap()), 1);
    }

    #[test]
    fn only_positive_numbers_are_channels() {
        for (id, good) in [(1, true), (i64::MAX, true), (0, false), (-100_123, false)] {
            assert_eq!(channel(domain::ChatId::new(id)).is_ok(), good, "{id}");
        }
    }
}
