//! Encryption at rest of secret columns: XChaCha20-Poly1305, bound to its row, with a key id for rotation.
//!
//! Layout of a sealed value: length of the key id (1 byte), key id, nonce (24 bytes), ciphertext with tag.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305,
    aead::{Aead as _, Payload},
};
use secrecy::{ExposeSecret as _, SecretString};

const NONCE_BYTES: usize = 24;
const KEY_BYTES: usize = 32;

/// Why a value cannot be sealed or opened. Never says what was inside.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The key list is not `id:base64[,id:base64…]` with 32-byte keys and ids of 1 to 32 characters.
    #[error("expected `id:base64` pairs separated by commas, each key 32 bytes")]
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

/// Seals and opens. The first key seals; all keys open.
#[derive(Clone)]
pub struct Sealer {
    keys: Vec<(String, XChaCha20Poly1305)>,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|(id, _)| id)).finish()
    }
}

impl Sealer {
    /// Reads a key list of the form `id:base64[,id:base64…]`.
    ///
    /// # Errors
    /// [`SealError::BadKeys`] when it is not one.
    pub fn parse(keys: &SecretString) -> Result<Self, SealError> {
        let keys = keys
            .expose_secret()
            .split(',')
            .map(|entry| {
                let (id, key) = entry.trim().split_once(':').ok_or(SealError::BadKeys)?;
                let key = STANDARD.decode(key).map_err(|_| SealError::BadKeys)?;
                if id.is_empty() || id.len() > 32 || key.len() != KEY_BYTES {
                    return Err(SealError::BadKeys);
                }
                let cipher = XChaCha20Poly1305::new_from_slice(&key).map_err(|_| SealError::BadKeys)?;
                Ok((id.to_owned(), cipher))
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { keys })
    }

    /// Seals `plain` for one place (`table/row/column`).
    ///
    /// # Errors
    /// [`SealError::NoRandomness`] when the machine has none.
    pub fn seal(&self, place: &str, plain: &SecretString) -> Result<Vec<u8>, SealError> {
        let (id, cipher) = self.keys.first().ok_or(SealError::BadKeys)?;
        let mut nonce = [0_u8; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| SealError::NoRandomness)?;
        let payload = Payload { msg: plain.expose_secret().as_bytes(), aad: place.as_bytes() };
        let sealed = cipher.encrypt(&nonce.into(), payload).map_err(|_| SealError::Broken)?;
        let id_bytes = u8::try_from(id.len()).map_err(|_| SealError::BadKeys)?;
        Ok([&[id_bytes], id.as_bytes(), &nonce, &sealed].concat())
    }

    /// Opens what [`Self::seal`] made for the same place.
    ///
    /// # Errors
    /// [`SealError::UnknownKey`] or [`SealError::Broken`].
    pub fn open(&self, place: &str, sealed: &[u8]) -> Result<SecretString, SealError> {
        let (id_bytes, rest) = sealed.split_first().ok_or(SealError::Broken)?;
        let (id, rest) = rest.split_at_checked(usize::from(*id_bytes)).ok_or(SealError::Broken)?;
        let (nonce, msg) = rest.split_at_checked(NONCE_BYTES).ok_or(SealError::Broken)?;
        let id = str::from_utf8(id).map_err(|_| SealError::Broken)?;
        let (_, cipher) =
            self.keys.iter().find(|(name, _)| name == id).ok_or_else(|| SealError::UnknownKey(id.to_owned()))?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| SealError::Broken)?;
        let plain =
            cipher.decrypt(&nonce.into(), Payload { msg, aad: place.as_bytes() }).map_err(|_| SealError::Broken)?;
        String::from_utf8(plain).map(SecretString::from).map_err(|_| SealError::Broken)
    }
}

#[cfg(test)]
mod tests {
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
    }
}
