//! Another e-mail address.

use domain::{Email, proof::Purpose};
use salvo::prelude::*;
use serde::Deserialize;
use store::{StoreError, notifications::Recipient, proofs::Owner};

use super::{
    auth::{UserOut, confirm_password},
    registration::TokenIn,
};
use crate::{
    auth::Person,
    body::JsonBody,
    error::ApiError,
    letters,
    proofs::{self, Origin},
    routes::{Accepted, MailAskedOut},
    sign_in::Attempt,
    state::AppState,
};

/// Another address.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = EmailChange))]
#[serde(deny_unknown_fields)]
pub(crate) struct EmailIn {
    /// The password.
    password: String,
    /// The new address.
    new_email: String,
}

/// Asks for another address: a message goes to it, and a notice to the present one. The answer is the same when somebody
/// else has the address.
#[endpoint(operation_id = "change_email", tags("auth"))]
pub(crate) async fn change(
    person: Person,
    app: AppState,
    body: JsonBody<EmailIn>,
    req: &mut Request,
) -> Result<Accepted<MailAskedOut>, ApiError> {
    let EmailIn { password, new_email } = body.0;
    let new_email = Email::parse(&new_email).map_err(|_| ApiError::NewEmailInvalid)?;
    let attempt = Attempt::new(&person.user.to_string(), app.address(req));
    confirm_password(&app, &attempt, person.user, password).await?;
    let asked = ask(&app, person, &new_email).await;
    attempt.pace().await;
    asked.map(|()| Accepted(MailAskedOut::default()))
}

async fn ask(app: &AppState, person: Person, new_email: &Email) -> Result<(), ApiError> {
    let mut transaction = app.transaction().await?;
    if !proofs::admit(app, &mut transaction, new_email).await? {
        return Ok(());
    }
    let owner = store::users::find_by_email(&mut transaction, new_email).await?;
    match owner {
        Some(owner) if owner.id == person.user => return Ok(()),
        Some(owner) => {
            proofs::tell(app, &mut transaction, Recipient::User(owner.id), &letters::account_exists()).await?;
        }
        None => {
            store::proofs::discard(&mut transaction, person.user, &[Purpose::ChangeEmail]).await?;
            let owner = Owner::User(person.user);
            proofs::mail(app, &mut transaction, Purpose::ChangeEmail, owner, (new_email, new_email)).await?;
        }
    }
    proofs::tell(app, &mut transaction, Recipient::User(person.user), &letters::email_change_asked()).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    Ok(())
}

/// Makes the address that the token was mailed to the user's. A message to the former one lets it be undone for 72 hours.
#[endpoint(operation_id = "confirm_email", tags("auth"))]
pub(crate) async fn confirm(
    app: AppState,
    body: JsonBody<TokenIn>,
    req: &mut Request,
    depot: &mut Depot,
) -> Result<Json<UserOut>, ApiError> {
    let user = proofs::change_email(&app, &body.0.token, &Origin::of(&app, req, depot)).await?;
    Ok(Json(UserOut::new(&app, user).await?))
}

/// Brings the former address back. Every session and every API key ends, the password is void, and another one is chosen
/// with the message that goes to the address.
#[endpoint(operation_id = "undo_email_change", tags("auth"))]
pub(crate) async fn undo(
    app: AppState,
    body: JsonBody<TokenIn>,
    req: &mut Request,
    depot: &mut Depot,
) -> Result<Json<UserOut>, ApiError> {
    let user = proofs::undo_email_change(&app, &body.0.token, &Origin::of(&app, req, depot)).await?;
    Ok(Json(UserOut::new(&app, user).await?))
}
