//! Logging in and out: codes, sign-up, passwords, bots.

use grammers_tl_types::{enums, functions, types};

use super::failure::Failure;
use super::{Call, now};
use crate::telegram::net::crypto::random;
use crate::telegram::world::event::Event;
use crate::telegram::world::model::{Code, Login, User};

/// How long a code can be used.
const CODE_VALID_SECONDS: i32 = 300;
/// After so many wrong attempts the code is void.
const CODE_ATTEMPTS_MAX: u8 = 5;
/// The shortest and longest international number, in digits.
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// The digits of a number as people write it; None when it cannot be one.
pub(crate) fn parse_phone(text: &str) -> Option<String> {
    let text = text.trim();
    let is_written_so = |c: char| c.is_ascii_digit() || " -().".contains(c);
    if !text.strip_prefix('+').unwrap_or(text).chars().all(is_written_so) {
        return None;
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    (PHONE_DIGITS.contains(&digits.len()) && !digits.starts_with('0')).then_some(digits)
}

fn usable_phone(call: &Call<'_>, text: &str) -> Result<String, Failure> {
    let phone = parse_phone(text).ok_or_else(|| Failure::bad("PHONE_NUMBER_INVALID"))?;
    if call.state.world.banned.contains(&phone) {
        return Err(Failure::bad("PHONE_NUMBER_BANNED"));
    }
    Ok(phone)
}

pub(super) fn send_code(
    call: &mut Call<'_>,
    request: functions::auth::SendCode,
) -> Result<enums::auth::SentCode, Failure> {
    if request.api_id <= 0 || request.api_hash.is_empty() {
        return Err(Failure::bad("API_ID_INVALID"));
    }
    let phone = usable_phone(call, &request.phone_number)?;
    if call.me != 0 {
        return Err(Failure::new(500, "AUTH_RESTART"));
    }
    new_code(call, phone)
}

pub(super) fn resend_code(
    call: &mut Call<'_>,
    request: functions::auth::ResendCode,
) -> Result<enums::auth::SentCode, Failure> {
    let phone = usable_phone(call, &request.phone_number)?;
    known_code(call, &phone, &request.phone_code_hash)?;
    new_code(call, phone)
}

pub(super) fn cancel_code(call: &mut Call<'_>, request: functions::auth::CancelCode) -> Result<bool, Failure> {
    let phone = usable_phone(call, &request.phone_number)?;
    known_code(call, &phone, &request.phone_code_hash)?;
    call.commit(vec![Event::CodeGone { phone }])?;
    Ok(true)
}

fn new_code(call: &mut Call<'_>, phone: String) -> Result<enums::auth::SentCode, Failure> {
    let number = u32::from_le_bytes(random()) % 100_000;
    let code = Code {
        phone: phone.clone(),
        code: format!("{number:05}"),
        hash: hex::encode(random::<9>()),
        expires_at: now() + CODE_VALID_SECONDS,
        attempts: 0,
        verified: false,
    };
    let hash = code.hash.clone();
    call.commit(vec![Event::CodeSet { code }])?;
    let has_session = call
        .state
        .world
        .user_by_phone(&phone)
        .and_then(|user| call.state.world.keys_of.get(&user.id))
        .is_some_and(|keys| !keys.is_empty());
    // A code goes to the app where there is one, else by SMS.
    let r#type = match has_session {
        true => types::auth::SentCodeTypeApp { length: 5 }.into(),
        false => types::auth::SentCodeTypeSms { length: 5 }.into(),
    };
    Ok(types::auth::SentCode { r#type, phone_code_hash: hash, next_type: None, timeout: None }.into())
}

/// The code that was sent under this hash, if it can still be used.
fn known_code(call: &Call<'_>, phone: &str, hash: &str) -> Result<Code, Failure> {
    if hash.is_empty() {
        return Err(Failure::bad("PHONE_CODE_HASH_EMPTY"));
    }
    let code = call.state.world.codes.get(phone).filter(|code| code.hash == hash);
    code.filter(|code| code.expires_at > now() && code.attempts < CODE_ATTEMPTS_MAX)
        .cloned()
        .ok_or_else(|| Failure::bad("PHONE_CODE_EXPIRED"))
}

pub(super) fn sign_in(
    call: &mut Call<'_>,
    request: functions::auth::SignIn,
) -> Result<enums::auth::Authorization, Failure> {
    let phone = usable_phone(call, &request.phone_number)?;
    let mut code = known_code(call, &phone, &request.phone_code_hash)?;
    let given = request.phone_code.filter(|code| !code.is_empty());
    let given = given.ok_or_else(|| Failure::bad("PHONE_CODE_EMPTY"))?;
    if given != code.code {
        code.attempts += 1;
        call.commit(vec![Event::CodeSet { code }])?;
        return Err(Failure::bad("PHONE_CODE_INVALID"));
    }
    let Some(user) = call.state.world.user_by_phone(&phone).cloned() else {
        code.verified = true;
        call.commit(vec![Event::CodeSet { code }])?;
        return Ok(types::auth::AuthorizationSignUpRequired { terms_of_service: None }.into());
    };
    let gone = Event::CodeGone { phone };
    if user.password.is_some() {
        let pending = Event::KeyBound { key_id: call.caller.key_id, login: Login::PasswordPending(user.id) };
        call.commit(vec![gone, pending])?;
        return Err(Failure::unauthorized("SESSION_PASSWORD_NEEDED"));
    }
    log_in(call, user.id, vec![gone])
}

pub(super) fn sign_up(
    call: &mut Call<'_>,
    request: functions::auth::SignUp,
) -> Result<enums::auth::Authorization, Failure> {
    let phone = usable_phone(call, &request.phone_number)?;
    let code = known_code(call, &phone, &request.phone_code_hash)?;
    if call.state.world.user_by_phone(&phone).is_some() {
        return Err(Failure::bad("PHONE_NUMBER_OCCUPIED"));
    }
    if !code.verified {
        return Err(Failure::bad("PHONE_CODE_EMPTY"));
    }
    if request.first_name.trim().is_empty() {
        return Err(Failure::bad("FIRSTNAME_INVALID"));
    }
    let user = User {
        id: call.state.world.next_id(),
        phone: Some(phone.clone()),
        first_name: request.first_name,
        last_name: request.last_name,
        username: None,
        bot_token: None,
        password: None,
        photo: None,
    };
    let id = user.id;
    log_in(call, id, vec![Event::CodeGone { phone }, Event::UserSaved { user }])
}

pub(super) fn check_password(
    call: &mut Call<'_>,
    request: functions::auth::CheckPassword,
) -> Result<enums::auth::Authorization, Failure> {
    let Some(Login::PasswordPending(user)) = call.state.world.logins.get(&call.caller.key_id).copied() else {
        return Err(Failure::unauthorized("AUTH_KEY_UNREGISTERED"));
    };
    let verifier = call.state.world.users.get(&user).and_then(|user| user.password.clone());
    let (enums::InputCheckPasswordSrp::Srp(answer), Some(verifier)) = (request.password, verifier) else {
        return Err(Failure::bad("PASSWORD_HASH_INVALID"));
    };
    // A challenge is good for one attempt.
    let challenge = call.state.challenges.remove(&answer.srp_id).filter(|(owner, _)| *owner == user);
    let (_, challenge) = challenge.ok_or_else(|| Failure::bad("SRP_ID_INVALID"))?;
    if !challenge.accepts(&verifier, &answer.a, &answer.m1) {
        return Err(Failure::bad("PASSWORD_HASH_INVALID"));
    }
    log_in(call, user, Vec::new())
}

pub(super) fn import_bot_authorization(
    call: &mut Call<'_>,
    request: functions::auth::ImportBotAuthorization,
) -> Result<enums::auth::Authorization, Failure> {
    let bot = call.state.world.user_by_token(&request.bot_auth_token).map(|bot| bot.id);
    let bot = bot.ok_or_else(|| Failure::bad("ACCESS_TOKEN_INVALID"))?;
    log_in(call, bot, Vec::new())
}

fn log_in(call: &mut Call<'_>, user: i64, mut events: Vec<Event>) -> Result<enums::auth::Authorization, Failure> {
    events.push(Event::KeyBound { key_id: call.caller.key_id, login: Login::User(user) });
    call.commit(events)?;
    call.me = user;
    let user = call.view().user(user).ok_or_else(|| Failure::bad("USER_ID_INVALID"))?;
    Ok(types::auth::Authorization {
        setup_password_required: false,
        otherwise_relogin_days: None,
        tmp_sessions: None,
        future_auth_token: None,
        user,
    }
    .into())
}

pub(super) fn log_out(call: &mut Call<'_>, _: functions::auth::LogOut) -> Result<enums::auth::LoggedOut, Failure> {
    if call.me == 0 {
        return Err(Failure::unauthorized("AUTH_KEY_UNREGISTERED"));
    }
    call.commit(vec![Event::KeyFreed { key_id: call.caller.key_id }])?;
    Ok(types::auth::LoggedOut { future_auth_token: None }.into())
}

#[cfg(test)]
mod tests {
    use super::parse_phone;

    #[test]
    fn phones_are_read_as_people_write_them() {
        assert_eq!(parse_phone("+999 (66) 1-2345").as_deref(), Some("9996612345"));
        for wrong in ["", "+", "12345", "abc", "+1234567890123456", "+99966x2345", "0123456789"] {
            assert_eq!(parse_phone(wrong), None, "{wrong}");
        }
    }
}
