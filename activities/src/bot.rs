//! The Telegram bot: one worker hosts it, answers what people write to it, and writes the notifications that go by it.

#![expect(missing_docs, reason = "the macro makes items without documentation")]

use std::sync::Arc;

use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use workflows::bot::{BotOutcome, BotRef};

use crate::{context::Context, failure::Fail};

mod commands;
mod connect;
mod desk;
mod host;
mod outbox;
mod receive;
mod settle;
mod throttle;

pub use desk::{BotDesk, BotState};

/// Implements the declarations of `workflows::bot`.
#[derive(Debug)]
pub struct Bot(pub Arc<Context>);

#[activities]
impl Bot {
    /// Hosts the bot until told to stop.
    #[activity(definition = workflows::bot::Host)]
    pub async fn host(self: Arc<Self>, ctx: ActivityContext, _input: BotRef) -> Result<BotOutcome, ActivityError> {
        host::host(Arc::clone(&self.0), &ctx).await.retry("database")
    }
}
