//! The account's own settings.

use grammers_tl_types::{enums, functions, types};

use super::Call;
use super::failure::Failure;
use crate::telegram::net::crypto::{DH_GENERATOR, dh_prime, random};
use crate::telegram::net::srp::Challenge;
use crate::telegram::world::event::Event;
use crate::telegram::world::model::Login;

/// How many offered password checks are kept; an attempt takes seconds, so only forgotten ones are dropped.
const CHALLENGES_MAX: usize = 1000;

pub(super) fn get_password(
    call: &mut Call<'_>,
    _: functions::account::GetPassword,
) -> Result<enums::account::Password, Failure> {
    let user = match call.state.world.logins.get(&call.caller.key_id) {
        Some(Login::User(user) | Login::PasswordPending(user)) => *user,
        Some(Login::Revoked) | None => return Err(Failure::unauthorized("AUTH_KEY_UNREGISTERED")),
    };
    let verifier = call.state.world.users.get(&user).and_then(|user| user.password.clone());
    let mut password = types::account::Password {
        has_recovery: false,
        has_secure_values: false,
        has_password: verifier.is_some(),
        current_algo: None,
        srp_b: None,
        srp_id: None,
        hint: None,
        email_unconfirmed_pattern: None,
        new_algo: enums::PasswordKdfAlgo::Unknown,
        new_secure_algo: enums::SecurePasswordKdfAlgo::Unknown,
        secure_random: random::<32>().to_vec(),
        pending_reset_date: None,
        login_email_pattern: None,
    };
    if let Some(verifier) = verifier {
        let challenge = Challenge::new(&verifier);
        let srp_id = i64::from_le_bytes(random()) & i64::MAX;
        let algo = types::PasswordKdfAlgoSha256Sha256Pbkdf2Hmacsha512iter100000Sha256ModPow {
            salt1: verifier.salt1,
            salt2: verifier.salt2,
            g: i32::from(DH_GENERATOR),
            p: dh_prime().to_bytes_be(),
        };
        password.current_algo = Some(algo.into());
        password.srp_b = Some(challenge.g_b.clone());
        password.srp_id = Some(srp_id);
        if call.state.challenges.len() >= CHALLENGES_MAX {
            call.state.challenges.clear();
        }
        call.state.challenges.insert(srp_id, (user, challenge));
    }
    Ok(password.into())
}

pub(super) fn update_status(_: &mut Call<'_>, _: functions::account::UpdateStatus) -> Result<bool, Failure> {
    Ok(true)
}

pub(super) fn update_profile(
    call: &mut Call<'_>,
    request: functions::account::UpdateProfile,
) -> Result<enums::User, Failure> {
    let mut user = call.state.world.users.get(&call.me).cloned().ok_or_else(|| Failure::bad("USER_ID_INVALID"))?;
    if let Some(name) = request.first_name {
        if name.trim().is_empty() {
            return Err(Failure::bad("FIRSTNAME_INVALID"));
        }
        user.first_name = name;
    }
    if let Some(name) = request.last_name {
        user.last_name = name;
    }
    call.commit(vec![Event::UserSaved { user }])?;
    call.view().user(call.me).ok_or_else(|| Failure::bad("USER_ID_INVALID"))
}
