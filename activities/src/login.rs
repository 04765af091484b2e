//! Login steps: what the user typed goes to the platform, what came of it into the account's row.

use domain::{AccountId, AccountStatus, Platform};
use secrecy::{ExposeSecret as _, SecretString};
use store::{
    PgConnection, StoreError,
    accounts::{self, Account, Reason, SecretColumn},
};
use temporalio_sdk::activities::ActivityError;
use workflows::account::{LoginReply, LoginStep, Refusal};

use crate::{
    account::refusal,
    context::Context,
    failure::Fail,
    platform::{Identity, PlatformError},
    telegram::login::{self as telegram, CodeSent, LoginOutcome, LoginState},
};

/// Does one step. What the user got wrong is a refusal, not an error.
pub(crate) async fn step(context: &Context, id: AccountId, step: LoginStep) -> Result<LoginReply, ActivityError> {
    let mut database = context.database().await.retry("database")?;
    let account = accounts::load(&mut database, id).await.retry("database")?;
    let Some(account) = account else {
        return Ok(refused(AccountStatus::LoggedOut, "account_not_found", "there is no such account"));
    };
    let login = Login { context, account };
    let progress = match (login.account.platform, step) {
        (Platform::Telegram, LoginStep::RequestCode) => login.request_code(&mut database).await,
        (Platform::Telegram, LoginStep::ResendCode) => login.resend_code(&mut database).await,
        (Platform::Telegram, LoginStep::SubmitCode { code }) => login.submit_code(&mut database, code.into()).await,
        (Platform::Telegram, LoginStep::SubmitPassword { password }) => {
            login.submit_password(&mut database, password.into()).await
        }
        (Platform::Discord, LoginStep::VerifyToken) => login.verify_token(&mut database).await,
        (Platform::Telegram, LoginStep::VerifyToken | LoginStep::Unknown)
        | (
            Platform::Discord,
            LoginStep::RequestCode
            | LoginStep::ResendCode
            | LoginStep::SubmitCode { .. }
            | LoginStep::SubmitPassword { .. }
            | LoginStep::Unknown,
        ) => Err(wrong_state("this account has no such step")),
    };
    login.record(&mut database, progress).await.retry("database")
}

/// Ends the session at the platform, as far as it can be reached, and forgets the secrets.
pub(crate) async fn log_out(context: &Context, id: AccountId) -> Result<(), ActivityError> {
    let mut database = context.database().await.retry("database")?;
    let account = accounts::load(&mut database, id).await.retry("database")?;
    let secret = accounts::secret(&mut database, &context.sealer, id, SecretColumn::Secret).await.retry("database")?;
    if let (Some(account), Some(secret)) = (account, secret)
        && account.platform == Platform::Telegram
        && let Err(error) = telegram::log_out(&context.telegram, &secret).await
    {
        // The user wants to be rid of it: a session that cannot be ended is forgotten all the same.
        tracing::warn!(account.id = %id, %error, "The session could not be ended at the platform.");
    }
    accounts::log_out(&mut database, id, context.clock.now()).await.retry("database")
}

fn refused(status: AccountStatus, code: &str, detail: &str) -> LoginReply {
    let refusal = Refusal { code: code.into(), detail: detail.into(), retry_after_seconds: None };
    LoginReply { status, refusal: Some(refusal) }
}

/// Where a step has led.
enum Progress {
    CodeSent,
    PasswordNeeded,
    SignedIn(Identity),
}

/// Why a step has led nowhere.
enum Obstacle {
    Platform(PlatformError),
    Store(StoreError),
    WrongState(&'static str),
}

impl From<PlatformError> for Obstacle {
    fn from(error: PlatformError) -> Self {
        Self::Platform(error)
    }
}

impl From<StoreError> for Obstacle {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

const fn wrong_state(detail: &'static str) -> Obstacle {
    Obstacle::WrongState(detail)
}

struct Login<'a> {
    context: &'a Context,
    account: Account,
}

impl Login<'_> {
    async fn request_code(&self, database: &mut PgConnection) -> Result<Progress, Obstacle> {
        let phone = self.account.phone.as_deref().ok_or_else(|| wrong_state("the account has no phone number"))?;
        let session = self.secret(database, SecretColumn::Secret).await?;
        let sent = telegram::request_code(&self.context.telegram, session.as_ref(), phone).await?;
        self.keep_code(database, sent).await
    }

    async fn resend_code(&self, database: &mut PgConnection) -> Result<Progress, Obstacle> {
        let Ok((session, state)) = self.under_way(database).await? else {
            return self.request_code(database).await;
        };
        match telegram::resend_code(&self.context.telegram, &session, &state).await {
            Ok(sent) => self.keep_code(database, sent).await,
            Err(PlatformError::Input { code, .. }) if code == "code_expired" || code == "resend_unavailable" => {
                self.request_code(database).await
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn submit_code(&self, database: &mut PgConnection, code: SecretString) -> Result<Progress, Obstacle> {
        if self.account.status != AccountStatus::AwaitingCode {
            return Err(wrong_state("the account does not wait for a code"));
        }
        let (session, state) = self.under_way(database).await??;
        let answer = telegram::submit_code(&self.context.telegram, &session, &state, &code).await?;
        self.keep_session(database, &answer.session).await?;
        self.outcome(answer.outcome)
    }

    async fn submit_password(&self, database: &mut PgConnection, password: SecretString) -> Result<Progress, Obstacle> {
        if self.account.status != AccountStatus::AwaitingPassword {
            return Err(wrong_state("the account does not wait for a password"));
        }
        let (session, _) = self.under_way(database).await??;
        let answer = telegram::submit_password(&self.context.telegram, &session, &password).await?;
        self.keep_session(database, &answer.session).await?;
        self.outcome(answer.outcome)
    }

    async fn verify_token(&self, database: &mut PgConnection) -> Result<Progress, Obstacle> {
        let token = self.secret(database, SecretColumn::Secret).await?;
        let token = token.ok_or_else(|| wrong_state("the account has no token"))?;
        Ok(Progress::SignedIn(crate::discord::verify_token(&self.context.discord, &token).await?))
    }

    fn outcome(&self, outcome: LoginOutcome) -> Result<Progress, Obstacle> {
        Ok(outcome.into_identity()?.map_or(Progress::PasswordNeeded, Progress::SignedIn))
    }

    async fn secret(
        &self,
        database: &mut PgConnection,
        column: SecretColumn,
    ) -> Result<Option<SecretString>, Obstacle> {
        Ok(accounts::secret(database, &self.context.sealer, self.account.id, column).await?)
    }

    /// The login that was begun; the inner error says that there is none.
    async fn under_way(
        &self,
        database: &mut PgConnection,
    ) -> Result<Result<(SecretString, LoginState), Obstacle>, Obstacle> {
        let session = self.secret(database, SecretColumn::Secret).await?;
        let state = self.secret(database, SecretColumn::Login).await?;
        let (Some(session), Some(state)) = (session, state) else {
            return Ok(Err(wrong_state("no login is under way; ask for a code first")));
        };
        let state = serde_json::from_str(state.expose_secret()).map_err(StoreError::from)?;
        Ok(Ok((session, state)))
    }

    async fn keep_code(&self, database: &mut PgConnection, sent: CodeSent) -> Result<Progress, Obstacle> {
        self.keep_session(database, &sent.session).await?;
        let state = SecretString::from(serde_json::to_string(&sent.state).map_err(StoreError::from)?);
        let (sealer, id) = (&self.context.sealer, self.account.id);
        accounts::set_secret(database, sealer, id, SecretColumn::Login, Some(&state)).await?;
        Ok(Progress::CodeSent)
    }

    async fn keep_session(&self, database: &mut PgConnection, session: &SecretString) -> Result<(), Obstacle> {
        let (sealer, id) = (&self.context.sealer, self.account.id);
        Ok(accounts::set_secret(database, sealer, id, SecretColumn::Secret, Some(session)).await?)
    }

    /// Writes down where the login is, and says it.
    async fn record(
        &self,
        database: &mut PgConnection,
        progress: Result<Progress, Obstacle>,
    ) -> Result<LoginReply, StoreError> {
        match progress {
            Ok(Progress::CodeSent) => self.now(database, AccountStatus::AwaitingCode).await,
            Ok(Progress::PasswordNeeded) => self.now(database, AccountStatus::AwaitingPassword).await,
            Ok(Progress::SignedIn(identity)) => self.signed_in(database, identity).await,
            Err(Obstacle::WrongState(detail)) => Ok(refused(self.account.status, "wrong_state", detail)),
            Err(Obstacle::Store(error)) => Err(error),
            Err(Obstacle::Platform(error)) => {
                let refusal = refusal(&error);
                let status = match &error {
                    PlatformError::Banned { .. } => AccountStatus::Banned,
                    PlatformError::Retryable { .. }
                    | PlatformError::Wait { .. }
                    | PlatformError::Message { .. }
                    | PlatformError::Chat { .. }
                    | PlatformError::Revoked { .. }
                    | PlatformError::Input { .. } => self.account.status,
                };
                let reason = Reason { code: Some(&refusal.code), text: Some(&refusal.detail) };
                accounts::set_status(database, self.account.id, status, reason, self.context.clock.now()).await?;
                Ok(LoginReply { status, refusal: Some(refusal) })
            }
        }
    }

    async fn now(&self, database: &mut PgConnection, status: AccountStatus) -> Result<LoginReply, StoreError> {
        accounts::set_status(database, self.account.id, status, Reason::default(), self.context.clock.now()).await?;
        Ok(LoginReply { status, refusal: None })
    }

    async fn signed_in(&self, database: &mut PgConnection, identity: Identity) -> Result<LoginReply, StoreError> {
        let (id, now) = (self.account.id, self.context.clock.now());
        let named = accounts::set_identity(database, id, identity.external_id, &identity.display_name, now).await;
        match named {
            Ok(()) => (),
            Err(StoreError::Conflict { .. }) => {
                let detail = "this account is linked already";
                return Ok(refused(self.account.status, "account_already_linked", detail));
            }
            Err(error) => return Err(error),
        }
        accounts::set_secret(database, &self.context.sealer, id, SecretColumn::Login, None).await?;
        self.now(database, AccountStatus::Connecting).await
    }
}
