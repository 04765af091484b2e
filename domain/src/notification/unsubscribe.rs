//! Signed addresses at which a reader turns messages off without logging in.
//!
//! The address holds who turns off what, until when it is good, and an HMAC-SHA256 over all of that: nobody can make
//! one for somebody else.

use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::Kind;
use crate::{ids::UserId, media_link::LinkKey};

/// How long an address is good: mail is read late, and an address that does nothing makes people call it spam.
const LIFETIME: TimeDelta = TimeDelta::days(365);
/// What is signed begins with this, so that no signature of another use of the key fits.
const PURPOSE: &[u8] = b"causeway.unsubscribe.v1";

/// What is turned off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// E-mails of one kind.
    Kind(Kind),
    /// Promotions, by every channel.
    Promotions,
}

impl Topic {
    /// What the reader of such a message can turn off; `None` when they cannot.
    #[must_use]
    pub const fn of(kind: Kind, promotional: bool) -> Option<Self> {
        if kind.is_transactional() {
            None
        } else if promotional {
            Some(Self::Promotions)
        } else {
            Some(Self::Kind(kind))
        }
    }

    /// The name within an address.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kind(kind) => kind.as_str(),
            Self::Promotions => "promotions",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        match name {
            "promotions" => Some(Self::Promotions),
            name => Kind::parse(name).filter(|kind| !kind.is_transactional()).map(Self::Kind),
        }
    }
}

/// Who turns off what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsubscribe {
    /// Who.
    pub user: UserId,
    /// What.
    pub topic: Topic,
}

/// Why an address does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsubscribeError {
    /// It was not made here.
    #[error("the address is not one that was sent")]
    Invalid,
    /// It was good once.
    #[error("the address is too old")]
    Expired,
}

/// Makes and reads such addresses.
#[derive(Clone, Debug)]
pub struct Unsubscriber {
    base: String,
    key: LinkKey,
}

impl Unsubscriber {
    /// Addresses below `base`, signed with `key`.
    #[must_use]
    pub fn new(base: &str, key: LinkKey) -> Self {
        Self { base: base.trim_end_matches('/').to_owned(), key }
    }

    /// The address at which `what` is turned off.
    #[must_use]
    pub fn url(&self, what: Unsubscribe, now: DateTime<Utc>) -> String {
        format!("{}/unsubscribe/{}", self.base, self.token(what, now))
    }

    /// The last part of that address.
    #[must_use]
    pub fn token(&self, what: Unsubscribe, now: DateTime<Utc>) -> String {
        let user = what.user.as_uuid().simple().to_string();
        let expires = (now + LIFETIME).timestamp();
        let facts = format!("{user}-{}-{expires}", what.topic.as_str());
        let signature = crate::media_link::to_hex(&self.code(&facts).finalize().into_bytes());
        format!("{facts}-{signature}")
    }

    /// What a token turns off.
    ///
    /// # Errors
    /// [`UnsubscribeError`] when it was not made here, or is too old.
    pub fn read(&self, token: &str, now: DateTime<Utc>) -> Result<Unsubscribe, UnsubscribeError> {
        let (facts, signature) = token.rsplit_once('-').ok_or(UnsubscribeError::Invalid)?;
        let signature = crate::media_link::from_hex(signature).ok_or(UnsubscribeError::Invalid)?;
        self.code(facts).verify_slice(&signature).map_err(|_| UnsubscribeError::Invalid)?;
        let mut parts = facts.split('-');
        let (Some(user), Some(topic), Some(expires), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(UnsubscribeError::Invalid);
        };
        let user = format!("{}_{user}", UserId::PREFIX).parse().map_err(|_| UnsubscribeError::Invalid)?;
        let topic = Topic::parse(topic).ok_or(UnsubscribeError::Invalid)?;
        let expires: i64 = expires.parse().map_err(|_| UnsubscribeError::Invalid)?;
        if now.timestamp() >= expires {
            return Err(UnsubscribeError::Expired);
        }
        Ok(Unsubscribe { user, topic })
    }

    fn code(&self, facts: &str) -> Hmac<Sha256> {
        let mut code = self.key.hmac(PURPOSE);
        code.update(facts.as_bytes());
        code
    }
}
