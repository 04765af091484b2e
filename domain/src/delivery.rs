//! One message on its way along one pair.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::{PairId, SourceMessageId};

/// The state of a delivery. Every change leaves a row in the delivery's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "delivery_state", rename_all = "snake_case"))]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Waits for its turn, its due time or its media.
    Pending,
    /// Claimed by a drain: a send may have happened, so a retry must use the same keys or read back first.
    Sending,
    /// Every part stands at the destination.
    Sent,
    /// Not forwarded, by a rule that the history names.
    Skipped,
    /// The destination refuses this message for good; the history says why.
    Dead,
}

/// What a delivery does at the destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "delivery_operation", rename_all = "snake_case"))]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Writes the message.
    #[default]
    Post,
    /// Changes what was written to what the message says now.
    Edit,
    /// Deletes what was written.
    Delete,
}

/// The name of one send, made from what is sent and never from the attempt, so that a retry is recognised.
///
/// Discord takes it as `nonce` (at most 25 characters) with `enforce_nonce`; Telegram takes [`Self::random_id`].
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Discord's limit on a nonce, in characters.
    pub const LENGTH: usize = 24;

    /// The key of part `part` of a message on a pair. A revision is a source message of its own.
    #[must_use]
    pub fn derive(pair: PairId, message: SourceMessageId, part: u32) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"causeway.send.v1");
        hash.update(pair.as_uuid().as_bytes());
        hash.update(message.as_uuid().as_bytes());
        hash.update(part.to_be_bytes());
        Self::from_hash(hash)
    }

    /// The key of item `index` of a send that makes several messages at the destination, such as a Telegram album. Item
    /// 0 has the key itself.
    #[must_use]
    pub fn item(&self, index: usize) -> Self {
        if index == 0 {
            return self.clone();
        }
        let mut hash = Sha256::new();
        hash.update(b"causeway.send.item.v1");
        hash.update(self.0.as_bytes());
        hash.update(index.to_be_bytes());
        Self::from_hash(hash)
    }

    fn from_hash(hash: Sha256) -> Self {
        let mut text: String = hash.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
            use fmt::Write as _;
            let _infallible = write!(text, "{byte:02x}");
            text
        });
        text.truncate(Self::LENGTH);
        Self(text)
    }

    /// The key as a Discord nonce.
    #[must_use]
    pub fn as_nonce(&self) -> &str {
        &self.0
    }

    /// The key as a Telegram `random_id`: never 0, which Telegram refuses.
    #[must_use]
    pub fn random_id(&self) -> i64 {
        let head = self.0.get(..16).and_then(|head| u64::from_str_radix(head, 16).ok()).unwrap_or(1);
        i64::from_be_bytes(head.to_be_bytes()) | 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn a_key_depends_on_what_is_sent_and_on_nothing_else() {
        let (pair, message) = (PairId::new(&SystemClock), SourceMessageId::new(&SystemClock));
        let key = IdempotencyKey::derive(pair, message, 0);
        assert_eq!(key, IdempotencyKey::derive(pair, message, 0));
        assert_ne!(key, IdempotencyKey::derive(pair, message, 1));
        assert_ne!(key, IdempotencyKey::derive(PairId::new(&SystemClock), message, 0));
        assert_ne!(key, IdempotencyKey::derive(pair, SourceMessageId::new(&SystemClock), 0));
        assert_eq!(key.item(0), key);
        assert_ne!(key.item(1), key);
        assert_ne!(key.item(1), key.item(2));
        assert!(key.item(1).as_nonce().len() <= 25);
        assert!(key.as_nonce().len() <= 25);
        assert_ne!(key.random_id(), 0);
    }
}
