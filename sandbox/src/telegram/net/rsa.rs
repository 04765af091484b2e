//! The fixed RSA key of the sandbox and the two ways in which clients encrypt with it.
//!
//! The key protects nothing: the server listens on loopback only, and both halves are public in this file. It is fixed
//! so that a client can be configured once and keeps working over restarts and new data directories.

use base64::Engine as _;
use grammers_crypto::aes;
use grammers_tl_types::{Deserializable as _, Serializable as _, deserialize, enums};
use num_bigint::BigUint;

use super::crypto::{padded, sha1, sha256, tail_id};

const MODULUS: &str = "988c67413d1f7835f73f12b4480930349b1d81f53b925b558cd3cb90d58cebb377697245543fb64096050efddfbe43ae85f4bc82c62e5ef2c88de099e645d88923d46f5ca1bd48a28119e25035496b69e225c0b849ee9068bf415834e48022c836a6b689e9a97a1b5b0cb2f6904e4e86103d7777df12993b02feec20445e6e9f6e0e29c1a1dd434a2eb0eca08208dfe9cd406ea409d8f68ec7ac4048f71b8d8c2ffbef1abc6b0627ff8b52126bbedf90eb248223ad140dd3a825bf3070e2753dd05fc9b893201158a32d8e994eb4b1ab938f0de8dab1a011eadeb4f037fd8d52c2b184c5d022fe4c04eded4ecbdc5ee84b030888a7019c155d6edeca37b2a909";
const PRIVATE_EXPONENT: &str = "1debe18f93a449e3ebec8732ad5e800211857c297f2c79eb11db09216381bc9efb06727a2972f06b42ac6e005b3e95454a291d9603b6b210ff9d89e1d09faa955bb31e14c14a15fbd49975cbddbd2f95c3dc912c949e77dcd3dc1bfd0e9a18e319dfcc0b73b58ba9df4b625efd21c997d4dfa4409d94a6fc42de2b0539392736a375c8a521f2ed809d7fa968c990648f2d867465cfa20985d04b4453398cd646d9a78a716f5c2992d0758d76c70a005c4dc6037480fbe09434b7d39f7863834645e1f182c95d7f1e4b3e0b4428985f1519b883d60d19d283292112e54d7943036960d4b3239af91d044da54c5fc0295909f46d66877591bd28bf23984f7408d";
const PUBLIC_EXPONENT: u32 = 65_537;

/// The sandbox's key pair.
#[derive(Clone, Debug)]
pub(crate) struct RsaKey {
    n: BigUint,
    e: BigUint,
    d: BigUint,
}

impl RsaKey {
    /// The key that every sandbox uses.
    pub(crate) fn sandbox() -> Self {
        let parse = |hex: &str| BigUint::parse_bytes(hex.as_bytes(), 16).unwrap_or_default();
        Self { n: parse(MODULUS), e: PUBLIC_EXPONENT.into(), d: parse(PRIVATE_EXPONENT) }
    }

    /// The identifier that clients look for in `resPQ`.
    pub(crate) fn fingerprint(&self) -> i64 {
        let mut bytes = self.n.to_bytes_be().to_bytes();
        bytes.extend(self.e.to_bytes_be().to_bytes());
        tail_id(&sha1(&[&bytes]))
    }

    /// Modulus and exponent, for a client that is configured with them.
    #[cfg(test)]
    pub(crate) fn public(&self) -> (&BigUint, &BigUint) {
        (&self.n, &self.e)
    }

    /// The public half as PKCS#1 PEM (`RSA PUBLIC KEY`), the form that client libraries read.
    pub(crate) fn public_pem(&self) -> String {
        let body = [der_integer(&self.n), der_integer(&self.e)].concat();
        let der = [vec![0x30], der_length(body.len()), body].concat();
        let encoded = base64::engine::general_purpose::STANDARD.encode(der);
        let mut pem = String::from("-----BEGIN RSA PUBLIC KEY-----\n");
        for line in encoded.as_bytes().chunks(64) {
            pem.push_str(&String::from_utf8_lossy(line));
            pem.push('\n');
        }
        pem.push_str("-----END RSA PUBLIC KEY-----\n");
        pem
    }

    /// Opens the `p_q_inner_data` of a key exchange. `RSA_PAD` is tried first, then the scheme from before 2021 (hash,
    /// data, random padding), which some current clients still use.
    pub(crate) fn open_inner_data(&self, encrypted: &[u8]) -> Result<enums::PQInnerData, deserialize::Error> {
        let plain = padded(&BigUint::from_bytes_be(encrypted).modpow(&self.d, &self.n), 256);
        if let Some(data) = rsa_pad_payload(&plain) {
            return enums::PQInnerData::from_bytes(&data);
        }
        // A zero byte, 20 bytes of SHA-1, then the data.
        enums::PQInnerData::from_bytes(&plain[21..])
    }
}

/// Undoes `RSA_PAD`: the AES key is stored xored with the hash of the ciphertext, the data is reversed and hashed.
fn rsa_pad_payload(plain: &[u8]) -> Option<Vec<u8>> {
    let (masked_key, ciphertext) = plain.split_at_checked(32)?;
    let mut key = [0; 32];
    for ((out, masked), mask) in key.iter_mut().zip(masked_key).zip(sha256(&[ciphertext])) {
        *out = masked ^ mask;
    }
    let mut data = ciphertext.to_vec();
    aes::ige_decrypt(&mut data, &key, &[0; 32]);
    let mut payload = data.get(..192)?.to_vec();
    payload.reverse();
    (sha256(&[&key, &payload])[..] == *data.get(192..224)?).then_some(payload)
}

fn der_integer(value: &BigUint) -> Vec<u8> {
    let mut bytes = value.to_bytes_be();
    if bytes.first().is_some_and(|b| b & 0x80 != 0) {
        // The sign bit is set: DER integers are signed, so a zero goes in front.
        bytes.insert(0, 0);
    }
    [vec![0x02], der_length(bytes.len()), bytes].concat()
}

fn der_length(length: usize) -> Vec<u8> {
    if length < 0x80 {
        return vec![length as u8];
    }
    let bytes: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|b| *b == 0).collect();
    [vec![0x80 | bytes.len() as u8], bytes].concat()
}

#[cfg(test)]
mod tests {
    use super::RsaKey;

    #[test]
    fn the_pem_is_pkcs1_and_stable() {
        let pem = RsaKey::sandbox().public_pem();
        assert!(pem.starts_with("-----BEGIN RSA PUBLIC KEY-----\nMIIBCgKCAQEA"), "{pem}");
        assert!(pem.ends_with("IDAQAB\n-----END RSA PUBLIC KEY-----\n"), "{pem}");
        assert_eq!(RsaKey::sandbox().fingerprint(), RsaKey::sandbox().fingerprint());
    }
}
