//! The RSA public key of a Telegram server: PKCS#1 PEM in, MTProto's fingerprint out.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use grammers_tl_types::Serializable;
use num_bigint::BigUint;
use sha1::{Digest, Sha1};

const PEM_BEGIN: &str = "-----BEGIN RSA PUBLIC KEY-----";
const PEM_END: &str = "-----END RSA PUBLIC KEY-----";
const DER_INTEGER: u8 = 0x02;
const DER_SEQUENCE: u8 = 0x30;
/// MTProto encrypts one 256-byte block, so it knows 2048-bit keys only.
const MODULUS_BITS: u64 = 2048;

/// Why a text is not a usable key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RsaKeyError {
    /// No PKCS#1 PEM block.
    #[error("expected a PEM block \"RSA PUBLIC KEY\" (PKCS#1)")]
    NotPem,
    /// The block does not hold a modulus and an exponent.
    #[error("the PEM block is not a PKCS#1 RSA public key")]
    NotPkcs1,
    /// The modulus has another size.
    #[error("the key must have 2048 bits")]
    WrongSize,
}

/// An RSA public key that a Telegram server proves itself with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RsaPublicKey {
    modulus: BigUint,
    exponent: BigUint,
}

impl RsaPublicKey {
    /// Reads a PKCS#1 PEM block (`-----BEGIN RSA PUBLIC KEY-----`).
    ///
    /// # Errors
    /// [`RsaKeyError`] when the text is anything else.
    pub fn from_pem(pem: &str) -> Result<Self, RsaKeyError> {
        let (_, rest) = pem.split_once(PEM_BEGIN).ok_or(RsaKeyError::NotPem)?;
        let (body, _) = rest.split_once(PEM_END).ok_or(RsaKeyError::NotPem)?;
        let body: String = body.split_whitespace().collect();
        let der = STANDARD.decode(body).map_err(|_| RsaKeyError::NotPem)?;
        let (content, after) = read_value(&der, DER_SEQUENCE)?;
        let (modulus, rest) = read_value(content, DER_INTEGER)?;
        let (exponent, end) = read_value(rest, DER_INTEGER)?;
        if !after.is_empty() || !end.is_empty() {
            return Err(RsaKeyError::NotPkcs1);
        }
        let key = Self { modulus: BigUint::from_bytes_be(modulus), exponent: BigUint::from_bytes_be(exponent) };
        if key.modulus.bits() == MODULUS_BITS { Ok(key) } else { Err(RsaKeyError::WrongSize) }
    }

    /// What the server calls this key by: the low 64 bits of SHA-1 over the TL form of modulus and exponent.
    #[must_use]
    pub fn fingerprint(&self) -> i64 {
        let mut bytes = self.modulus.to_bytes_be().to_bytes();
        bytes.extend(self.exponent.to_bytes_be().to_bytes());
        let digest = Sha1::digest(&bytes);
        let mut low = [0; 8];
        low.copy_from_slice(&digest[12..20]);
        i64::from_le_bytes(low)
    }

    /// The modulus in decimal digits.
    #[must_use]
    pub fn modulus(&self) -> String {
        self.modulus.to_string()
    }

    /// The public exponent in decimal digits.
    #[must_use]
    pub fn exponent(&self) -> String {
        self.exponent.to_string()
    }
}

/// Reads one DER value with the expected tag; returns its content and what follows it.
fn read_value(der: &[u8], tag: u8) -> Result<(&[u8], &[u8]), RsaKeyError> {
    let (&[found, short], rest) = der.split_first_chunk::<2>().ok_or(RsaKeyError::NotPkcs1)?;
    if found != tag {
        return Err(RsaKeyError::NotPkcs1);
    }
    let (length, rest) = if short < 0x80 {
        (usize::from(short), rest)
    } else {
        let count = usize::from(short & 0x7f);
        if count == 0 || count > 2 {
            return Err(RsaKeyError::NotPkcs1);
        }
        let (bytes, rest) = rest.split_at_checked(count).ok_or(RsaKeyError::NotPkcs1)?;
        (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
    };
    rest.split_at_checked(length).ok_or(RsaKeyError::NotPkcs1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Telegram's published production key (core.telegram.org/mtproto/auth_key), whose fingerprint is public too.
    const PRODUCTION: &str = "-----BEGIN RSA PUBLIC KEY-----
MIIBCgKCAQEA6LszBcC1LGzyr992NzE0ieY+BSaOW622Aa9Bd4ZHLl+TuFQ4lo4g
5nKaMBwK/BIb9xUfg0Q29/2mgIR6Zr9krM7HjuIcCzFvDtr+L0GQjae9H0pRB2OO
62cECs5HKhT5DZ98K33vmWiLowc621dQuwKWSQKjWf50XYFw42h21P2KXUGyp2y/
+aEyZ+uVgLLQbRA1dEjSDZ2iGRy12Mk5gpYc397aYp438fsJoHIgJ2lgMv5h7WY9
t6N/byY9Nw9p21Og3AoXSL2q/2IJ1WRUhebgAdGVMlV1fkuOQoEzR7EdpqtQD9Cs
5+bfo3Nhmcyvk5ftB0WkJ9z6bNZ7yxrP8wIDAQAB
-----END RSA PUBLIC KEY-----";

    #[test]
    fn the_published_key_has_the_published_fingerprint() {
        let key = RsaPublicKey::from_pem(PRODUCTION).unwrap();
        assert_eq!(key.fingerprint(), -3_414_540_481_677_951_611);
        assert_eq!(key.exponent(), "65537");
    }

    #[test]
    fn anything_else_is_refused() {
        assert_eq!(RsaPublicKey::from_pem("").unwrap_err(), RsaKeyError::NotPem);
        assert_eq!(RsaPublicKey::from_pem(&PRODUCTION.replace("RSA ", "")).unwrap_err(), RsaKeyError::NotPem);
        let other = format!("{PEM_BEGIN}\nAAAA\n{PEM_END}");
        assert_eq!(RsaPublicKey::from_pem(&other).unwrap_err(), RsaKeyError::NotPkcs1);
        let small = format!("{PEM_BEGIN}\nMAYCAQ8CAQM=\n{PEM_END}");
        assert_eq!(RsaPublicKey::from_pem(&small).unwrap_err(), RsaKeyError::WrongSize);
        let cut = PRODUCTION.replace("5+bfo3Nhmcyvk5ftB0WkJ9z6bNZ7yxrP8wIDAQAB\n", "");
        assert_eq!(RsaPublicKey::from_pem(&cut).unwrap_err(), RsaKeyError::NotPkcs1);
    }
}
