//! Access tokens: JWT, HS256, with the id of the key that signed. Refresh tokens and API keys: random text.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use chrono::{DateTime, TimeDelta, Utc};
use domain::{Clock, SessionId, UserId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use store::sessions::SessionKind;

use crate::error::ApiError;

/// How long a tenant's access token is good.
pub(crate) const LIFETIME: TimeDelta = TimeDelta::hours(1);
/// How long an access token of staff is good.
pub(crate) const STAFF_LIFETIME: TimeDelta = TimeDelta::minutes(15);
const ISSUER: &str = "causeway";
const AUDIENCE: &str = "causeway-api";
const STAFF_AUDIENCE: &str = "causeway-admin";
/// HS256 needs a key as long as its hash.
const KEY_BYTES_MIN: usize = 32;
const KEY_ID_CHARS_MAX: usize = 32;
const SECRET_BYTES: usize = 32;

/// The keys that sign access tokens: `id:secret[,id:secret…]`. The first one signs, all of them are accepted.
#[derive(Clone)]
pub struct JwtKeys(Vec<(String, SecretString)>);

impl std::fmt::Debug for JwtKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(id, _)| id)).finish()
    }
}

impl JwtKeys {
    /// Reads a list of keys; what is wrong with it otherwise, without the secrets.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let wrong = "expected `id:secret` pairs separated by commas, ids of 1 to 32 characters that differ, secrets of at \
                     least 32 bytes";
        let mut keys: Vec<(String, SecretString)> = Vec::new();
        for entry in text.split(',') {
            let (id, secret) = entry.trim().split_once(':').ok_or(wrong)?;
            let twice = keys.iter().any(|(known, _)| known == id);
            if id.is_empty() || id.len() > KEY_ID_CHARS_MAX || secret.len() < KEY_BYTES_MIN || twice {
                return Err(wrong);
            }
            keys.push((id.to_owned(), secret.into()));
        }
        Ok(Self(keys))
    }
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: UserId,
    sid: SessionId,
    iat: i64,
    exp: i64,
    iss: String,
    aud: String,
}

/// An access token that is ours and still good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// Whose.
    pub(crate) user: UserId,
    /// Of which session.
    pub(crate) session: SessionId,
}

struct Key {
    id: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

/// Issues and reads access tokens.
pub(crate) struct Tokens {
    keys: Vec<Key>,
    /// What a tenant's token must say, and a staff one.
    validations: [Validation; 2],
    clock: Arc<dyn Clock>,
}

const fn audience(kind: SessionKind) -> &'static str {
    match kind {
        SessionKind::Tenant => AUDIENCE,
        SessionKind::Staff => STAFF_AUDIENCE,
    }
}

/// How long an access token of this kind is good.
pub(crate) const fn lifetime(kind: SessionKind) -> TimeDelta {
    match kind {
        SessionKind::Tenant => LIFETIME,
        SessionKind::Staff => STAFF_LIFETIME,
    }
}

/// What a token of this kind must say.
fn validation(kind: SessionKind) -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[audience(kind)]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    // The library reads the machine's clock; ours is asked when a token is read.
    validation.validate_exp = false;
    validation
}

impl Tokens {
    pub(crate) fn new(keys: &JwtKeys, clock: Arc<dyn Clock>) -> Self {
        let keys = keys.0.iter().map(|(id, secret)| {
            let secret = secret.expose_secret().as_bytes();
            Key {
                id: id.clone(),
                encoding: EncodingKey::from_secret(secret),
                decoding: DecodingKey::from_secret(secret),
            }
        });
        let validations = [SessionKind::Tenant, SessionKind::Staff].map(validation);
        Self { keys: keys.collect(), validations, clock }
    }

    /// A new token of `session`, and when it ends.
    pub(crate) fn issue(
        &self,
        kind: SessionKind,
        user: UserId,
        session: SessionId,
    ) -> Result<(String, DateTime<Utc>), ApiError> {
        let key = self.keys.first().ok_or_else(|| ApiError::internal("there is no key to sign with"))?;
        let now = self.clock.now();
        let expires_at = now + lifetime(kind);
        let claims = Claims {
            sub: user,
            sid: session,
            iat: now.timestamp(),
            exp: expires_at.timestamp(),
            iss: ISSUER.to_owned(),
            aud: audience(kind).to_owned(),
        };
        let header = Header { kid: Some(key.id.clone()), ..Header::new(Algorithm::HS256) };
        let token = jsonwebtoken::encode(&header, &claims, &key.encoding).map_err(ApiError::internal)?;
        Ok((token, expires_at))
    }

    /// What the token says; `None` when it is not one of ours of this kind, or no longer good. The algorithm is ours, not
    /// the token's.
    pub(crate) fn read(&self, kind: SessionKind, token: &str) -> Option<Claim> {
        let kid = jsonwebtoken::decode_header(token).ok()?.kid?;
        let key = self.keys.iter().find(|key| key.id == kid)?;
        let [tenant, staff] = &self.validations;
        let validation = match kind {
            SessionKind::Tenant => tenant,
            SessionKind::Staff => staff,
        };
        let claims = jsonwebtoken::decode::<Claims>(token, &key.decoding, validation).ok()?.claims;
        let good = claims.exp > self.clock.now().timestamp();
        good.then_some(Claim { user: claims.sub, session: claims.sid })
    }
}

/// 128 random bits as text.
pub(crate) fn random_hex() -> Result<String, ApiError> {
    Ok(format!("{:032x}", u128::from_be_bytes(random_bytes()?)))
}

/// 256 random bits as URL-safe text of 43 characters.
pub(crate) fn random_secret() -> Result<String, ApiError> {
    Ok(BASE64.encode(random_bytes::<SECRET_BYTES>()?))
}

/// So many random bytes.
pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N], ApiError> {
    let mut bytes = [0_u8; N];
    getrandom::fill(&mut bytes).map_err(ApiError::internal)?;
    Ok(bytes)
}

/// SHA-256 of a secret with as many random bits as the hash has: nothing to stretch.
pub(crate) fn digest(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use domain::{FixedClock, SystemClock};

    const OLD: &str = "k1:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const NEW: &str = "k2:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn tokens(keys: &str, clock: &Arc<FixedClock>) -> Tokens {
        Tokens::new(&JwtKeys::parse(keys).unwrap(), Arc::clone(clock) as Arc<dyn Clock>)
    }

    fn claim() -> Claim {
        Claim { user: UserId::new(&SystemClock), session: SessionId::new(&SystemClock) }
    }

    #[test]
    fn a_token_is_good_for_its_lifetime_and_its_kind() {
        let clock = Arc::new(FixedClock::at(SystemClock.now()));
        let ours = tokens(OLD, &clock);
        let claim = claim();
        for (kind, other) in [(SessionKind::Tenant, SessionKind::Staff), (SessionKind::Staff, SessionKind::Tenant)] {
            let (token, _) = ours.issue(kind, claim.user, claim.session).unwrap();
            assert_eq!(ours.read(kind, &token), Some(claim));
            assert_eq!(ours.read(other, &token), None);
            assert_eq!(ours.read(kind, &format!("{token}x")), None);
            clock.advance(lifetime(kind) - TimeDelta::seconds(1));
            assert_eq!(ours.read(kind, &token), Some(claim));
            clock.advance(TimeDelta::seconds(1));
            assert_eq!(ours.read(kind, &token), None);
        }
    }

    #[test]
    fn keys_rotate() {
        let clock = Arc::new(FixedClock::at(SystemClock.now()));
        let claim = claim();
        let issue = |keys| tokens(keys, &clock).issue(SessionKind::Tenant, claim.user, claim.session).unwrap().0;
        let read = |keys, token: &str| tokens(keys, &clock).read(SessionKind::Tenant, token);
        let both = format!("{NEW},{OLD}");
        assert_eq!(read(&both, &issue(OLD)), Some(claim));
        assert_eq!(read(NEW, &issue(&both)), Some(claim), "the first one signs");
        assert_eq!(read(NEW, &issue(OLD)), None);
        let same_name = "k1:cccccccccccccccccccccccccccccccc";
        assert_eq!(read(same_name, &issue(OLD)), None);
    }

    #[test]
    fn an_unsigned_token_is_refused() {
        let clock = Arc::new(FixedClock::at(SystemClock.now()));
        let ours = tokens(OLD, &clock);
        let (token, _) = ours.issue(SessionKind::Tenant, claim().user, claim().session).unwrap();
        let claims = token.split('.').nth(1).unwrap();
        for header in [r#"{"alg":"none","typ":"JWT","kid":"k1"}"#, r#"{"alg":"HS512","typ":"JWT","kid":"k1"}"#] {
            let signature = token.split('.').nth(2).unwrap();
            assert_eq!(ours.read(SessionKind::Tenant, &format!("{}.{claims}.", BASE64.encode(header))), None);
            assert_eq!(
                ours.read(SessionKind::Tenant, &format!("{}.{claims}.{signature}", BASE64.encode(header))),
                None
            );
        }
    }

    #[test]
    fn bad_lists_of_keys_are_refused() {
        let twice = format!("{OLD},{OLD}");
        for bad in ["", "k1", "k1:short", ":aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", &twice] {
            assert!(JwtKeys::parse(bad).is_err(), "{bad}");
        }
        assert!(!format!("{:?}", JwtKeys::parse(OLD).unwrap()).contains("aaaa"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nobody_makes_up_a_token(text in r"[-_A-Za-z0-9]{0,40}(\.[-_A-Za-z0-9]{0,60}){0,3}|.{0,60}", at: prop::sample::Index, flip in 1_u8..128) {
            let clock = Arc::new(FixedClock::at(SystemClock.now()));
            let ours = tokens(OLD, &clock);
            prop_assert_eq!(ours.read(SessionKind::Tenant, &text), None);
            let claim = claim();
            let (token, _) = ours.issue(SessionKind::Tenant, claim.user, claim.session).unwrap();
            let mut bent = token.clone().into_bytes();
            bent[at.index(token.len())] ^= flip;
            // Some letters of base64 hold bits that nobody reads.
            let read = String::from_utf8(bent).ok().and_then(|bent| ours.read(SessionKind::Tenant, &bent));
            if let Some(read) = read {
                prop_assert_eq!(read, claim);
            }
        }
    }
}
