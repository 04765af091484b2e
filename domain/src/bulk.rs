//! Acts of staff on many things at once: done in batches, with progress, until the end or until somebody stops them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::{PairId, UserId};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "bulk_kind", rename_all = "snake_case"))]
#[serde(rename_all = "snake_case")]
pub enum BulkKind {
    /// Pause all pairs of a user.
    PausePairs,
    /// Resume all paused pairs of a user, as far as their plan has room.
    ResumePairs,
    /// Delete all pairs of a user; their history stays.
    DeletePairs,
    /// Try dead letters again.
    RetryDeadLetters,
    /// Give dead letters up.
    DiscardDeadLetters,
}

impl BulkKind {
    /// The name on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PausePairs => "pause_pairs",
            Self::ResumePairs => "resume_pairs",
            Self::DeletePairs => "delete_pairs",
            Self::RetryDeadLetters => "retry_dead_letters",
            Self::DiscardDeadLetters => "discard_dead_letters",
        }
    }

    /// The name in the audit log of beginning it.
    #[must_use]
    pub const fn action(self) -> &'static str {
        match self {
            Self::PausePairs => "bulk.pause_pairs",
            Self::ResumePairs => "bulk.resume_pairs",
            Self::DeletePairs => "bulk.delete_pairs",
            Self::RetryDeadLetters => "bulk.retry_dead_letters",
            Self::DiscardDeadLetters => "bulk.discard_dead_letters",
        }
    }
}

/// How far an act is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "bulk_state", rename_all = "snake_case"))]
#[serde(rename_all = "snake_case")]
pub enum BulkState {
    /// Asked for.
    Pending,
    /// Under way.
    Running,
    /// At its end; some things may have failed.
    Done,
    /// Stopped between two batches: what was done stays done.
    Cancelled,
    /// It cannot go on.
    Failed,
}

impl BulkState {
    /// The name on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// True when nothing more will be done.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        match self {
            Self::Pending | Self::Running => false,
            Self::Done | Self::Cancelled | Self::Failed => true,
        }
    }
}

/// Which things; everything that is given must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkScope {
    /// Those of this user. Acts on pairs always have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// Dead letters of this pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair: Option<PairId>,
    /// Dead letters that were given up for this, as a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Dead letters that were given up since then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<DateTime<Utc>>,
    /// Dead letters that were given up before then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_wire() {
        for kind in [
            BulkKind::PausePairs,
            BulkKind::ResumePairs,
            BulkKind::DeletePairs,
            BulkKind::RetryDeadLetters,
            BulkKind::DiscardDeadLetters,
        ] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(kind.action(), format!("bulk.{}", kind.as_str()));
        }
        for state in [BulkState::Pending, BulkState::Running, BulkState::Done, BulkState::Cancelled, BulkState::Failed]
        {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
    }

    #[test]
    fn a_scope_says_only_what_was_given() {
        let scope = BulkScope { code: Some("media_gone".into()), ..BulkScope::default() };
        assert_eq!(serde_json::to_value(&scope).unwrap(), serde_json::json!({ "code": "media_gone" }));
        assert_eq!(serde_json::from_str::<BulkScope>("{}").unwrap(), BulkScope::default());
    }
}
