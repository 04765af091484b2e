//! Tokens of links to the bot, and the numbers by which Telegram recognises a message that it has seen already.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use sha2::{Digest as _, Sha256};

use crate::NotificationId;

/// How long a link to the bot can be followed: as long as it takes to get out the phone.
pub const LINK_TOKEN_LASTS: TimeDelta = TimeDelta::minutes(15);
/// Random bytes of a token; more than anybody can try.
pub const LINK_TOKEN_BYTES: usize = 24;
/// What Telegram takes as the payload of a link, in characters.
const PAYLOAD_CHARS_MAX: usize = 64;

/// What a link to the bot carries: whoever shows it once is linked. A secret; only its hash is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkToken(String);

impl LinkToken {
    /// The token of these random bytes.
    #[must_use]
    pub fn new(random: [u8; LINK_TOKEN_BYTES]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(random))
    }

    /// The token that a link has carried; `None` for what cannot be one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        (is_plain && !text.is_empty() && text.len() <= PAYLOAD_CHARS_MAX).then(|| Self(text.to_owned()))
    }

    /// What is stored of it.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }

    /// The link to the bot of this username.
    #[must_use]
    pub fn url(&self, username: &str) -> String {
        format!("https://t.me/{username}?start={}", self.0)
    }
}

impl std::fmt::Debug for LinkToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LinkToken(..)")
    }
}

/// The `random_id` of part `part` of the answer to message `message` of the bot's mailbox.
#[must_use]
pub fn answer_key(bot: i64, message: i64, part: usize) -> i64 {
    key(b"causeway.bot.answer.v1", &[&bot.to_be_bytes(), &message.to_be_bytes()], part)
}

/// The `random_id` of part `part` of a notification.
#[must_use]
pub fn notification_key(id: NotificationId, part: usize) -> i64 {
    key(b"causeway.bot.notification.v1", &[id.as_uuid().as_bytes()], part)
}

fn key(purpose: &[u8], of: &[&[u8]], part: usize) -> i64 {
    let mut hash = Sha256::new();
    hash.update(purpose);
    of.iter().for_each(|piece| hash.update(piece));
    hash.update(part.to_be_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    let mut number = [0; 8];
    number.copy_from_slice(&digest[..8]);
    // Telegram takes no 0.
    i64::from_be_bytes(number) | 1
}
