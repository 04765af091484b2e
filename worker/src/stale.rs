//! What a former process of this worker left behind: its hostings and drains are reported as failed, so that Temporal
//! starts them anew at once instead of after a heartbeat time-out.

use activities::context::Context;
use futures::StreamExt as _;
use temporalio_client::{ActivityIdentifier, Client, RpcOptions};
use temporalio_sdk::ApplicationFailure;

/// Reports made at the same time.
const AT_ONCE: usize = 16;

/// Reports every stale attempt. A failure is only logged: the heartbeat time-out does the same, later.
pub async fn report(context: &Context, client: &Client) {
    let tokens = match tokens(context).await {
        Ok(tokens) => tokens,
        Err(error) => {
            tracing::warn!(error = %activities::chain(&error), "Stale attempts could not be looked up.");
            return;
        }
    };
    let count = tokens.len();
    futures::stream::iter(tokens)
        .for_each_concurrent(AT_ONCE, |token| async move {
            let handle = client.get_async_activity_handle(ActivityIdentifier::from_task_token(token.into()));
            let failure = ApplicationFailure::new("the worker was started anew");
            if let Err(error) = handle.fail(failure, None::<()>, RpcOptions::default()).await {
                // It had ended, or timed out already.
                tracing::debug!(%error, "A stale attempt was not there any more.");
            }
        })
        .await;
    if count > 0 {
        tracing::info!(attempts = count, "Reported what a former process of this worker left behind.");
    }
}

async fn tokens(context: &Context) -> Result<Vec<Vec<u8>>, store::StoreError> {
    let mut database = context.database().await?;
    let hostings = store::leases::left_by(&mut database, &context.worker).await?;
    let drains = store::deliveries::drains_left_by(&mut database, &context.worker).await?;
    let bot = store::bot::left_by(&mut database, &context.worker).await?;
    Ok(hostings.into_iter().map(|attempt| attempt.task_token).chain(drains).chain(bot).collect())
}
