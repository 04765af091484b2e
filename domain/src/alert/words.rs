//! What a message about alerts says.

use std::collections::BTreeMap;

use super::{Alert, AlertKind, Say};
use crate::notification::{Content, Kind};

/// So many alerts are named to the operator; the others are counted.
const NAMED_MAX: usize = 10;

/// What a tenant is told. `topic`: of which kind all of it is. `site`: where they look at it.
#[must_use]
pub fn for_user(say: &Say<'_>, topic: Kind, site: Option<&str>) -> Content {
    let content = match say {
        Say::Trouble { listed, reminder, .. } => {
            let subject = subject(listed, topic);
            let subject = if *reminder { format!("Still: {subject}") } else { subject };
            let content = Content::new(&subject).list(listed.iter().map(|alert| line(alert)));
            content.paragraph(advice(topic))
        }
        Say::Over { listed } => Content::new("All is well again")
            .paragraph("What you were told of is over:")
            .list(listed.iter().map(|alert| alert.label.as_str())),
    };
    match site {
        Some(site) => content.button("Look at it", site),
        None => content,
    }
}

/// How much is wrong, by what it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    kinds: BTreeMap<AlertKind, usize>,
    tenants: usize,
}

impl Tally {
    /// Counts.
    #[must_use]
    pub fn of(alerts: &[&Alert]) -> Self {
        let mut kinds = BTreeMap::new();
        for alert in alerts {
            *kinds.entry(alert.kind).or_insert(0) += 1;
        }
        let mut tenants: Vec<_> = alerts.iter().filter_map(|alert| alert.user).collect();
        tenants.sort_unstable();
        tenants.dedup();
        Self { kinds, tenants: tenants.len() }
    }

    fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.kinds.iter().map(|(kind, count)| format!("{}: {count}", what(*kind)))
    }
}

/// What the operator is told: counts, and the first few by their ids. Names of tenants' things are the tenants' own.
#[must_use]
pub fn for_operator(say: &Say<'_>) -> Content {
    match say {
        Say::Trouble { listed, reminder, .. } => {
            let tally = Tally::of(listed);
            let still = if *reminder { "Still: " } else { "" };
            let at = if tally.tenants == 0 {
                "in the installation".to_owned()
            } else {
                format!("at {}", counted(tally.tenants, "tenant"))
            };
            let subject = format!("{still}{} wrong, {at}", counted(listed.len(), "thing"));
            let named = listed.iter().take(NAMED_MAX).map(|alert| {
                let of = alert.user.map(|user| format!(", of {user}")).unwrap_or_default();
                format!("{} {}{of}, since {}", what(alert.kind), named(alert), stamp(alert))
            });
            Content::new(&subject)
                .list(tally.lines())
                .paragraph(&format!("The first {}:", counted(listed.len().min(NAMED_MAX), "of them")))
                .list(named)
        }
        Say::Over { listed } => Content::new("All is well again in the installation")
            .paragraph("What you were told of is over:")
            .list(Tally::of(listed).lines()),
    }
}

fn counted(count: usize, what: &str) -> String {
    match (count, what) {
        (count, "of them") => count.to_string(),
        (1, what) => format!("1 {what}"),
        (count, what) => format!("{count} {what}s"),
    }
}

fn stamp(alert: &Alert) -> String {
    alert.opened_at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// The id on the wire.
fn named(alert: &Alert) -> String {
    match alert.kind {
        AlertKind::SessionRevoked
        | AlertKind::SessionBanned
        | AlertKind::SessionLimited
        | AlertKind::AccountUnreachable => crate::ids::AccountId::from_uuid(alert.subject).to_string(),
        AlertKind::PairBlocked | AlertKind::PairLagging | AlertKind::DeadLetters => {
            crate::ids::PairId::from_uuid(alert.subject).to_string()
        }
        AlertKind::DayLimit | AlertKind::MinuteLimit | AlertKind::PlanSurplus => alert.label.clone(),
        // The installation's own, and so no tenant's words.
        AlertKind::LedgerImbalance => {
            alert.detail.as_ref().map_or_else(|| alert.label.clone(), |detail| format!("({detail})"))
        }
    }
}

const fn what(kind: AlertKind) -> &'static str {
    match kind {
        AlertKind::SessionRevoked => "session ended",
        AlertKind::SessionBanned => "account banned",
        AlertKind::SessionLimited => "account limited",
        AlertKind::AccountUnreachable => "account not connected",
        AlertKind::PairBlocked => "destination refuses",
        AlertKind::PairLagging => "messages late",
        AlertKind::DeadLetters => "dead letters",
        AlertKind::DayLimit => "day used up",
        AlertKind::MinuteLimit => "minute used up",
        AlertKind::PlanSurplus => "paused by the plan",
        AlertKind::LedgerImbalance => "books wrong",
    }
}

fn subject(listed: &[&Alert], topic: Kind) -> String {
    match (listed, topic) {
        ([alert], _) => line(alert),
        (_, Kind::SessionWarning) => format!("{} accounts need you", listed.len()),
        (_, Kind::LimitReached) => "Limits of your plan are reached".to_owned(),
        _ => format!("{} things do not work as they should", listed.len()),
    }
}

fn line(alert: &Alert) -> String {
    let says = match alert.kind {
        AlertKind::SessionRevoked => "the session has ended; sign in again",
        AlertKind::SessionBanned => "the platform has banned the account",
        AlertKind::SessionLimited => "the platform says that the account writes too much; it rests",
        AlertKind::AccountUnreachable => "the account is not connected; it is tried again by itself",
        AlertKind::PairBlocked => "the destination refuses messages; they wait",
        AlertKind::PairLagging => "messages are late",
        AlertKind::DeadLetters => "messages could not be delivered",
        AlertKind::DayLimit => "the messages of this day are used up; what comes waits for the next day (UTC)",
        AlertKind::MinuteLimit => "more messages than your plan allows in a minute; they take longer",
        AlertKind::PlanSurplus => "paused, because your plan does not include it",
        AlertKind::LedgerImbalance => "the books are wrong",
    };
    match &alert.detail {
        Some(detail) => format!("{}: {says} ({detail})", alert.label),
        None => format!("{}: {says}", alert.label),
    }
}

const fn advice(topic: Kind) -> &'static str {
    match topic {
        Kind::SessionWarning => "Pairs that read or write through it wait. Nothing that can still be read is lost.",
        Kind::LimitReached => "Nothing is lost. A higher plan lifts the limit.",
        _ => "Nothing is lost: messages wait, and go on by themselves where they can. You are told when it is over.",
    }
}
