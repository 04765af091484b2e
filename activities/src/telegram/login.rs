//! Signing in, one step at a time. Every step may run in another process: it takes the session document and the
//! state of the login, and gives both back.

use std::{fmt, sync::Arc};

use grammers_tl_types::{RemoteCall, enums, functions, types};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::{
    client::{end_session, signed_in, who_am_i},
    endpoint::TelegramConfig,
    errors::CallError,
    link::Link,
    password,
    session::TelegramSession,
};
use crate::platform::{Identity, PlatformError, Unobserved};

/// What Telegram has to be told again with the code. Not secret enough to be sealed by itself, but worth keeping out
/// of logs: with it and the code anybody may sign in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginState {
    /// The number as the user gave it.
    pub phone: String,
    /// Telegram's name for this login.
    pub phone_code_hash: String,
    /// How the code was sent: `app`, `sms`, `call`, `email`, ….
    pub sent_by: String,
    /// Seconds until the code may be asked for in another way; absent when there is none.
    pub timeout_seconds: Option<u32>,
}

impl fmt::Debug for LoginState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginState").field("sent_by", &self.sent_by).finish_non_exhaustive()
    }
}

/// A code is on its way.
#[derive(Debug)]
pub struct CodeSent {
    /// The session document to keep for the next step.
    pub session: SecretString,
    /// What the next step needs to know.
    pub state: LoginState,
}

/// The answer to a code or password.
#[derive(Debug)]
pub struct LoginStep {
    /// The session document to keep: for the next step, or for [`super::connect`].
    pub session: SecretString,
    /// How far the login is.
    pub outcome: LoginOutcome,
}

/// How far a login is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginOutcome {
    /// Done: the session can be connected.
    SignedIn(Identity),
    /// The code was right; the two-step verification password is missing.
    PasswordNeeded {
        /// The hint that the user wrote for themselves.
        hint: Option<String>,
    },
    /// The code was right, but nobody has this number.
    SignUpRequired,
}

impl LoginOutcome {
    /// The identity, when signed in; the error to tell the user when the number is unknown.
    ///
    /// # Errors
    /// [`PlatformError::Input`] `phone_unregistered` for [`Self::SignUpRequired`].
    pub fn into_identity(self) -> Result<Option<Identity>, PlatformError> {
        match self {
            Self::SignedIn(identity) => Ok(Some(identity)),
            Self::PasswordNeeded { .. } => Ok(None),
            Self::SignUpRequired => Err(unregistered()),
        }
    }
}

/// Asks Telegram to send a code to `phone`. Without a `session` a new one is begun.
///
/// # Errors
/// [`PlatformError::Input`] `phone_invalid`, `phone_unregistered`; [`PlatformError::Banned`];
/// [`PlatformError::Wait`] after too many codes; [`PlatformError::Retryable`].
pub async fn request_code(
    config: &TelegramConfig,
    session: Option<&SecretString>,
    phone: &str,
) -> Result<CodeSent, PlatformError> {
    let link = match session {
        Some(document) => open(config, document)?,
        None => fresh(config),
    };
    match send_code(config, &link, phone).await {
        // The session was meant for a login that is over, or the server forgot its key: begin a new one.
        Err(PlatformError::Revoked { .. }) if session.is_some() => {
            let link = fresh(config);
            send_code(config, &link, phone).await
        }
        answer => answer,
    }
}

/// Asks for the code once more, by the next way that Telegram has.
///
/// # Errors
/// As [`request_code`], and [`PlatformError::Input`] `code_expired` or `resend_unavailable`.
pub async fn resend_code(
    config: &TelegramConfig,
    session: &SecretString,
    state: &LoginState,
) -> Result<CodeSent, PlatformError> {
    let link = open(config, session)?;
    let request = functions::auth::ResendCode {
        phone_number: state.phone.clone(),
        phone_code_hash: state.phone_code_hash.clone(),
        reason: None,
    };
    let answer = link.call(&request).await?;
    code_sent(&link, &state.phone, answer).await
}

/// Hands in the code.
///
/// # Errors
/// [`PlatformError::Input`] `code_invalid`, `code_expired`, `phone_unregistered`; [`PlatformError::Banned`];
/// [`PlatformError::Wait`]; [`PlatformError::Retryable`].
pub async fn submit_code(
    config: &TelegramConfig,
    session: &SecretString,
    state: &LoginState,
    code: &SecretString,
) -> Result<LoginStep, PlatformError> {
    let link = open(config, session)?;
    let request = functions::auth::SignIn {
        phone_number: state.phone.clone(),
        phone_code_hash: state.phone_code_hash.clone(),
        phone_code: Some(code.expose_secret().trim().to_owned()),
        email_verification: None,
    };
    let outcome = match link.call(&request).await {
        Ok(answer) => authorised(&link, answer).await?,
        Err(error) if error.is("SESSION_PASSWORD_NEEDED") => {
            LoginOutcome::PasswordNeeded { hint: password_parameters(&link).await?.hint }
        }
        // The answer to an earlier attempt may have been lost: then the code is used up and we are signed in.
        Err(error) if error.is("PHONE_CODE_EXPIRED") => already_signed_in(&link).await.ok_or(error)?,
        Err(error) => return Err(error.into()),
    };
    Ok(finish(&link, outcome).await)
}

/// Hands in the two-step verification password.
///
/// # Errors
/// [`PlatformError::Input`] `password_invalid`; [`PlatformError::Wait`] after too many; [`PlatformError::Revoked`]
/// when the login is over; [`PlatformError::Retryable`].
pub async fn submit_password(
    config: &TelegramConfig,
    session: &SecretString,
    password: &SecretString,
) -> Result<LoginStep, PlatformError> {
    let link = open(config, session)?;
    let parameters = password_parameters(&link).await?;
    let password = password::prove(parameters, password.clone()).await?;
    let outcome = match link.call(&functions::auth::CheckPassword { password }).await.map_err(PlatformError::from) {
        Ok(answer) => authorised(&link, answer).await?,
        // Nobody waits for a password under this key: perhaps because an earlier attempt was right.
        Err(error @ PlatformError::Revoked { .. }) => already_signed_in(&link).await.ok_or(error)?,
        Err(error) => return Err(error),
    };
    Ok(finish(&link, outcome).await)
}

/// Ends the session at Telegram. A session that is over already is fine.
///
/// # Errors
/// [`PlatformError::Retryable`] or [`PlatformError::Wait`] when Telegram could not be told.
pub async fn log_out(config: &TelegramConfig, session: &SecretString) -> Result<(), PlatformError> {
    let link = open(config, session)?;
    let answer = end_session(&link).await;
    link.close().await;
    answer
}

fn fresh(config: &TelegramConfig) -> Arc<Link> {
    let session = TelegramSession::new(&config.endpoint);
    Link::new(config.clone(), Arc::new(session), Arc::new(Unobserved)).0
}

fn open(config: &TelegramConfig, document: &SecretString) -> Result<Arc<Link>, PlatformError> {
    let session = TelegramSession::open(document, &config.endpoint)
        .map_err(|error| PlatformError::Revoked { code: "session_unreadable".to_owned(), detail: error.to_string() })?;
    Ok(Link::new(config.clone(), Arc::new(session), Arc::new(Unobserved)).0)
}

async fn send_code(config: &TelegramConfig, link: &Link, phone: &str) -> Result<CodeSent, PlatformError> {
    let request = functions::auth::SendCode {
        phone_number: phone.to_owned(),
        api_id: config.api_id,
        api_hash: config.api_hash.expose_secret().to_owned(),
        settings: types::CodeSettings {
            allow_flashcall: false,
            current_number: false,
            allow_app_hash: false,
            allow_missed_call: false,
            allow_firebase: false,
            unknown_number: false,
            logout_tokens: None,
            token: None,
            app_sandbox: None,
        }
        .into(),
    };
    let answer = call_where_it_belongs(link, &request).await?;
    code_sent(link, phone, answer).await
}

/// A number or bot lives in one data centre, and only Telegram knows in which.
pub(super) async fn call_where_it_belongs<R>(link: &Link, request: &R) -> Result<R::Return, CallError>
where
    R: RemoteCall + Sync,
{
    match link.call(request).await {
        Err(error) => match error.migrate_to() {
            Some(dc) => {
                link.session().set_home(dc);
                link.call(request).await
            }
            None => Err(error),
        },
        answer => answer,
    }
}

async fn code_sent(link: &Link, phone: &str, answer: enums::auth::SentCode) -> Result<CodeSent, PlatformError> {
    let refused = |code: &str, detail: &str| PlatformError::Input { code: code.to_owned(), detail: detail.to_owned() };
    let enums::auth::SentCode::Code(sent) = answer else {
        return Err(refused("login_unsupported", "Telegram asks for a payment or another way of signing in"));
    };
    let state = LoginState {
        phone: phone.to_owned(),
        phone_code_hash: sent.phone_code_hash,
        sent_by: way(&sent.r#type).to_owned(),
        timeout_seconds: sent.timeout.and_then(|seconds| u32::try_from(seconds).ok()),
    };
    let session = link.session().export();
    link.close().await;
    Ok(CodeSent { session, state })
}

const fn way(way: &enums::auth::SentCodeType) -> &'static str {
    use enums::auth::SentCodeType;
    match way {
        SentCodeType::App(_) => "app",
        SentCodeType::Sms(_) | SentCodeType::FirebaseSms(_) => "sms",
        SentCodeType::SmsWord(_) | SentCodeType::SmsPhrase(_) => "sms_words",
        SentCodeType::Call(_) => "call",
        SentCodeType::FlashCall(_) | SentCodeType::MissedCall(_) => "missed_call",
        SentCodeType::EmailCode(_) | SentCodeType::SetUpEmailRequired(_) => "email",
        SentCodeType::FragmentSms(_) => "fragment",
    }
}

async fn authorised(link: &Link, answer: enums::auth::Authorization) -> Result<LoginOutcome, PlatformError> {
    match answer {
        enums::auth::Authorization::Authorization(answer) => match answer.user {
            enums::User::User(user) => Ok(LoginOutcome::SignedIn(signed_in(link, &user).await?)),
            enums::User::Empty(_) => Err(unregistered()),
        },
        enums::auth::Authorization::SignUpRequired(_) => Ok(LoginOutcome::SignUpRequired),
    }
}

async fn already_signed_in(link: &Link) -> Option<LoginOutcome> {
    let user = who_am_i(link).await.ok()?;
    Some(LoginOutcome::SignedIn(signed_in(link, &user).await.ok()?))
}

async fn password_parameters(link: &Link) -> Result<types::account::Password, PlatformError> {
    let enums::account::Password::Password(parameters) = link.ask_at_once(&functions::account::GetPassword {}).await?;
    Ok(parameters)
}

async fn finish(link: &Link, outcome: LoginOutcome) -> LoginStep {
    let session = link.session().export();
    link.close().await;
    LoginStep { session, outcome }
}

fn unregistered() -> PlatformError {
    PlatformError::Input {
        code: "phone_unregistered".to_owned(),
        detail: "there is no Telegram account with this number".to_owned(),
    }
}
