//! On whose behalf a drain runs, and when it is to end.

use temporalio_sdk::activities::ActivityContext;

/// On whose behalf a drain runs.
#[derive(Clone, Copy)]
pub(super) enum Runner<'a> {
    /// Of the pair's workflow.
    Workflow(&'a ActivityContext),
    /// Of whoever committed something for the pair, without Temporal.
    Express,
}

impl<'a> Runner<'a> {
    /// The activity attempt, by which its worker, started anew, reports it as failed.
    pub(super) fn task_token(self) -> Option<&'a [u8]> {
        match self {
            Self::Workflow(activity) => Some(&activity.info().task_token),
            Self::Express => None,
        }
    }

    /// True when the drain is not wanted any more.
    pub(super) fn is_cancelled(self) -> bool {
        match self {
            Self::Workflow(activity) => activity.is_cancelled(),
            Self::Express => false,
        }
    }

    /// Resolves when the drain is not wanted any more.
    pub(super) async fn cancelled(self) {
        match self {
            Self::Workflow(activity) => activity.cancelled().await,
            Self::Express => std::future::pending().await,
        }
    }
}
