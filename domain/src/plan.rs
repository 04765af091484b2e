//! Plans: what a tenant may have and do. They are rows of the table `plans`; prices and dunning belong to billing.

use chrono::{DateTime, Utc};

use crate::{account::Platform, billing::Price, ids::PlanId, ledger::check_amount, pace::Mode};

mod features;
mod limits;
mod usage;

pub use features::{Feature, Features};
pub use limits::{Limit, Limits};
pub use usage::{Allowance, Usage};

/// The code of the plan that every tenant begins with and falls back to.
pub const FREE_CODE: &str = "free";
/// The longest code of a plan, in characters.
pub const CODE_CHARS_MAX: usize = 32;
/// The longest name of a plan, in characters.
pub const PLAN_NAME_CHARS_MAX: usize = 100;
/// The longest reason for a change of a tenant's plan or limits, in characters.
pub const REASON_CHARS_MAX: usize = 500;

/// The longest trial, in days.
pub const TRIAL_DAYS_MAX: u16 = 365;

/// Checks how a plan may be sold.
///
/// # Errors
/// The first rule that is broken.
pub fn validate_sale(plan: PlanId, prices: &[Price], trial_days: u16) -> Result<(), PlanError> {
    let mut rest = prices;
    while let [price, others @ ..] = rest {
        let clashes =
            |other: &Price| other.interval == price.interval || other.amount.currency != price.amount.currency;
        if plan == PlanId::FREE || check_amount(price.amount).is_err() || others.iter().any(clashes) {
            return Err(PlanError::Prices);
        }
        rest = others;
    }
    let fits = trial_days <= TRIAL_DAYS_MAX && (trial_days == 0 || !prices.is_empty());
    if fits { Ok(()) } else { Err(PlanError::Trial) }
}

/// What a tenant pays for.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Which plan.
    pub id: PlanId,
    /// Its stable name for programs: lower-case letters, digits, dashes and underscores.
    pub code: String,
    /// Its name for people.
    pub name: String,
    /// Its place in the list of plans, the lowest first.
    pub position: i32,
    /// Anybody may see it and choose it; others are given by operators.
    pub is_public: bool,
    /// How much it allows.
    pub limits: Limits,
    /// What it allows.
    pub features: Features,
    /// Temporal priority of its tenants' tasks: 1 is first, 5 is last.
    pub priority_key: u32,
    /// A tenant's share of a contended task queue, relative to 1.
    pub fairness_weight: f32,
}

/// Why a plan cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The code is no name for programs.
    #[error(
        "a code begins with a letter and has at most {CODE_CHARS_MAX} lower-case letters, digits, dashes or underscores"
    )]
    Code,
    /// The name is empty or too long.
    #[error("the name must have 1 to {PLAN_NAME_CHARS_MAX} characters")]
    Name,
    /// The priority is not one of Temporal's.
    #[error("the priority is 1 to 5")]
    Priority,
    /// The weight is not one that Temporal takes.
    #[error("the fairness weight is 0.001 to 1000")]
    Weight,
    /// Who may write or ask nothing at all is suspended, not on a plan.
    #[error("messages and requests are limited to 1 or more")]
    Rate,
    /// A price twice, of nothing or too much, in two currencies, or for Free.
    #[error("a plan has at most one price for each interval, all in one currency, and Free has none")]
    Prices,
    /// A trial that is too long, or of what is not sold.
    #[error("a trial lasts at most {TRIAL_DAYS_MAX} days, and only what is sold is tried out")]
    Trial,
}

impl PlanError {
    /// The field that is wrong, as on the wire.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Name => "terms.name",
            Self::Priority => "terms.priority",
            Self::Weight => "terms.fairness_weight",
            Self::Rate => "terms.limits",
            Self::Prices => "terms.prices",
            Self::Trial => "terms.trial_days",
        }
    }
}

impl Plan {
    /// Checks what its fields may hold.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn validate(&self) -> Result<(), PlanError> {
        let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if !self.code.starts_with(|c: char| c.is_ascii_lowercase())
            || self.code.len() > CODE_CHARS_MAX
            || !self.code.chars().all(letters)
        {
            return Err(PlanError::Code);
        }
        if self.name.trim().is_empty() || self.name.chars().count() > PLAN_NAME_CHARS_MAX {
            return Err(PlanError::Name);
        }
        if !(1..=5).contains(&self.priority_key) {
            return Err(PlanError::Priority);
        }
        if !(0.001..=1_000.0).contains(&self.fairness_weight) {
            return Err(PlanError::Weight);
        }
        self.limits.has_rates().then_some(()).ok_or(PlanError::Rate)
    }

    /// What holds for a tenant of this plan for whom `exception` was made.
    #[must_use]
    pub fn terms(&self, exception: &Exception) -> Terms {
        Terms {
            suspended: false,
            limits: self.limits.except(exception.limits),
            features: self.features.except(exception),
            priority_key: self.priority_key,
            fairness_weight: self.fairness_weight,
        }
    }
}

/// What an operator has settled for one tenant, whatever the plan says; `None` is what the plan says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exception {
    /// Other limits.
    pub limits: Limits,
    /// As [`Features::copy_mode`].
    pub copy_mode: Option<bool>,
    /// As [`Features::chain_forwarding`].
    pub chain_forwarding: Option<bool>,
    /// As [`Features::discord_forwarding`].
    pub discord_forwarding: Option<bool>,
    /// As [`Features::webhook_identity`].
    pub webhook_identity: Option<bool>,
    /// As [`Features::filters`].
    pub filters: Option<bool>,
    /// As [`Features::reports`].
    pub reports: Option<bool>,
}

/// What holds for a tenant: the plan's word and what was settled beside it, in one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// Nothing at all, until it is lifted.
    pub suspended: bool,
    /// How much.
    pub limits: Limits,
    /// What.
    pub features: Features,
    /// Temporal priority of the tenant's tasks.
    pub priority_key: u32,
    /// The tenant's share of a contended task queue.
    pub fairness_weight: f32,
}

impl Terms {
    /// Accounts of `platform` at most; `None` is no limit.
    #[must_use]
    pub fn accounts_max(&self, platform: Platform) -> Option<u64> {
        self.limits.get(Limit::accounts(platform))
    }
}

/// A tenant's plan and the exceptions made for them.
#[derive(Clone, Debug, PartialEq)]
pub struct Tenancy {
    /// Staff has suspended the tenant: whatever the plan says, nothing is hosted, carried or begun.
    pub suspended: bool,
    /// What they pay for.
    pub plan: Plan,
    /// When they fall back to Free; `None`: never by itself.
    pub plan_expires_at: Option<DateTime<Utc>>,
    /// Why they have this plan, in the words of who gave it.
    pub plan_reason: Option<String>,
    /// What holds instead of the plan's word.
    pub exception: Exception,
    /// When the exception ends; `None`: never by itself.
    pub exception_expires_at: Option<DateTime<Utc>>,
}

impl Tenancy {
    /// What holds.
    #[must_use]
    pub fn terms(&self) -> Terms {
        Terms { suspended: self.suspended, ..self.plan.terms(&self.exception) }
    }

    /// The same for whoever sends: [`Self::allowance`] in place of the limits on messages.
    #[must_use]
    pub fn sending_terms(&self, mode: Mode) -> Terms {
        let (terms, allowance) = (self.terms(), self.allowance(mode));
        let limits =
            Limits { messages_per_minute: allowance.per_minute, messages_per_day: allowance.per_day, ..terms.limits };
        Terms { limits, ..terms }
    }

    /// Messages that may be written. Without assumed limits only the exceptions hold.
    #[must_use]
    pub fn allowance(&self, mode: Mode) -> Allowance {
        match mode {
            Mode::Standard => self.terms().limits.allowance(),
            Mode::Open => self.exception.limits.allowance(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
