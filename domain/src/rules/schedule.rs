//! Active hours in a time zone, across changes of the clocks.

use chrono::{DateTime, Datelike, Days, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use super::{
    RuleError,
    options::{Outside, Schedule},
};

/// The most hours of one day.
pub const HOURS_PER_DAY_MAX: usize = 12;
/// Days looked ahead for the next opening: hours come again every week, and one of them may fall into the hour that the
/// clocks skip.
const LOOK_AHEAD_DAYS: u64 = 15;
/// No place on Earth is further from UTC than this.
const OFFSET_MAX: TimeDelta = TimeDelta::hours(27);
const DAY_MINUTES: u32 = 24 * 60;

/// A stretch of active time, in minutes since midnight of the day on which it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hours {
    from: u32,
    /// At most two days after midnight.
    to: u32,
}

/// A schedule whose hours are understood.
#[derive(Clone, Debug)]
pub(crate) struct Timetable {
    zone: Tz,
    pub(super) outside: Outside,
    /// Monday first.
    days: [Vec<Hours>; 7],
}

impl Timetable {
    /// Understands a schedule; what is wrong goes to `errors`.
    pub(super) fn compile(schedule: &Schedule, zone: Tz, errors: &mut Vec<RuleError>) -> Self {
        let mut days: [Vec<Hours>; 7] = Default::default();
        for (day, (name, entries)) in days.iter_mut().zip(schedule.hours.days()) {
            if entries.len() > HOURS_PER_DAY_MAX {
                let reason = format!("at most {HOURS_PER_DAY_MAX} entries");
                errors.push(RuleError::new(format!("schedule.hours.{name}"), reason));
                continue;
            }
            for (index, entry) in entries.iter().enumerate() {
                match parse(entry) {
                    Some(hours) => day.push(hours),
                    None => errors.push(RuleError::new(
                        format!("schedule.hours.{name}[{index}]"),
                        "expected HH:MM-HH:MM, from 00:00 to 24:00",
                    )),
                }
            }
        }
        if schedule.hours.days().iter().all(|(_, entries)| entries.is_empty()) {
            errors.push(RuleError::new("schedule.hours", "at least one day must have active hours"));
        }
        Self { zone, outside: schedule.outside, days }
    }

    /// The same hours on every day, in minutes since midnight; those that end at or before their beginning end on the
    /// next day.
    pub(crate) fn daily(zone: Tz, from_minute: u16, to_minute: u16) -> Self {
        let (from, to) = (u32::from(from_minute), u32::from(to_minute));
        let hours = Hours { from, to: if to > from { to } else { to + DAY_MINUTES } };
        Self { zone, outside: Outside::Hold, days: std::array::from_fn(|_| vec![hours]) }
    }

    /// True when `at` lies within active hours.
    pub(super) fn is_open(&self, at: DateTime<Utc>) -> bool {
        // Hours may reach into the second day after the one on which they begin.
        self.intervals(at, 2).any(|(from, to)| from <= at && at < to)
    }

    /// The next moment after `at` at which active hours begin; `at` itself within them.
    pub(crate) fn next_open(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        if self.is_open(at) {
            return at;
        }
        // There is an opening within the days looked at; should a calendar have none, nothing is held for ever.
        self.intervals(at, LOOK_AHEAD_DAYS).map(|(from, _)| from).filter(|from| *from > at).min().unwrap_or(at)
    }

    /// The active hours that begin from two days before `at` up to `days` after it, without empty ones.
    fn intervals(&self, at: DateTime<Utc>, days: u64) -> impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>)> + '_ {
        let today = at.with_timezone(&self.zone).date_naive();
        let first = today.checked_sub_days(Days::new(2)).unwrap_or(today);
        (0..=days + 2).filter_map(move |ahead| first.checked_add_days(Days::new(ahead))).flat_map(move |date| {
            let day = &self.days[usize::try_from(date.weekday().num_days_from_monday()).unwrap_or(0)];
            day.iter().map(move |hours| self.interval(date, *hours)).filter(|(from, to)| from < to)
        })
    }

    /// An hour that the clocks repeat is active both times; one that they skip is not there.
    fn interval(&self, date: NaiveDate, hours: Hours) -> (DateTime<Utc>, DateTime<Utc>) {
        let begins = match self.zone.from_local_datetime(&local(date, hours.from)) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.to_utc(),
            LocalResult::None => self.after_gap(local(date, hours.from)),
        };
        let ends = match self.zone.from_local_datetime(&local(date, hours.to)) {
            LocalResult::Single(at) | LocalResult::Ambiguous(_, at) => at.to_utc(),
            LocalResult::None => self.after_gap(local(date, hours.to)),
        };
        (begins, ends)
    }

    /// The first second at which the clocks have passed `local`, which they skip.
    fn after_gap(&self, local: NaiveDateTime) -> DateTime<Utc> {
        let (mut before, mut after) = (local.and_utc() - OFFSET_MAX, local.and_utc() + OFFSET_MAX);
        while after - before > TimeDelta::seconds(1) {
            let middle = before + TimeDelta::seconds((after - before).num_seconds() / 2);
            if middle.with_timezone(&self.zone).naive_local() >= local {
                after = middle;
            } else {
                before = middle;
            }
        }
        after
    }
}

fn local(date: NaiveDate, minutes: u32) -> NaiveDateTime {
    date.and_time(NaiveTime::MIN) + TimeDelta::minutes(i64::from(minutes))
}

/// `HH:MM-HH:MM`.
fn parse(entry: &str) -> Option<Hours> {
    let (from, to) = entry.split_once('-')?;
    let (from, to) = (minutes(from)?, minutes(to)?);
    let to = if to > from { to } else { to + DAY_MINUTES };
    (from < DAY_MINUTES).then_some(Hours { from, to })
}

/// Minutes since midnight, up to 24:00.
fn minutes(text: &str) -> Option<u32> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let two_digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !two_digits(hours) || !two_digits(minutes) {
        return None;
    }
    let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
    let total = hours * 60 + minutes;
    (minutes < 60 && total <= DAY_MINUTES).then_some(total)
}
