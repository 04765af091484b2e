//! The activity of `health`: compares what is wrong with what was told, and tells what is due, one message for all that
//! came together.

#![expect(missing_docs, reason = "the macro makes items without documentation")]

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    UserId,
    alert::{self, Alert, Say, Side},
    notification::{Content, Kind},
};
use store::{
    StoreError, alerts,
    notifications::{self, NewNotification, Recipient},
};
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use workflows::health::{HealthInput, HealthReport};

use crate::{context::Context, failure::Fail};

/// One look tells for so long, well below its time-out; the next one goes on.
const TELLS_FOR: Duration = Duration::from_secs(30);
/// Alerts that are over are kept for so long.
const ALERTS_KEPT: TimeDelta = TimeDelta::days(30);
/// Alerts forgotten by one look.
const PRUNED: i64 = 2_000;

/// Implements the declarations of `workflows::health`.
#[derive(Debug)]
pub struct Health(pub Arc<Context>);

#[activities]
impl Health {
    /// Compares, and tells.
    #[activity(definition = workflows::health::Look)]
    pub async fn look(
        self: Arc<Self>,
        _ctx: ActivityContext,
        _input: HealthInput,
    ) -> Result<HealthReport, ActivityError> {
        let now = self.0.clock.now();
        let mut report = self.0.compare_alerts(now).await.retry("database")?;
        report.told = self.0.tell_alerts(now).await.retry("database")?;
        let mut database = self.0.database().await.retry("database")?;
        alerts::prune(&mut database, now - ALERTS_KEPT, PRUNED).await.retry("database")?;
        Ok(report)
    }
}

impl Context {
    async fn compare_alerts(&self, now: DateTime<Utc>) -> Result<HealthReport, StoreError> {
        let mut transaction = self.pool.begin().await?;
        alerts::lock(&mut transaction).await?;
        let known = alerts::unsettled(&mut transaction).await?;
        let present = alerts::present(&mut transaction, now).await?;
        let comparison = alert::compare(&known, present, now);
        alerts::apply(&mut transaction, &comparison, now).await?;
        transaction.commit().await?;
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Ok(HealthReport {
            opened: count(comparison.opened.len() + comparison.reopened.len()),
            closed: count(comparison.closed.len()),
            told: 0,
        })
    }

    /// Tells tenants and the operator what is due; returns how many messages were asked for.
    async fn tell_alerts(&self, now: DateTime<Utc>) -> Result<u32, StoreError> {
        let started = Instant::now();
        let known = alerts::unsettled(&mut *self.database().await?).await?;
        let mut told = 0;
        let concern: Vec<&Alert> = known.iter().filter(|alert| alert.kind.concerns_operator()).collect();
        if let Some(say) = alert::due(&concern, Side::Operator, now) {
            let content = alert::for_operator(&say);
            told += u32::from(self.tell_alert(Recipient::Operator, Kind::HealthAlert, &say, &content, now).await?);
        }
        let mut groups: BTreeMap<(UserId, Kind), Vec<&Alert>> = BTreeMap::new();
        for alert in &known {
            if let Some(user) = alert.user {
                groups.entry((user, alert.kind.topic())).or_default().push(alert);
            }
        }
        for ((user, topic), group) in groups {
            if started.elapsed() > TELLS_FOR || self.stopping.is_cancelled() {
                break;
            }
            let Some(say) = alert::due(&group, Side::User, now) else { continue };
            let content = alert::for_user(&say, topic, None);
            told += u32::from(self.tell_alert(Recipient::User(user), topic, &say, &content, now).await?);
        }
        Ok(told)
    }

    /// Asks for the message and notes that it was, in one. True when it is new.
    async fn tell_alert(
        &self,
        to: Recipient<'_>,
        kind: Kind,
        say: &Say<'_>,
        content: &Content,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let (whom, side) = match to {
            Recipient::User(user) => (user.to_string(), Side::User),
            Recipient::UserAt(..) | Recipient::Address(_) | Recipient::Operator => {
                ("operator".to_owned(), Side::Operator)
            }
        };
        let mut transaction = self.pool.begin().await?;
        let key = match say {
            Say::Trouble { news, reminder, .. } => {
                alerts::set_told(&mut transaction, side, news, now).await?;
                let again = if *reminder { "again" } else { "first" };
                format!("alert/{whom}/{}/{again}/{}", kind.as_str(), last(news))
            }
            Say::Over { listed } => {
                let over: Vec<i64> = listed.iter().map(|alert| alert.id).collect();
                alerts::settle(&mut transaction, side, &over, now).await?;
                format!("alert/{whom}/{}/over/{}", kind.as_str(), last(&over))
            }
        };
        let new = NewNotification { to, kind, promotional: false, key: &key, content, expires_at: None };
        let asked = notifications::enqueue(&mut transaction, &self.sealer, &new, now).await?;
        transaction.commit().await?;
        Ok(asked.is_some())
    }
}

/// The newest of some alerts: no other message begins or ends with the same.
fn last(alerts: &[i64]) -> i64 {
    alerts.iter().copied().max().unwrap_or_default()
}
