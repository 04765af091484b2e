//! What is due at a moment, and what a step makes of a subscription.

use chrono::{DateTime, TimeDelta, Utc};

use super::{EndReason, EventKind, Period, Schedule, Subscription};
use crate::billing::SubscriptionStatus;

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing before then; `None`: nothing before somebody does something.
    Wait(Option<DateTime<Utc>>),
    /// The tenant is to be told that the period ends in so many days: [`Subscription::reminded`].
    Remind {
        /// So many, or fewer when the moment was missed.
        days: u16,
    },
    /// The next period, which is paid, begins: [`Subscription::roll`].
    Roll,
    /// The renewal is to be paid; when it is not, [`Subscription::unpaid`].
    Collect {
        /// From the tenant's balance. Else a provider makes the payment by itself, and has not yet.
        from_balance: bool,
    },
    /// It is over: [`Subscription::end`].
    End {
        /// How.
        status: SubscriptionStatus,
        /// Why.
        reason: EndReason,
    },
}

impl Subscription {
    /// What is due now. Whoever does what it says and asks again comes to [`Step::Wait`] after a few rounds.
    #[must_use]
    pub fn step(&self, schedule: &Schedule, now: DateTime<Utc>) -> Step {
        match self.status {
            SubscriptionStatus::Canceled | SubscriptionStatus::Expired => Step::Wait(None),
            SubscriptionStatus::Trialing if now >= self.period.end => match self.cancel_at {
                Some(_) => Step::End { status: SubscriptionStatus::Canceled, reason: EndReason::Requested },
                None => Step::End { status: SubscriptionStatus::Expired, reason: EndReason::TrialOver },
            },
            SubscriptionStatus::Trialing => self.remind(schedule, now),
            SubscriptionStatus::Active => self.step_active(schedule, now),
            SubscriptionStatus::PastDue => {
                let since = self.past_due_since.unwrap_or(self.period.end);
                // Without an attempt left, which only happens when the operator has shortened the schedule.
                let due = schedule.attempt_after(self.attempts).map_or(since, |after| since + after);
                if now < due { Step::Wait(Some(due)) } else { self.collect() }
            }
            SubscriptionStatus::Grace => {
                let until = self.grace_until.unwrap_or(now);
                if now < until {
                    Step::Wait(Some(until))
                } else {
                    Step::End { status: SubscriptionStatus::Expired, reason: EndReason::Unpaid }
                }
            }
        }
    }

    fn step_active(&self, schedule: &Schedule, now: DateTime<Utc>) -> Step {
        if self.cancel_at.is_some_and(|at| at <= now) {
            return Step::End { status: SubscriptionStatus::Canceled, reason: EndReason::Requested };
        }
        if now < self.period.end {
            return self.remind(schedule, now);
        }
        if self.period.end < self.paid_until {
            return Step::Roll;
        }
        let patient_until = self.period.end + schedule.agreement_patience();
        if self.agreement.is_some() && self.past_due_since.is_none() && now < patient_until {
            return Step::Wait(Some(patient_until));
        }
        self.collect()
    }

    /// From the balance only where no provider may make the same payment meanwhile.
    const fn collect(&self) -> Step {
        Step::Collect { from_balance: self.agreement.is_none() }
    }

    /// A reminder, or the wait for the next one or for the period's end. One that was missed is made up for by the latest.
    fn remind(&self, schedule: &Schedule, now: DateTime<Utc>) -> Step {
        let wanted = self.agreement.is_none() && self.cancel_at.is_none() && self.paid_until <= self.period.end;
        let open = |days: &u16| self.reminded_days.is_none_or(|done| *days < done);
        let at = |days: u16| self.period.end - TimeDelta::days(i64::from(days));
        let open = schedule.reminders().filter(open).filter(|days| wanted && at(*days) > self.period.start);
        let (missed, coming): (Vec<u16>, Vec<u16>) = open.partition(|days| at(*days) <= now);
        match missed.last() {
            Some(days) => Step::Remind { days: *days },
            None => Step::Wait(Some(coming.first().map_or(self.period.end, |days| at(*days)))),
        }
    }

    /// The tenant was reminded.
    pub const fn reminded(&mut self, days: u16) {
        self.reminded_days = Some(days);
    }

    /// The next period begins, which is paid. Says whether it is one of another price.
    pub fn roll(&mut self) -> EventKind {
        let period = self.period_at(self.period.end);
        let changed = self.turn(period.start);
        self.period = Period { end: period.end.min(self.paid_until), ..period };
        self.reminded_days = None;
        if changed { EventKind::PlanChanged } else { EventKind::PeriodStarted }
    }

    /// Becomes what was scheduled, if its time has come by `at`.
    fn turn(&mut self, at: DateTime<Utc>) -> bool {
        let due = self.next.filter(|next| next.at <= at);
        if let Some(next) = due {
            self.price = next.price;
            self.next = None;
        }
        due.is_some()
    }

    /// The renewal was asked for in vain: once more later, or for some days of grace when that was the last time.
    pub fn unpaid(&mut self, schedule: &Schedule, now: DateTime<Utc>) -> EventKind {
        let since = *self.past_due_since.get_or_insert(now);
        let first = self.status == SubscriptionStatus::Active;
        self.status = SubscriptionStatus::PastDue;
        // Attempts that were missed, while nothing ran, are not made up for.
        self.attempts = self.attempts.saturating_add(1);
        while schedule.attempt_after(self.attempts).is_some_and(|after| since + after <= now) {
            self.attempts = self.attempts.saturating_add(1);
        }
        if schedule.attempt_after(self.attempts).is_none() {
            self.status = SubscriptionStatus::Grace;
            self.grace_until = Some(now + schedule.grace());
            return EventKind::GraceStarted;
        }
        if first { EventKind::PastDue } else { EventKind::PaymentRetried }
    }
}
