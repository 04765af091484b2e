//! Signing in and going on; the password.

use chrono::{DateTime, Utc};
use domain::{Role, SessionId, UserId, proof::Purpose};
use salvo::prelude::*;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use store::{StoreError, notifications::Recipient, sessions::SessionKind, users::User};

use crate::{
    auth::{Actor, Person},
    body::JsonBody,
    error::ApiError,
    letters,
    password::Passwords,
    proofs::{self, Origin},
    routes::Done,
    sign_in::{self, Attempt, Signed},
    state::AppState,
};

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = LogIn))]
#[serde(deny_unknown_fields)]
pub(crate) struct LogInIn {
    /// The address; case does not matter.
    email: String,
    /// The password.
    password: String,
    /// Six digits of the authenticator app, or a recovery code; where the second factor is on.
    #[serde(default)]
    code: Option<String>,
}

/// What a session is renewed with.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = Refresh))]
#[serde(deny_unknown_fields)]
pub(crate) struct RefreshIn {
    /// The refresh token of the answer before; good once.
    pub(super) refresh_token: String,
}

/// A change of the password.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = PasswordChange))]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordIn {
    /// The password until now.
    password: String,
    /// 10 to 128 characters.
    new_password: String,
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
    /// They have proven that the address is theirs.
    email_verified: bool,
    /// The plan's code, such as `free`.
    plan: String,
    /// `user`, `support` or `admin`.
    #[salvo(schema(value_type = crate::wire::RoleDoc))]
    role: Role,
    /// When they registered.
    #[salvo(schema(value_type = String, format = DateTime))]
    created_at: DateTime<Utc>,
}

impl UserOut {
    pub(super) async fn new(app: &AppState, user: User) -> Result<Self, ApiError> {
        let plan = app.plan_code(user.plan).await?;
        Ok(Self {
            id: user.id,
            email: user.email,
            email_verified: user.email_verified_at.is_some(),
            plan,
            role: user.role,
            created_at: user.created_at,
        })
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
    /// What the session is renewed with, once, at `POST /api/auth/refresh`.
    refresh_token: String,
    /// When the session ends unless it is renewed.
    #[salvo(schema(value_type = String, format = DateTime))]
    session_expires_at: DateTime<Utc>,
    /// `ses_…`.
    #[salvo(schema(value_type = String))]
    session: SessionId,
    /// Who signed in.
    user: UserOut,
}

impl SessionOut {
    pub(super) async fn new(app: &AppState, signed: Signed, user: User) -> Result<Self, ApiError> {
        Ok(Self {
            token: signed.token,
            expires_in_seconds: (signed.token_expires_at - app.clock.now()).num_seconds(),
            refresh_token: signed.refresh_token,
            session_expires_at: signed.expires_at,
            session: signed.session,
            user: UserOut::new(app, user).await?,
        })
    }
}

/// Signs a tenant in. The answer takes as long whether the address is known or not; guesses are counted by address and
/// by caller, and slowed.
///
/// `401 second_factor_required`: the password is right, and a code is needed, too.
#[endpoint(operation_id = "login", tags("auth"))]
pub(crate) async fn login(
    app: AppState,
    body: JsonBody<LogInIn>,
    req: &mut Request,
) -> Result<Json<SessionOut>, ApiError> {
    let LogInIn { email, password, code } = body.0;
    let attempt = Attempt::new(&email.trim().to_lowercase(), app.address(req));
    let user = sign_in::check_password(&app, &attempt, &email, password).await?;
    if user.suspended_at.is_some() {
        return Err(ApiError::Suspended);
    }
    sign_in::check_second_factor(&app, &attempt, user.id, code.as_deref()).await?;
    let mut transaction = app.transaction().await?;
    attempt.succeed(&mut transaction).await?;
    let signed = sign_in::begin(&app, &mut transaction, req, SessionKind::Tenant, user.id).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    Ok(Json(SessionOut::new(&app, signed, user).await?))
}

/// Renews a session. The refresh token is good once: shown a second time, it ends the session with all its tokens,
/// because two have it.
#[endpoint(operation_id = "refresh", tags("auth"))]
pub(crate) async fn refresh(app: AppState, body: JsonBody<RefreshIn>) -> Result<Json<SessionOut>, ApiError> {
    let (id, signed) = sign_in::refresh(&app, SessionKind::Tenant, &body.0.refresh_token).await?;
    let user = store::users::find(&mut *app.database().await?, id).await?.ok_or(ApiError::RefreshInvalid)?;
    if user.leaving_at.is_some() {
        return Err(ApiError::RefreshInvalid);
    }
    if user.suspended_at.is_some() {
        return Err(ApiError::Suspended);
    }
    Ok(Json(SessionOut::new(&app, signed, user).await?))
}

/// Who am I?
#[endpoint(operation_id = "me", tags("auth"))]
pub(crate) async fn me(actor: Actor, app: AppState) -> Result<Json<UserOut>, ApiError> {
    let user = store::users::find(&mut *app.database().await?, actor.user).await?;
    Ok(Json(UserOut::new(&app, user.ok_or(ApiError::Unauthorized)?).await?))
}

/// Changes the password, and ends every other session: whoever knew the old one is out.
#[endpoint(operation_id = "change_password", tags("auth"))]
pub(crate) async fn change_password(
    person: Person,
    app: AppState,
    body: JsonBody<PasswordIn>,
    req: &mut Request,
    depot: &mut Depot,
) -> Result<Done, ApiError> {
    let PasswordIn { password, new_password } = body.0;
    if !Passwords::acceptable(&new_password) {
        return Err(ApiError::NewPasswordLength);
    }
    let attempt = Attempt::new(&person.user.to_string(), app.address(req));
    let known = confirm_password(&app, &attempt, person.user, password).await?;
    let new = app.passwords.hash(SecretString::from(new_password)).await?;
    let now = app.clock.now();
    let mut transaction = app.transaction().await?;
    if !store::users::set_password(&mut transaction, person.user, &known, &new, now).await? {
        // Somebody else changed it meanwhile, so `password` is no longer right.
        return Err(ApiError::PasswordWrong);
    }
    attempt.succeed(&mut transaction).await?;
    store::sessions::revoke_all(&mut transaction, person.user, Some(person.session), "password_changed", now).await?;
    let void = [Purpose::ResetPassword, Purpose::ChangeEmail];
    store::proofs::discard(&mut transaction, person.user, &void).await?;
    let origin = Origin::of(&app, req, depot);
    proofs::record(&app, &mut transaction, person.user, "user.password_change", &origin).await?;
    proofs::tell(&app, &mut transaction, Recipient::User(person.user), &letters::password_changed()).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    app.credentials.forget(Some(person.user));
    Ok(Done)
}

/// Makes sure that somebody who is signed in knows the password, too; returns its hash.
pub(crate) async fn confirm_password(
    app: &AppState,
    attempt: &Attempt,
    user: UserId,
    password: String,
) -> Result<String, ApiError> {
    attempt.admit(app).await?;
    let known = store::users::password_hash(&mut *app.database().await?, user).await?;
    let known = known.ok_or(ApiError::Unauthorized)?;
    let password = SecretString::from(if Passwords::plausible(&password) { password } else { String::new() });
    if app.passwords.verify(password, Some(known.clone())).await? {
        Ok(known)
    } else {
        Err(attempt.fail(app, ApiError::PasswordWrong).await)
    }
}
