//! Time-outs, retries and bounds of the workflows, each with its reason.

use std::time::Duration;

use domain::UserId;
use temporalio_common::{Priority, RetryPolicy};
use temporalio_workflow::{ActivityCancellationType, ActivityOptions, WorkflowCancellationToken};

/// Events after which a workflow continues as new: low enough that a replay after a restart takes milliseconds.
pub const HISTORY_EVENTS_MAX: u32 = 1_500;

/// A host that stops heartbeating is dead after this long. A restarted worker reports its own stale attempts sooner.
pub const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(15);
/// One hosting may last this long before it is begun anew; long, because a new hosting is a new connection.
const HOSTING_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// One question to a platform, with the connection that it may need.
const PLATFORM_CALL_MAX: Duration = Duration::from_secs(45);
/// One statement or two.
const LIGHT_CALL_MAX: Duration = Duration::from_secs(10);
/// A task for a worker that is gone is given up after this long, and the route is asked again.
const ROUTE_STALE_AFTER: Duration = Duration::from_secs(20);
/// Temporal's own default, between Pro and Free.
const PRIORITY_DEFAULT: u32 = 3;
/// One drain: it returns by itself well before.
const DRAIN_MAX: Duration = Duration::from_secs(180);
/// Some pages of history: it returns by itself well before.
const RECONCILE_MAX: Duration = Duration::from_secs(120);
/// A minute of e-mails, and what the last of them may take with all its time-outs.
const DRAIN_MAIL_MAX: Duration = Duration::from_secs(600);
/// A hundred messages in one transaction, on a machine that is busy.
const HAND_OUT_MAX: Duration = Duration::from_secs(60);
/// Some questions about all tenants and half a minute of telling.
const LOOK_MAX: Duration = Duration::from_secs(120);
/// Five comparisons that each read the whole ledger: seconds for some million postings.
const PROVE_MAX: Duration = Duration::from_secs(600);
/// Some batches of an act of staff: the activity returns by itself well before.
const BULK_BATCHES_MAX: Duration = Duration::from_secs(120);
/// A batch of rows, and a while of them; it returns by itself well before.
const ERASE_MAX: Duration = Duration::from_secs(120);
/// Some calls of a payment provider, each with a time limit of its own, and some transactions.
const PAYMENT_STEP_MAX: Duration = Duration::from_secs(120);
/// A few transactions on a machine that is busy.
const ADVANCE_MAX: Duration = Duration::from_secs(60);
/// Some pages of payments, each looked at: the activity returns by itself well before.
const PAYMENTS_RECONCILE_MAX: Duration = Duration::from_secs(300);
/// Behind everything that carries messages.
const RECONCILE_PRIORITY: u32 = 5;

/// Longest wait before a hosting whose worker died is begun anew: a hosting lasts for weeks, and its attempts count all
/// restarts of its workers. Nothing outside is asked so often, because connecting to the platform has a back-off of its own.
const HOSTING_RETRY_MAX: Duration = Duration::from_secs(1);

/// Hosting an account: retried for ever, because a host that died must be replaced.
#[must_use]
pub fn host(priority: Priority, token: WorkflowCancellationToken) -> ActivityOptions {
    hosting(crate::contract::HOSTS_QUEUE, Some(priority), token, "host the account")
}

/// Hosting the bot: retried for ever, because a host that died must be replaced. Telegram is not asked so often: signing
/// in and connecting have a back-off of their own.
#[must_use]
pub fn host_bot(token: WorkflowCancellationToken) -> ActivityOptions {
    hosting(crate::contract::BOT_QUEUE, None, token, "host the bot")
}

fn hosting(
    queue: &str,
    priority: Option<Priority>,
    token: WorkflowCancellationToken,
    summary: &str,
) -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(HOSTING_MAX)
        .task_queue(queue)
        .heartbeat_timeout(HEARTBEAT_TIMEOUT)
        .cancellation_type(ActivityCancellationType::WaitCancellationCompleted)
        .cancellation_token(token)
        .retry_policy(retried_for_ever(Duration::from_millis(200), HOSTING_RETRY_MAX))
        .do_not_eagerly_execute(true)
        .maybe_priority(priority)
        .summary(summary)
        .build()
}

/// Tries without end, doubling the wait from `first` up to `max`.
fn retried_for_ever(first: Duration, max: Duration) -> RetryPolicy {
    RetryPolicy::builder().initial_interval(first).maximum_interval(max).build()
}

/// Who comes first on a contended queue: by plan, and by turns among users of equal plans. An older activity's answer
/// has neither key nor weight, and means the middle.
#[must_use]
pub fn priority(priority_key: u32, fairness_weight: f32, user: UserId) -> Priority {
    let weight = if fairness_weight > 0.0 { fairness_weight } else { 1.0 };
    let key = if priority_key > 0 { priority_key } else { PRIORITY_DEFAULT };
    Priority::builder().priority_key(key).fairness_key(user.to_string()).fairness_weight(weight).build()
}

/// A step of a login: a person waits for the answer, so few tries, close together.
#[must_use]
pub fn login(summary: &str) -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(PLATFORM_CALL_MAX)
        .retry_policy(RetryPolicy::builder().initial_interval(Duration::from_millis(300)).maximum_attempts(3).build())
        .summary(summary.to_owned())
        .build()
}

/// A question to a hosted account, on its host.
#[must_use]
pub fn on_host(queue: String, summary: &str) -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(PLATFORM_CALL_MAX)
        .task_queue(queue)
        .schedule_to_start_timeout(ROUTE_STALE_AFTER)
        .retry_policy(RetryPolicy::builder().initial_interval(Duration::from_millis(300)).maximum_attempts(2).build())
        .summary(summary.to_owned())
        .build()
}

/// A short piece of bookkeeping in the database: retried for ever, because it must happen.
#[must_use]
pub fn light(summary: &str) -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(LIGHT_CALL_MAX)
        .retry_policy(retried_for_ever(Duration::from_millis(200), Duration::from_secs(20)))
        .summary(summary.to_owned())
        .build()
}

/// A drain: never retried by Temporal, because after a failure the route is asked again.
#[must_use]
pub fn drain(queue: String, priority: Priority, token: WorkflowCancellationToken) -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(DRAIN_MAX)
        .task_queue(queue)
        .schedule_to_start_timeout(ROUTE_STALE_AFTER)
        .heartbeat_timeout(HEARTBEAT_TIMEOUT)
        .cancellation_type(ActivityCancellationType::WaitCancellationCompleted)
        .cancellation_token(token)
        .retry_policy(RetryPolicy::builder().maximum_attempts(1).build())
        .priority(priority)
        .summary("drain the pair")
        .build()
}

/// Some batches of an act of staff: retried for ever, because what is done is on record with how far it got. Behind
/// whatever carries messages.
#[must_use]
pub fn bulk_act() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(BULK_BATCHES_MAX)
        .heartbeat_timeout(HEARTBEAT_TIMEOUT)
        .retry_policy(retried_for_ever(Duration::from_millis(200), Duration::from_secs(20)))
        .priority(Priority::builder().priority_key(RECONCILE_PRIORITY).build())
        .summary("do some batches of the act")
        .build()
}

/// Some pages of a source's history, on the host of the account that reads it. What it has compared is on record, so a
/// try that failed is begun again where it was.
#[must_use]
pub fn reconcile(queue: String) -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(RECONCILE_MAX)
        .task_queue(queue)
        .schedule_to_start_timeout(ROUTE_STALE_AFTER)
        .heartbeat_timeout(HEARTBEAT_TIMEOUT)
        .retry_policy(RetryPolicy::builder().initial_interval(Duration::from_secs(1)).maximum_attempts(3).build())
        .priority(Priority::builder().priority_key(RECONCILE_PRIORITY).build())
        .summary("compare the source's history with the ledger")
        .build()
}

/// Sending e-mails: retried for ever, because nobody else sends them. A retry takes up what the former try has left.
#[must_use]
pub fn drain_mail() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(DRAIN_MAIL_MAX)
        .heartbeat_timeout(HEARTBEAT_TIMEOUT)
        .cancellation_type(ActivityCancellationType::WaitCancellationCompleted)
        .retry_policy(retried_for_ever(Duration::from_millis(500), Duration::from_secs(30)))
        .summary("send the e-mails that are due")
        .build()
}

/// Deleting rows: retried for ever, because what was promised must happen.
#[must_use]
pub fn erase() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(ERASE_MAX)
        .heartbeat_timeout(HEARTBEAT_TIMEOUT)
        .retry_policy(retried_for_ever(Duration::from_millis(500), Duration::from_secs(30)))
        .priority(Priority::builder().priority_key(RECONCILE_PRIORITY).build())
        .summary("delete rows")
        .build()
}

/// Waits between tries that failed: doubling from `first` to `max`.
#[must_use]
pub fn backoff(failures: u32, first: Duration, max: Duration) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1).min(20))).min(max)
}

/// A batch of an announcement: retried for ever, because it must happen. What was done is on record with it.
#[must_use]
pub fn hand_out() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(HAND_OUT_MAX)
        .retry_policy(retried_for_ever(Duration::from_millis(500), Duration::from_secs(30)))
        .summary("hand the announcement to the next tenants")
        .build()
}

/// One step of a payment: retried for ever, because money may be on its way. What was done is on record with it, and every
/// call of a provider has its own idempotency key.
#[must_use]
pub fn payment_step() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(PAYMENT_STEP_MAX)
        .retry_policy(retried_for_ever(Duration::from_millis(500), Duration::from_secs(30)))
        .summary("do what is due for the payment")
        .build()
}

/// Doing what is due for a subscription: retried for ever, because it must happen. What was done is in the row.
#[must_use]
pub fn advance_subscription() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(ADVANCE_MAX)
        .retry_policy(retried_for_ever(Duration::from_millis(500), Duration::from_secs(30)))
        .summary("do what is due for the subscription")
        .build()
}

/// Asking about payments and agreements of which webhooks have told nothing: few tries, because the next one comes soon.
#[must_use]
pub fn reconcile_payments() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(PAYMENTS_RECONCILE_MAX)
        .heartbeat_timeout(HEARTBEAT_TIMEOUT)
        .retry_policy(RetryPolicy::builder().initial_interval(Duration::from_secs(1)).maximum_attempts(3).build())
        .summary("look for payments that were not told of")
        .build()
}

/// A look at what is wrong: few tries, because the next one comes within a minute and knows more.
#[must_use]
pub fn look() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(LOOK_MAX)
        .retry_policy(RetryPolicy::builder().initial_interval(Duration::from_secs(1)).maximum_attempts(3).build())
        .summary("compare what is wrong with what was told")
        .build()
}

/// A proof of the ledger: few tries, because the next one comes by itself. Behind everything that carries messages.
#[must_use]
pub fn prove_ledger() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(PROVE_MAX)
        .retry_policy(RetryPolicy::builder().initial_interval(Duration::from_secs(5)).maximum_attempts(3).build())
        .priority(Priority::builder().priority_key(RECONCILE_PRIORITY).build())
        .summary("compute the balances anew")
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_its_bound() {
        let wait = |failures| backoff(failures, Duration::from_secs(1), Duration::from_secs(60)).as_secs();
        assert_eq!([wait(1), wait(2), wait(3), wait(6), wait(7), wait(500)], [1, 2, 4, 32, 60, 60]);
        assert_eq!(wait(0), 1);
    }
}
