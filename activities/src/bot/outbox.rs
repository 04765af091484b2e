//! What the bot writes: answers first, then notifications. Each is sent under a key made from what it is, so that one of
//! unknown outcome is sent again and arrives once.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    RichText,
    bot::{self as words, answer_key, notification_key},
    notification::Channel,
};
use futures::StreamExt as _;
use store::{
    StoreError,
    bot::{self, Answer, Recipient},
    notifications::{self, Claimed},
};
use tokio::time::sleep;

use super::{host::Hosting, throttle::Throttle};
use crate::{platform::PlatformError, telegram::BotConnection};

/// Messages looked for at a time: what is claimed is sent well before its claim is void.
const BATCH: i64 = 30;
/// Messages on their way at the same time: an answer of Telegram takes some 100 ms.
const AT_ONCE: usize = 6;
/// How long a message waits for its turn before it makes room for others.
const TURN_PATIENCE: TimeDelta = TimeDelta::milliseconds(1_500);
/// The outbox is looked at this often, whatever was said.
const POLL_EVERY: Duration = Duration::from_secs(5);
/// Between two looks that found nothing to do.
const PAUSE_MIN: TimeDelta = TimeDelta::milliseconds(100);
/// Wait after the database has failed.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The bot's way out.
pub(super) struct Outbox<'a> {
    pub(super) hosting: &'a Hosting,
    connection: Arc<BotConnection>,
    throttle: Mutex<Throttle>,
}

/// Something to be written.
enum Work {
    Answer(Answer),
    Notice(Box<Claimed>),
}

/// What became of it.
pub(super) enum Outcome {
    /// It is settled: sent, given up, or put off.
    Settled,
    /// It is not its turn before this time.
    Later(DateTime<Utc>),
    /// The bot itself is gone.
    Gone(PlatformError),
}

/// How far a message came.
pub(super) enum Written {
    /// All of it was taken.
    Whole,
    /// It is not its turn before this time; nothing more was written.
    Later(DateTime<Utc>),
    /// It was refused.
    Refused(PlatformError),
}

impl<'a> Outbox<'a> {
    pub(super) fn new(hosting: &'a Hosting, connection: Arc<BotConnection>) -> Self {
        Self { hosting, connection, throttle: Mutex::default() }
    }

    pub(super) fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.hosting.context.clock.now()
    }

    /// Writes what is due, for ever. Returns when the bot is gone.
    pub(super) async fn run(&self) -> PlatformError {
        loop {
            let pause = match self.round().await {
                Ok(Ok(due)) => due.map_or(POLL_EVERY, |due| (due - self.now()).to_std().unwrap_or_default()),
                Ok(Err(gone)) => return gone,
                Err(error) => {
                    tracing::warn!(error = %crate::chain(&error), "The bot's outbox could not be read; trying again.");
                    RETRY_AFTER
                }
            };
            tokio::select! {
                () = self.hosting.news.notified() => {}
                () = self.hosting.context.wakeups.outbox_woken(Channel::Bot) => {}
                () = sleep(pause.min(POLL_EVERY)) => {}
            }
        }
    }

    /// Writes one batch, and says when the next one is due.
    async fn round(&self) -> Result<Result<Option<DateTime<Utc>>, PlatformError>, StoreError> {
        let now = self.now();
        if let Some(until) = self.throttle().closed_until(now) {
            return Ok(Ok(Some(until)));
        }
        // While there is no connection nothing is begun; a new one says so.
        if !self.hosting.is_online() {
            return Ok(Ok(None));
        }
        let Some(work) = self.look(now).await? else { return Ok(Ok(None)) };
        let outcomes = futures::stream::iter(work).map(|work| self.carry_out(work)).buffer_unordered(AT_ONCE);
        let outcomes: Vec<Outcome> = outcomes.collect().await;
        let (mut settled, mut later) = (false, None::<DateTime<Utc>>);
        for outcome in outcomes {
            match outcome {
                Outcome::Settled => settled = true,
                Outcome::Later(at) => later = Some(later.map_or(at, |earlier| earlier.min(at))),
                Outcome::Gone(error) => return Ok(Err(error)),
            }
        }
        if settled {
            return Ok(Ok(Some(now)));
        }
        let due = match later {
            Some(at) => Some(at),
            None => self.next_due().await?,
        };
        // What is due and could not be had, because somebody else holds its row, is not asked for without a pause.
        Ok(Ok(due.map(|due| due.max(now + PAUSE_MIN))))
    }

    /// What is due, as long as the lease is ours; notifications are claimed under it.
    async fn look(&self, now: DateTime<Utc>) -> Result<Option<Vec<Work>>, StoreError> {
        let context = &self.hosting.context;
        let mut transaction = context.pool.begin().await?;
        if !bot::held(&mut transaction, self.hosting.lease).await? {
            return Ok(None);
        }
        let bot = self.hosting.lease.bot;
        let answers = bot::due_answers(&mut transaction, &context.sealer, bot, now, BATCH).await?;
        let room = BATCH - i64::try_from(answers.len()).unwrap_or(BATCH);
        let mut work: Vec<Work> = answers.into_iter().map(Work::Answer).collect();
        if room > 0 {
            let claimed = notifications::claim(&mut transaction, &context.sealer, Channel::Bot, now, room).await?;
            work.extend(claimed.into_iter().map(|claimed| Work::Notice(Box::new(claimed))));
        }
        transaction.commit().await?;
        Ok(Some(work))
    }

    async fn next_due(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let mut database = self.hosting.context.database().await?;
        let answer = bot::next_answer_due(&mut database, self.hosting.lease.bot).await?;
        let notice = notifications::next_due(&mut database, Channel::Bot).await?;
        Ok(answer.into_iter().chain(notice).min())
    }

    async fn carry_out(&self, work: Work) -> Outcome {
        match work {
            Work::Answer(answer) => self.answer(&answer).await,
            Work::Notice(claimed) => self.notify(&claimed).await,
        }
    }

    async fn answer(&self, answer: &Answer) -> Outcome {
        let Some(text) = &answer.text else {
            tracing::error!("An answer of the bot cannot be opened with the keys that are set; it is dropped.");
            return self.settle_answer(answer, Written::Whole).await;
        };
        let key = |part| answer_key(self.hosting.lease.bot, answer.message_id, part);
        let written = self.write(answer.to, &words::parts(text), key).await;
        self.settle_answer(answer, written).await
    }

    async fn notify(&self, claimed: &Claimed) -> Outcome {
        let to = match self.recipient(claimed).await {
            Ok(Some(to)) => to,
            Ok(None) => return self.settle_unlinked(claimed).await,
            Err(error) => {
                // The claim becomes void by itself.
                tracing::warn!(error = %crate::chain(&error), "A recipient could not be looked up.");
                return Outcome::Settled;
            }
        };
        let key = |part| notification_key(claimed.id, part);
        let written = self.write(to, &words::parts(&words::notice(&claimed.content)), key).await;
        self.settle_notice(claimed, written).await
    }

    async fn recipient(&self, claimed: &Claimed) -> Result<Option<Recipient>, StoreError> {
        let Some(user) = claimed.user else { return Ok(None) };
        let mut database = self.hosting.context.database().await?;
        bot::recipient(&mut database, self.hosting.lease.bot, user).await
    }

    /// Writes the parts one after the other, each when it is its turn.
    async fn write(&self, to: Recipient, parts: &[RichText], key: impl Fn(usize) -> i64) -> Written {
        for (number, part) in parts.iter().enumerate() {
            if let Err(at) = self.turn(to.telegram_user_id).await {
                return Written::Later(at);
            }
            let sent = self.connection.write(to.telegram_user_id, to.access_hash, part, key(number)).await;
            if let Err(error) = sent {
                return Written::Refused(error);
            }
        }
        Written::Whole
    }

    /// Waits for a turn to write to a person, unless that takes long.
    async fn turn(&self, chat: i64) -> Result<(), DateTime<Utc>> {
        loop {
            let now = self.now();
            let reserved = self.throttle().reserve(chat, now);
            match reserved {
                Ok(at) => {
                    sleep((at - now).to_std().unwrap_or_default()).await;
                    return Ok(());
                }
                Err(at) if at - now > TURN_PATIENCE => return Err(at),
                Err(at) => sleep((at - now).to_std().unwrap_or_default()).await,
            }
        }
    }
}
