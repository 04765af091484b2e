//! Tokens by e-mail: made and mailed, and what each of them does when it is shown, at the API or on a page.

use domain::{
    Email, NotificationId, UserId,
    notification::{Content, Kind},
    proof::Purpose,
};
use salvo::{Depot, Request};
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use store::{
    PgConnection, StoreError,
    audit::Act,
    notifications::{NewNotification, Recipient},
    proofs::{NewProof, Owner, Proof},
    users::User,
};

use crate::{
    edge::RequestId,
    error::ApiError,
    letters,
    state::AppState,
    token::{digest, random_secret},
};

/// A password hash that no password has: the user is to choose one by a mailed token.
const NO_PASSWORD: &str = "!";

/// What a request tells the audit log of itself.
pub(crate) struct Origin {
    /// The caller's network address.
    pub(crate) address: String,
    /// The request's id.
    pub(crate) request_id: String,
}

impl Origin {
    /// Of the request under way.
    pub(crate) fn of(app: &AppState, req: &Request, depot: &Depot) -> Self {
        Self { address: app.address(req).to_string(), request_id: RequestId::of(depot) }
    }
}

/// Makes a token and mails it to `to`.
pub(crate) async fn mail(
    app: &AppState,
    connection: &mut PgConnection,
    purpose: Purpose,
    owner: Owner,
    (to, about): (&Email, &Email),
) -> Result<(), ApiError> {
    let (token, now) = (random_secret()?, app.clock.now());
    let hash = digest(&token);
    store::proofs::insert(connection, &NewProof { hash: &hash, purpose, owner, email: about }, now).await?;
    let new = NewNotification {
        to: match owner {
            Owner::User(user) => Recipient::UserAt(user, to),
            Owner::Registration(_) => Recipient::Address(to),
        },
        kind: letters::kind(purpose),
        promotional: false,
        key: &format!("proof/{}", hex::encode(&hash)),
        content: &letters::proof(purpose, app.public_url.as_ref(), &token, about),
        expires_at: Some(now + purpose.lifetime()),
    };
    store::notifications::enqueue(connection, &app.sealer, &new, now).await?;
    Ok(())
}

/// Tells a user of something that befell their identity.
pub(crate) async fn tell(
    app: &AppState,
    connection: &mut PgConnection,
    to: Recipient<'_>,
    content: &Content,
) -> Result<(), ApiError> {
    let now = app.clock.now();
    let new = NewNotification {
        to,
        kind: Kind::SecurityNotice,
        promotional: false,
        // Each of them is told once, in the transaction in which it happens.
        key: &format!("identity/{}", NotificationId::new(&*app.clock)),
        content,
        expires_at: None,
    };
    store::notifications::enqueue(connection, &app.sealer, &new, now).await?;
    Ok(())
}

/// Counts a mail to an address that somebody has typed. False when it has had enough for now.
pub(crate) async fn admit(app: &AppState, connection: &mut PgConnection, to: &Email) -> Result<bool, ApiError> {
    let subject = Sha256::digest(format!("mail:{}", to.as_str()));
    Ok(store::registrations::admit_mail(connection, &subject, app.clock.now()).await?)
}

/// What the token is good for, if it is good; it stays so.
pub(crate) async fn find(app: &AppState, token: &str) -> Result<Option<Proof>, ApiError> {
    Ok(store::proofs::find(&mut *app.database().await?, &digest(token), app.clock.now()).await?)
}

async fn take(app: &AppState, connection: &mut PgConnection, purpose: Purpose, token: &str) -> Result<Proof, ApiError> {
    let proof = store::proofs::take(connection, purpose, &digest(token), app.clock.now()).await?;
    proof.ok_or(ApiError::ProofInvalid)
}

/// The user whom the token was mailed to.
async fn user_of(connection: &mut PgConnection, proof: &Proof) -> Result<User, ApiError> {
    let Owner::User(user) = proof.owner else { return Err(ApiError::ProofInvalid) };
    let user = store::users::find(connection, user).await?.filter(|user| user.leaving_at.is_none());
    user.ok_or(ApiError::ProofInvalid)
}

/// The address of the user is proven; whoever has only registered becomes one. Of several who have registered with it,
/// the one whose mail is answered first.
pub(crate) async fn verify_email(app: &AppState, token: &str) -> Result<User, ApiError> {
    let (mut transaction, now) = (app.transaction().await?, app.clock.now());
    let proof = take(app, &mut transaction, Purpose::VerifyEmail, token).await?;
    let user = match proof.owner {
        Owner::User(_) => {
            let user = user_of(&mut transaction, &proof).await?;
            if user.email != proof.email {
                return Err(ApiError::ProofInvalid);
            }
            user.id
        }
        Owner::Registration(id) => {
            let registration = store::registrations::take(&mut transaction, id).await?;
            let registration = registration.ok_or(ApiError::ProofInvalid)?;
            let email = parse(&registration.email)?;
            become_user(app, &mut transaction, &email, &registration.password_hash).await?
        }
    };
    store::users::set_email_verified(&mut transaction, user, now).await?;
    store::proofs::discard(&mut transaction, user, &[Purpose::VerifyEmail]).await?;
    let user = store::users::find(&mut transaction, user).await?.ok_or(ApiError::ProofInvalid)?;
    transaction.commit().await.map_err(StoreError::from)?;
    app.credentials.forget(Some(user.id));
    tracing::info!(user.id = %user.id, "A tenant has proven their address.");
    Ok(user)
}

/// Makes a user of somebody who has registered. One who is there without having proven the address is theirs: whoever
/// had the account so far is out.
async fn become_user(
    app: &AppState,
    connection: &mut PgConnection,
    email: &Email,
    password_hash: &str,
) -> Result<UserId, ApiError> {
    let now = app.clock.now();
    match store::users::find_by_email(connection, email).await? {
        None => {
            let id = UserId::new(&*app.clock);
            let made = store::users::insert(connection, id, email, password_hash, now).await;
            made.map_err(|error| ApiError::on_conflict(error, "users_email_key", ApiError::ProofInvalid))?;
            Ok(id)
        }
        Some(user) if user.email_verified_at.is_none() && user.leaving_at.is_none() => {
            store::users::replace_password(connection, user.id, password_hash, now).await?;
            store::second_factors::delete(connection, user.id).await?;
            end_everything(app, connection, user.id, "registered_anew").await?;
            Ok(user.id)
        }
        Some(_) => Err(ApiError::ProofInvalid),
    }
}

async fn end_everything(
    app: &AppState,
    connection: &mut PgConnection,
    user: UserId,
    reason: &str,
) -> Result<(), ApiError> {
    let now = app.clock.now();
    store::sessions::revoke_all(connection, user, None, reason, now).await?;
    store::api_keys::revoke_all(connection, user, now).await?;
    Ok(())
}

/// Sets another password. Every session and every API key ends: whoever has lost a password may have lost more.
pub(crate) async fn reset_password(
    app: &AppState,
    token: &str,
    new_password: SecretString,
    origin: &Origin,
) -> Result<User, ApiError> {
    // A token that is none costs no hash.
    if find(app, token).await?.is_none_or(|proof| proof.purpose != Purpose::ResetPassword) {
        return Err(ApiError::ProofInvalid);
    }
    let hash = app.passwords.hash(new_password).await?;
    let (mut transaction, now) = (app.transaction().await?, app.clock.now());
    let proof = take(app, &mut transaction, Purpose::ResetPassword, token).await?;
    let user = user_of(&mut transaction, &proof).await?;
    store::users::replace_password(&mut transaction, user.id, &hash, now).await?;
    if user.email == proof.email {
        store::users::set_email_verified(&mut transaction, user.id, now).await?;
    }
    end_everything(app, &mut transaction, user.id, "password_reset").await?;
    let void = [Purpose::VerifyEmail, Purpose::ResetPassword, Purpose::ChangeEmail];
    store::proofs::discard(&mut transaction, user.id, &void).await?;
    record(app, &mut transaction, user.id, "user.password_reset", origin).await?;
    tell(app, &mut transaction, Recipient::User(user.id), &letters::password_reset()).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    app.credentials.forget(Some(user.id));
    Ok(user)
}

/// Gives the user the address that the token was mailed to. The former one can have it back for a while.
pub(crate) async fn change_email(app: &AppState, token: &str, origin: &Origin) -> Result<User, ApiError> {
    let (mut transaction, now) = (app.transaction().await?, app.clock.now());
    let proof = take(app, &mut transaction, Purpose::ChangeEmail, token).await?;
    let user = user_of(&mut transaction, &proof).await?;
    let (former, email) = (parse(&user.email)?, parse(&proof.email)?);
    store::users::set_email(&mut transaction, user.id, &email, now)
        .await
        .map_err(|error| ApiError::on_conflict(error, "users_email_key", ApiError::ProofInvalid))?;
    let void = [Purpose::VerifyEmail, Purpose::ResetPassword, Purpose::ChangeEmail];
    store::proofs::discard(&mut transaction, user.id, &void).await?;
    mail(app, &mut transaction, Purpose::UndoEmailChange, Owner::User(user.id), (&former, &former)).await?;
    record(app, &mut transaction, user.id, "user.email_change", origin).await?;
    let user = store::users::find(&mut transaction, user.id).await?.ok_or(ApiError::ProofInvalid)?;
    transaction.commit().await.map_err(StoreError::from)?;
    app.credentials.forget(Some(user.id));
    Ok(user)
}

/// Gives the user the former address back. Somebody else knew the password: it is void, and everything has ended.
pub(crate) async fn undo_email_change(app: &AppState, token: &str, origin: &Origin) -> Result<User, ApiError> {
    let (mut transaction, now) = (app.transaction().await?, app.clock.now());
    let proof = take(app, &mut transaction, Purpose::UndoEmailChange, token).await?;
    let user = user_of(&mut transaction, &proof).await?;
    let email = parse(&proof.email)?;
    store::users::set_email(&mut transaction, user.id, &email, now)
        .await
        .map_err(|error| ApiError::on_conflict(error, "users_email_key", ApiError::ProofInvalid))?;
    store::users::replace_password(&mut transaction, user.id, NO_PASSWORD, now).await?;
    end_everything(app, &mut transaction, user.id, "email_change_undone").await?;
    store::proofs::discard(&mut transaction, user.id, &Purpose::ALL).await?;
    mail(app, &mut transaction, Purpose::ResetPassword, Owner::User(user.id), (&email, &email)).await?;
    record(app, &mut transaction, user.id, "user.email_change_undone", origin).await?;
    tell(app, &mut transaction, Recipient::User(user.id), &letters::email_restored()).await?;
    let user = store::users::find(&mut transaction, user.id).await?.ok_or(ApiError::ProofInvalid)?;
    transaction.commit().await.map_err(StoreError::from)?;
    app.credentials.forget(Some(user.id));
    Ok(user)
}

/// What the user has done to their own identity, for the audit log.
pub(crate) async fn record(
    app: &AppState,
    connection: &mut PgConnection,
    user: UserId,
    action: &str,
    origin: &Origin,
) -> Result<(), ApiError> {
    let act = Act {
        actor: Some(user),
        action,
        user: Some(user),
        address: Some(&origin.address),
        request_id: Some(&origin.request_id),
        ..Act::default()
    };
    Ok(store::audit::record(connection, &act, app.clock.now()).await?)
}

/// An address of ours, which was parsed before it was stored.
fn parse(email: &str) -> Result<Email, ApiError> {
    Email::parse(email).map_err(ApiError::internal)
}
