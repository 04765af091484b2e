//! A password that was forgotten.

use domain::{Email, proof::Purpose};
use salvo::prelude::*;
use secrecy::SecretString;
use serde::Deserialize;
use store::{StoreError, proofs::Owner};

use super::registration::AddressIn;
use crate::{
    body::JsonBody,
    error::ApiError,
    password::Passwords,
    proofs::{self, Origin},
    routes::{Accepted, Gone, MailAskedOut},
    sign_in::Attempt,
    state::AppState,
};

/// Another password.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = PasswordReset))]
#[serde(deny_unknown_fields)]
pub(crate) struct ResetIn {
    /// The code of the message, which also ends its link. Good once, for an hour.
    token: String,
    /// 10 to 128 characters.
    new_password: String,
}

/// Mails a token with which another password can be set. The answer is the same, and comes in the same time, whatever is
/// known of the address; an address gets at most five such messages an hour.
#[endpoint(operation_id = "forgot_password", tags("auth"))]
pub(crate) async fn forgot(
    app: AppState,
    body: JsonBody<AddressIn>,
    req: &mut Request,
) -> Result<Accepted<MailAskedOut>, ApiError> {
    let email = Email::parse(&body.0.email).map_err(|_| ApiError::EmailInvalid)?;
    let attempt = Attempt::new(email.as_str(), app.address(req));
    let asked = ask(&app, &email).await;
    attempt.pace().await;
    asked.map(|()| Accepted(MailAskedOut::default()))
}

async fn ask(app: &AppState, email: &Email) -> Result<(), ApiError> {
    let mut transaction = app.transaction().await?;
    if !proofs::admit(app, &mut transaction, email).await? {
        return Ok(());
    }
    let user = store::users::find_by_email(&mut transaction, email).await?;
    if let Some(user) = user.filter(|user| user.leaving_at.is_none()) {
        let owner = Owner::User(user.id);
        proofs::mail(app, &mut transaction, Purpose::ResetPassword, owner, (email, email)).await?;
    }
    transaction.commit().await.map_err(StoreError::from)?;
    Ok(())
}

/// Sets another password with a token from an e-mail. Every session and every API key ends; sign in afterwards, with the
/// second factor where it is on.
#[endpoint(operation_id = "reset_password", tags("auth"))]
pub(crate) async fn reset(
    app: AppState,
    body: JsonBody<ResetIn>,
    req: &mut Request,
    depot: &mut Depot,
) -> Result<Gone, ApiError> {
    let ResetIn { token, new_password } = body.0;
    set_anew(&app, &token, new_password, req, depot).await?;
    Ok(Gone)
}

/// The same for the page.
pub(super) async fn set_anew(
    app: &AppState,
    token: &str,
    new_password: String,
    req: &Request,
    depot: &Depot,
) -> Result<(), ApiError> {
    if !Passwords::acceptable(&new_password) {
        return Err(ApiError::NewPasswordLength);
    }
    let origin = Origin::of(app, req, depot);
    let user = proofs::reset_password(app, token, SecretString::from(new_password), &origin).await?;
    // Whoever has locked the user out by guessing has lost.
    let attempt = Attempt::new(&user.email, app.address(req));
    attempt.succeed(&mut *app.database().await?).await
}
