//! When tenants are reminded, when a missing renewal is asked for again, and when that ends: data, which the operator sets.

use chrono::TimeDelta;

/// A whole day.
const DAY: TimeDelta = TimeDelta::days(1);
/// Asking again and grace end together before a month of free use is over.
const ARREARS_DAYS_MAX: u16 = 27;
/// The first reminder comes so many days before the end at the most.
const REMINDER_DAYS_MAX: u16 = 60;
/// Reminders and attempts at the most: each is a message to the tenant.
const COUNT_MAX: usize = 10;
/// A payment by agreement is waited for so long after the period's end before anybody is told that it is missing: providers
/// make it within hours, and tell of one that failed.
const AGREEMENT_PATIENCE: TimeDelta = TimeDelta::days(2);

/// The operator's word on reminders and missing payments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    dunning_days: Vec<u16>,
    grace_days: u16,
    reminder_days: Vec<u16>,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { dunning_days: vec![0, 1, 3, 5, 7], grace_days: 7, reminder_days: vec![7, 3, 1] }
    }
}

/// Why a schedule cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Not a list of numbers, or too many of them.
    #[error("expected 1 to {COUNT_MAX} whole numbers of days with commas between them")]
    List,
    /// Attempts that do not begin on day 0 and go forward.
    #[error("expected days that begin with 0 and grow, such as 0,1,3,5,7")]
    Dunning,
    /// The tenant would have the plan for a month without paying.
    #[error("expected at most {ARREARS_DAYS_MAX} days from the first attempt to the end of grace")]
    Arrears,
    /// Reminders that do not come nearer to the end, or come too early.
    #[error("expected days from {REMINDER_DAYS_MAX} to 1 that shrink, such as 7,3,1")]
    Reminders,
}

impl Schedule {
    /// Attempts so many days after the renewal was missed, the first at once; then so many days of grace.
    ///
    /// # Errors
    /// When the days are in no order, or are more than four weeks.
    pub fn with_dunning(self, days: &[u16], grace_days: u16) -> Result<Self, ScheduleError> {
        let grows = days.iter().zip(days.iter().skip(1)).all(|(one, next)| one < next);
        if days.first() != Some(&0) || !grows || days.len() > COUNT_MAX {
            return Err(ScheduleError::Dunning);
        }
        let last = days.last().copied().unwrap_or(0);
        if last.saturating_add(grace_days) > ARREARS_DAYS_MAX {
            return Err(ScheduleError::Arrears);
        }
        Ok(Self { dunning_days: days.to_vec(), grace_days, ..self })
    }

    /// Reminders so many days before the end.
    ///
    /// # Errors
    /// When the days are in no order, or too many.
    pub fn with_reminders(self, days: &[u16]) -> Result<Self, ScheduleError> {
        let shrinks = days.iter().zip(days.iter().skip(1)).all(|(one, next)| one > next);
        let fits = days.iter().all(|day| (1..=REMINDER_DAYS_MAX).contains(day));
        if days.is_empty() || !shrinks || !fits || days.len() > COUNT_MAX {
            return Err(ScheduleError::Reminders);
        }
        Ok(Self { reminder_days: days.to_vec(), ..self })
    }

    /// Reads days such as `7,3,1`.
    ///
    /// # Errors
    /// When they are no such list.
    pub fn parse_days(text: &str) -> Result<Vec<u16>, ScheduleError> {
        let days: Result<Vec<u16>, _> = text.split(',').map(|day| day.trim().parse()).collect();
        days.ok().filter(|days| days.len() <= COUNT_MAX).ok_or(ScheduleError::List)
    }

    /// How long after the renewal was missed the attempt of this number comes, from 0; `None` when there are no more.
    #[must_use]
    pub fn attempt_after(&self, attempt: u16) -> Option<TimeDelta> {
        self.dunning_days.get(usize::from(attempt)).map(|days| DAY * i32::from(*days))
    }

    /// How long the plan holds after the last attempt.
    #[must_use]
    pub fn grace(&self) -> TimeDelta {
        DAY * i32::from(self.grace_days)
    }

    /// So many days before the end reminders come, the first one first.
    pub fn reminders(&self) -> impl DoubleEndedIterator<Item = u16> {
        self.reminder_days.iter().copied()
    }

    /// How long a payment by agreement is waited for.
    #[must_use]
    pub const fn agreement_patience(&self) -> TimeDelta {
        AGREEMENT_PATIENCE
    }
}
