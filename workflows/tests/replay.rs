//! Every committed history must replay: a change of workflow code that breaks running workflows fails here.
//!
//! The histories come from the end-to-end tests (`RECORD_HISTORIES=1`), sealed under a key that protects nothing.
#![cfg(test)]

use std::path::Path;

use temporalio_client::WorkflowHistory;
use temporalio_sdk::workflow_replayer::{WorkflowReplayer, WorkflowReplayerOptions};
use workflows::{
    account::AccountSession,
    announcement::AnnouncementWorkflow,
    bot::NotificationBot,
    bulk_act::BulkActWorkflow,
    chats::AskChatsWorkflow,
    codec::Codec,
    erasure::DeleteUserWorkflow,
    forwarding::PairForwarding,
    health::HealthWorkflow,
    ledger::LedgerCheckWorkflow,
    outbox::OutboxWorkflow,
    payment::{PaymentWorkflow, ReconcilePaymentsWorkflow},
    reconcile::{ReconcileAllWorkflow, ReconcileWorkflow},
    subscription::SubscriptionWorkflow,
    sweep::SweepWorkflow,
};

/// The key of the recorded histories; the end-to-end stack uses the same.
const KEYS: &str = "test:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

fn replayer() -> WorkflowReplayer {
    let converter = Codec::parse(KEYS).unwrap().data_converter();
    let options = WorkflowReplayerOptions::new()
        .register_workflow::<AccountSession>()
        .unwrap()
        .register_workflow::<AskChatsWorkflow>()
        .unwrap()
        .register_workflow::<BulkActWorkflow>()
        .unwrap()
        .register_workflow::<DeleteUserWorkflow>()
        .unwrap()
        .register_workflow::<NotificationBot>()
        .unwrap()
        .register_workflow::<PairForwarding>()
        .unwrap()
        .register_workflow::<OutboxWorkflow>()
        .unwrap()
        .register_workflow::<AnnouncementWorkflow>()
        .unwrap()
        .register_workflow::<HealthWorkflow>()
        .unwrap()
        .register_workflow::<LedgerCheckWorkflow>()
        .unwrap()
        .register_workflow::<SubscriptionWorkflow>()
        .unwrap()
        .register_workflow::<PaymentWorkflow>()
        .unwrap()
        .register_workflow::<ReconcilePaymentsWorkflow>()
        .unwrap()
        .register_workflow::<SweepWorkflow>()
        .unwrap()
        .register_workflow::<ReconcileWorkflow>()
        .unwrap()
        .register_workflow::<ReconcileAllWorkflow>()
        .unwrap()
        .data_converter(converter)
        .build();
    WorkflowReplayer::new(options).unwrap()
}

async fn replay(name: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("histories").join(format!("{name}.json"));
    let json = std::fs::read(&file).unwrap();
    replayer().replay_workflow(WorkflowHistory::from_json(&json).unwrap()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn account_session_replays() {
    replay("account_session").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ask_chats_replays() {
    replay("ask_chats").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bulk_act_replays() {
    replay("bulk_act").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn delete_user_replays() {
    replay("delete_user").await;
}

#[tokio::test]
async fn notification_bot_replays() {
    replay("notification_bot").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pair_forwarding_replays() {
    replay("pair_forwarding").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outbox_replays() {
    replay("outbox").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn announcement_replays() {
    replay("announcement").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_replays() {
    replay("health").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ledger_check_replays() {
    replay("ledger_check").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn subscription_replays() {
    replay("subscription").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn payment_replays() {
    replay("payment").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reconcile_payments_replays() {
    replay("reconcile_payments").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sweep_replays() {
    replay("sweep").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reconcile_replays() {
    replay("reconcile").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reconcile_all_replays() {
    replay("reconcile_all").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_of_another_workflow_does_not_replay() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("histories/sweep.json");
    let other = String::from_utf8(std::fs::read(&file).unwrap()).unwrap().replace("sweep.run", "sweep.walk");
    let history = WorkflowHistory::from_json(other.as_bytes()).unwrap();
    assert!(replayer().replay_workflow(history).await.is_err());
}
