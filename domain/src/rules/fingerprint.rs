//! The fingerprint of a message's content, by which a duplicate is known.

use chrono::TimeDelta;
use sha2::{Digest, Sha256};

use super::{Rules, options::DuplicateScope};
use crate::{
    account::Platform,
    chat::ChatId,
    ids::{PairId, UserId},
    message::Message,
    text::urls::is_invisible,
};

/// Where content is compared.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// The pair.
    pub pair: PairId,
    /// Whose it is.
    pub user: UserId,
    /// Where it writes.
    pub platform: Platform,
    /// What it writes to.
    pub destination: ChatId,
}

/// The name of some content within a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// For a database column.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What has to be looked up, and remembered when the message is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DuplicateCheck {
    /// The content.
    pub fingerprint: Fingerprint,
    /// Content that was carried within this time is not carried again.
    pub window: TimeDelta,
}

impl DuplicateCheck {
    /// Stable name of the rule, as a reason code.
    pub const CODE: &'static str = "duplicate";
    /// The option that decides.
    pub const RULE: &'static str = "duplicates";
    /// For people.
    pub const TEXT: &'static str = "the same content was carried a short time ago";
}

impl Rules {
    /// The check that the pair wants, if it wants one and the message has content that can be compared.
    #[must_use]
    pub fn duplicate_check(&self, message: &Message, scope: Scope) -> Option<DuplicateCheck> {
        let duplicates = self.options.duplicates.as_ref()?;
        let fingerprint = fingerprint(message, duplicates.scope, scope)?;
        Some(DuplicateCheck { fingerprint, window: TimeDelta::seconds(i64::from(duplicates.window_seconds)) })
    }
}

/// A hash of the words in lower case and of kinds and sizes of everything else; `None` when there is nothing.
fn fingerprint(message: &Message, within: DuplicateScope, scope: Scope) -> Option<Fingerprint> {
    let words: Vec<String> = message
        .searched()
        .iter()
        .flat_map(|piece| piece.split_whitespace())
        .map(|word| word.chars().filter(|c| !is_invisible(*c)).flat_map(char::to_lowercase).collect())
        .filter(|word: &String| !word.is_empty())
        .collect();
    if words.is_empty() && message.media.is_empty() && message.extras.is_empty() {
        return None;
    }
    let mut hash = Sha256::new();
    hash.update(b"causeway.content.v1");
    match within {
        DuplicateScope::Pair => {
            hash.update(b"pair");
            hash.update(scope.pair.as_uuid().as_bytes());
        }
        DuplicateScope::Destination => {
            hash.update(match scope.platform {
                Platform::Telegram => b"telegram".as_slice(),
                Platform::Discord => b"discord".as_slice(),
            });
            hash.update(scope.user.as_uuid().as_bytes());
            hash.update(scope.destination.get().to_be_bytes());
        }
    }
    for word in words {
        hash.update(word.as_bytes());
        hash.update(b" ");
    }
    for media in &message.media {
        hash.update([0]);
        hash.update(format!("{:?}", media.kind).as_bytes());
        hash.update(media.size_bytes.to_be_bytes());
    }
    Some(Fingerprint(hash.finalize().into()))
}
