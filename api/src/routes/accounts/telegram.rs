//! Linking a Telegram account: phone, code, password.

use domain::{AccountId, AccountStatus, Platform, gate::Action};
use salvo::prelude::*;
use serde::Deserialize;
use store::{StoreError, accounts::Account};
use workflows::account::LoginStep;

use super::{AccountOut, discord::forget, find, phone, refused, settled};
use crate::{
    auth::{Actor, PathId},
    body::JsonBody,
    error::ApiError,
    plans,
    routes::Created,
    state::AppState,
};

/// A phone number.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = NewTelegramAccount))]
#[serde(deny_unknown_fields)]
pub(crate) struct PhoneIn {
    /// With the country code; spaces and dashes do not matter.
    phone: String,
}

/// A login code.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = LoginCode))]
#[serde(deny_unknown_fields)]
pub(crate) struct CodeIn {
    /// As it was received.
    code: String,
}

/// A two-step verification password.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = LoginPassword))]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordIn {
    /// As it was set at Telegram.
    password: String,
}

/// Adds a Telegram account and asks Telegram to send a login code. A number whose login was never finished, or whose
/// session has ended, is taken up where it was left; a new one that Telegram refuses leaves nothing behind.
#[endpoint(operation_id = "add_telegram_account", tags("accounts"))]
pub(crate) async fn add(actor: Actor, app: AppState, body: JsonBody<PhoneIn>) -> Result<Created<AccountOut>, ApiError> {
    let phone = phone::parse(&body.0.phone)?;
    let (account, is_new) = insert_or_resume(&app, actor, &phone).await?;
    // The row stays when the step fails: the same number may be tried again, and the sweep starts the workflow.
    let reply = app.temporal.log_in(&account, &app.plan_code(actor.plan).await?, LoginStep::RequestCode).await?;
    store::accounts::set_workflow_started(&mut *app.database().await?, account.id).await?;
    match reply.refusal {
        Some(refusal) if is_new && refusal.code.starts_with("phone_") => {
            forget(&app, actor, &account).await?;
            Err(refused(refusal, "phone"))
        }
        _ => Ok(Created(settled(&app, actor, account.id, reply, "phone").await?)),
    }
}

/// Hands in the login code.
#[endpoint(operation_id = "submit_code", tags("accounts"))]
pub(crate) async fn submit_code(
    actor: Actor,
    app: AppState,
    id: PathId<AccountId>,
    body: JsonBody<CodeIn>,
) -> Result<Json<AccountOut>, ApiError> {
    let step = LoginStep::SubmitCode { code: body.0.code.trim().to_owned() };
    log_in(&app, actor, id.0, step, &[AccountStatus::AwaitingCode], "code").await
}

/// Hands in the two-step verification password.
#[endpoint(operation_id = "submit_password", tags("accounts"))]
pub(crate) async fn submit_password(
    actor: Actor,
    app: AppState,
    id: PathId<AccountId>,
    body: JsonBody<PasswordIn>,
) -> Result<Json<AccountOut>, ApiError> {
    let step = LoginStep::SubmitPassword { password: body.0.password };
    log_in(&app, actor, id.0, step, &[AccountStatus::AwaitingPassword], "password").await
}

/// Asks Telegram to send the login code again, by the next means.
///
/// An account whose session was ended signs in anew this way.
#[endpoint(operation_id = "resend_code", tags("accounts"))]
pub(crate) async fn resend(actor: Actor, app: AppState, id: PathId<AccountId>) -> Result<Json<AccountOut>, ApiError> {
    log_in(&app, actor, id.0, LoginStep::ResendCode, CAN_BEGIN, "phone").await
}

/// States in which a code may be asked for.
const CAN_BEGIN: &[AccountStatus] = &[
    AccountStatus::New,
    AccountStatus::AwaitingCode,
    AccountStatus::AwaitingPassword,
    AccountStatus::Revoked,
    AccountStatus::Banned,
];

/// One step for an account in one of the states `expected`. One that is signed in already is answered with itself.
async fn log_in(
    app: &AppState,
    actor: Actor,
    id: AccountId,
    step: LoginStep,
    expected: &[AccountStatus],
    field: &'static str,
) -> Result<Json<AccountOut>, ApiError> {
    let account = find(app, actor, id).await?;
    if account.status.wants_host() && account.platform == Platform::Telegram {
        return Ok(Json(account.into()));
    }
    if !expected.contains(&account.status) || account.platform != Platform::Telegram {
        return Err(ApiError::WrongState(account.status));
    }
    let reply = app.temporal.log_in(&account, &app.plan_code(actor.plan).await?, step).await?;
    Ok(Json(settled(app, actor, id, reply, field).await?))
}

/// The account of this number, and whether it was not there before.
async fn insert_or_resume(app: &AppState, actor: Actor, phone: &str) -> Result<(Account, bool), ApiError> {
    let (id, now) = (AccountId::new(&*app.clock), app.clock.now());
    let mut transaction = app.transaction().await?;
    // Two requests for one number come one after the other.
    store::plans::lock_user(&mut transaction, actor.user).await?;
    let accounts = store::accounts::list(&mut transaction, actor.user).await?;
    if let Some(known) = accounts.into_iter().find(|account| account.phone.as_deref() == Some(phone)) {
        let again = may_log_in_again(known.status);
        return again.then_some((known, false)).ok_or(ApiError::PhoneAlreadyLinked);
    }
    plans::pass(app, &mut transaction, actor.user, Action::LinkAccount(Platform::Telegram)).await?;
    store::accounts::insert(&mut transaction, actor.user, id, Platform::Telegram, Some(phone), now)
        .await
        .map_err(|error| ApiError::on_conflict(error, "accounts_phone_key", ApiError::PhoneAlreadyLinked))?;
    transaction.commit().await.map_err(StoreError::from)?;
    Ok((find(app, actor, id).await?, true))
}

/// A login that was never finished goes on; a session that has ended is begun anew.
const fn may_log_in_again(status: AccountStatus) -> bool {
    match status {
        AccountStatus::New
        | AccountStatus::AwaitingCode
        | AccountStatus::AwaitingPassword
        | AccountStatus::Revoked
        | AccountStatus::Banned => true,
        AccountStatus::Connecting
        | AccountStatus::Online
        | AccountStatus::Reconnecting
        | AccountStatus::Paused
        | AccountStatus::Limited
        | AccountStatus::LoggedOut => false,
    }
}
