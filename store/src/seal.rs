//! Encryption at rest of secret columns: XChaCha20-Poly1305, bound to its row, with a key id for rotation.
//!
//! Layout of a sealed value: length of the key id (1 byte), key id, nonce (24 bytes), ciphertext with tag (16 bytes). A
//! value is longer than its plain text by [`OVERHEAD_BYTES`] and the key id. Which columns hold such values stands in
//! [`columns`]; [`reseal`] brings them under the first key.

pub mod columns;
pub mod reseal;

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, aead::AeadInOut as _};
use hmac::{Hmac, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
const KEY_BYTES: usize = 32;
/// A longer id would cost its length in every sealed value.
const KEY_ID_BYTES_MAX: usize = 32;

/// What sealing adds to a value, beside the key id.
pub const OVERHEAD_BYTES: usize = 1 + NONCE_BYTES + TAG_BYTES;

/// Why a value cannot be sealed or opened. Never says what was inside.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The key list is not `id:base64[,id:base64…]` with 32-byte keys and different ids of 1 to 32 bytes.
    #[error("expected `id:base64` pairs separated by commas, each key 32 bytes and each id another one")]
    BadKeys,
    /// The value was sealed under a key that is not in the list.
    #[error("no key named `{0}`")]
    UnknownKey(String),
    /// The value is damaged, or it belongs to another row.
    #[error("the value does not open")]
    Broken,
    /// The machine gave no randomness.
    #[error("no randomness")]
    NoRandomness,
}

struct Key {
    id: String,
    cipher: XChaCha20Poly1305,
    /// For digests: derived, so that no digest says anything of the cipher's key.
    digests: Hmac<Sha256>,
}

impl Key {
    fn parse(entry: &str) -> Result<Self, SealError> {
        let (id, key) = entry.trim().split_once(':').ok_or(SealError::BadKeys)?;
        let key = STANDARD.decode(key).map_err(|_| SealError::BadKeys)?;
        if id.is_empty() || id.len() > KEY_ID_BYTES_MAX || key.len() != KEY_BYTES {
            return Err(SealError::BadKeys);
        }
        let cipher = XChaCha20Poly1305::new_from_slice(&key).map_err(|_| SealError::BadKeys)?;
        let mut derived = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| SealError::BadKeys)?;
        derived.update(b"causeway.seal.digests.v1");
        let digests =
            Hmac::<Sha256>::new_from_slice(&derived.finalize().into_bytes()).map_err(|_| SealError::BadKeys)?;
        Ok(Self { id: id.to_owned(), cipher, digests })
    }
}

/// Seals and opens. The first key seals; all keys open. Cheap to clone.
#[derive(Clone)]
pub struct Sealer {
    keys: Arc<[Key]>,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.id)).finish()
    }
}

impl Sealer {
    /// Reads a key list of the form `id:base64[,id:base64…]`.
    ///
    /// # Errors
    /// [`SealError::BadKeys`] when it is not one.
    pub fn parse(keys: &SecretString) -> Result<Self, SealError> {
        let keys: Vec<Key> = keys.expose_secret().split(',').map(Key::parse).collect::<Result<_, _>>()?;
        let is_again = |(place, key): (usize, &Key)| keys.iter().take(place).any(|other| other.id == key.id);
        if keys.iter().enumerate().any(is_again) {
            return Err(SealError::BadKeys);
        }
        Ok(Self { keys: keys.into() })
    }

    /// Seals `plain` for one place (`table/row/column`).
    ///
    /// # Errors
    /// [`SealError::NoRandomness`] when the machine has none.
    pub fn seal(&self, place: &str, plain: &SecretString) -> Result<Vec<u8>, SealError> {
        self.seal_bytes(place, plain.expose_secret().as_bytes())
    }

    /// Opens what [`Self::seal`] made for the same place.
    ///
    /// # Errors
    /// [`SealError::UnknownKey`] or [`SealError::Broken`].
    pub fn open(&self, place: &str, sealed: &[u8]) -> Result<SecretString, SealError> {
        let plain = self.open_bytes(place, sealed)?;
        String::from_utf8(plain).map(SecretString::from).map_err(|_| SealError::Broken)
    }

    /// Seals bytes for one place.
    ///
    /// # Errors
    /// [`SealError::NoRandomness`] when the machine has none.
    pub fn seal_bytes(&self, place: &str, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0_u8; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| SealError::NoRandomness)?;
        self.seal_with(nonce, place, plain)
    }

    /// Seals many values, each for its place, with one question for randomness.
    ///
    /// # Errors
    /// [`SealError::NoRandomness`] when the machine has none.
    pub fn seal_all<P: AsRef<str>, B: AsRef<[u8]>>(&self, values: &[(P, B)]) -> Result<Vec<Vec<u8>>, SealError> {
        let mut nonces = vec![[0_u8; NONCE_BYTES]; values.len()];
        getrandom::fill(nonces.as_flattened_mut()).map_err(|_| SealError::NoRandomness)?;
        let sealed = values.iter().zip(nonces);
        sealed.map(|((place, plain), nonce)| self.seal_with(nonce, place.as_ref(), plain.as_ref())).collect()
    }

    fn seal_with(&self, nonce: [u8; NONCE_BYTES], place: &str, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let key = self.first()?;
        let mut sealed = Vec::with_capacity(OVERHEAD_BYTES + key.id.len() + plain.len());
        sealed.extend(self.mark()?);
        sealed.extend(nonce);
        let head_bytes = sealed.len();
        sealed.extend_from_slice(plain);
        let (_, message) = sealed.split_at_mut(head_bytes);
        let tag = key.cipher.encrypt_inout_detached(&nonce.into(), place.as_bytes(), message.into());
        sealed.extend_from_slice(&tag.map_err(|_| SealError::Broken)?);
        Ok(sealed)
    }

    /// Opens what [`Self::seal_bytes`] made for the same place.
    ///
    /// # Errors
    /// [`SealError::UnknownKey`] or [`SealError::Broken`].
    pub fn open_bytes(&self, place: &str, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let (id, rest) = key_id(sealed)?;
        let (nonce, rest) = rest.split_at_checked(NONCE_BYTES).ok_or(SealError::Broken)?;
        let message_bytes = rest.len().checked_sub(TAG_BYTES).ok_or(SealError::Broken)?;
        let (message, tag) = rest.split_at_checked(message_bytes).ok_or(SealError::Broken)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| SealError::Broken)?;
        let tag: [u8; TAG_BYTES] = tag.try_into().map_err(|_| SealError::Broken)?;
        let key = self.keys.iter().find(|key| key.id == id).ok_or_else(|| SealError::UnknownKey(id.to_owned()))?;
        let mut plain = message.to_vec();
        let opened =
            key.cipher.decrypt_inout_detached(&nonce.into(), place.as_bytes(), (&mut plain[..]).into(), &tag.into());
        opened.map_err(|_| SealError::Broken)?;
        Ok(plain)
    }

    /// What every value begins with that the first key has sealed.
    ///
    /// # Errors
    /// None for a list that was parsed.
    pub fn mark(&self) -> Result<Vec<u8>, SealError> {
        let id = self.first()?.id.as_bytes();
        let id_bytes = u8::try_from(id.len()).map_err(|_| SealError::BadKeys)?;
        Ok([&[id_bytes], id].concat())
    }

    /// The id of the key that seals.
    #[must_use]
    pub fn first_id(&self) -> &str {
        self.keys.first().map_or("", |key| &key.id)
    }

    /// What `bytes` are known by where equal ones must be found: a digest under each key, that of the first one first.
    /// Without a key nobody can try guesses. `purpose` keeps the digests of one column apart from those of another.
    #[must_use]
    pub fn digests(&self, purpose: &str, bytes: &[u8]) -> Vec<Vec<u8>> {
        let digest = |key: &Key| {
            let mut code = key.digests.clone();
            code.update(purpose.as_bytes());
            code.update(&[0]);
            code.update(bytes);
            code.finalize().into_bytes().to_vec()
        };
        self.keys.iter().map(digest).collect()
    }

    fn first(&self) -> Result<&Key, SealError> {
        self.keys.first().ok_or(SealError::BadKeys)
    }
}

/// The id of the key that a value was sealed under, and what follows it.
fn key_id(sealed: &[u8]) -> Result<(&str, &[u8]), SealError> {
    let (id_bytes, rest) = sealed.split_first().ok_or(SealError::Broken)?;
    let (id, rest) = rest.split_at_checked(usize::from(*id_bytes)).ok_or(SealError::Broken)?;
    Ok((str::from_utf8(id).map_err(|_| SealError::Broken)?, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(id: &str, byte: u8) -> String {
        format!("{id}:{}", STANDARD.encode([byte; KEY_BYTES]))
    }

    fn sealer(keys: &str) -> Sealer {
        Sealer::parse(&keys.into()).unwrap()
    }

    #[test]
    fn a_sealed_value_opens_in_its_own_place_only() {
        let sealer = sealer(&key("k1", 1));
        let sealed = sealer.seal("accounts/1/secret", &"token".into()).unwrap();
        assert!(!sealed.windows(5).any(|window| window == b"token"));
        assert_eq!(sealer.open("accounts/1/secret", &sealed).unwrap().expose_secret(), "token");
        assert_eq!(sealer.open("accounts/2/secret", &sealed).unwrap_err(), SealError::Broken);
        let mut damaged = sealed.clone();
        *damaged.last_mut().unwrap() ^= 1;
        assert_eq!(sealer.open("accounts/1/secret", &damaged).unwrap_err(), SealError::Broken);
        assert_eq!(sealer.open("accounts/1/secret", &[]).unwrap_err(), SealError::Broken);
        assert_eq!(sealer.open("accounts/1/secret", &[200, 1]).unwrap_err(), SealError::Broken);
    }

    #[test]
    fn keys_rotate() {
        let old = sealer(&key("k1", 1));
        let sealed = old.seal("p", &"token".into()).unwrap();
        let both = sealer(&format!("{},{}", key("k2", 2), key("k1", 1)));
        assert_eq!(both.open("p", &sealed).unwrap().expose_secret(), "token");
        let new = sealer(&key("k2", 2));
        assert_eq!(new.open("p", &sealed).unwrap_err(), SealError::UnknownKey("k1".into()));
    }

    #[test]
    fn bad_key_lists_are_refused() {
        for bad in ["", "k1", "k1:", ":AAAA", "k1:AAAA", "k1:!!"] {
            assert_eq!(Sealer::parse(&bad.into()).unwrap_err(), SealError::BadKeys, "{bad}");
        }
        let twice = format!("{},{}", key("k1", 1), key("k1", 2));
        assert_eq!(Sealer::parse(&twice.as_str().into()).unwrap_err(), SealError::BadKeys, "which one is meant?");
    }

    #[test]
    fn many_values_are_sealed_each_for_its_place() {
        let sealer = sealer(&key("k1", 1));
        let values = [("p/1", b"same".as_slice()), ("p/2", b"same"), ("p/3", b"")];
        let sealed = sealer.seal_all(&values).unwrap();
        assert_eq!(sealed.len(), values.len());
        for ((place, plain), sealed) in values.iter().zip(&sealed) {
            assert_eq!(sealer.open_bytes(place, sealed).unwrap(), *plain);
            assert_eq!(sealed.len(), plain.len() + OVERHEAD_BYTES + "k1".len());
            assert!(sealed.starts_with(&sealer.mark().unwrap()));
        }
        assert_ne!(sealed[0], sealed[1], "each has its own nonce");
        assert!(sealer.open_bytes("p/2", &sealed[0]).is_err());
    }

    #[test]
    fn a_digest_needs_the_key_and_is_for_one_purpose() {
        let (old, new) = (key("k1", 1), key("k2", 2));
        let one = sealer(&old).digests("a", b"yes");
        assert_eq!(one, sealer(&old).digests("a", b"yes"));
        assert_ne!(one, sealer(&old).digests("b", b"yes"));
        assert_ne!(one, sealer(&old).digests("a", b"no"));
        assert_ne!(one, sealer(&new).digests("a", b"yes"));
        let both = sealer(&format!("{new},{old}")).digests("a", b"yes");
        assert_eq!((both.len(), &both[1]), (2, &one[0]), "what an old key has marked is still found");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_sealed_opens_and_nothing_else_does(
            plain: Vec<u8>, place in ".{0,40}", other in ".{0,40}", noise: Vec<u8>, flip: prop::sample::Index,
        ) {
            let sealer = sealer(&key("k1", 1));
            let sealed = sealer.seal_bytes(&place, &plain).unwrap();
            prop_assert_eq!(sealer.open_bytes(&place, &sealed).unwrap(), plain);
            prop_assert_eq!(sealer.open_bytes(&other, &sealed).is_ok(), other == place);
            prop_assert!(sealer.open_bytes(&place, &noise).is_err());
            let mut damaged = sealed;
            let at = flip.index(damaged.len());
            damaged[at] ^= 0x40;
            prop_assert!(sealer.open_bytes(&place, &damaged).is_err());
        }

        #[test]
        fn any_key_list_is_read_or_refused(list in "[a-z0-9:,=/+ ]{0,120}|.{0,60}") {
            let _read = Sealer::parse(&list.into());
        }
    }
}
