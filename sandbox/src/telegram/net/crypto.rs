//! Hashes, random bytes, and the message encryption of MTProto 2.0 seen from the server.
//!
//! The client crates encrypt only in the client's direction, so both directions stand here.

use grammers_crypto::aes;
use num_bigint::BigUint;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use thiserror::Error;

/// A permanent authorization key, 2048 bits.
pub(crate) type AuthKeyBytes = [u8; 256];

/// Telegram's well-known 2048-bit safe prime. Clients accept it (with g = 3) without testing primality.
const DH_PRIME: &str = "C71CAEB9C6B1C9048E6C522F70F13F73980D40238E3E21C14934D037563D930F48198A0AA7C14058229493D22530F4DBFA336F6E0AC925139543AED44CCE7C3720FD51F69458705AC68CD4FE6B6B13ABDC9746512969328454F18FAF8C595F642477FE96BB2A941D5BCD1D4AC8CC49880708FA9B378E3C4F3A9060BEE67CF9A4A4A695811051907E162753B56B0F6B410DBA74D8A84B2A14B3144E0EF1284754FD17ED950D5965B4B9DD46582DB1178D169C6BC465B0D6FF9CA3928FEF5B9AE4E418FC15E83EBEA0F87FA9FF5EED70050DED2849F47BF959D956850CE929851F0D8115F635B105EE2E4E15D04B2454BF6F4FADF034B10403119CD8E3B92FCC5B";

/// The generator that goes with [`dh_prime`].
pub(crate) const DH_GENERATOR: u8 = 3;

/// An encrypted packet that does not decrypt to what its `msg_key` promises.
#[derive(Debug, Error)]
#[error("the packet is not a message encrypted with this key")]
pub(crate) struct BadPacket;

/// The modulus of the key exchange and of the password check.
pub(crate) fn dh_prime() -> BigUint {
    BigUint::parse_bytes(DH_PRIME.as_bytes(), 16).unwrap_or_default()
}

/// SHA-1 over the concatenation of `parts`.
pub(crate) fn sha1(parts: &[&[u8]]) -> [u8; 20] {
    let mut hasher = Sha1::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// SHA-256 over the concatenation of `parts`.
pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// `N` bytes from the operating system's generator.
#[expect(clippy::expect_used, reason = "without entropy no key can be made; the operating system does not fail here")]
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("operating system randomness");
    bytes
}

/// Big-endian bytes of `value`, zero-padded in front to `width`; a wider value keeps its own width.
pub(crate) fn padded(value: &BigUint, width: usize) -> Vec<u8> {
    let bytes = value.to_bytes_be();
    let mut out = vec![0; width.saturating_sub(bytes.len())];
    out.extend(bytes);
    out
}

/// The identifier under which a packet names its key: the last 8 bytes of the key's SHA-1.
pub(crate) fn key_id(key: &AuthKeyBytes) -> i64 {
    tail_id(&sha1(&[key]))
}

/// The last 8 bytes of a SHA-1, read as a little-endian integer: key ids and RSA fingerprints.
pub(crate) fn tail_id(hash: &[u8; 20]) -> i64 {
    let mut tail = [0; 8];
    tail.copy_from_slice(&hash[12..]);
    i64::from_le_bytes(tail)
}

/// Decrypts a packet that a client sent (including its 24-byte header) and checks its `msg_key`.
pub(crate) fn decrypt_from_client(packet: &[u8], key: &AuthKeyBytes) -> Result<Vec<u8>, BadPacket> {
    if packet.len() < 24 + 32 {
        return Err(BadPacket);
    }
    let msg_key = &packet[8..24];
    let (aes_key, iv) = message_keys(key, msg_key, 0);
    let mut plain = packet[24..].to_vec();
    plain.truncate(plain.len() / 16 * 16);
    aes::ige_decrypt(&mut plain, &aes_key, &iv);
    if sha256(&[&key[88..120], &plain])[8..24] != *msg_key {
        return Err(BadPacket);
    }
    Ok(plain)
}

/// Encrypts `plain` for the client, with padding, and puts the 24-byte header in front.
pub(crate) fn encrypt_for_client(mut plain: Vec<u8>, key: &AuthKeyBytes, key_id: i64) -> Vec<u8> {
    // 12 to 27 bytes of padding up to the block size, as the protocol demands at least 12.
    let padding = 12 + (16 - (plain.len() + 12) % 16) % 16;
    plain.extend(&random::<32>()[..padding]);
    let hash = sha256(&[&key[96..128], &plain]);
    let msg_key = &hash[8..24];
    let (aes_key, iv) = message_keys(key, msg_key, 8);
    aes::ige_encrypt(&mut plain, &aes_key, &iv);
    [&key_id.to_le_bytes()[..], msg_key, &plain].concat()
}

/// The AES key and vector of one message; `direction` is 0 from the client and 8 from the server.
fn message_keys(key: &AuthKeyBytes, msg_key: &[u8], direction: usize) -> ([u8; 32], [u8; 32]) {
    let x = direction;
    let a = sha256(&[msg_key, &key[x..x + 36]]);
    let b = sha256(&[&key[40 + x..76 + x], msg_key]);
    let (mut aes_key, mut iv) = ([0; 32], [0; 32]);
    aes_key[..8].copy_from_slice(&a[..8]);
    aes_key[8..24].copy_from_slice(&b[8..24]);
    aes_key[24..].copy_from_slice(&a[24..]);
    iv[..8].copy_from_slice(&b[..8]);
    iv[8..24].copy_from_slice(&a[8..24]);
    iv[24..].copy_from_slice(&b[24..]);
    (aes_key, iv)
}
