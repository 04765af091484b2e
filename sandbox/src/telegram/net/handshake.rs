//! The server's side of the Diffie-Hellman key exchange, one step per unencrypted packet.

use grammers_crypto::{AuthKey, aes, generate_key_data_from_nonce};
use grammers_tl_types::{
    Deserializable as _, Identifiable as _, Serializable as _, deserialize, enums, functions, types,
};
use num_bigint::BigUint;
use thiserror::Error;

use super::crypto::{AuthKeyBytes, DH_GENERATOR, dh_prime, padded, random, sha1};
use super::rsa::RsaKey;
use crate::telegram::clock;

/// The product of two fixed primes; factoring it is the client's proof of work and has no secret.
const PQ: u64 = 0x17ED_4894_1A08_F981;

/// Why a key exchange cannot go on; the connection is closed.
#[derive(Debug, Error)]
pub(crate) enum HandshakeError {
    #[error("an unencrypted packet is malformed")]
    Malformed(#[from] deserialize::Error),
    #[error("constructor {0:08x} is not part of the key exchange")]
    Unexpected(u32),
    #[error("the client's hash over its key exchange data is wrong")]
    BadHash,
}

/// What one step yields: the answer, and the key once it is agreed.
pub(crate) struct Step {
    pub(crate) answer: Vec<u8>,
    pub(crate) new_key: Option<AuthKeyBytes>,
}

/// The state of one key exchange on one connection.
#[derive(Default)]
pub(crate) struct Handshake {
    server_nonce: [u8; 16],
    new_nonce: [u8; 32],
    secret: BigUint,
}

impl Handshake {
    /// Takes the next packet of the exchange.
    pub(crate) fn step(&mut self, rsa: &RsaKey, body: &[u8]) -> Result<Step, HandshakeError> {
        let (id, arguments) = body.split_first_chunk::<4>().ok_or(deserialize::Error::UnexpectedEof)?;
        match u32::from_le_bytes(*id) {
            functions::ReqPq::CONSTRUCTOR_ID => Ok(self.offer(rsa, functions::ReqPq::from_bytes(arguments)?.nonce)),
            functions::ReqPqMulti::CONSTRUCTOR_ID => {
                Ok(self.offer(rsa, functions::ReqPqMulti::from_bytes(arguments)?.nonce))
            }
            functions::ReqDhParams::CONSTRUCTOR_ID => {
                self.parameters(rsa, &functions::ReqDhParams::from_bytes(arguments)?)
            }
            functions::SetClientDhParams::CONSTRUCTOR_ID => {
                self.agree(functions::SetClientDhParams::from_bytes(arguments)?)
            }
            other => Err(HandshakeError::Unexpected(other)),
        }
    }

    fn offer(&mut self, rsa: &RsaKey, nonce: [u8; 16]) -> Step {
        self.server_nonce = random();
        let offer = types::ResPq {
            nonce,
            server_nonce: self.server_nonce,
            pq: PQ.to_be_bytes().to_vec(),
            server_public_key_fingerprints: vec![rsa.fingerprint()],
        };
        Step { answer: enums::ResPq::Pq(offer).to_bytes(), new_key: None }
    }

    fn parameters(&mut self, rsa: &RsaKey, request: &functions::ReqDhParams) -> Result<Step, HandshakeError> {
        self.new_nonce = match rsa.open_inner_data(&request.encrypted_data)? {
            enums::PQInnerData::Data(data) => data.new_nonce,
            enums::PQInnerData::Dc(data) => data.new_nonce,
            enums::PQInnerData::Temp(data) => data.new_nonce,
            enums::PQInnerData::TempDc(data) => data.new_nonce,
        };
        self.secret = BigUint::from_bytes_be(&random::<256>());
        let prime = dh_prime();
        let inner = types::ServerDhInnerData {
            nonce: request.nonce,
            server_nonce: self.server_nonce,
            g: i32::from(DH_GENERATOR),
            dh_prime: prime.to_bytes_be(),
            g_a: padded(&BigUint::from(DH_GENERATOR).modpow(&self.secret, &prime), 256),
            server_time: clock::now(),
        };
        let inner = enums::ServerDhInnerData::Data(inner).to_bytes();
        let mut answer = sha1(&[&inner]).to_vec();
        answer.extend(&inner);
        let padding = (16 - answer.len() % 16) % 16;
        answer.extend(&random::<16>()[..padding]);
        let (key, iv) = generate_key_data_from_nonce(&self.server_nonce, &self.new_nonce);
        aes::ige_encrypt(&mut answer, &key, &iv);
        let ok =
            types::ServerDhParamsOk { nonce: request.nonce, server_nonce: self.server_nonce, encrypted_answer: answer };
        Ok(Step { answer: enums::ServerDhParams::Ok(ok).to_bytes(), new_key: None })
    }

    fn agree(&mut self, request: functions::SetClientDhParams) -> Result<Step, HandshakeError> {
        let (key, iv) = generate_key_data_from_nonce(&self.server_nonce, &self.new_nonce);
        let mut data = request.encrypted_data;
        data.truncate(data.len() / 16 * 16);
        aes::ige_decrypt(&mut data, &key, &iv);
        let (hash, inner) = data.split_first_chunk::<20>().ok_or(deserialize::Error::UnexpectedEof)?;
        let mut cursor = deserialize::Cursor::from_slice(inner);
        let enums::ClientDhInnerData::Data(client) =
            <enums::ClientDhInnerData as grammers_tl_types::Deserializable>::deserialize(&mut cursor)?;
        if sha1(&[&inner[..cursor.pos()]]) != *hash {
            return Err(HandshakeError::BadHash);
        }
        let shared = BigUint::from_bytes_be(&client.g_b).modpow(&self.secret, &dh_prime());
        let mut new_key = [0; 256];
        new_key.copy_from_slice(&padded(&shared, 256));
        let ok = types::DhGenOk {
            nonce: request.nonce,
            server_nonce: self.server_nonce,
            new_nonce_hash1: AuthKey::from_bytes(new_key).calc_new_nonce_hash(&self.new_nonce, 1),
        };
        Ok(Step { answer: enums::SetClientDhParamsAnswer::DhGenOk(ok).to_bytes(), new_key: Some(new_key) })
    }
}
