//! Plans and what they change in the machinery. Prices and dunning belong to billing.

use serde::{Deserialize, Serialize};

/// What a user pays for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "plan", rename_all = "snake_case"))]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    /// No payment.
    #[default]
    Free,
    /// The middle plan.
    Pro,
    /// The highest plan.
    Elite,
}

impl Plan {
    /// Temporal priority of this plan's tasks: 1 is first, 5 is last.
    #[must_use]
    pub const fn priority_key(self) -> u32 {
        match self {
            Self::Elite => 1,
            Self::Pro => 2,
            Self::Free => 4,
        }
    }

    /// Share of a contended task queue, relative to Free.
    #[must_use]
    pub const fn fairness_weight(self) -> f32 {
        match self {
            Self::Elite => 4.0,
            Self::Pro => 2.0,
            Self::Free => 1.0,
        }
    }
}
