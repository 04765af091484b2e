//! The MTProto key exchange with a server whose RSA key is ours to choose.
//!
//! Grammers does the same exchange, but only with Telegram's two built-in keys; production leaves it to grammers. All
//! checks that <https://core.telegram.org/mtproto/security_guidelines> asks of a client are made here too.

use std::net::SocketAddrV4;

use grammers_crypto::{AuthKey, aes, factorize, generate_key_data_from_nonce, rsa};
use grammers_mtproto::{mtp, transport};
use grammers_mtsender::{InvocationError, Sender, ServerAddr};
use grammers_tl_types::{Cursor, Deserializable, Serializable, enums, functions, types};
use num_bigint::BigUint;
use sha1::{Digest, Sha1};

use super::{group, rsa_key::RsaPublicKey};

/// Length of an authorisation key, of the prime and of both public values, in bytes.
const KEY_BYTES: usize = 256;
/// Length of the SHA-1 that stands before every encrypted answer.
const DIGEST_BYTES: usize = 20;
/// AES block size: encrypted answers are padded to it.
const BLOCK_BYTES: usize = 16;
/// Both public values must keep this distance, in bits, from 0 and from the prime.
const SAFETY_BITS: usize = 2048 - 64;

/// Why no key could be agreed on.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The link failed or the answer could not be read.
    #[error("the key exchange was interrupted: {0}")]
    Link(String),
    /// The server does not hold the configured key.
    #[error("the server does not offer the configured RSA key")]
    UnknownKey,
    /// A check failed; names the check.
    #[error("the server failed a check of the key exchange: {0}")]
    Check(&'static str),
    /// The machine has no randomness to give.
    #[error("no randomness available")]
    Randomness,
}

impl From<InvocationError> for HandshakeError {
    fn from(error: InvocationError) -> Self {
        Self::Link(error.to_string())
    }
}

type PlainSender = Sender<transport::Full, mtp::Plain>;

struct Nonces {
    client: [u8; 16],
    server: [u8; 16],
    new: [u8; 32],
}

/// Agrees on a new authorisation key with the server at `addr`. Takes three round trips and has no time-out.
///
/// # Errors
/// [`HandshakeError`]; nothing is left behind at the server that could matter.
pub async fn exchange(addr: SocketAddrV4, key: &RsaPublicKey) -> Result<[u8; 256], HandshakeError> {
    let address = ServerAddr::Tcp { address: addr.into() };
    let mut sender = Sender::connect(transport::Full::new(), mtp::Plain::new(), address)
        .await
        .map_err(|error| HandshakeError::Link(error.to_string()))?;
    let (nonces, request) = prove_work(&mut sender, key).await?;
    let answer = sender.invoke(&request).await?;
    let inner = open_answer(answer, &nonces)?;
    // Arithmetic with 2048-bit numbers keeps a thread busy for a while.
    let (nonces, agreed) = tokio::task::spawn_blocking(move || {
        let agreed = agree(&inner, &nonces);
        (nonces, agreed)
    })
    .await
    .map_err(|error| HandshakeError::Link(error.to_string()))?;
    let (auth_key, request) = agreed?;
    let answer = sender.invoke(&request).await?;
    confirm(answer, &auth_key, &nonces)?;
    Ok(auth_key)
}

/// First round trip: the server's challenge, factorised and encrypted to its RSA key.
async fn prove_work(
    sender: &mut PlainSender,
    key: &RsaPublicKey,
) -> Result<(Nonces, functions::ReqDhParams), HandshakeError> {
    let client = random::<16>()?;
    let enums::ResPq::Pq(challenge) = sender.invoke(&functions::ReqPqMulti { nonce: client }).await?;
    check(challenge.nonce == client, "nonce of the challenge")?;
    check_key(challenge.server_public_key_fingerprints.contains(&key.fingerprint()))?;
    let pq: [u8; 8] = challenge.pq.as_slice().try_into().map_err(|_| HandshakeError::Check("size of pq"))?;
    let (p, q) = factorize(u64::from_be_bytes(pq));
    let (p, q) = (minimal(p), minimal(q));
    let nonces = Nonces { client, server: challenge.server_nonce, new: random::<32>()? };
    let inner = enums::PQInnerData::Data(types::PQInnerData {
        pq: challenge.pq,
        p: p.clone(),
        q: q.clone(),
        nonce: client,
        server_nonce: nonces.server,
        new_nonce: nonces.new,
    })
    .to_bytes();
    let rsa_key = rsa::Key::new(&key.modulus(), &key.exponent()).ok_or(HandshakeError::Check("RSA key"))?;
    let request = functions::ReqDhParams {
        nonce: client,
        server_nonce: nonces.server,
        p,
        q,
        public_key_fingerprint: key.fingerprint(),
        encrypted_data: rsa::encrypt_hashed(&inner, &rsa_key, &random()?),
    };
    Ok((nonces, request))
}

/// Second round trip: decrypts and checks the server's half of the Diffie-Hellman exchange.
fn open_answer(answer: enums::ServerDhParams, nonces: &Nonces) -> Result<types::ServerDhInnerData, HandshakeError> {
    let enums::ServerDhParams::Ok(answer) = answer else {
        return Err(HandshakeError::Check("the server refused the challenge's answer"));
    };
    check(answer.nonce == nonces.client && answer.server_nonce == nonces.server, "nonces of the answer")?;
    let mut plain = answer.encrypted_answer;
    check(plain.len() > DIGEST_BYTES && plain.len().is_multiple_of(BLOCK_BYTES), "length of the answer")?;
    let (key, iv) = generate_key_data_from_nonce(&nonces.server, &nonces.new);
    aes::ige_decrypt(&mut plain, &key, &iv);
    let (digest, body) = plain.split_at(DIGEST_BYTES);
    let mut cursor = Cursor::from_slice(body);
    let enums::ServerDhInnerData::Data(inner) =
        enums::ServerDhInnerData::deserialize(&mut cursor).map_err(|_| HandshakeError::Check("form of the answer"))?;
    check(Sha1::digest(&body[..cursor.pos()])[..] == *digest, "hash of the answer")?;
    check(inner.nonce == nonces.client && inner.server_nonce == nonces.server, "nonces inside the answer")?;
    Ok(inner)
}

/// Third round trip: our half of the exchange, and the key that both halves make.
fn agree(
    inner: &types::ServerDhInnerData,
    nonces: &Nonces,
) -> Result<([u8; KEY_BYTES], functions::SetClientDhParams), HandshakeError> {
    check(group::is_sound(&inner.dh_prime, inner.g), "prime and generator")?;
    let prime = BigUint::from_bytes_be(&inner.dh_prime);
    let g_a = BigUint::from_bytes_be(&inner.g_a);
    let secret = BigUint::from_bytes_be(&random::<KEY_BYTES>()?);
    let g_b = BigUint::from(inner.g.unsigned_abs()).modpow(&secret, &prime);
    let margin = BigUint::from(1_u8) << SAFETY_BITS;
    let highest = &prime - &margin;
    for public in [&g_a, &g_b] {
        check(*public > margin && *public < highest, "range of the public values")?;
    }
    let auth_key = padded(&g_a.modpow(&secret, &prime));
    let body = enums::ClientDhInnerData::Data(types::ClientDhInnerData {
        nonce: nonces.client,
        server_nonce: nonces.server,
        retry_id: 0,
        g_b: padded(&g_b).to_vec(),
    })
    .to_bytes();
    let mut encrypted_data = Sha1::digest(&body).to_vec();
    encrypted_data.extend(body);
    let padding = encrypted_data.len().next_multiple_of(BLOCK_BYTES) - encrypted_data.len();
    encrypted_data.extend(&random::<BLOCK_BYTES>()?[..padding]);
    let (key, iv) = generate_key_data_from_nonce(&nonces.server, &nonces.new);
    aes::ige_encrypt(&mut encrypted_data, &key, &iv);
    let request = functions::SetClientDhParams { nonce: nonces.client, server_nonce: nonces.server, encrypted_data };
    Ok((auth_key, request))
}

/// The server shows that it made the same key.
fn confirm(
    answer: enums::SetClientDhParamsAnswer,
    auth_key: &[u8; KEY_BYTES],
    nonces: &Nonces,
) -> Result<(), HandshakeError> {
    let enums::SetClientDhParamsAnswer::DhGenOk(answer) = answer else {
        return Err(HandshakeError::Check("the server refused our half of the exchange"));
    };
    check(answer.nonce == nonces.client && answer.server_nonce == nonces.server, "nonces of the confirmation")?;
    let expected = AuthKey::from_bytes(*auth_key).calc_new_nonce_hash(&nonces.new, 1);
    check(answer.new_nonce_hash1 == expected, "hash of the new nonce")
}

const fn check(holds: bool, what: &'static str) -> Result<(), HandshakeError> {
    if holds { Ok(()) } else { Err(HandshakeError::Check(what)) }
}

const fn check_key(known: bool) -> Result<(), HandshakeError> {
    if known { Ok(()) } else { Err(HandshakeError::UnknownKey) }
}

/// Big-endian without leading zeros: anything longer is answered with -404.
fn minimal(number: u64) -> Vec<u8> {
    number.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect()
}

fn padded(number: &BigUint) -> [u8; KEY_BYTES] {
    let bytes = number.to_bytes_be();
    let mut padded = [0; KEY_BYTES];
    let start = KEY_BYTES.saturating_sub(bytes.len());
    padded[start..].copy_from_slice(&bytes[bytes.len().saturating_sub(KEY_BYTES)..]);
    padded
}

fn random<const N: usize>() -> Result<[u8; N], HandshakeError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| HandshakeError::Randomness)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_take_the_form_that_the_protocol_wants() {
        assert_eq!(minimal(0x0102), [1, 2]);
        let padded = padded(&BigUint::from(0x0102_u32));
        assert_eq!(padded[254..], [1, 2]);
        assert!(padded[..254].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn an_answer_that_is_not_ours_is_refused() {
        let nonces = Nonces { client: [1; 16], server: [2; 16], new: [3; 32] };
        let answer = |nonce, encrypted_answer| {
            enums::ServerDhParams::Ok(types::ServerDhParamsOk { nonce, server_nonce: [2; 16], encrypted_answer })
        };
        for (nonce, body, why) in [
            ([9; 16], vec![0; 64], "nonces of the answer"),
            ([1; 16], vec![0; 15], "length of the answer"),
            ([1; 16], vec![0; 64], "form of the answer"),
        ] {
            let error = open_answer(answer(nonce, body), &nonces).unwrap_err();
            assert!(matches!(error, HandshakeError::Check(found) if found == why), "{error} is not {why}");
        }
    }

    #[test]
    fn a_weak_group_is_refused() {
        let nonces = Nonces { client: [1; 16], server: [2; 16], new: [3; 32] };
        let inner = types::ServerDhInnerData {
            nonce: [1; 16],
            server_nonce: [2; 16],
            g: 3,
            dh_prime: vec![0xff; 256],
            g_a: vec![0x7f; 256],
            server_time: 0,
        };
        assert!(matches!(agree(&inner, &nonces), Err(HandshakeError::Check("prime and generator"))));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_made_up_answer_opens(blocks in 0_usize..40, seed: [u8; 32], new: [u8; 32], extra in 0_usize..16) {
            let nonces = Nonces { client: [1; 16], server: [2; 16], new };
            let encrypted_answer: Vec<u8> = seed.iter().copied().cycle().take(blocks * BLOCK_BYTES + extra).collect();
            let answer = types::ServerDhParamsOk { nonce: [1; 16], server_nonce: [2; 16], encrypted_answer };
            let opened = open_answer(enums::ServerDhParams::Ok(answer), &nonces);
            prop_assert!(opened.is_err());
        }
    }
}
