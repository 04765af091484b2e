//! Every log line of an activity carries the workflow and the attempt that it belongs to.

use futures::FutureExt as _;
use temporalio_sdk::interceptors::{ActivityInboundInterceptor, ExecuteActivityInput, ExecuteActivityOutput, Next};
use tracing::Instrument as _;

/// Opens a span around each attempt.
pub struct Trace;

impl ActivityInboundInterceptor for Trace {
    fn execute_activity<'a>(
        &'a self,
        input: ExecuteActivityInput,
        next: Next<'a, ExecuteActivityInput, ExecuteActivityOutput<'a>>,
    ) -> ExecuteActivityOutput<'a> {
        let info = input.activity_info();
        let workflow = info.workflow_id.as_deref().unwrap_or_default();
        let span = tracing::info_span!(
            "activity",
            activity.name = info.activity_type,
            activity.attempt = info.attempt,
            workflow.id = workflow,
        );
        async move { next.run(input).await }.instrument(span).boxed()
    }
}
