//! Login steps: what the user typed goes to the platform, what came of it into the account's row.

use domain::{AccountId, AccountStatus, Platform};
use secrecy::{ExposeSecret as _, SecretString};
use store::{
    StoreError,
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
    let Some(login) = Login::load(context, id).await.retry("database")? else {
        return Ok(refused(AccountStatus::LoggedOut, "account_not_found", "there is no such account"));
    };
    let progress = match (login.account.platform, step) {
        (Platform::Telegram, LoginStep::RequestCode) => login.request_code().await,
        (Platform::Telegram, LoginStep::ResendCode) => login.resend_code().await,
        (Platform::Telegram, LoginStep::SubmitCode { code }) => login.submit_code(code.into()).await,
        (Platform::Telegram, LoginStep::SubmitPassword { password }) => login.submit_password(password.into()).await,
        (Platform::Discord, LoginStep::VerifyToken) => login.verify_token().await,
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
    login.record(progress).await.retry("database")
}

/// Ends the session at the platform, as far as it can be reached, and forgets the secrets.
pub(crate) async fn log_out(context: &Context, id: AccountId) -> Result<(), ActivityError> {
    let login = Login::load(context, id).await.retry("database")?;
    let Some(login) = login else { return Ok(()) };
    let secret = login.secret(SecretColumn::Secret).await.retry("database")?;
    if let Some(secret) = secret
        && login.account.platform == Platform::Telegram
        && let Err(error) = telegram::log_out(&context.telegram, &secret).await
    {
        // The user wants to be rid of it: a session that cannot be ended is forgotten all the same.
        tracing::warn!(account.id = %id, %error, "The session could not be ended at the platform.");
    }
    let mut database = context.database().await.retry("database")?;
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

/// One account's login. A database connection is taken for each statement, never held while the platform is asked.
struct Login<'a> {
    context: &'a Context,
    account: Account,
}

impl Login<'_> {
    async fn request_code(&self) -> Result<Progress, Obstacle> {
        let phone = self.account.phone.as_deref().ok_or_else(|| wrong_state("the account has no phone number"))?;
        let session = self.secret(SecretColumn::Secret).await?;
        let sent = telegram::request_code(&self.context.telegram, session.as_ref(), phone).await?;
        self.keep_code(sent).await
    }

    async fn resend_code(&self) -> Result<Progress, Obstacle> {
        let Ok((session, state)) = self.under_way().await? else {
            return self.request_code().await;
        };
        match telegram::resend_code(&self.context.telegram, &session, &state).await {
            Ok(sent) => self.keep_code(sent).await,
            Err(PlatformError::Input { code, .. }) if code == "code_expired" || code == "resend_unavailable" => {
                self.request_code().await
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn submit_code(&self, code: SecretString) -> Result<Progress, Obstacle> {
        if self.account.status != AccountStatus::AwaitingCode {
            return Err(wrong_state("the account does not wait for a code"));
        }
        let (session, state) = self.under_way().await??;
        let answer = telegram::submit_code(&self.context.telegram, &session, &state, &code).await?;
        self.keep_session(&answer.session).await?;
        self.outcome(answer.outcome)
    }

    async fn submit_password(&self, password: SecretString) -> Result<Progress, Obstacle> {
        if self.account.status != AccountStatus::AwaitingPassword {
            return Err(wrong_state("the account does not wait for a password"));
        }
        let (session, _) = self.under_way().await??;
        let answer = telegram::submit_password(&self.context.telegram, &session, &password).await?;
        self.keep_session(&answer.session).await?;
        self.outcome(answer.outcome)
    }

    async fn verify_token(&self) -> Result<Progress, Obstacle> {
        let token = self.secret(SecretColumn::Secret).await?;
        let token = token.ok_or_else(|| wrong_state("the account has no token"))?;
        let rates = self.context.paces.egress.proof();
        Ok(Progress::SignedIn(crate::discord::verify_token(&self.context.discord, &token, rates).await?))
    }

    fn outcome(&self, outcome: LoginOutcome) -> Result<Progress, Obstacle> {
        Ok(outcome.into_identity()?.map_or(Progress::PasswordNeeded, Progress::SignedIn))
    }

    async fn load(context: &Context, id: AccountId) -> Result<Option<Login<'_>>, StoreError> {
        let mut database = context.database().await?;
        Ok(accounts::load(&mut database, id).await?.map(|account| Login { context, account }))
    }

    async fn secret(&self, column: SecretColumn) -> Result<Option<SecretString>, StoreError> {
        let mut database = self.context.database().await?;
        accounts::secret(&mut database, &self.context.sealer, self.account.id, column).await
    }

    /// The login that was begun; the inner error says that there is none.
    async fn under_way(&self) -> Result<Result<(SecretString, LoginState), Obstacle>, Obstacle> {
        let session = self.secret(SecretColumn::Secret).await?;
        let state = self.secret(SecretColumn::Login).await?;
        let (Some(session), Some(state)) = (session, state) else {
            return Ok(Err(wrong_state("no login is under way; ask for a code first")));
        };
        let state = serde_json::from_str(state.expose_secret()).map_err(StoreError::from)?;
        Ok(Ok((session, state)))
    }

    async fn keep_code(&self, sent: CodeSent) -> Result<Progress, Obstacle> {
        self.keep_session(&sent.session).await?;
        let state = SecretString::from(serde_json::to_string(&sent.state).map_err(StoreError::from)?);
        self.keep(SecretColumn::Login, Some(&state)).await?;
        Ok(Progress::CodeSent)
    }

    async fn keep_session(&self, session: &SecretString) -> Result<(), Obstacle> {
        Ok(self.keep(SecretColumn::Secret, Some(session)).await?)
    }

    async fn keep(&self, column: SecretColumn, plain: Option<&SecretString>) -> Result<(), StoreError> {
        let mut database = self.context.database().await?;
        accounts::set_secret(&mut database, &self.context.sealer, self.account.id, column, plain).await
    }

    /// Writes down where the login is, and says it.
    async fn record(&self, progress: Result<Progress, Obstacle>) -> Result<LoginReply, StoreError> {
        match progress {
            Ok(Progress::CodeSent) => self.now(AccountStatus::AwaitingCode, None).await,
            Ok(Progress::PasswordNeeded) => self.now(AccountStatus::AwaitingPassword, None).await,
            Ok(Progress::SignedIn(identity)) => self.signed_in(identity).await,
            Err(Obstacle::WrongState(detail)) => Ok(refused(self.account.status, "wrong_state", detail)),
            Err(Obstacle::Store(error)) => Err(error),
            Err(Obstacle::Platform(error)) => {
                let status = match &error {
                    PlatformError::Banned { .. } => AccountStatus::Banned,
                    PlatformError::Retryable { .. }
                    | PlatformError::Wait { .. }
                    | PlatformError::Message { .. }
                    | PlatformError::Chat { .. }
                    | PlatformError::Flooded { .. }
                    | PlatformError::Revoked { .. }
                    | PlatformError::Input { .. } => self.account.status,
                };
                self.now(status, Some(refusal(&error))).await
            }
        }
    }

    async fn now(&self, status: AccountStatus, refusal: Option<Refusal>) -> Result<LoginReply, StoreError> {
        let mut database = self.context.database().await?;
        let reason = refusal
            .as_ref()
            .map_or(Reason::default(), |refusal| Reason { code: Some(&refusal.code), text: Some(&refusal.detail) });
        accounts::set_status(&mut database, self.account.id, status, reason, self.context.clock.now()).await?;
        Ok(LoginReply { status, refusal })
    }

    async fn signed_in(&self, identity: Identity) -> Result<LoginReply, StoreError> {
        match self.name(&identity).await {
            Ok(()) => (),
            Err(StoreError::Conflict { .. }) => {
                self.end_twin().await?;
                let detail = "this account is linked already";
                return Ok(refused(self.account.status, "account_already_linked", detail));
            }
            Err(error) => return Err(error),
        }
        self.keep(SecretColumn::Login, None).await?;
        self.now(AccountStatus::Connecting, None).await
    }

    async fn name(&self, identity: &Identity) -> Result<(), StoreError> {
        let mut database = self.context.database().await?;
        let (id, now) = (self.account.id, self.context.clock.now());
        accounts::set_identity(&mut database, id, identity.external_id, &identity.display_name, now).await
    }

    /// The same identity is linked already: the session that was just made must not stay behind on the platform.
    async fn end_twin(&self) -> Result<(), StoreError> {
        let Some(session) = self.secret(SecretColumn::Secret).await? else { return Ok(()) };
        if self.account.platform == Platform::Telegram
            && let Err(error) = telegram::log_out(&self.context.telegram, &session).await
        {
            tracing::warn!(account.id = %self.account.id, %error, "A second session could not be ended.");
        }
        self.keep(SecretColumn::Secret, None).await
    }
}
