//! Signing in as staff: a log-in of its own, with shorter tokens, from allowed addresses.

use domain::UserId;
use salvo::prelude::*;
use serde::Deserialize;
use store::{StoreError, audit::Act, sessions::SessionKind, users::User};

use crate::{
    auth::Staff,
    body::JsonBody,
    config::StaffSecondFactor,
    door::admit_address,
    edge::RequestId,
    error::ApiError,
    routes::{
        Gone,
        auth::{RefreshIn, SessionOut, UserOut},
    },
    sign_in::{self, Attempt},
    state::AppState,
};

/// An address and a password of staff.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = StaffCredentials))]
#[serde(deny_unknown_fields)]
pub(crate) struct StaffCredentialsIn {
    /// The address; case does not matter.
    email: String,
    /// The same password as the tenant's.
    password: String,
    /// Six digits of the authenticator app, or a recovery code; where the second factor is on.
    #[serde(default)]
    code: Option<String>,
}

/// Signs staff in. Whoever is not staff is told no more than who mistypes.
///
/// `403 second_factor_missing`: with `STAFF_SECOND_FACTOR=required`, set one up as a tenant first.
#[endpoint(operation_id = "admin_login", tags("admin"))]
pub(crate) async fn login(
    app: AppState,
    body: JsonBody<StaffCredentialsIn>,
    req: &mut Request,
    depot: &mut Depot,
) -> Result<Json<SessionOut>, ApiError> {
    let address = app.address(req);
    admit_address(&app, address)?;
    let StaffCredentialsIn { email, password, code } = body.0;
    let attempt = Attempt::new(&email.trim().to_lowercase(), address);
    let user = sign_in::check_password(&app, &attempt, &email, password).await?;
    if !user.role.is_staff() || user.suspended_at.is_some() {
        return Err(attempt.fail(&app, ApiError::BadCredentials).await);
    }
    check_second_factor(&app, &attempt, user.id, code.as_deref()).await?;
    let mut transaction = app.transaction().await?;
    attempt.succeed(&mut transaction).await?;
    let signed = sign_in::begin(&app, &mut transaction, req, SessionKind::Staff, user.id).await?;
    let (address, request_id) = (address.to_string(), RequestId::of(depot));
    let act = Act {
        actor: Some(user.id),
        role: Some(user.role),
        action: "staff.login",
        address: Some(&address),
        request_id: Some(&request_id),
        ..Act::default()
    };
    store::audit::record(&mut transaction, &act, app.clock.now()).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    Ok(Json(SessionOut::new(&app, signed, user).await?))
}

/// Staff have a second factor, or need none.
async fn check_second_factor(
    app: &AppState,
    attempt: &Attempt,
    user: UserId,
    code: Option<&str>,
) -> Result<(), ApiError> {
    if app.staff_second_factor == StaffSecondFactor::Required {
        let factor = store::second_factors::find(&mut *app.database().await?, user).await?;
        if factor.is_none_or(|factor| factor.confirmed_at.is_none()) {
            return Err(ApiError::SecondFactorMissing);
        }
    }
    sign_in::check_second_factor(app, attempt, user, code).await
}

/// Renews a session of staff.
#[endpoint(operation_id = "admin_refresh", tags("admin"))]
pub(crate) async fn refresh(
    app: AppState,
    body: JsonBody<RefreshIn>,
    req: &mut Request,
) -> Result<Json<SessionOut>, ApiError> {
    admit_address(&app, app.address(req))?;
    let (id, signed) = sign_in::refresh(&app, SessionKind::Staff, &body.0.refresh_token).await?;
    let user = store::users::find(&mut *app.database().await?, id).await?;
    let still_staff = |user: &User| user.role.is_staff() && user.suspended_at.is_none() && user.leaving_at.is_none();
    let user = user.filter(still_staff).ok_or(ApiError::RefreshInvalid)?;
    Ok(Json(SessionOut::new(&app, signed, user).await?))
}

/// Ends the session of staff that asks.
#[endpoint(operation_id = "admin_logout", tags("admin"))]
pub(crate) async fn log_out(staff: Staff, app: AppState) -> Result<Gone, ApiError> {
    let (mut database, now) = (app.database().await?, app.clock.now());
    store::sessions::revoke(&mut database, staff.user, staff.session, "logged_out", now).await?;
    app.credentials.forget(Some(staff.user));
    Ok(Gone)
}

/// Who am I, as staff?
#[endpoint(operation_id = "admin_me", tags("admin"))]
pub(crate) async fn me(staff: Staff, app: AppState) -> Result<Json<UserOut>, ApiError> {
    let user = store::users::find(&mut *app.database().await?, staff.user).await?;
    Ok(Json(UserOut::new(&app, user.ok_or(ApiError::Unauthorized)?).await?))
}
