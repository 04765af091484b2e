//! The second factor: turned on with an authenticator app, off, and its recovery codes.

use chrono::{DateTime, Utc};
use domain::UserId;
use salvo::prelude::*;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use store::{StoreError, notifications::Recipient};

use super::auth::confirm_password;
use crate::{
    auth::Person,
    body::JsonBody,
    error::ApiError,
    letters,
    proofs::{self, Origin},
    routes::{Created, Gone},
    second_factor::{self, Answer, Confirmed},
    sign_in::Attempt,
    state::AppState,
};

/// The password.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = PasswordProof))]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordIn {
    /// The password.
    password: String,
}

/// A code.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = SecondFactorCode))]
#[serde(deny_unknown_fields)]
pub(crate) struct CodeIn {
    /// The six digits that the app shows.
    code: String,
}

/// The password and a code.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = PasswordAndCode))]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordAndCodeIn {
    /// The password.
    password: String,
    /// The six digits that the app shows, or a recovery code.
    code: String,
}

/// A second factor that was begun.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = BegunSecondFactor))]
pub(crate) struct BegunOut {
    /// For the authenticator app, in base 32. Shown this once.
    secret: String,
    /// The same as an address, to be shown as a picture.
    url: String,
}

/// Recovery codes, which are never shown again.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = RecoveryCodes))]
pub(crate) struct RecoveryCodesOut {
    /// Each is good once, in the place of a code of the app.
    recovery_codes: Vec<String>,
}

/// Where the second factor stands.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = SecondFactor))]
pub(crate) struct FactorOut {
    /// Log-in asks for a code.
    enabled: bool,
    /// It was begun, and waits for its first code.
    pending: bool,
    /// Since when it is on.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    enabled_at: Option<DateTime<Utc>>,
    /// Recovery codes that were not used.
    recovery_codes_left: i64,
}

/// Where does the second factor stand?
#[endpoint(operation_id = "read_totp", tags("auth"))]
pub(crate) async fn read(person: Person, app: AppState) -> Result<Json<FactorOut>, ApiError> {
    let factor = store::second_factors::find(&mut *app.database().await?, person.user).await?;
    let enabled_at = factor.and_then(|factor| factor.confirmed_at);
    Ok(Json(FactorOut {
        enabled: enabled_at.is_some(),
        pending: factor.is_some() && enabled_at.is_none(),
        enabled_at,
        recovery_codes_left: factor.map_or(0, |factor| factor.recovery_codes_left),
    }))
}

/// Begins a second factor, in place of one that was begun before. It is on when its first code was handed in.
///
/// `409 second_factor_on`: turn it off first.
#[endpoint(operation_id = "begin_totp", tags("auth"))]
pub(crate) async fn begin(
    person: Person,
    app: AppState,
    body: JsonBody<PasswordIn>,
    req: &mut Request,
) -> Result<Created<BegunOut>, ApiError> {
    let attempt = Attempt::new(&person.user.to_string(), app.address(req));
    confirm_password(&app, &attempt, person.user, body.0.password).await?;
    let (secret, now) = (second_factor::new_secret()?, app.clock.now());
    let mut database = app.database().await?;
    let user = store::users::find(&mut database, person.user).await?.ok_or(ApiError::Unauthorized)?;
    if !store::second_factors::begin(&mut database, &app.sealer, person.user, &secret, now).await? {
        return Err(ApiError::SecondFactorOn);
    }
    let url = second_factor::url(&secret, &user.email)?;
    Ok(Created(BegunOut { secret: secret.expose_secret().to_owned(), url }))
}

/// Turns the second factor on with its first code, and shows the recovery codes.
///
/// `409 second_factor_off`: begin one first. `409 second_factor_on`: it is on already.
#[endpoint(operation_id = "confirm_totp", tags("auth"))]
pub(crate) async fn confirm(
    person: Person,
    app: AppState,
    body: JsonBody<CodeIn>,
    req: &mut Request,
    depot: &mut Depot,
) -> Result<Json<RecoveryCodesOut>, ApiError> {
    let attempt = Attempt::new(&person.user.to_string(), app.address(req));
    attempt.admit(&app).await?;
    let mut transaction = app.transaction().await?;
    let recovery_codes = match second_factor::confirm(&app, &mut transaction, person.user, &body.0.code).await? {
        Confirmed::On(codes) => codes,
        Confirmed::Already => return Err(ApiError::SecondFactorOn),
        Confirmed::NotBegun => return Err(ApiError::SecondFactorOff),
        Confirmed::Wrong => {
            drop(transaction);
            return Err(attempt.fail(&app, ApiError::CodeWrong).await);
        }
    };
    attempt.succeed(&mut transaction).await?;
    let origin = Origin::of(&app, req, depot);
    proofs::record(&app, &mut transaction, person.user, "user.second_factor_on", &origin).await?;
    proofs::tell(&app, &mut transaction, Recipient::User(person.user), &letters::second_factor_on()).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    Ok(Json(RecoveryCodesOut { recovery_codes }))
}

/// Turns the second factor off.
///
/// `409 second_factor_off`: it is off.
#[endpoint(operation_id = "delete_totp", tags("auth"))]
pub(crate) async fn delete(
    person: Person,
    app: AppState,
    body: JsonBody<PasswordAndCodeIn>,
    req: &mut Request,
    depot: &mut Depot,
) -> Result<Gone, ApiError> {
    prove(&app, person.user, body.0, req).await?;
    let mut transaction = app.transaction().await?;
    if !store::second_factors::delete(&mut transaction, person.user).await? {
        return Err(ApiError::SecondFactorOff);
    }
    let origin = Origin::of(&app, req, depot);
    proofs::record(&app, &mut transaction, person.user, "user.second_factor_off", &origin).await?;
    proofs::tell(&app, &mut transaction, Recipient::User(person.user), &letters::second_factor_off()).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    Ok(Gone)
}

/// Makes new recovery codes; the former ones are void.
///
/// `409 second_factor_off`: it is off.
#[endpoint(operation_id = "renew_recovery_codes", tags("auth"))]
pub(crate) async fn renew_recovery_codes(
    person: Person,
    app: AppState,
    body: JsonBody<PasswordAndCodeIn>,
    req: &mut Request,
    depot: &mut Depot,
) -> Result<Json<RecoveryCodesOut>, ApiError> {
    prove(&app, person.user, body.0, req).await?;
    let mut transaction = app.transaction().await?;
    // Locked, so that of two who ask at once the second one's codes are the good ones.
    if store::second_factors::lock(&mut transaction, &app.sealer, person.user).await?.is_none() {
        return Err(ApiError::SecondFactorOff);
    }
    let recovery_codes = second_factor::renew_recovery_codes(&mut transaction, person.user).await?;
    let origin = Origin::of(&app, req, depot);
    proofs::record(&app, &mut transaction, person.user, "user.recovery_codes_renewed", &origin).await?;
    proofs::tell(&app, &mut transaction, Recipient::User(person.user), &letters::recovery_codes_renewed()).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    Ok(Json(RecoveryCodesOut { recovery_codes }))
}

/// Makes sure that it is the user who asks, by everything that a log-in would ask for.
async fn prove(app: &AppState, user: UserId, given: PasswordAndCodeIn, req: &Request) -> Result<(), ApiError> {
    let attempt = Attempt::new(&user.to_string(), app.address(req));
    confirm_password(app, &attempt, user, given.password).await?;
    match second_factor::check(app, user, Some(&given.code)).await? {
        Answer::Right => attempt.succeed(&mut *app.database().await?).await,
        Answer::Off => Err(ApiError::SecondFactorOff),
        Answer::Missing | Answer::Wrong => Err(attempt.fail(app, ApiError::CodeWrong).await),
    }
}
