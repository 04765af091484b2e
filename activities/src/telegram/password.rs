//! Two-step verification: proving the password without sending it (SRP, <https://core.telegram.org/api/srp>).

use grammers_crypto::two_factor_auth::calculate_2fa;
use grammers_tl_types::{enums, types};
use secrecy::{ExposeSecret, SecretString};

use super::{errors::retryable, group};
use crate::platform::PlatformError;

/// The proof for the parameters that Telegram gave just now; they are good for one attempt.
///
/// Takes up to a second of computing, off the async threads.
pub(super) async fn prove(
    parameters: types::account::Password,
    password: SecretString,
) -> Result<enums::InputCheckPasswordSrp, PlatformError> {
    let proof = tokio::task::spawn_blocking(move || compute(parameters, &password)).await;
    proof.map_err(|error| retryable("password_proof_failed", error.to_string()))?
}

fn compute(
    parameters: types::account::Password,
    password: &SecretString,
) -> Result<enums::InputCheckPasswordSrp, PlatformError> {
    let unusable = || retryable("password_parameters", "Telegram's password parameters cannot be used");
    let algorithm = parameters.current_algo.ok_or_else(unusable)?;
    let enums::PasswordKdfAlgo::Sha256Sha256Pbkdf2Hmacsha512iter100000Sha256ModPow(algorithm) = algorithm else {
        return Err(unusable());
    };
    let (srp_id, srp_b) = parameters.srp_id.zip(parameters.srp_b).ok_or_else(unusable)?;
    if !group::is_sound(&algorithm.p, algorithm.g) || srp_b.len() > algorithm.p.len() {
        return Err(unusable());
    }
    let mut secret = vec![0; algorithm.p.len()];
    getrandom::fill(&mut secret).map_err(|error| retryable("no_randomness", error.to_string()))?;
    let (m1, a) = calculate_2fa(
        &algorithm.salt1,
        &algorithm.salt2,
        &algorithm.p,
        &algorithm.g,
        srp_b,
        secret,
        password.expose_secret(),
    );
    Ok(types::InputCheckPasswordSrp { srp_id, a: a.to_vec(), m1: m1.to_vec() }.into())
}
