//! The second factor: codes that change every 30 s (TOTP, RFC 6238), and recovery codes for when the device is gone.

use chrono::{DateTime, Utc};
use domain::{
    UserId,
    notification::{Content, Kind},
};
use secrecy::{ExposeSecret as _, SecretString};
use store::{
    PgConnection, StoreError,
    notifications::{NewNotification, Recipient},
};
use totp_rs::{Builder, Secret, Totp};

use crate::{
    error::ApiError,
    state::AppState,
    token::{digest, random_bytes},
};

/// What an app shows the codes under.
const ISSUER: &str = "Causeway";
/// As long as the hash that codes are made with (RFC 4226 §4).
const SECRET_BYTES: usize = 20;
/// Codes of so many steps before and after are taken, too: clocks differ, and people type slowly.
const SKEW_STEPS: u16 = 1;
const STEP_SECONDS: u64 = 30;
/// Recovery codes that somebody has at a time.
const RECOVERY_CODES: usize = 10;
/// 80 bits: more than can be guessed, so that a plain hash is enough.
const RECOVERY_CODE_CHARS: usize = 16;
const RECOVERY_GROUP_CHARS: usize = 4;
/// 32 letters and digits that are not taken for one another.
const RECOVERY_ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// The longest code that is looked at.
const CODE_CHARS_MAX: usize = 64;

/// What became of a code that was shown, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The second factor is not on.
    Off,
    /// The code is good, and is used up.
    Right,
    /// It is on, and no code was shown.
    Missing,
    /// The code is not good, or was used before.
    Wrong,
}

/// A new secret, in base 32 as apps want it.
pub(crate) fn new_secret() -> Result<SecretString, ApiError> {
    let secret = Secret::from(random_bytes::<SECRET_BYTES>()?.to_vec());
    Ok(secret.to_base32().into())
}

/// The address that an app reads from a picture: `otpauth://totp/…`.
pub(crate) fn url(secret: &SecretString, email: &str) -> Result<String, ApiError> {
    // A colon ends the issuer there.
    totp(secret, &email.replace(':', " "))?.to_url().map_err(ApiError::internal)
}

fn totp(secret: &SecretString, account: &str) -> Result<Totp, ApiError> {
    let secret =
        Secret::try_from_base32(secret.expose_secret()).map_err(|error| ApiError::internal(error.to_string()))?;
    let builder = Builder::new().with_secret(secret).with_skew(SKEW_STEPS).with_step_duration(STEP_SECONDS);
    builder.with_issuer(Some(ISSUER)).with_account_name(account).build().map_err(ApiError::internal)
}

/// The step that `code` belongs to, if it is one of now and was not used: steps are taken in order.
fn step(secret: &SecretString, code: &str, used: Option<i64>, now: DateTime<Utc>) -> Result<Option<i64>, ApiError> {
    let seconds = u64::try_from(now.timestamp()).map_err(ApiError::internal)?;
    let step = totp(secret, "")?.check(code, seconds).and_then(|step| i64::try_from(step).ok());
    Ok(step.filter(|step| used.is_none_or(|used| *step > used)))
}

/// What somebody typed, without what people put between digits.
fn typed(code: &str) -> Option<String> {
    let clean: String = code.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    ((1..=CODE_CHARS_MAX).contains(&clean.chars().count())).then(|| clean.to_lowercase())
}

/// Is `code` good? One that is, is used up; a recovery code is told of by e-mail.
pub(crate) async fn check(app: &AppState, user: UserId, code: Option<&str>) -> Result<Answer, ApiError> {
    let (mut transaction, now) = (app.transaction().await?, app.clock.now());
    let locked = store::second_factors::lock(&mut transaction, &app.sealer, user).await?;
    let Some(factor) = locked.filter(|factor| factor.confirmed) else { return Ok(Answer::Off) };
    let Some(code) = code else { return Ok(Answer::Missing) };
    let Some(code) = typed(code) else { return Ok(Answer::Wrong) };
    if let Some(step) = step(&factor.secret, &code, factor.used_step, now)? {
        store::second_factors::set_used(&mut transaction, user, step, now).await?;
    } else if store::second_factors::use_recovery_code(&mut transaction, user, &digest(&code), now).await? {
        let left = store::second_factors::find(&mut transaction, user).await?.map_or(0, |it| it.recovery_codes_left);
        let content = Content::new("A recovery code was used")
            .paragraph(&format!("Somebody signed in to your account with a recovery code. {left} are left."))
            .note("If that was not you, change your password and make new recovery codes.");
        let new = NewNotification {
            to: Recipient::User(user),
            kind: Kind::SecurityNotice,
            promotional: false,
            key: &format!("recovery_code_used/{user}/{left}/{}", now.timestamp_millis()),
            content: &content,
            expires_at: None,
        };
        store::notifications::enqueue(&mut transaction, &app.sealer, &new, now).await?;
    } else {
        return Ok(Answer::Wrong);
    }
    transaction.commit().await.map_err(StoreError::from)?;
    Ok(Answer::Right)
}

/// What became of the first code.
#[derive(Debug)]
pub(crate) enum Confirmed {
    /// The second factor is on; its recovery codes, to be shown once.
    On(Vec<String>),
    /// It was on before.
    Already,
    /// None was begun.
    NotBegun,
    /// The code is not good.
    Wrong,
}

/// Turns the second factor on, if `code` shows that the app has the secret. To be called in a transaction.
pub(crate) async fn confirm(
    app: &AppState,
    connection: &mut PgConnection,
    user: UserId,
    code: &str,
) -> Result<Confirmed, ApiError> {
    let now = app.clock.now();
    let Some(factor) = store::second_factors::lock(connection, &app.sealer, user).await? else {
        return Ok(Confirmed::NotBegun);
    };
    if factor.confirmed {
        return Ok(Confirmed::Already);
    }
    let Some(code) = typed(code) else { return Ok(Confirmed::Wrong) };
    let Some(step) = step(&factor.secret, &code, factor.used_step, now)? else { return Ok(Confirmed::Wrong) };
    store::second_factors::set_used(connection, user, step, now).await?;
    Ok(Confirmed::On(renew_recovery_codes(connection, user).await?))
}

/// New recovery codes in the place of all former ones, to be shown once.
pub(crate) async fn renew_recovery_codes(connection: &mut PgConnection, user: UserId) -> Result<Vec<String>, ApiError> {
    let codes = (0..RECOVERY_CODES).map(|_| recovery_code()).collect::<Result<Vec<_>, _>>()?;
    let hashes: Vec<Vec<u8>> = codes.iter().filter_map(|code| typed(code)).map(|code| digest(&code)).collect();
    store::second_factors::set_recovery_codes(connection, user, &hashes).await?;
    Ok(codes)
}

fn recovery_code() -> Result<String, ApiError> {
    let letters: Vec<char> = random_bytes::<RECOVERY_CODE_CHARS>()?
        .iter()
        .map(|byte| char::from(RECOVERY_ALPHABET[usize::from(byte % 32)]))
        .collect();
    let groups: Vec<String> = letters.chunks(RECOVERY_GROUP_CHARS).map(|group| group.iter().collect()).collect();
    Ok(groups.join("-"))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    /// The secret of RFC 6238, appendix B.
    fn secret() -> SecretString {
        Secret::from(b"12345678901234567890".to_vec()).to_base32().into()
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    #[test]
    fn codes_are_those_of_the_standard_within_one_step() {
        const STEP: i64 = 30;
        // The standard's codes have eight digits; ours are their last six.
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924")] {
            let here = seconds / STEP;
            assert_eq!(step(&secret(), code, None, at(seconds)).unwrap(), Some(here));
            for off in [-STEP, STEP] {
                assert_eq!(step(&secret(), code, None, at(seconds + off)).unwrap(), Some(here), "{off}");
            }
            for off in [-2 * STEP, 2 * STEP] {
                assert_eq!(step(&secret(), code, None, at(seconds + off)).unwrap_or_default(), None, "{off}");
            }
        }
        assert_eq!(step(&secret(), "000000", None, at(59)).unwrap(), None);
        assert_eq!(step(&secret(), "28708", None, at(59)).unwrap(), None);
    }

    #[test]
    fn a_step_is_taken_once_and_none_before_it() {
        for (used, taken) in [(None, true), (Some(0), true), (Some(1), false), (Some(2), false)] {
            assert_eq!(step(&secret(), "287082", used, at(59)).unwrap().is_some(), taken, "{used:?}");
        }
    }

    #[test]
    fn what_people_put_between_digits_does_not_count() {
        assert_eq!(typed(" 287 082\n").as_deref(), Some("287082"));
        assert_eq!(typed("ABCD-efgh").as_deref(), Some("abcdefgh"));
        for bad in ["", " - ", &"1".repeat(65)] {
            assert_eq!(typed(bad), None, "{bad}");
        }
    }

    #[test]
    fn recovery_codes_differ_and_can_be_typed() {
        let (one, other) = (recovery_code().unwrap(), recovery_code().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), 19);
        assert_eq!(typed(&one).unwrap().len(), RECOVERY_CODE_CHARS);
        let mut letters = RECOVERY_ALPHABET.to_vec();
        letters.sort_unstable();
        letters.dedup();
        assert_eq!(letters.len(), 32);
    }

    #[test]
    fn an_app_can_read_the_address() {
        let address = url(&secret(), "a:b@example.org").unwrap();
        assert!(address.starts_with("otpauth://totp/Causeway:a%20b%40example.org?secret="), "{address}");
        assert!(address.contains("issuer=Causeway"), "{address}");
        assert_eq!(new_secret().unwrap().expose_secret().len(), 32);
    }
}
