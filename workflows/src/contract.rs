//! Names that other processes use: task queues, workflow ids, search attributes.

use domain::{AccountId, AnnouncementId, BulkActId, ChatId, PairId, PaymentId, ReconciliationId, UserId};
use temporalio_common::search_attributes::SearchAttributeKey;

/// Workflows and light activities.
pub const CONTROL_QUEUE: &str = "control";
/// Hosting slots: one running activity for each hosted account.
pub const HOSTS_QUEUE: &str = "hosts";

/// Workflows of payments and subscriptions, and their activities: apart from [`CONTROL_QUEUE`], so that being paid and
/// carrying messages do not wait for each other.
pub const BILLING_QUEUE: &str = "billing";

/// The one hosting of the Telegram bot. A queue of its own, asked only by workers that have the bot's token: so it takes no
/// slot from the accounts of users, and goes to nobody who could not sign in.
pub const BOT_QUEUE: &str = "bot";

/// The id of the workflow that keeps the bot hosted.
pub const BOT_WORKFLOW_ID: &str = "bot";

/// Everything for the accounts that `worker` hosts.
#[must_use]
pub fn host_queue(worker: &str) -> String {
    format!("host-{worker}")
}

/// The id of an account's session workflow.
#[must_use]
pub fn account_workflow_id(account: AccountId) -> String {
    format!("account-{account}")
}

/// The id of a question about a chat, or about all chats: who asks while the same question is open shares its answer.
#[must_use]
pub fn ask_chats_workflow_id(account: AccountId, chat: Option<ChatId>) -> String {
    let chat = chat.map_or_else(|| "all".to_owned(), |chat| chat.to_string());
    format!("chats-{account}-{chat}")
}

/// The id of a pair's workflow.
#[must_use]
pub fn pair_workflow_id(pair: PairId) -> String {
    format!("pair-{pair}")
}

/// The id of a payment's workflow.
#[must_use]
pub fn payment_workflow_id(payment: PaymentId) -> String {
    format!("payment-{payment}")
}

/// The id of the workflow of a tenant's subscription.
#[must_use]
pub fn subscription_workflow_id(user: UserId) -> String {
    format!("subscription-{user}")
}

/// The id of the schedule that asks payment providers for what their webhooks did not tell, and the stem of its workflow
/// ids.
pub const PAYMENTS_SCHEDULE_ID: &str = "reconcile-payments";

/// The id of the workflow that deletes a user.
#[must_use]
pub fn delete_user_workflow_id(user: UserId) -> String {
    format!("delete-user-{user}")
}

/// The id of the workflow that sends e-mails.
pub const MAIL_OUTBOX_WORKFLOW_ID: &str = "outbox-email";

/// The id of an announcement's workflow.
#[must_use]
pub fn announcement_workflow_id(announcement: AnnouncementId) -> String {
    format!("announcement-{announcement}")
}

/// The id of the schedule that looks for what is wrong, and the stem of its workflow ids.
pub const HEALTH_SCHEDULE_ID: &str = "health";

/// The id of the schedule that proves the ledger, and the stem of its workflow ids.
pub const LEDGER_CHECK_SCHEDULE_ID: &str = "ledger-check";

/// The id of the workflow of one reconciliation of a pair. The database lets one of a pair run at a time.
#[must_use]
pub fn reconcile_workflow_id(reconciliation: ReconciliationId) -> String {
    format!("reconcile-{reconciliation}")
}

/// The id of the workflow of an act of staff on many things.
#[must_use]
pub fn bulk_act_workflow_id(act: BulkActId) -> String {
    format!("bulk-{act}")
}

/// The id of the schedule that reconciles every pair, and the stem of its workflow ids.
pub const RECONCILE_SCHEDULE_ID: &str = "reconcile-all";

/// The id of the sweep's schedule, and the stem of its workflow ids.
pub const SWEEP_SCHEDULE_ID: &str = "sweep";

/// Whose workflow it is.
pub const USER_ID: SearchAttributeKey<String> = SearchAttributeKey::keyword("UserId");
/// What they pay for.
pub const PLAN: SearchAttributeKey<String> = SearchAttributeKey::keyword("Plan");
/// Where the account lives.
pub const PLATFORM: SearchAttributeKey<String> = SearchAttributeKey::keyword("Platform");
/// What the workflow is doing.
pub const STATE: SearchAttributeKey<String> = SearchAttributeKey::keyword("State");

/// The search attributes that the namespace must know, all of type Keyword.
pub const SEARCH_ATTRIBUTES: [&str; 4] = ["UserId", "Plan", "Platform", "State"];
