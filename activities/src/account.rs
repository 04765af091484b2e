//! The activities of `account_session`.

#![expect(missing_docs, reason = "the macro makes items without documentation")]

use std::{sync::Arc, time::Duration};

use domain::AccountStatus;
use temporalio_macros::activities;
use temporalio_sdk::{
    ApplicationFailure,
    activities::{ActivityContext, ActivityError},
};
use workflows::{
    account::{
        AccountRef, ChatReply, ChatRequest, HostOutcome, Located, LoginReply, LoginRequest, Refusal, StatusChange,
    },
    contract::host_queue,
};

use crate::{context::Context, failure::Fail, hosting, login, platform::PlatformError};

/// How soon a hosting that a draining worker was offered is offered again, at first.
const NOT_HERE_FIRST: Duration = Duration::from_millis(50);
/// And at the latest: a worker may have been started to take it.
const NOT_HERE_MAX: Duration = Duration::from_secs(5);

/// Implements the declarations of `workflows::account` that any worker may run.
#[derive(Debug)]
pub struct Accounts(pub Arc<Context>);

#[activities]
impl Accounts {
    /// One step of a login.
    #[activity(definition = workflows::account::LogIn)]
    pub async fn log_in(
        self: Arc<Self>,
        _ctx: ActivityContext,
        input: LoginRequest,
    ) -> Result<LoginReply, ActivityError> {
        login::step(&self.0, input.account, input.step).await
    }

    /// Hosts the account until told to stop.
    #[activity(definition = workflows::account::HostAccount)]
    pub async fn host_account(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: AccountRef,
    ) -> Result<HostOutcome, ActivityError> {
        if self.0.duty.orders().draining {
            return Err(not_here(ctx.info().attempt));
        }
        hosting::host(Arc::clone(&self.0), &ctx, input.account).await.retry("database")
    }

    /// Where is the account hosted?
    #[activity(definition = workflows::account::Locate)]
    pub async fn locate(self: Arc<Self>, _ctx: ActivityContext, input: AccountRef) -> Result<Located, ActivityError> {
        let mut database = self.0.database().await.retry("database")?;
        let host = store::leases::host_of(&mut database, input.account).await.retry("database")?;
        let health_check_seconds = self.0.health_check_period.as_secs();
        let plan = match store::plans::owner_of(&mut database, input.account).await.retry("database")? {
            Some(owner) => store::plans::tenancy(&mut database, owner).await.retry("database")?,
            None => None,
        };
        let plan = plan.map(|tenancy| tenancy.plan);
        Ok(Located {
            queue: host.as_deref().map(host_queue),
            health_check_seconds,
            priority_key: plan.as_ref().map_or(0, |plan| plan.priority_key),
            fairness_weight: plan.as_ref().map_or(0.0, |plan| plan.fairness_weight),
        })
    }

    /// Does the hosted account still work?
    #[activity(definition = workflows::account::CheckHealth)]
    pub async fn check_health(
        self: Arc<Self>,
        _ctx: ActivityContext,
        input: AccountRef,
    ) -> Result<bool, ActivityError> {
        let Some(hosted) = self.0.hosts.get(input.account) else { return Ok(false) };
        match hosted.connection.health().await {
            // Who asks us to wait has answered.
            Ok(()) | Err(PlatformError::Wait { .. }) => {
                let mut database = self.0.database().await.retry("database")?;
                store::accounts::set_healthy(&mut database, input.account, self.0.clock.now())
                    .await
                    .retry("database")?;
                Ok(true)
            }
            Err(error) => {
                tracing::warn!(account.id = %input.account, %error, "A health check failed.");
                Ok(false)
            }
        }
    }

    /// What does the platform say of a chat, or of all?
    #[activity(definition = workflows::account::AskChats)]
    pub async fn ask_chats(
        self: Arc<Self>,
        _ctx: ActivityContext,
        input: ChatRequest,
    ) -> Result<ChatReply, ActivityError> {
        let refused = |refusal| Ok(ChatReply { chat: None, refusal: Some(refusal) });
        let Some(hosted) = self.0.hosts.get(input.account) else {
            return Ok(ChatReply::offline());
        };
        let answer = match input.chat {
            Some(chat) => hosted.connection.chat(chat).await.map(|facts| vec![facts]),
            None => hosted.connection.chats().await,
        };
        let chats = match answer {
            Ok(chats) => chats,
            Err(error) => return refused(refusal(&error)),
        };
        let mut database = self.0.database().await.retry("database")?;
        store::chats::upsert(&mut database, input.account, &chats, self.0.clock.now()).await.retry("database")?;
        Ok(ChatReply { chat: chats.into_iter().next().filter(|_| input.chat.is_some()), refusal: None })
    }

    /// Records a change of state that the workflow decided.
    #[activity(definition = workflows::account::SetStatus)]
    pub async fn set_status(self: Arc<Self>, _ctx: ActivityContext, input: StatusChange) -> Result<(), ActivityError> {
        let mut database = self.0.database().await.retry("database")?;
        let (now, reason) = (self.0.clock.now(), store::accounts::Reason::default());
        store::accounts::set_status(&mut database, input.account, input.status, reason, now).await.retry("database")?;
        if input.status == AccountStatus::Paused {
            // It leaves room for another that the plan holds back.
            let owner = store::plans::owner_of(&mut database, input.account).await.retry("database")?;
            if let Some(owner) = owner {
                store::plans::mark_stale(&mut database, owner, now).await.retry("database")?;
            }
        }
        Ok(())
    }

    /// Ends the session at the platform and forgets the secrets.
    #[activity(definition = workflows::account::EndSession)]
    pub async fn end_session(self: Arc<Self>, _ctx: ActivityContext, input: AccountRef) -> Result<(), ActivityError> {
        login::log_out(&self.0, input.account).await
    }
}

/// Temporal offers a hosting to whoever asks first, also to a worker that is being drained: another one shall have it. The
/// more often nobody else was there, the longer it takes until it is offered again.
fn not_here(attempt: u32) -> ActivityError {
    let delay =
        NOT_HERE_FIRST.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1).min(10))).min(NOT_HERE_MAX);
    ApplicationFailure::builder(std::io::Error::other("this worker is being drained"))
        .type_name("draining".to_owned())
        .next_retry_delay(delay)
        .build()
        .into()
}

/// A platform's answer as a refusal for the user.
pub(crate) fn refusal(error: &PlatformError) -> Refusal {
    let (code, detail) = hosting::reason(error);
    let (code, retry_after_seconds) = match error {
        PlatformError::Wait { wait, .. } => ("flood_wait".to_owned(), Some(wait.as_secs().max(1))),
        PlatformError::Retryable { .. } => ("platform_unavailable".to_owned(), Some(30)),
        PlatformError::Chat { .. } => ("chat_not_visible".to_owned(), None),
        PlatformError::Banned { .. } => ("phone_banned".to_owned(), None),
        PlatformError::Message { .. }
        | PlatformError::Flooded { .. }
        | PlatformError::Revoked { .. }
        | PlatformError::Input { .. } => (code, None),
    };
    Refusal { code, detail, retry_after_seconds }
}
