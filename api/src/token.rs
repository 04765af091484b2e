//! Access tokens: JWT, HS256, one hour.

use std::sync::Arc;

use chrono::TimeDelta;
use domain::{Clock, UserId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// How long an access token is good: short, because it cannot be called back.
pub(crate) const LIFETIME: TimeDelta = TimeDelta::hours(1);
const ISSUER: &str = "causeway";
const AUDIENCE: &str = "causeway-api";

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: UserId,
    iat: i64,
    exp: i64,
    jti: String,
    iss: String,
    aud: String,
}

/// Issues and reads access tokens.
pub(crate) struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    clock: Arc<dyn Clock>,
}

impl Tokens {
    pub(crate) fn new(secret: &SecretString, clock: Arc<dyn Clock>) -> Self {
        let secret = secret.expose_secret().as_bytes();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // The library reads the machine's clock; ours is asked below.
        validation.validate_exp = false;
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
            clock,
        }
    }

    /// A new token for `user`.
    pub(crate) fn issue(&self, user: UserId) -> Result<String, ApiError> {
        let now = self.clock.now();
        let claims = Claims {
            sub: user,
            iat: now.timestamp(),
            exp: (now + LIFETIME).timestamp(),
            jti: random_hex()?,
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding).map_err(ApiError::internal)
    }

    /// Whose token it is; `None` when it is not one of ours, or no longer good.
    pub(crate) fn read(&self, token: &str) -> Option<UserId> {
        let claims = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation).ok()?.claims;
        (claims.exp > self.clock.now().timestamp()).then_some(claims.sub)
    }
}

/// 128 random bits as text.
pub(crate) fn random_hex() -> Result<String, ApiError> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(ApiError::internal)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use domain::{FixedClock, SystemClock};

    fn tokens(secret: &str, clock: &Arc<FixedClock>) -> Tokens {
        Tokens::new(&secret.into(), Arc::clone(clock) as Arc<dyn Clock>)
    }

    #[test]
    fn a_token_is_good_for_its_lifetime_and_its_key() {
        let clock = Arc::new(FixedClock::at(SystemClock.now()));
        let (ours, theirs) = (tokens(&"a".repeat(32), &clock), tokens(&"b".repeat(32), &clock));
        let user = UserId::new(&SystemClock);
        let token = ours.issue(user).unwrap();
        assert_eq!(ours.read(&token), Some(user));
        assert_eq!(theirs.read(&token), None);
        assert_eq!(ours.read(&format!("{token}x")), None);
        clock.advance(LIFETIME - TimeDelta::seconds(1));
        assert_eq!(ours.read(&token), Some(user));
        clock.advance(TimeDelta::seconds(1));
        assert_eq!(ours.read(&token), None);
    }

    #[test]
    fn an_unsigned_token_is_refused() {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
        let clock = Arc::new(FixedClock::at(SystemClock.now()));
        let ours = tokens(&"a".repeat(32), &clock);
        let token = ours.issue(UserId::new(&SystemClock)).unwrap();
        let claims = token.split('.').nth(1).unwrap();
        let header = BASE64.encode(r#"{"alg":"none","typ":"JWT"}"#);
        assert_eq!(ours.read(&format!("{header}.{claims}.")), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nobody_makes_up_a_token(text in r"[-_A-Za-z0-9]{0,40}(\.[-_A-Za-z0-9]{0,60}){0,3}|.{0,60}", at: prop::sample::Index, flip in 1_u8..128) {
            let clock = Arc::new(FixedClock::at(SystemClock.now()));
            let ours = tokens(&"a".repeat(32), &clock);
            prop_assert_eq!(ours.read(&text), None);
            let user = UserId::new(&SystemClock);
            let token = ours.issue(user).unwrap();
            let mut bent = token.clone().into_bytes();
            bent[at.index(token.len())] ^= flip;
            // Some letters of base64 hold bits that nobody reads.
            if let Some(read) = String::from_utf8(bent).ok().and_then(|bent| ours.read(&bent)) {
                prop_assert_eq!(read, user);
            }
        }
    }
}
