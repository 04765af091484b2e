//! Alerts: what is wrong with a tenant's accounts, pairs and limits, or with the installation's books, and when that is told, so that an outage is one
//! message however much it brings down, and nothing is told twice.
//!
//! A minute by minute comparison opens and closes alerts ([`compare`]); what stands is told in groups ([`due`]).

use chrono::{DateTime, Days, NaiveTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{ids::UserId, notification};

#[cfg(test)]
mod tests;
mod words;

pub use words::{Tally, for_operator, for_user};

/// After the first alert of a group stands, the others have so long to join it; and a recovery has so long to be taken
/// back. An outage brings its accounts and pairs down within a few passes of a minute each.
pub const WINDOW: TimeDelta = TimeDelta::minutes(2);
/// A tenant is not told of more trouble of the same kind sooner than this after the last time.
pub const SPACING: TimeDelta = TimeDelta::minutes(10);
/// The same for the operator, in whose installation something is always wrong with somebody.
pub const OPERATOR_SPACING: TimeDelta = TimeDelta::minutes(30);
/// What is still wrong after this time is told once more.
pub const REMIND_AFTER: TimeDelta = TimeDelta::hours(24);
/// A link to a platform that is lost for less than this, beside [`WINDOW`], is nobody's concern: it comes back by itself.
pub const UNREACHABLE_PATIENCE: TimeDelta = TimeDelta::minutes(3);
/// A message that could have been sent for so long, and was not, makes its pair one that lags.
pub const LAG_MAX: TimeDelta = TimeDelta::minutes(10);

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "alert_kind", rename_all = "snake_case"))]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// The platform has ended an account's session, or refuses its token.
    SessionRevoked,
    /// The platform has banned an account.
    SessionBanned,
    /// The platform says that an account writes too much.
    SessionLimited,
    /// An account that should be connected is not.
    AccountUnreachable,
    /// A pair's destination refuses messages.
    PairBlocked,
    /// A pair's messages wait although nothing holds them back.
    PairLagging,
    /// A pair has messages that were given up.
    DeadLetters,
    /// The messages of the UTC day are used up.
    DayLimit,
    /// The messages of a minute were used up.
    MinuteLimit,
    /// The plan has paused a pair or an account.
    PlanSurplus,
    /// A proof of the ledger has found it wrong.
    LedgerImbalance,
}

impl AlertKind {
    /// Every kind; of a tenant's, the gravest first.
    pub const ALL: [Self; 11] = [
        Self::SessionRevoked,
        Self::SessionBanned,
        Self::SessionLimited,
        Self::AccountUnreachable,
        Self::PairBlocked,
        Self::PairLagging,
        Self::DeadLetters,
        Self::DayLimit,
        Self::MinuteLimit,
        Self::PlanSurplus,
        Self::LedgerImbalance,
    ];

    /// The name on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SessionRevoked => "session_revoked",
            Self::SessionBanned => "session_banned",
            Self::SessionLimited => "session_limited",
            Self::AccountUnreachable => "account_unreachable",
            Self::PairBlocked => "pair_blocked",
            Self::PairLagging => "pair_lagging",
            Self::DeadLetters => "dead_letters",
            Self::DayLimit => "day_limit",
            Self::MinuteLimit => "minute_limit",
            Self::PlanSurplus => "plan_surplus",
            Self::LedgerImbalance => "ledger_imbalance",
        }
    }

    /// As which kind of message a tenant is told, and so by which of their preferences.
    #[must_use]
    pub const fn topic(self) -> notification::Kind {
        match self {
            Self::SessionRevoked | Self::SessionBanned | Self::SessionLimited => notification::Kind::SessionWarning,
            Self::AccountUnreachable
            | Self::PairBlocked
            | Self::PairLagging
            | Self::DeadLetters
            | Self::LedgerImbalance => notification::Kind::HealthAlert,
            Self::DayLimit | Self::MinuteLimit | Self::PlanSurplus => notification::Kind::LimitReached,
        }
    }

    /// True for what may be the installation's own trouble. The others are between a tenant and a platform or a plan.
    #[must_use]
    pub fn concerns_operator(self) -> bool {
        self.topic() == notification::Kind::HealthAlert
    }

    /// True for what has an end worth telling of, and what is told once more after a day. A limit needs neither.
    #[must_use]
    pub fn is_trouble(self) -> bool {
        self.topic() != notification::Kind::LimitReached
    }

    /// How long it must last before it counts.
    #[must_use]
    pub const fn patience(self) -> TimeDelta {
        match self {
            Self::AccountUnreachable => UNREACHABLE_PATIENCE,
            Self::SessionRevoked
            | Self::SessionBanned
            | Self::SessionLimited
            | Self::PairBlocked
            | Self::PairLagging
            | Self::DeadLetters
            | Self::DayLimit
            | Self::MinuteLimit
            | Self::PlanSurplus
            | Self::LedgerImbalance => TimeDelta::zero(),
        }
    }

    /// Before this it is not over even when it is: a limit that is reached in every other minute is told of once a day.
    fn closes_from(self, opened_at: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::DayLimit | Self::MinuteLimit => {
                let midnight = opened_at.with_time(NaiveTime::MIN).single().unwrap_or(opened_at);
                midnight.checked_add_days(Days::new(1)).unwrap_or(opened_at)
            }
            Self::SessionRevoked
            | Self::SessionBanned
            | Self::SessionLimited
            | Self::AccountUnreachable
            | Self::PairBlocked
            | Self::PairLagging
            | Self::DeadLetters
            | Self::PlanSurplus
            | Self::LedgerImbalance => opened_at,
        }
    }
}

/// What somebody was told of an alert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// When they were told last; `None`: not yet.
    pub at: Option<DateTime<Utc>>,
    /// How often.
    pub times: u16,
    /// There is no more to tell of it.
    pub settled: bool,
}

/// Something that is wrong, or was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// The row.
    pub id: i64,
    /// Whose; `None`: the installation's, which its operator alone is told of.
    pub user: Option<UserId>,
    /// What.
    pub kind: AlertKind,
    /// With what: an account, a pair, or the tenant; nil for the installation as a whole.
    pub subject: Uuid,
    /// What people call that.
    pub label: String,
    /// More about it, for people.
    pub detail: Option<String>,
    /// When it was first seen.
    pub opened_at: DateTime<Utc>,
    /// When it was seen to be over; `None`: it is not.
    pub closed_at: Option<DateTime<Utc>>,
    /// What its tenant was told.
    pub user_told: Told,
    /// What the operator was told.
    pub operator_told: Told,
}

/// Something that is wrong now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Whose; `None`: the installation's.
    pub user: Option<UserId>,
    /// What.
    pub kind: AlertKind,
    /// With what.
    pub subject: Uuid,
    /// What people call that.
    pub label: String,
    /// More about it, for people.
    pub detail: Option<String>,
    /// It is bad enough to open an alert. What is not only keeps one open: a pair that lags while its account is away
    /// is a consequence, but it is not well again either.
    pub onset: bool,
}

/// How what is wrong now differs from what was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// What was not known.
    pub opened: Vec<Observed>,
    /// Alerts that were closed, and whose end nobody has been told of.
    pub reopened: Vec<i64>,
    /// Alerts that are over.
    pub closed: Vec<Closed>,
}

/// An alert that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The row.
    pub id: i64,
    /// Its tenant need not be told.
    pub user_settled: bool,
    /// The operator need not be told.
    pub operator_settled: bool,
}

/// Compares what is wrong now with the alerts of which there is still something to tell.
#[must_use]
pub fn compare(known: &[Alert], present: Vec<Observed>, now: DateTime<Utc>) -> Comparison {
    use std::collections::{HashMap, HashSet};
    let here: HashSet<_> = present.iter().map(|one| (one.user, one.kind, one.subject)).collect();
    let mut comparison = Comparison::default();
    let mut open = HashSet::new();
    let mut closed = HashMap::new();
    for alert in known {
        let key = (alert.user, alert.kind, alert.subject);
        match alert.closed_at {
            None if here.contains(&key) || now < alert.kind.closes_from(alert.opened_at) => {
                open.insert(key);
            }
            None => {
                let silent = |told: Told| told.settled || told.at.is_none() || !alert.kind.is_trouble();
                let (user, operator) = (silent(alert.user_told), silent(alert.operator_told));
                comparison.closed.push(Closed { id: alert.id, user_settled: user, operator_settled: operator });
            }
            Some(_) if !alert.user_told.settled => {
                closed.insert(key, alert.id);
            }
            Some(_) => (),
        }
    }
    for one in present {
        let key = (one.user, one.kind, one.subject);
        if !one.onset || !open.insert(key) {
            continue;
        }
        match closed.get(&key) {
            Some(id) => comparison.reopened.push(*id),
            None => comparison.opened.push(one),
        }
    }
    comparison
}

/// To whom something is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The tenant.
    User,
    /// Who runs the installation.
    Operator,
}

impl Side {
    const fn told(self, alert: &Alert) -> Told {
        match self {
            Self::User => alert.user_told,
            Self::Operator => alert.operator_told,
        }
    }

    const fn spacing(self) -> TimeDelta {
        match self {
            Self::User => SPACING,
            Self::Operator => OPERATOR_SPACING,
        }
    }
}

/// What is to be told of a group of alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Say<'a> {
    /// Something is wrong.
    Trouble {
        /// All that is wrong, the gravest first.
        listed: Vec<&'a Alert>,
        /// Of these, what was not told before or is told again.
        news: Vec<i64>,
        /// None of it is new: it is only still wrong.
        reminder: bool,
    },
    /// All that was told is over.
    Over {
        /// That.
        listed: Vec<&'a Alert>,
    },
}

/// What is to be told now of a group: the alerts of one tenant and one kind of message, or all that concern the operator.
/// `None`: nothing, or not yet.
#[must_use]
pub fn due<'a>(group: &[&'a Alert], side: Side, now: DateTime<Utc>) -> Option<Say<'a>> {
    let unsettled: Vec<&Alert> = group.iter().copied().filter(|alert| !side.told(alert).settled).collect();
    let told_last = unsettled.iter().filter_map(|alert| side.told(alert).at).max();
    let open = || unsettled.iter().copied().filter(|alert| alert.closed_at.is_none());
    let fresh: Vec<&Alert> = open()
        .filter(|alert| side.told(alert).at.is_none() && alert.opened_at + alert.kind.patience() <= now)
        .collect();
    let stands = |alert: &&Alert| alert.opened_at + alert.kind.patience() + WINDOW <= now;
    let spaced = told_last.is_none_or(|at| at + side.spacing() <= now);
    let news: Vec<i64> = if spaced && fresh.iter().any(stands) {
        fresh.iter().map(|alert| alert.id).collect()
    } else {
        let old = |alert: &&Alert| {
            let told = side.told(alert);
            alert.kind.is_trouble() && told.times == 1 && told.at.is_some_and(|at| at + REMIND_AFTER <= now)
        };
        open().filter(old).map(|alert| alert.id).collect()
    };
    if !news.is_empty() {
        let known = |alert: &&Alert| side.told(alert).at.is_some() || news.contains(&alert.id);
        let listed = gravest_first(open().filter(known).collect());
        let reminder = listed.iter().all(|alert| side.told(alert).at.is_some());
        return Some(Say::Trouble { listed, news, reminder });
    }
    let over: Vec<&Alert> = unsettled.iter().copied().filter(|alert| alert.closed_at.is_some()).collect();
    let last = over.iter().filter_map(|alert| alert.closed_at).max()?;
    let all = open().next().is_none() && last + WINDOW <= now;
    all.then(|| Say::Over { listed: gravest_first(over) })
}

fn gravest_first(mut alerts: Vec<&Alert>) -> Vec<&Alert> {
    alerts.sort_by_key(|alert| (alert.kind, alert.opened_at, alert.id));
    alerts
}
