//! Becoming a user.

use domain::{Email, RegistrationId, UserId, proof::Purpose};
use salvo::{
    oapi::{Components, Content, EndpointOutRegister, Operation, Response as OapiResponse, ToSchema},
    prelude::*,
};
use secrecy::SecretString;
use serde::Deserialize;
use store::{StoreError, notifications::Recipient, proofs::Owner, sessions::SessionKind};

use crate::{
    body::JsonBody,
    config::Registration,
    door::no_maintenance,
    error::ApiError,
    letters,
    password::Passwords,
    proofs,
    routes::{Accepted, Created, MailAskedOut, auth::SessionOut},
    second_factor::{self, Answer},
    sign_in::{self, Attempt},
    state::AppState,
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

/// A token from an e-mail.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = MailedToken))]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenIn {
    /// The code of the message, which also ends its link. Good once.
    pub(super) token: String,
}

/// An address.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = Address))]
#[serde(deny_unknown_fields)]
pub(crate) struct AddressIn {
    /// The address; case does not matter.
    pub(super) email: String,
}

/// What a registration leads to.
pub(crate) enum Registered {
    /// A session, where addresses need no proof.
    Session(Box<SessionOut>),
    /// A message to the address.
    Asked,
}

#[async_trait]
impl Writer for Registered {
    async fn write(self, req: &mut Request, depot: &mut Depot, res: &mut Response) {
        match self {
            Self::Session(session) => Created(session).write(req, depot, res).await,
            Self::Asked => Accepted(MailAskedOut::default()).write(req, depot, res).await,
        }
    }
}

impl EndpointOutRegister for Registered {
    fn register(components: &mut Components, operation: &mut Operation) {
        let mut insert = |status: &str, text: &str, schema| {
            let content = Content::new(schema);
            operation.responses.insert(status, OapiResponse::new(text).add_content("application/json", content));
        };
        let (session, asked) = (SessionOut::to_schema(components), MailAskedOut::to_schema(components));
        insert("201", "Signed in: with `REGISTRATION=open`.", session);
        insert("202", "A message is on its way, which says how to go on.", asked);
    }
}

/// Registers a tenant. With `REGISTRATION=verified` the answer is 202, whether the address is known or not, and comes in
/// the same time: the message to the address says how to go on. With `open` the tenant is signed in at once.
///
/// `409 email_taken`: with `open` only.
#[endpoint(operation_id = "register", tags("auth"))]
pub(crate) async fn register(
    app: AppState,
    body: JsonBody<CredentialsIn>,
    req: &mut Request,
) -> Result<Registered, ApiError> {
    let CredentialsIn { email, password } = body.0;
    let email = Email::parse(&email).map_err(|_| ApiError::EmailInvalid)?;
    if !Passwords::acceptable(&password) {
        return Err(ApiError::PasswordLength);
    }
    no_maintenance(&app).await?;
    if app.settings().await?.registration.closed {
        return Err(ApiError::RegistrationClosed);
    }
    let attempt = Attempt::new(email.as_str(), app.address(req));
    let hash = app.passwords.hash(SecretString::from(password)).await?;
    match app.registration {
        Registration::Open => {
            let session = register_at_once(&app, &email, &hash, req).await?;
            Ok(Registered::Session(Box::new(session)))
        }
        Registration::Verified => {
            let asked = ask_for_proof(&app, &email, &hash).await;
            attempt.pace().await;
            asked.map(|()| Registered::Asked)
        }
    }
}

async fn register_at_once(app: &AppState, email: &Email, hash: &str, req: &Request) -> Result<SessionOut, ApiError> {
    let id = UserId::new(&*app.clock);
    let mut transaction = app.transaction().await?;
    let user = store::users::insert(&mut transaction, id, email, hash, app.clock.now())
        .await
        .map_err(|error| ApiError::on_conflict(error, "users_email_key", ApiError::EmailTaken))?;
    let signed = sign_in::begin(app, &mut transaction, req, SessionKind::Tenant, user.id).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    tracing::info!(user.id = %user.id, "A tenant has registered.");
    SessionOut::new(app, signed, user).await
}

/// Mails to the address, whatever is known of it: a token, or that there is an account.
async fn ask_for_proof(app: &AppState, email: &Email, hash: &str) -> Result<(), ApiError> {
    let mut transaction = app.transaction().await?;
    if !proofs::admit(app, &mut transaction, email).await? {
        return Ok(());
    }
    match store::users::find_by_email(&mut transaction, email).await? {
        Some(user) if user.email_verified_at.is_some() => {
            proofs::tell(app, &mut transaction, Recipient::User(user.id), &letters::account_exists()).await?;
        }
        Some(_) | None => {
            let id = RegistrationId::new(&*app.clock);
            store::registrations::insert(&mut transaction, id, email, hash, app.clock.now()).await?;
            let owner = Owner::Registration(id);
            proofs::mail(app, &mut transaction, Purpose::VerifyEmail, owner, (email, email)).await?;
        }
    }
    transaction.commit().await.map_err(StoreError::from)?;
    Ok(())
}

/// Proves that an address is its user's, and signs them in. The password is the one of the registration that the token
/// belongs to.
///
/// `401 second_factor_required`: the address is proven; sign in with a code.
#[endpoint(operation_id = "verify_email", tags("auth"))]
pub(crate) async fn verify(
    app: AppState,
    body: JsonBody<TokenIn>,
    req: &mut Request,
) -> Result<Json<SessionOut>, ApiError> {
    let user = proofs::verify_email(&app, &body.0.token).await?;
    if user.suspended_at.is_some() {
        return Err(ApiError::Suspended);
    }
    if second_factor::check(&app, user.id, None).await? != Answer::Off {
        return Err(ApiError::SecondFactorRequired);
    }
    let mut transaction = app.transaction().await?;
    let signed = sign_in::begin(&app, &mut transaction, req, SessionKind::Tenant, user.id).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    Ok(Json(SessionOut::new(&app, signed, user).await?))
}

/// Sends the message of a registration once more. The answer is the same, whatever is known of the address; an address
/// gets at most five such messages an hour.
#[endpoint(operation_id = "resend_verification", tags("auth"))]
pub(crate) async fn resend(
    app: AppState,
    body: JsonBody<AddressIn>,
    req: &mut Request,
) -> Result<Accepted<MailAskedOut>, ApiError> {
    let email = Email::parse(&body.0.email).map_err(|_| ApiError::EmailInvalid)?;
    let attempt = Attempt::new(email.as_str(), app.address(req));
    let asked = ask_again(&app, &email).await;
    attempt.pace().await;
    asked.map(|()| Accepted(MailAskedOut::default()))
}

async fn ask_again(app: &AppState, email: &Email) -> Result<(), ApiError> {
    let mut transaction = app.transaction().await?;
    if !proofs::admit(app, &mut transaction, email).await? {
        return Ok(());
    }
    let owner = match store::users::find_by_email(&mut transaction, email).await? {
        Some(user) if user.email_verified_at.is_some() || user.leaving_at.is_some() => None,
        Some(user) => Some(Owner::User(user.id)),
        None => store::registrations::newest(&mut transaction, email).await?.map(Owner::Registration),
    };
    if let Some(owner) = owner {
        proofs::mail(app, &mut transaction, Purpose::VerifyEmail, owner, (email, email)).await?;
    }
    transaction.commit().await.map_err(StoreError::from)?;
    Ok(())
}
