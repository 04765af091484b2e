//! API keys: made, listed and revoked by a person; usable wherever an access token is.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{ApiKeyId, Scope};
use salvo::prelude::*;
use serde::{Deserialize, Serialize};
use store::{
    StoreError,
    api_keys::{ApiKey, NewApiKey},
};

use crate::{
    auth::{PathId, Person},
    body::JsonBody,
    credentials::key_text,
    error::{ApiError, Thing},
    routes::{Created, Gone},
    state::AppState,
    token::{digest, random_secret},
};

const NAME_CHARS_MAX: usize = 100;
/// The furthest end of a key that has one.
const LIFE_MAX: TimeDelta = TimeDelta::days(3653);

/// A key to be made.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = NewApiKey))]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyIn {
    /// 1 to 100 characters.
    name: String,
    /// What it may do: of `read`, `forward`, `accounts`, `notifications` and `billing`. None implies another.
    #[salvo(schema(value_type = Vec<crate::wire::ScopeDoc>))]
    scopes: Vec<Scope>,
    /// When it ends by itself, at most ten years from now; without it, never.
    #[serde(default)]
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    expires_at: Option<DateTime<Utc>>,
}

/// An API key, without its secret.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = ApiKey))]
pub(crate) struct KeyOut {
    /// `key_…`.
    #[salvo(schema(value_type = String))]
    id: ApiKeyId,
    /// The user's name for it.
    name: String,
    /// What it may do.
    #[salvo(schema(value_type = Vec<crate::wire::ScopeDoc>))]
    scopes: Vec<Scope>,
    /// When it was made.
    #[salvo(schema(value_type = String, format = DateTime))]
    created_at: DateTime<Utc>,
    /// When it ends by itself.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    expires_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    last_used_at: Option<DateTime<Utc>>,
}

impl From<ApiKey> for KeyOut {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id,
            name: key.name,
            scopes: key.scopes,
            created_at: key.created_at,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
        }
    }
}

/// A new key with its secret, which is never shown again.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = MadeApiKey))]
pub(crate) struct MadeKeyOut {
    /// For the header `authorization: Bearer …`. Shown this once.
    key: String,
    /// What is kept of it.
    #[serde(flatten)]
    api_key: KeyOut,
}

/// The tenant's keys.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = ApiKeys))]
pub(crate) struct KeysOut {
    /// Newest first.
    keys: Vec<KeyOut>,
}

/// Makes an API key.
#[endpoint(operation_id = "create_api_key", tags("auth"))]
pub(crate) async fn create(
    person: Person,
    app: AppState,
    body: JsonBody<KeyIn>,
) -> Result<Created<MadeKeyOut>, ApiError> {
    let KeyIn { name, mut scopes, expires_at } = body.0;
    let (name, now, given) = (name.trim(), app.clock.now(), scopes.len());
    if !(1..=NAME_CHARS_MAX).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(ApiError::KeyName);
    }
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() || scopes.len() != given {
        return Err(ApiError::KeyScopes);
    }
    if expires_at.is_some_and(|at| at <= now || at > now + LIFE_MAX) {
        return Err(ApiError::KeyExpiry);
    }
    let (id, secret) = (ApiKeyId::new(&*app.clock), random_secret()?);
    let new = NewApiKey { id, name, hash: &digest(&secret), scopes: &scopes, expires_at };
    let mut transaction = app.transaction().await?;
    if !store::api_keys::insert(&mut transaction, person.user, &new, now).await? {
        return Err(ApiError::TooManyKeys);
    }
    transaction.commit().await.map_err(StoreError::from)?;
    let api_key = KeyOut { id, name: name.to_owned(), scopes, created_at: now, expires_at, last_used_at: None };
    Ok(Created(MadeKeyOut { key: key_text(id, &secret), api_key }))
}

/// Lists the tenant's API keys that are good.
#[endpoint(operation_id = "list_api_keys", tags("auth"))]
pub(crate) async fn list(person: Person, app: AppState) -> Result<Json<KeysOut>, ApiError> {
    let keys = store::api_keys::list(&mut *app.database().await?, person.user, app.clock.now()).await?;
    Ok(Json(KeysOut { keys: keys.into_iter().map(KeyOut::from).collect() }))
}

/// Revokes an API key.
#[endpoint(operation_id = "revoke_api_key", tags("auth"))]
pub(crate) async fn revoke(person: Person, app: AppState, id: PathId<ApiKeyId>) -> Result<Gone, ApiError> {
    let (mut database, now) = (app.database().await?, app.clock.now());
    let ended = store::api_keys::revoke(&mut database, person.user, id.0, now).await?;
    app.credentials.forget(Some(person.user));
    if ended { Ok(Gone) } else { Err(ApiError::NotFound(Thing::ApiKey)) }
}
