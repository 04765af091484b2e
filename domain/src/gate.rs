//! The one gate: may a tenant do this now, by their plan, the exceptions made for them, and what they use already?
//!
//! Whoever acts for a tenant asks here: the API before it makes or resumes something, a host before it hosts, a drain
//! before it sends. Whoever counts must hold the counts still until the action is on record: see `store::plans`.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::{
    account::Platform,
    plan::{Feature, Features, Limit, Plan, Tenancy, Terms, Usage},
};

mod needs;
mod surplus;

pub use needs::{Way, joins_a_chain, needs};
pub use surplus::{Member, Move, Standing, settle};

/// The code of a pair's or an account's state that the plan is the reason for.
pub const PLAN_LIMIT: &str = "plan_limit";
/// The code of a pair's or an account's state that its tenant's suspension is the reason for.
pub const SUSPENDED: &str = "suspended";

/// Accounts of one platform.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountUse {
    /// Those that are not logged out, whatever their state.
    pub linked: u64,
    /// Those of them that neither their user nor the plan has paused.
    pub running: u64,
}

/// What a tenant uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Use {
    /// Pairs that are not deleted.
    pub pairs: u64,
    /// Those of them that are not paused.
    pub pairs_running: u64,
    /// Telegram accounts.
    pub telegram_accounts: AccountUse,
    /// Discord bots.
    pub discord_accounts: AccountUse,
    /// Messages.
    pub messages: Usage,
}

impl Use {
    /// The accounts of a platform.
    #[must_use]
    pub const fn accounts(&self, platform: Platform) -> AccountUse {
        match platform {
            Platform::Telegram => self.telegram_accounts,
            Platform::Discord => self.discord_accounts,
        }
    }
}

/// What a tenant, or the machinery on their behalf, is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Make a pair that uses these features.
    CreatePair {
        /// What it uses.
        needs: Features,
    },
    /// Change a pair. What it used before may stay.
    ChangePair {
        /// What it used.
        before: Features,
        /// What it will use.
        after: Features,
    },
    /// Resume a paused pair.
    ResumePair {
        /// What it uses.
        needs: Features,
    },
    /// Carry messages along a pair that is not paused.
    CarryPair {
        /// What it uses.
        needs: Features,
    },
    /// Link one more account.
    LinkAccount(Platform),
    /// Resume a paused account.
    ResumeAccount(Platform),
    /// Host an account that is not paused.
    HostAccount {
        /// Where it lives.
        platform: Platform,
        /// Older accounts of the same platform that are not paused.
        before: u64,
    },
    /// Write one more message.
    SendMessage {
        /// When.
        at: DateTime<Utc>,
    },
    /// Fetch or send one file.
    SendFile {
        /// How large it is.
        bytes: u64,
    },
    /// Make a report.
    Report,
}

/// What of a plan is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Bar {
    /// Not a plan's doing: staff has suspended the tenant.
    #[error("the user is suspended")]
    Suspended,
    /// One thing is larger than it may be.
    #[error("the plan allows {allowed} {}, and this has {used}", .limit.as_words())]
    Excess {
        /// Which limit.
        limit: Limit,
        /// How large it may be.
        allowed: u64,
        /// How large it is.
        used: u64,
    },
    /// A limit is used up.
    #[error("the plan allows {allowed} {}, and {used} are in use", .limit.as_words())]
    Limit {
        /// Which limit.
        limit: Limit,
        /// How much it allows.
        allowed: u64,
        /// How much is in use.
        used: u64,
    },
    /// A feature is missing.
    #[error("the plan does not include {}", .0.as_words())]
    Feature(Feature),
}

impl Bar {
    /// The stable code of what is paused for this.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Suspended => SUSPENDED,
            Self::Excess { .. } | Self::Limit { .. } | Self::Feature(_) => PLAN_LIMIT,
        }
    }
}

/// A plan that would let an action pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lift {
    /// Its code.
    pub code: String,
    /// Its name for people.
    pub name: String,
}

/// Why an action is refused, and what would help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is in the way.
    pub bar: Bar,
    /// The lowest plan under which the same action would pass; `None` when there is none.
    pub lifted_by: Option<Lift>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bar.fmt(f)?;
        self.lifted_by.as_ref().map_or(Ok(()), |lift| write!(f, "; {} allows it", lift.name))
    }
}

impl std::error::Error for Refusal {}

/// May the tenant do this now?
///
/// # Errors
/// What is in the way, and which plan of `catalogue` would let the same action pass: the lowest by position.
pub fn check(tenancy: &Tenancy, used: &Use, action: Action, catalogue: &[Plan]) -> Result<(), Refusal> {
    permits(&tenancy.terms(), used, action).map_err(|bar| {
        let terms = |plan: &Plan| Terms { suspended: tenancy.suspended, ..plan.terms(&tenancy.exception) };
        let lifts = |plan: &&Plan| permits(&terms(plan), used, action).is_ok();
        let lowest = catalogue.iter().filter(lifts).min_by_key(|plan| plan.position);
        Refusal { bar, lifted_by: lowest.map(|plan| Lift { code: plan.code.clone(), name: plan.name.clone() }) }
    })
}

/// The same where nobody is told of other plans: in the machinery.
///
/// # Errors
/// What is in the way.
pub fn permits(terms: &Terms, used: &Use, action: Action) -> Result<(), Bar> {
    // What is on its way already is stopped as a whole, at its claim, and not for want of one of its parts.
    let part = matches!(action, Action::SendMessage { .. } | Action::SendFile { .. });
    if terms.suspended && !part {
        return Err(Bar::Suspended);
    }
    match action {
        Action::CreatePair { needs } => {
            includes(terms, needs)?;
            one_more(terms, Limit::Pairs, used.pairs)
        }
        Action::ChangePair { before, after } => {
            let granted = Terms { features: terms.features.and(before), ..*terms };
            includes(&granted, after)
        }
        Action::ResumePair { needs } => {
            includes(terms, needs)?;
            one_more(terms, Limit::Pairs, used.pairs_running)
        }
        Action::CarryPair { needs } => includes(terms, needs),
        Action::LinkAccount(platform) => one_more(terms, Limit::accounts(platform), used.accounts(platform).linked),
        Action::ResumeAccount(platform) => one_more(terms, Limit::accounts(platform), used.accounts(platform).running),
        Action::HostAccount { platform, before } => one_more(terms, Limit::accounts(platform), before),
        Action::SendMessage { at } => {
            let now = used.messages.at(at);
            let counted = |count: i64| u64::try_from(count).unwrap_or(0);
            one_more(terms, Limit::MessagesPerDay, counted(now.day_used))?;
            one_more(terms, Limit::MessagesPerMinute, counted(now.minute_used))
        }
        Action::SendFile { bytes } => match terms.limits.get(Limit::MediaBytes) {
            Some(allowed) if bytes > allowed => Err(Bar::Excess { limit: Limit::MediaBytes, allowed, used: bytes }),
            Some(_) | None => Ok(()),
        },
        Action::Report => includes(terms, Features { reports: true, ..Features::NONE }),
    }
}

fn includes(terms: &Terms, needs: Features) -> Result<(), Bar> {
    needs.beyond(&terms.features).map_or(Ok(()), |missing| Err(Bar::Feature(missing)))
}

fn one_more(terms: &Terms, limit: Limit, used: u64) -> Result<(), Bar> {
    match terms.limits.get(limit) {
        Some(allowed) if used >= allowed => Err(Bar::Limit { limit, allowed, used }),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
