//! Registering and signing in.

use chrono::{DateTime, Utc};
use domain::{Email, UserId};
use salvo::prelude::*;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use store::users::User;

use crate::{
    auth::Actor, body::JsonBody, error::ApiError, password::Passwords, routes::Created, state::AppState,
    token::LIFETIME,
};

/// An address and a password.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = Credentials))]
#[serde(deny_unknown_fields)]
pub(crate) struct CredentialsIn {
    /// The address; case does not matter.
    email: String,
    /// 10 to 128 characters.
    password: String,
}

/// A tenant.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = User))]
pub(crate) struct UserOut {
    /// `user_…`.
    #[salvo(schema(value_type = String))]
    id: UserId,
    /// The address, lower-cased.
    email: String,
    /// The plan's code, such as `free`.
    plan: String,
    /// When they registered.
    #[salvo(schema(value_type = String, format = DateTime))]
    created_at: DateTime<Utc>,
}

impl UserOut {
    async fn new(app: &AppState, user: User) -> Result<Self, ApiError> {
        let plan = app.plan_code(user.plan).await?;
        Ok(Self { id: user.id, email: user.email, plan, created_at: user.created_at })
    }
}

/// A tenant and the proof of being them.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Session))]
pub(crate) struct SessionOut {
    /// The access token, for the header `authorization: Bearer …`.
    token: String,
    /// Seconds until the token is no longer good.
    expires_in_seconds: i64,
    /// Who signed in.
    user: UserOut,
}

async fn session(app: &AppState, user: User) -> Result<SessionOut, ApiError> {
    let token = app.tokens.issue(user.id)?;
    Ok(SessionOut { token, expires_in_seconds: LIFETIME.num_seconds(), user: UserOut::new(app, user).await? })
}

/// Registers a tenant and signs them in.
#[endpoint(operation_id = "register", tags("auth"))]
pub(crate) async fn register(app: AppState, body: JsonBody<CredentialsIn>) -> Result<Created<SessionOut>, ApiError> {
    let CredentialsIn { email, password } = body.0;
    let email = Email::parse(&email).map_err(|_| ApiError::EmailInvalid)?;
    if !Passwords::acceptable(&password) {
        return Err(ApiError::PasswordLength);
    }
    let hash = app.passwords.hash(SecretString::from(password)).await?;
    let id = UserId::new(&*app.clock);
    let user = store::users::insert(&mut *app.database().await?, id, &email, &hash, app.clock.now())
        .await
        .map_err(|error| ApiError::on_conflict(error, "users_email_key", ApiError::EmailTaken))?;
    tracing::info!(user.id = %user.id, "A tenant has registered.");
    Ok(Created(session(&app, user).await?))
}

/// Signs a tenant in. The answer takes as long whether the address is known or not.
#[endpoint(operation_id = "login", tags("auth"))]
pub(crate) async fn login(app: AppState, body: JsonBody<CredentialsIn>) -> Result<Json<SessionOut>, ApiError> {
    let CredentialsIn { email, password } = body.0;
    let known = match Email::parse(&email) {
        Ok(email) => store::users::find_credentials(&mut *app.database().await?, &email).await?,
        Err(_) => None,
    };
    let (user, hash) = known.unzip();
    // A password that we would never have taken is not worth more hashing than any other.
    let password = SecretString::from(if Passwords::acceptable(&password) { password } else { String::new() });
    let fits = app.passwords.verify(password, hash).await?;
    match user {
        Some(user) if fits => Ok(Json(session(&app, user).await?)),
        Some(_) | None => Err(ApiError::BadCredentials),
    }
}

/// Who am I?
#[endpoint(operation_id = "me", tags("auth"))]
pub(crate) async fn me(actor: Actor, app: AppState) -> Result<Json<UserOut>, ApiError> {
    let user = store::users::find(&mut *app.database().await?, actor.user).await?;
    Ok(Json(UserOut::new(&app, user.ok_or(ApiError::Unauthorized)?).await?))
}
