//! A client's side of the key exchange with the sandbox's key; the library itself only knows the real service's keys.

use std::net::SocketAddr;

use grammers_crypto::{AuthKey, aes, factorize, generate_key_data_from_nonce, rsa};
use grammers_mtproto::{mtp, transport};
use grammers_mtsender::{Sender, ServerAddr};
use grammers_tl_types::{Cursor, Deserializable as _, Serializable as _, enums, functions, types};
use num_bigint::BigUint;

use crate::telegram::net::crypto::{AuthKeyBytes, padded, random, sha1};
use crate::telegram::net::rsa::RsaKey;

/// Agrees on a key.
pub(super) async fn exchange(address: SocketAddr) -> AuthKeyBytes {
    let key = RsaKey::sandbox();
    let server = ServerAddr::Tcp { address };
    let mut sender = Sender::connect(transport::Full::new(), mtp::Plain::new(), server).await.unwrap();
    let nonce: [u8; 16] = random();
    let enums::ResPq::Pq(offer) = sender.invoke(&functions::ReqPqMulti { nonce }).await.unwrap();
    assert_eq!(offer.server_public_key_fingerprints, [key.fingerprint()]);
    let (p, q) = factorize(u64::from_be_bytes(offer.pq[..].try_into().unwrap()));
    let bytes = |n: u64| BigUint::from(n).to_bytes_be();
    let new_nonce: [u8; 32] = random();
    let inner = types::PQInnerData {
        pq: offer.pq.clone(),
        p: bytes(p),
        q: bytes(q),
        nonce,
        server_nonce: offer.server_nonce,
        new_nonce,
    };
    let inner = enums::PQInnerData::Data(inner).to_bytes();
    let (n, e) = key.public();
    let public = rsa::Key::new(&n.to_string(), &e.to_string()).unwrap();
    let request = functions::ReqDhParams {
        nonce,
        server_nonce: offer.server_nonce,
        p: bytes(p),
        q: bytes(q),
        public_key_fingerprint: key.fingerprint(),
        encrypted_data: rsa::encrypt_hashed(&inner, &public, &random()),
    };
    let enums::ServerDhParams::Ok(parameters) = sender.invoke(&request).await.unwrap() else {
        panic!("the server refused the parameters");
    };
    let (aes_key, iv) = generate_key_data_from_nonce(&offer.server_nonce, &new_nonce);
    let mut answer = parameters.encrypted_answer;
    aes::ige_decrypt(&mut answer, &aes_key, &iv);
    let cursor = &mut Cursor::from_slice(&answer[20..]);
    let enums::ServerDhInnerData::Data(dh) = enums::ServerDhInnerData::deserialize(cursor).unwrap();
    assert_eq!(sha1(&[&answer[20..20 + cursor.pos()]])[..], answer[..20]);
    let (prime, b) = (BigUint::from_bytes_be(&dh.dh_prime), BigUint::from_bytes_be(&random::<256>()));
    let g_b = padded(&BigUint::from(dh.g as u32).modpow(&b, &prime), 256);
    let auth_key: AuthKeyBytes = padded(&BigUint::from_bytes_be(&dh.g_a).modpow(&b, &prime), 256).try_into().unwrap();
    let inner = types::ClientDhInnerData { nonce, server_nonce: offer.server_nonce, retry_id: 0, g_b };
    let inner = enums::ClientDhInnerData::Data(inner).to_bytes();
    let mut data = [&sha1(&[&inner])[..], &inner].concat();
    data.resize(data.len().next_multiple_of(16), 0);
    aes::ige_encrypt(&mut data, &aes_key, &iv);
    let request = functions::SetClientDhParams { nonce, server_nonce: offer.server_nonce, encrypted_data: data };
    let enums::SetClientDhParamsAnswer::DhGenOk(ok) = sender.invoke(&request).await.unwrap() else {
        panic!("no key was agreed on");
    };
    assert_eq!(ok.new_nonce_hash1, AuthKey::from_bytes(auth_key).calc_new_nonce_hash(&new_nonce, 1));
    auth_key
}
