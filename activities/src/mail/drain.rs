//! One drain: claims what is due, sends it, settles it, and says when there is more to do.

use std::{
    sync::PoisonError,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use domain::notification::{
    Channel,
    retry::{self, PAUSE_MIN, Trouble},
};
use futures::future::join_all;
use store::{
    StoreError,
    notifications::{self, Claimed},
};
use temporalio_sdk::activities::ActivityContext;
use workflows::outbox::MailReport;

use super::{LANES, Mailer, Outcome};
use crate::context::Context;

/// A drain returns after this long, so that the workflow's history shows how it goes.
const DRAIN_FOR: Duration = Duration::from_secs(60);
/// How often a drain says that it is alive.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(3);
/// For so long what a mail server has said is tried to be put on record: a mail that was taken and is not on record is
/// sent once more.
const SETTLE_PATIENCE: Duration = Duration::from_secs(30);
/// Between such tries.
const SETTLE_PAUSE: Duration = Duration::from_millis(500);

/// Sends what is due. Nothing, for good, where no mail server is set.
///
/// # Errors
/// [`StoreError`] when the database fails; what was claimed is claimed again by the next drain.
pub(crate) async fn drain(context: &Context, activity: &ActivityContext) -> Result<MailReport, StoreError> {
    let Some(mailer) = &context.mailer else { return Ok(MailReport::default()) };
    let heartbeat = async {
        let mut beat = tokio::time::interval(HEARTBEAT_EVERY);
        loop {
            beat.tick().await;
            if let Err(error) = activity.record_heartbeat(()).await {
                tracing::warn!(%error, "A heartbeat could not be recorded.");
            }
        }
    };
    let drain = Drain { context, mailer, activity, started: Instant::now() };
    tokio::select! {
        report = drain.run() => report,
        () = heartbeat => Ok(MailReport::default()),
    }
}

struct Drain<'a> {
    context: &'a Context,
    mailer: &'a Mailer,
    activity: &'a ActivityContext,
    started: Instant,
}

impl Drain<'_> {
    async fn run(&self) -> Result<MailReport, StoreError> {
        let mut report = MailReport::default();
        // Temporal runs one drain at a time: what is under way by the rows was left by one that is over.
        notifications::reclaim(&mut *self.context.database().await?, Channel::Email, self.now()).await?;
        while !self.is_over() {
            let due = notifications::next_due(&mut *self.context.database().await?, Channel::Email).await?;
            match due {
                None => return Ok(report),
                Some(due) if due > self.now() => {
                    return Ok(MailReport { next_in_ms: Some(millis_until(due, self.now())), ..report });
                }
                Some(_) => (),
            }
            let Some(claimed) = self.claim().await? else { continue };
            let outcomes = join_all(claimed.iter().map(|mail| self.carry(mail))).await;
            let mut unreachable = 0;
            for outcome in outcomes {
                match outcome? {
                    Outcome::Sent => report.sent += 1,
                    Outcome::Never { .. } => report.failed += 1,
                    Outcome::Later { trouble: Trouble::Link, .. } => unreachable += 1,
                    Outcome::Later { trouble: Trouble::Refused, .. } | Outcome::Dropped(_) => (),
                }
            }
            if unreachable > 0 && unreachable == claimed.len() {
                // The others would fare no better now.
                let pause = u64::try_from(PAUSE_MIN.num_milliseconds()).unwrap_or(0);
                return Ok(MailReport { next_in_ms: Some(pause), ..report });
            }
        }
        Ok(MailReport { next_in_ms: Some(0), ..report })
    }

    fn is_over(&self) -> bool {
        self.started.elapsed() > DRAIN_FOR || self.activity.is_cancelled() || self.context.stopping.is_cancelled()
    }

    fn now(&self) -> DateTime<Utc> {
        self.context.clock.now()
    }

    /// What is sent next; `None` after a wait for the throttle.
    async fn claim(&self) -> Result<Option<Vec<Claimed>>, StoreError> {
        let bucket = || self.mailer.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = bucket().take(LANES, Instant::now());
        let allowed = match taken {
            Ok(allowed) => allowed,
            Err(wait) => {
                tokio::select! {
                    () = tokio::time::sleep(wait) => (),
                    () = self.context.stopping.cancelled() => (),
                }
                return Ok(None);
            }
        };
        let mut database = self.context.database().await?;
        let sealer = &self.context.sealer;
        let claimed =
            notifications::claim(&mut database, sealer, Channel::Email, self.now(), i64::from(allowed)).await?;
        bucket().give_back(allowed.saturating_sub(u32::try_from(claimed.len()).unwrap_or(allowed)));
        Ok(Some(claimed))
    }

    /// Sends one mail and puts on record what came of it.
    async fn carry(&self, mail: &Claimed) -> Result<Outcome, StoreError> {
        let outcome = self.mailer.send(mail, self.context.media.links.as_ref()).await;
        let now = self.now();
        let outcome = match outcome {
            Outcome::Later { trouble, words } => {
                let again = retry::next(trouble, mail.attempts, mail.first_attempt_at, now).is_some();
                if again { Outcome::Later { trouble, words } } else { Outcome::Never { code: "mail_given_up", words } }
            }
            other => other,
        };
        self.context.metrics.notifications.count(Channel::Email, label(&outcome));
        if let Outcome::Later { words, .. } | Outcome::Never { words, .. } = &outcome {
            // The words may name the address: they belong to its owner, not into a log.
            let chars = words.chars().count();
            tracing::info!(notification.id = %mail.id, outcome = label(&outcome), chars, "An e-mail was not taken.");
        }
        let began = Instant::now();
        loop {
            match self.settle(mail, &outcome, now).await {
                Err(error) if error.is_unavailable() && began.elapsed() < SETTLE_PATIENCE => {
                    tokio::time::sleep(SETTLE_PAUSE).await;
                }
                settled => return settled.map(|()| outcome),
            }
        }
    }

    async fn settle(&self, mail: &Claimed, outcome: &Outcome, now: DateTime<Utc>) -> Result<(), StoreError> {
        let (mut database, ticket) = (self.context.database().await?, mail.ticket);
        let settled = match outcome {
            Outcome::Sent => notifications::sent(&mut database, ticket, now).await?,
            Outcome::Never { code, words } => notifications::failed(&mut database, ticket, code, words).await?,
            Outcome::Dropped(reason) => notifications::dropped(&mut database, ticket, *reason).await?,
            Outcome::Later { trouble, words } => {
                let code = match trouble {
                    Trouble::Refused => "mail_refused",
                    Trouble::Link => "mail_unreachable",
                };
                let due = retry::next(*trouble, mail.attempts, mail.first_attempt_at, now).unwrap_or(now);
                notifications::postpone(&mut database, ticket, code, words, due).await?
            }
        };
        if !settled {
            tracing::warn!(notification.id = %mail.id, "Another drain has taken an e-mail over; it may arrive twice.");
        }
        Ok(())
    }
}

fn label(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Sent => "sent",
        Outcome::Later { .. } => "postponed",
        Outcome::Never { .. } => "failed",
        Outcome::Dropped(_) => "dropped",
    }
}

fn millis_until(due: DateTime<Utc>, now: DateTime<Utc>) -> u64 {
    // A moment more, so that it is due when the workflow's timer fires.
    u64::try_from((due - now).num_milliseconds()).unwrap_or(0).saturating_add(1)
}
