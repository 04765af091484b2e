//! Who a session or an API key belongs to: asked once, remembered for seconds, forgotten at once when anything about it
//! changes.
//!
//! The triggers of the schema notify the channel `identity` with the tenant's id whenever a tenant, a session or a key
//! changes. While nobody listens, because the database is away or the connection broke, nothing is remembered.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use domain::{ApiKeyId, Clock, Scope, SessionId, UserId};
use store::{
    PgPool, StoreError,
    sessions::{Holder, SessionKind},
};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use crate::token::{Claim, digest};

/// How long an answer is remembered at most: it bounds what a lost notification can do.
const REMEMBERED: Duration = Duration::from_secs(5);
/// Answers remembered at a time; beyond that, all are forgotten.
const REMEMBERED_MAX: usize = 20_000;
/// "Last used" is written at most so often.
const USED_EVERY: TimeDelta = TimeDelta::seconds(60);
/// Between tries to listen.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);
const CHANNEL: &str = "identity";
/// What an API key begins with.
const KEY_PREFIX: &str = "cwk_";

/// A session or key that is good.
#[derive(Clone, Debug)]
pub(crate) struct Credential {
    /// Whose.
    pub(crate) holder: Holder,
    /// What it may do; `None`: everything that the person may.
    pub(crate) scopes: Option<Vec<Scope>>,
    kind: SessionKind,
    hash: Vec<u8>,
    expires_at: Option<chrono::DateTime<chrono::Utc>>,
}

/// The API key that is handed out: its id to find it by, its secret to prove it.
pub(crate) fn key_text(id: ApiKeyId, secret: &str) -> String {
    format!("{KEY_PREFIX}{}_{secret}", id.as_uuid().simple())
}

/// True when the bearer's token has the form of an API key.
pub(crate) fn is_key(token: &str) -> bool {
    token.starts_with(KEY_PREFIX)
}

fn parse_key(token: &str) -> Option<(ApiKeyId, &str)> {
    let (id, secret) = token.strip_prefix(KEY_PREFIX)?.split_once('_')?;
    (id.len() == 32).then_some(())?;
    Some((ApiKeyId::from_uuid(Uuid::try_parse(id).ok()?), secret))
}

/// Remembers who sessions and keys belong to.
#[derive(Default)]
pub(crate) struct Credentials {
    remembered: Mutex<HashMap<Uuid, (Instant, Credential)>>,
    listening: AtomicBool,
    /// Counts what was forgotten, so that an answer which was on its way meanwhile is not remembered.
    forgotten: AtomicU64,
}

impl Credentials {
    /// The session of an access token, if it is still good.
    pub(crate) async fn session(
        &self,
        pool: &PgPool,
        clock: &dyn Clock,
        kind: SessionKind,
        claim: Claim,
    ) -> Result<Option<Credential>, StoreError> {
        let found = match self.recall(claim.session.as_uuid()) {
            Some(found) => Some(found),
            None => self.load_session(pool, clock, claim.session).await?,
        };
        let now = clock.now();
        Ok(found.filter(|found| {
            found.kind == kind && found.holder.user == claim.user && found.expires_at.is_none_or(|at| at > now)
        }))
    }

    /// The key of this text, if it is still good.
    pub(crate) async fn key(
        &self,
        pool: &PgPool,
        clock: &dyn Clock,
        token: &str,
    ) -> Result<Option<(ApiKeyId, Credential)>, StoreError> {
        let Some((id, secret)) = parse_key(token) else { return Ok(None) };
        let found = match self.recall(id.as_uuid()) {
            Some(found) => Some(found),
            None => self.load_key(pool, clock, id).await?,
        };
        let (hash, now) = (digest(secret), clock.now());
        let fits =
            |found: &Credential| bool::from(found.hash.ct_eq(&hash)) && found.expires_at.is_none_or(|at| at > now);
        Ok(found.filter(fits).map(|found| (id, found)))
    }

    async fn load_session(
        &self,
        pool: &PgPool,
        clock: &dyn Clock,
        id: SessionId,
    ) -> Result<Option<Credential>, StoreError> {
        let (before, now) = (self.forgotten.load(Ordering::Acquire), clock.now());
        let mut connection = pool.acquire().await?;
        let Some(live) = store::sessions::find_live(&mut connection, id, now).await? else { return Ok(None) };
        if now - live.last_used_at > USED_EVERY {
            store::sessions::set_used(&mut connection, id, now).await?;
        }
        let found = Credential {
            holder: live.holder,
            scopes: None,
            kind: live.kind,
            hash: Vec::new(),
            expires_at: Some(live.expires_at),
        };
        self.remember(id.as_uuid(), &found, before);
        Ok(Some(found))
    }

    async fn load_key(&self, pool: &PgPool, clock: &dyn Clock, id: ApiKeyId) -> Result<Option<Credential>, StoreError> {
        let (before, now) = (self.forgotten.load(Ordering::Acquire), clock.now());
        let mut connection = pool.acquire().await?;
        let Some(live) = store::api_keys::find_live(&mut connection, id, now).await? else { return Ok(None) };
        if live.last_used_at.is_none_or(|used| now - used > USED_EVERY) {
            store::api_keys::set_used(&mut connection, id, now).await?;
        }
        let found = Credential {
            holder: live.holder,
            scopes: Some(live.scopes),
            kind: SessionKind::Tenant,
            hash: live.hash,
            expires_at: live.expires_at,
        };
        self.remember(id.as_uuid(), &found, before);
        Ok(Some(found))
    }

    fn recall(&self, id: Uuid) -> Option<Credential> {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, found) = remembered.get(&id)?;
        (since.elapsed() < REMEMBERED).then(|| found.clone())
    }

    fn remember(&self, id: Uuid, found: &Credential, before: u64) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock: who forgets counts first and clears afterwards.
        if !self.listening.load(Ordering::Acquire) || self.forgotten.load(Ordering::Acquire) != before {
            return;
        }
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        remembered.insert(id, (Instant::now(), found.clone()));
    }

    /// Forgets what is known of a tenant, or everything.
    pub(crate) fn forget(&self, user: Option<UserId>) {
        self.forgotten.fetch_add(1, Ordering::AcqRel);
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.retain(|_, (_, found)| user.is_some_and(|user| found.holder.user != user));
    }

    /// Listens for changes for ever. Only while it does is anything remembered.
    pub(crate) async fn listen(&self, pool: &PgPool) {
        loop {
            if let Err(error) = self.hear(pool).await {
                tracing::debug!(error = &error as &dyn std::error::Error, "Changes of identities cannot be heard.");
            }
            self.listening.store(false, Ordering::Release);
            self.forget(None);
            if pool.is_closed() {
                return;
            }
            tokio::time::sleep(LISTEN_AGAIN).await;
        }
    }

    async fn hear(&self, pool: &PgPool) -> Result<(), StoreError> {
        let mut listener = store::listen(pool, CHANNEL).await?;
        self.forget(None);
        self.listening.store(true, Ordering::Release);
        while let Some(user) = listener.next().await? {
            self.forget(user.parse().ok().map(UserId::from_uuid));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::SystemClock;

    #[test]
    fn a_key_is_its_id_and_its_secret() {
        let id = ApiKeyId::new(&SystemClock);
        let text = key_text(id, "a_secret-with_underscores");
        assert!(is_key(&text));
        assert_eq!(parse_key(&text), Some((id, "a_secret-with_underscores")));
        for bad in ["", "cwk_", "cwk_1_x", "cwk_zz_x", "eyJ0.a.b"] {
            assert_eq!(parse_key(bad), None, "{bad}");
        }
    }
}
