//! What can go wrong on the way to Temporal, as the API tells it.

use temporalio_client::{
    errors::{
        WorkflowGetResultError, WorkflowInteractionError, WorkflowQueryError, WorkflowStartError, WorkflowUpdateError,
    },
    tonic::{Code, Status},
};

use crate::error::ApiError;

/// A failed call.
#[derive(Debug)]
pub(crate) enum TemporalError {
    /// Temporal cannot be reached.
    Away,
    /// Temporal is there, but no worker has answered in time.
    NoWorker,
    /// There is no such workflow.
    NotFound,
    /// Anything else.
    Other(Box<dyn std::error::Error + Send + Sync>),
}

impl TemporalError {
    /// Why a workflow cannot be asked, as a stable code.
    pub(crate) const fn as_reason(&self) -> &'static str {
        match self {
            Self::Away => "temporal_unavailable",
            Self::NotFound => "not_started",
            Self::NoWorker | Self::Other(_) => "worker_unavailable",
        }
    }
}

impl From<TemporalError> for ApiError {
    fn from(error: TemporalError) -> Self {
        match error {
            TemporalError::Away => Self::TemporalUnavailable,
            TemporalError::NoWorker => Self::WorkerUnavailable,
            TemporalError::NotFound => Self::internal("a workflow is missing"),
            TemporalError::Other(error) => Self::Internal(error),
        }
    }
}

impl From<Status> for TemporalError {
    fn from(status: Status) -> Self {
        match status.code() {
            Code::Unavailable | Code::ResourceExhausted | Code::Cancelled | Code::Unknown => Self::Away,
            Code::DeadlineExceeded => Self::NoWorker,
            Code::NotFound => Self::NotFound,
            _ => Self::Other(status.into()),
        }
    }
}

impl From<WorkflowStartError> for TemporalError {
    fn from(error: WorkflowStartError) -> Self {
        match error {
            WorkflowStartError::Rpc(status) => status.into(),
            other => Self::Other(other.into()),
        }
    }
}

impl From<WorkflowUpdateError> for TemporalError {
    fn from(error: WorkflowUpdateError) -> Self {
        match error {
            WorkflowUpdateError::Rpc(status) => status.into(),
            WorkflowUpdateError::NotFound(_) => Self::NotFound,
            other => Self::Other(other.into()),
        }
    }
}

impl From<WorkflowGetResultError> for TemporalError {
    fn from(error: WorkflowGetResultError) -> Self {
        match error {
            WorkflowGetResultError::Rpc(status) => status.into(),
            WorkflowGetResultError::NotFound(_) => Self::NotFound,
            WorkflowGetResultError::TimedOut => Self::NoWorker,
            other => Self::Other(other.into()),
        }
    }
}

impl From<WorkflowInteractionError> for TemporalError {
    fn from(error: WorkflowInteractionError) -> Self {
        match error {
            WorkflowInteractionError::Rpc(status) => status.into(),
            WorkflowInteractionError::NotFound(_) => Self::NotFound,
            other => Self::Other(other.into()),
        }
    }
}

impl From<WorkflowQueryError> for TemporalError {
    fn from(error: WorkflowQueryError) -> Self {
        match error {
            WorkflowQueryError::Rpc(status) => status.into(),
            WorkflowQueryError::NotFound(_) => Self::NotFound,
            other => Self::Other(other.into()),
        }
    }
}
