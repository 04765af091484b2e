//! `ask_chats`: what a platform says of a chat, or of all chats of an account.
//!
//! A workflow of its own, because questions come in any number and an account's workflow lives long: a history is bounded
//! in events and in updates, and begun anew only between two hostings.

#![expect(missing_docs, reason = "the macros of Temporal make items without documentation")]

use std::time::Duration;

use domain::{AccountId, ChatId};
use serde::{Deserialize, Serialize};
use temporalio_workflow::{WorkflowContext, WorkflowContextView, WorkflowResult, workflow, workflow_methods};

use crate::{
    account::{AccountActivities, AccountRef, ChatReply, ChatRequest},
    contract::host_queue,
    options,
};

/// First wait after the account was found nowhere; doubled up to [`RETRY_MAX`].
const RETRY_FIRST: Duration = Duration::from_millis(250);
/// Longest wait.
const RETRY_MAX: Duration = Duration::from_secs(2);
/// Tries before the account counts as not connected: some eight seconds, in which one whose worker was killed or which is
/// hosted anew is back.
const TRIES_MAX: u32 = 7;

/// What to ask, and where.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AskChatsInput {
    /// The account that asks.
    pub account: AccountId,
    /// One chat, or all of them.
    #[serde(default)]
    pub chat: Option<ChatId>,
    /// The worker that hosted the account when the question was put; when it does not any more, it is looked for.
    #[serde(default)]
    pub host: Option<String>,
}

/// One question, answered wherever the account is hosted.
#[workflow]
pub struct AskChatsWorkflow {
    input: AskChatsInput,
}

#[workflow_methods]
impl AskChatsWorkflow {
    #[init]
    pub fn new(_ctx: &WorkflowContextView, input: AskChatsInput) -> Self {
        Self { input }
    }

    /// Asks the host; waits a little for an account that is between two hosts.
    #[run(name = "ask_chats")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<ChatReply> {
        let AskChatsInput { account, chat, host } = ctx.state(|s| s.input.clone());
        let request = ChatRequest { account, chat };
        let mut queue = host.as_deref().map(host_queue);
        for tries in 1..=TRIES_MAX {
            if let Some(queue) = queue {
                let options = options::on_host(queue, "ask the platform about chats");
                // A host that does not answer, or that the account has left, is looked for again.
                if let Ok(reply) = ctx.execute_activity(AccountActivities::ask_chats, request, options).await
                    && !reply.is_offline()
                {
                    return Ok(reply);
                }
            }
            if tries == TRIES_MAX {
                break;
            }
            ctx.timer(options::backoff(tries, RETRY_FIRST, RETRY_MAX)).await;
            let located = ctx
                .execute_activity(
                    AccountActivities::locate,
                    AccountRef { account },
                    options::light("find the account's host"),
                )
                .await?;
            queue = located.queue;
        }
        Ok(ChatReply::offline())
    }
}
