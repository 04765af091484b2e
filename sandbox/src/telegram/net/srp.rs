//! The server's side of the two-step password check (SRP over the key exchange prime).

use num_bigint::BigUint;
use serde::{Deserialize, Serialize};
use sha2::Sha512;

use super::crypto::{DH_GENERATOR, dh_prime, padded, random, sha256};

/// Rounds of PBKDF2 that the only known algorithm prescribes.
const PBKDF2_ROUNDS: u32 = 100_000;

/// What the server keeps of a password: salts and `g^x`, never the password.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Verifier {
    #[serde(with = "crate::telegram::hexed")]
    pub(crate) salt1: Vec<u8>,
    #[serde(with = "crate::telegram::hexed")]
    pub(crate) salt2: Vec<u8>,
    #[serde(with = "crate::telegram::hexed")]
    v: Vec<u8>,
}

impl Verifier {
    /// Derives the verifier of `password` with fresh salts. Takes a noticeable fraction of a second, by design.
    pub(crate) fn of(password: &str) -> Self {
        let (salt1, salt2) = (random::<8>().to_vec(), random::<16>().to_vec());
        let x = BigUint::from_bytes_be(&password_hash(password.as_bytes(), &salt1, &salt2));
        let v = padded(&BigUint::from(DH_GENERATOR).modpow(&x, &dh_prime()), 256);
        Self { salt1, salt2, v }
    }
}

/// One offered check; good for a single attempt.
#[derive(Clone, Debug)]
pub(crate) struct Challenge {
    b: BigUint,
    /// The public value that the client gets as `srp_B`.
    pub(crate) g_b: Vec<u8>,
}

impl Challenge {
    /// A fresh challenge against `verifier`.
    pub(crate) fn new(verifier: &Verifier) -> Self {
        let (p, g) = (dh_prime(), BigUint::from(DH_GENERATOR));
        let b = BigUint::from_bytes_be(&random::<256>());
        let k = BigUint::from_bytes_be(&sha256(&[&padded(&p, 256), &padded(&g, 256)]));
        let g_b = padded(&((k * BigUint::from_bytes_be(&verifier.v) + g.modpow(&b, &p)) % &p), 256);
        Self { b, g_b }
    }

    /// Whether `a` and `m1` prove knowledge of the password behind `verifier`.
    pub(crate) fn accepts(&self, verifier: &Verifier, a: &[u8], m1: &[u8]) -> bool {
        let (p, g) = (dh_prime(), BigUint::from(DH_GENERATOR));
        let a = BigUint::from_bytes_be(a);
        if &a % &p == BigUint::default() {
            return false;
        }
        let a_bytes = padded(&a, 256);
        let u = BigUint::from_bytes_be(&sha256(&[&a_bytes, &self.g_b]));
        let s = (a * BigUint::from_bytes_be(&verifier.v).modpow(&u, &p)).modpow(&self.b, &p);
        let key = sha256(&[&padded(&s, 256)]);
        let (hash_p, hash_g) = (sha256(&[&padded(&p, 256)]), sha256(&[&padded(&g, 256)]));
        let mixed: Vec<u8> = hash_p.iter().zip(hash_g).map(|(p, g)| p ^ g).collect();
        let salts = (sha256(&[&verifier.salt1]), sha256(&[&verifier.salt2]));
        sha256(&[&mixed, &salts.0, &salts.1, &a_bytes, &self.g_b, &key])[..] == *m1
    }
}

fn password_hash(password: &[u8], salt1: &[u8], salt2: &[u8]) -> [u8; 32] {
    let salted = |data: &[u8], salt: &[u8]| sha256(&[salt, data, salt]);
    let inner = salted(&salted(password, salt1), salt2);
    let mut derived = [0u8; 64];
    pbkdf2::pbkdf2_hmac::<Sha512>(&inner, salt1, PBKDF2_ROUNDS, &mut derived);
    salted(&derived, salt2)
}

#[cfg(test)]
mod tests {
    use grammers_crypto::two_factor_auth::calculate_2fa;

    use super::{Challenge, DH_GENERATOR, Verifier, dh_prime, random};

    #[test]
    fn the_clients_own_maths_passes_only_with_the_right_password() {
        let verifier = Verifier::of("hunter2");
        let challenge = Challenge::new(&verifier);
        let p = dh_prime().to_bytes_be();
        for (password, expected) in [("hunter2", true), ("hunter3", false)] {
            let (m1, a) = calculate_2fa(
                &verifier.salt1,
                &verifier.salt2,
                &p,
                &i32::from(DH_GENERATOR),
                challenge.g_b.clone(),
                random::<256>().to_vec(),
                password,
            );
            assert_eq!(challenge.accepts(&verifier, &a, &m1), expected, "{password}");
        }
    }
}
