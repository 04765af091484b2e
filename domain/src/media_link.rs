//! Signed, expiring addresses of attachments that a destination does not take as files.
//!
//! The signature is HMAC-SHA256 over the attachment's id and the time at which the address ends, so neither can be
//! changed. The file name is not signed: it is there for people, and what is served has the name on record.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::{ids::MediaId, notification::Unsubscriber};

/// A key shorter than this could be guessed.
pub const KEY_CHARS_MIN: usize = 32;
/// A longer name, written for an address, is left out of it: Discord cuts long addresses, and people read the label.
const NAME_CHARS_MAX: usize = 200;

/// What an address is signed with; the same in worker and API. Not shown by `Debug`.
#[derive(Clone)]
pub struct LinkKey(Vec<u8>);

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey(..)")
    }
}

impl LinkKey {
    /// A key of at least [`KEY_CHARS_MIN`] characters; `None` for a shorter one.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        (text.chars().count() >= KEY_CHARS_MIN).then(|| Self(text.as_bytes().to_vec()))
    }

    /// The signature of an address that ends at `expires`, in seconds since 1970: 64 hexadecimal digits.
    #[must_use]
    pub fn sign(&self, media: MediaId, expires: i64) -> String {
        to_hex(&self.code(media, expires).finalize().into_bytes())
    }

    /// True when `signature` belongs to this attachment and this end. Takes the same time wherever they differ.
    #[must_use]
    pub fn verify(&self, media: MediaId, expires: i64, signature: &str) -> bool {
        from_hex(signature).is_some_and(|code| self.code(media, expires).verify_slice(&code).is_ok())
    }

    fn code(&self, media: MediaId, expires: i64) -> Hmac<Sha256> {
        let mut code = self.hmac(b"causeway.media.v1");
        code.update(media.as_uuid().as_bytes());
        code.update(&expires.to_be_bytes());
        code
    }

    /// A signature that has begun with its purpose, so that none of another purpose fits.
    pub(crate) fn hmac(&self, purpose: &[u8]) -> Hmac<Sha256> {
        // HMAC takes keys of any length; one that were refused would sign with nothing, and verify nothing.
        let mut code = Hmac::<Sha256>::new_from_slice(&self.0).unwrap_or_else(|_| Hmac::new(&[0; 64].into()));
        code.update(purpose);
        code
    }
}

/// How addresses are made.
#[derive(Clone, Debug)]
pub struct Links {
    base: String,
    key: LinkKey,
    lifetime: TimeDelta,
}

impl Links {
    /// Addresses below `base`, good for `lifetime`.
    #[must_use]
    pub fn new(base: &str, key: LinkKey, lifetime: TimeDelta) -> Self {
        Self { base: base.trim_end_matches('/').to_owned(), key, lifetime }
    }

    /// Makes addresses at which readers turn messages off, below the same base and under the same key.
    #[must_use]
    pub fn unsubscriber(&self) -> Unsubscriber {
        Unsubscriber::new(&self.base, self.key.clone())
    }

    /// When an address that is made at `now` ends.
    #[must_use]
    pub fn until(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now + self.lifetime
    }

    /// Half of the time for which an address is good: one with less than this before it is made good for longer while
    /// it has not been sent.
    #[must_use]
    pub fn half_life(&self) -> TimeDelta {
        self.lifetime / 2
    }

    /// The address of an attachment, good until `until`. The same for the same arguments.
    #[must_use]
    pub fn url(&self, media: MediaId, file_name: &str, until: DateTime<Utc>) -> String {
        let expires = until.timestamp();
        let signature = self.key.sign(media, expires);
        format!("{}/media/{media}/{}?expires={expires}&signature={signature}", self.base, path_name(file_name))
    }
}

/// A file name as the last part of a path.
fn path_name(file_name: &str) -> String {
    let mut path = String::new();
    for byte in file_name.trim().bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.') {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    // A path of dots would lead elsewhere.
    let leads = path.bytes().any(|byte| byte != b'.');
    if leads && path.len() <= NAME_CHARS_MAX { path } else { "file".to_owned() }
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The 32 bytes of a signature.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = digits.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?));
    (digits.len() == 64).then(|| pairs.collect()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::SystemClock;

    fn key() -> LinkKey {
        LinkKey::new("0123456789abcdef0123456789abcdef").unwrap()
    }

    #[test]
    fn a_signature_is_good_for_its_own_attachment_and_end_only() {
        let (media, other) = (MediaId::new(&SystemClock), MediaId::new(&SystemClock));
        let signature = key().sign(media, 1_800_000_000);
        assert!(key().verify(media, 1_800_000_000, &signature));
        assert!(!key().verify(media, 1_800_000_001, &signature));
        assert!(!key().verify(other, 1_800_000_000, &signature));
        assert!(!LinkKey::new(&"x".repeat(32)).unwrap().verify(media, 1_800_000_000, &signature));
        let mut tampered = signature.clone().into_bytes();
        tampered[0] ^= 1;
        for wrong in ["", "00", "zz", &signature[1..], &String::from_utf8(tampered).unwrap()] {
            assert!(!key().verify(media, 1_800_000_000, wrong), "{wrong}");
        }
    }

    #[test]
    fn a_short_key_is_none() {
        assert!(LinkKey::new("short").is_none());
        assert!(!format!("{:?}", key()).contains("0123"));
    }

    #[test]
    fn an_address_is_stable_and_its_name_harmless() {
        let media = MediaId::from_uuid(uuid::Uuid::nil());
        let links = Links::new("https://c.example/", key(), TimeDelta::days(7));
        let until = links.until(DateTime::UNIX_EPOCH);
        let url = links.url(media, "my file_(1).zip", until);
        assert_eq!(url, links.url(media, "my file_(1).zip", until));
        let head = "https://c.example/media/media_00000000000000000000000000000000/my%20file%5F%281%29.zip?expires=604800&signature=";
        assert!(url.starts_with(head), "{url}");
        for (name, path) in [("../../etc", "..%2F..%2Fetc"), ("..", "file"), ("", "file"), ("é", "%C3%A9")] {
            assert_eq!(path_name(name), path);
        }
        assert_eq!(path_name(&"文".repeat(80)), "file");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn only_our_signature_is_good(expires: i64, signature in "[0-9a-fA-F]{64}|.{0,70}") {
            let media = MediaId::from_uuid(uuid::Uuid::nil());
            prop_assert!(!key().verify(media, expires, &signature));
            prop_assert!(key().verify(media, expires, &key().sign(media, expires)));
        }

        #[test]
        fn any_name_is_one_part_of_a_path(name: String) {
            let path = path_name(&name);
            prop_assert!(!path.is_empty() && path.len() <= NAME_CHARS_MAX);
            prop_assert!(path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.%".contains(&byte)));
            prop_assert!(path.bytes().any(|byte| byte != b'.'));
        }
    }
}
