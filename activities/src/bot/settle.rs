//! What Telegram's answer to a message of the bot means.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    UserId,
    notification::{
        Channel, DropReason,
        retry::{self, Trouble},
    },
};
use store::{
    StoreError,
    bot::{self, Answer},
    notifications::{self, Claimed, Ticket},
};

use super::outbox::{Outbox, Outcome, Written};
use crate::{catch_up::persist, hosting::reason, platform::PlatformError};

/// The code of a message that its reader does not let through.
const BLOCKED: &str = "bot_blocked";
/// Attempts at an answer: some ten minutes. Who has waited for longer asks again.
const ANSWER_ATTEMPTS_MAX: i32 = 15;
/// The longest wait before an answer is tried again.
const ANSWER_RETRY_MAX: TimeDelta = TimeDelta::seconds(60);
/// For so long the bot is silent when Telegram holds it for a spammer and names no time.
const FLOODED_FOR: Duration = Duration::from_secs(600);
/// What was not sent because the bot itself was gone is tried again after this.
const GONE_AGAIN_AFTER: TimeDelta = TimeDelta::seconds(5);

/// What is written down of a notification.
enum Fate {
    Sent,
    /// Its reader has blocked the bot, whose link ends.
    Blocked(UserId, String),
    Failed(String, String),
    Dropped(DropReason),
    Postponed(String, String, DateTime<Utc>),
    /// Nothing was begun.
    Released(DateTime<Utc>),
}

impl Outbox<'_> {
    pub(super) async fn settle_answer(&self, answer: &Answer, written: Written) -> Outcome {
        let error = match written {
            Written::Whole => {
                self.count("answered");
                return self.forget(answer).await;
            }
            Written::Later(at) => return Outcome::Later(at),
            Written::Refused(error) => error,
        };
        match error {
            PlatformError::Wait { wait, .. } => Outcome::Later(self.silence(wait).await),
            PlatformError::Flooded { .. } => Outcome::Later(self.silence(FLOODED_FOR).await),
            PlatformError::Chat { .. } => {
                self.count("blocked");
                self.end_link_of(answer.to.telegram_user_id).await;
                self.forget(answer).await
            }
            PlatformError::Message { code, .. } => {
                tracing::error!(code, "Telegram refuses an answer of the bot.");
                self.count("failed");
                self.forget(answer).await
            }
            PlatformError::Retryable { .. } if answer.attempts >= ANSWER_ATTEMPTS_MAX => {
                self.count("failed");
                self.forget(answer).await
            }
            PlatformError::Retryable { .. } => {
                let doublings = u32::try_from(answer.attempts).unwrap_or(0).min(10);
                let pause = (TimeDelta::seconds(1) * 2_i32.pow(doublings)).min(ANSWER_RETRY_MAX);
                self.put_off(answer, self.now() + pause).await
            }
            gone @ (PlatformError::Revoked { .. } | PlatformError::Banned { .. } | PlatformError::Input { .. }) => {
                Outcome::Gone(gone)
            }
        }
    }

    pub(super) async fn settle_notice(&self, claimed: &Claimed, written: Written) -> Outcome {
        let error = match written {
            Written::Whole => return self.settle(claimed.ticket, Fate::Sent).await,
            Written::Later(at) => return self.settle(claimed.ticket, Fate::Released(at)).await,
            Written::Refused(error) => error,
        };
        let (code, text) = reason(&error);
        let fate = match error {
            PlatformError::Wait { wait, .. } => Fate::Released(self.silence(wait).await),
            PlatformError::Flooded { .. } => Fate::Released(self.silence(FLOODED_FOR).await),
            PlatformError::Chat { .. } => {
                claimed.user.map_or(Fate::Dropped(DropReason::NoAddress), |user| Fate::Blocked(user, text))
            }
            PlatformError::Message { .. } => Fate::Failed(code, text),
            PlatformError::Retryable { .. } => {
                match retry::next(Trouble::Link, claimed.attempts, claimed.first_attempt_at, self.now()) {
                    Some(due_at) => Fate::Postponed(code, text, due_at),
                    None => Fate::Failed(code, text),
                }
            }
            gone @ (PlatformError::Revoked { .. } | PlatformError::Banned { .. } | PlatformError::Input { .. }) => {
                self.settle(claimed.ticket, Fate::Released(self.now() + GONE_AGAIN_AFTER)).await;
                return Outcome::Gone(gone);
            }
        };
        self.settle(claimed.ticket, fate).await
    }

    /// There is nobody to write to.
    pub(super) async fn settle_unlinked(&self, claimed: &Claimed) -> Outcome {
        let reason = if claimed.user.is_some() { DropReason::BotNotLinked } else { DropReason::NoAddress };
        self.settle(claimed.ticket, Fate::Dropped(reason)).await
    }

    /// Writes down what became of a notification, until the database has taken it.
    async fn settle(&self, ticket: Ticket, fate: Fate) -> Outcome {
        persist("settle a notification of the bot", || self.write_down(ticket, &fate)).await;
        let outcome = match fate {
            Fate::Released(at) => return Outcome::Later(at),
            Fate::Sent => "sent",
            Fate::Blocked(..) | Fate::Failed(..) => "failed",
            Fate::Dropped(_) => "dropped",
            Fate::Postponed(..) => "postponed",
        };
        self.hosting.context.metrics.notifications.count(Channel::Bot, outcome);
        Outcome::Settled
    }

    async fn write_down(&self, ticket: Ticket, fate: &Fate) -> Result<(), StoreError> {
        let now = self.now();
        let mut transaction = self.hosting.context.pool.begin().await?;
        match fate {
            Fate::Sent => notifications::sent(&mut transaction, ticket, now).await?,
            Fate::Blocked(user, text) => {
                tracing::info!(user.id = %user, "The bot is blocked; its link ends.");
                bot::blocked(&mut transaction, *user, now).await?;
                notifications::failed(&mut transaction, ticket, BLOCKED, text).await?
            }
            Fate::Failed(code, text) => notifications::failed(&mut transaction, ticket, code, text).await?,
            Fate::Dropped(reason) => notifications::dropped(&mut transaction, ticket, *reason).await?,
            Fate::Postponed(code, text, due_at) => {
                notifications::postpone(&mut transaction, ticket, code, text, *due_at).await?
            }
            Fate::Released(due_at) => notifications::release(&mut transaction, ticket, *due_at).await?,
        };
        Ok(transaction.commit().await?)
    }

    /// Somebody who has just asked does not let the answer through: their link ends, if they have one.
    async fn end_link_of(&self, telegram_user_id: i64) {
        persist("end the link of somebody who has blocked the bot", || async {
            let mut transaction = self.hosting.context.pool.begin().await?;
            let linked = bot::linked_user(&mut transaction, self.hosting.lease.bot, telegram_user_id).await?;
            if let Some(user) = linked {
                bot::blocked(&mut transaction, user, self.now()).await?;
            }
            Ok(transaction.commit().await?)
        })
        .await;
    }

    /// Telegram wants silence from the bot, also from its next process. Until when.
    async fn silence(&self, wait: Duration) -> DateTime<Utc> {
        let until = self.now() + TimeDelta::from_std(wait).unwrap_or(TimeDelta::days(1));
        self.throttle().close(until);
        self.hosting.cool_down(wait).await;
        until
    }

    async fn forget(&self, answer: &Answer) -> Outcome {
        persist("forget an answer of the bot", || async {
            let mut database = self.hosting.context.database().await?;
            bot::answered(&mut database, self.hosting.lease.bot, answer.message_id).await
        })
        .await;
        Outcome::Settled
    }

    async fn put_off(&self, answer: &Answer, due_at: DateTime<Utc>) -> Outcome {
        persist("put off an answer of the bot", || async {
            let mut database = self.hosting.context.database().await?;
            bot::postpone_answer(&mut database, self.hosting.lease.bot, answer.message_id, due_at).await
        })
        .await;
        Outcome::Settled
    }

    fn count(&self, outcome: &str) {
        self.hosting.context.metrics.bot.count(outcome);
    }
}
