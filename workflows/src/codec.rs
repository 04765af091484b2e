//! The payload codec: everything that Causeway puts into Temporal is sealed with AES-256-GCM.
//!
//! A sealed payload has the metadata `encoding = binary/encrypted` and `encryption-key-id`; its data is a 12-byte nonce
//! followed by the sealed original payload (metadata and data) in protobuf. The key id is the associated data.

use aes_gcm::{
    Aes256Gcm, KeyInit as _,
    aead::{Aead as _, Payload as Sealed},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures::{FutureExt as _, future::BoxFuture};
use prost::Message as _;
use temporalio_common::{
    data_converters::{
        DataConverter, DefaultFailureConverter, PayloadCodec, PayloadConversionError, PayloadConverter,
        SerializationContextData,
    },
    protos::temporal::api::common::v1::Payload,
};

const ENCODING: &str = "encoding";
const ENCRYPTED: &[u8] = b"binary/encrypted";
const KEY_ID: &str = "encryption-key-id";
const NONCE_BYTES: usize = 12;

/// Why a payload cannot be sealed or opened. Never says what was inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodecError {
    /// The key list is not `id:base64[,id:base64…]` with 32-byte keys.
    BadKeys,
    /// The payload was sealed under a key that is not in the list.
    UnknownKey(String),
    /// The payload is damaged.
    Broken,
    /// The machine gave no randomness.
    NoRandomness,
}

impl std::fmt::Display for CodecError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BadKeys => f.write_str("expected `id:base64` pairs separated by commas, each key 32 bytes"),
            Self::UnknownKey(id) => write!(f, "no payload key named `{id}`"),
            Self::Broken => f.write_str("the payload does not open"),
            Self::NoRandomness => f.write_str("no randomness"),
        }
    }
}

impl std::error::Error for CodecError {}

/// Seals and opens payloads. The first key seals; all keys open.
#[derive(Clone)]
pub struct Codec {
    keys: std::sync::Arc<Vec<(String, Aes256Gcm)>>,
}

impl std::fmt::Debug for Codec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|(id, _)| id)).finish()
    }
}

impl Codec {
    /// Reads a key list of the form `id:base64[,id:base64…]`.
    ///
    /// # Errors
    /// [`CodecError::BadKeys`] when it is not one.
    pub fn parse(keys: &str) -> Result<Self, CodecError> {
        let keys = keys
            .split(',')
            .map(|entry| {
                let (id, key) = entry.trim().split_once(':').ok_or(CodecError::BadKeys)?;
                let key = STANDARD.decode(key).map_err(|_| CodecError::BadKeys)?;
                let cipher = Aes256Gcm::new_from_slice(&key).map_err(|_| CodecError::BadKeys)?;
                if id.is_empty() { Err(CodecError::BadKeys) } else { Ok((id.to_owned(), cipher)) }
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { keys: std::sync::Arc::new(keys) })
    }

    /// The data converter of every Temporal client and worker of Causeway.
    #[must_use]
    pub fn data_converter(self) -> DataConverter {
        DataConverter::new(PayloadConverter::default(), DefaultFailureConverter::new(true), self)
    }

    /// Seals one payload.
    ///
    /// # Errors
    /// [`CodecError::NoRandomness`] when the machine has none.
    pub fn seal(&self, payload: &Payload) -> Result<Payload, CodecError> {
        let (id, cipher) = self.keys.first().ok_or(CodecError::BadKeys)?;
        let mut nonce = [0_u8; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| CodecError::NoRandomness)?;
        let plain = payload.encode_to_vec();
        let sealed = cipher
            .encrypt(&nonce.into(), Sealed { msg: &plain, aad: id.as_bytes() })
            .map_err(|_| CodecError::Broken)?;
        Ok(Payload {
            metadata: [(ENCODING.to_owned(), ENCRYPTED.to_vec()), (KEY_ID.to_owned(), id.as_bytes().to_vec())].into(),
            data: [&nonce[..], &sealed].concat(),
            ..Payload::default()
        })
    }

    /// Opens one payload; one that is not sealed passes through.
    ///
    /// # Errors
    /// [`CodecError::UnknownKey`] or [`CodecError::Broken`].
    pub fn open(&self, payload: Payload) -> Result<Payload, CodecError> {
        if payload.metadata.get(ENCODING).map(Vec::as_slice) != Some(ENCRYPTED) {
            return Ok(payload);
        }
        let id = payload.metadata.get(KEY_ID).map(|id| String::from_utf8_lossy(id).into_owned()).unwrap_or_default();
        let (_, cipher) =
            self.keys.iter().find(|(name, _)| *name == id).ok_or_else(|| CodecError::UnknownKey(id.clone()))?;
        let (nonce, msg) = payload.data.split_at_checked(NONCE_BYTES).ok_or(CodecError::Broken)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| CodecError::Broken)?;
        let plain =
            cipher.decrypt(&nonce.into(), Sealed { msg, aad: id.as_bytes() }).map_err(|_| CodecError::Broken)?;
        Payload::decode(plain.as_slice()).map_err(|_| CodecError::Broken)
    }
}

type Coded = Result<Vec<Payload>, PayloadConversionError>;

fn coded(payloads: Result<Vec<Payload>, CodecError>) -> BoxFuture<'static, Coded> {
    let payloads = payloads.map_err(|error| PayloadConversionError::EncodingError(error.into()));
    std::future::ready(payloads).boxed()
}

impl PayloadCodec for Codec {
    fn encode(&self, _context: &SerializationContextData, payloads: Vec<Payload>) -> BoxFuture<'static, Coded> {
        coded(payloads.iter().map(|payload| self.seal(payload)).collect())
    }

    fn decode(&self, _context: &SerializationContextData, payloads: Vec<Payload>) -> BoxFuture<'static, Coded> {
        coded(payloads.into_iter().map(|payload| self.open(payload)).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn codec(id: &str, byte: u8) -> Codec {
        Codec::parse(&format!("{id}:{}", STANDARD.encode([byte; 32]))).unwrap()
    }

    fn payload() -> Payload {
        Payload {
            metadata: [(ENCODING.to_owned(), b"json/plain".to_vec())].into(),
            data: br#"{"code":"12345"}"#.to_vec(),
            ..Payload::default()
        }
    }

    #[test]
    fn a_sealed_payload_shows_nothing_and_opens_again() {
        let codec = codec("k1", 7);
        let sealed = codec.seal(&payload()).unwrap();
        assert!(!sealed.data.windows(5).any(|window| window == b"12345"));
        assert_eq!(codec.open(sealed.clone()).unwrap(), payload());
        assert_ne!(codec.seal(&payload()).unwrap().data, sealed.data, "a nonce must not repeat");
    }

    #[test]
    fn clear_payloads_pass_and_damaged_or_foreign_ones_do_not() {
        let codec_1 = codec("k1", 7);
        assert_eq!(codec_1.open(payload()).unwrap(), payload());
        let mut damaged = codec_1.seal(&payload()).unwrap();
        *damaged.data.last_mut().unwrap() ^= 1;
        assert_eq!(codec_1.open(damaged).unwrap_err(), CodecError::Broken);
        let foreign = codec("k2", 7).seal(&payload()).unwrap();
        assert_eq!(codec_1.open(foreign).unwrap_err(), CodecError::UnknownKey("k2".into()));
    }

    #[test]
    fn bad_key_lists_are_refused() {
        for bad in ["", "k1", "k1:AAAA", ":AAAA", "k1:??"] {
            assert_eq!(Codec::parse(bad).unwrap_err(), CodecError::BadKeys, "{bad}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_sealed_opens_and_noise_does_not(data: Vec<u8>, encoding in ".{0,12}", noise: Vec<u8>, id in "k1|.{0,4}") {
            let codec = codec("k1", 7);
            let payload = Payload {
                metadata: [(ENCODING.to_owned(), encoding.into_bytes())].into(),
                data,
                ..Payload::default()
            };
            prop_assert_eq!(codec.open(codec.seal(&payload).unwrap()).unwrap(), payload);
            let metadata = [(ENCODING.to_owned(), ENCRYPTED.to_vec()), (KEY_ID.to_owned(), id.into_bytes())].into();
            let opened = codec.open(Payload { metadata, data: noise, ..Payload::default() });
            prop_assert!(opened.is_err());
        }

        #[test]
        fn any_key_list_is_read_or_refused(list in "[a-z0-9:,=/+ ]{0,120}|.{0,60}") {
            let _read = Codec::parse(&list);
        }
    }
}
