//! Histories of real runs: nothing in them is readable, and they replay against the code that made them.

use std::{
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use domain::notification::Kind;
use reqwest::Method;
use sandbox::{
    client::NewCheckout,
    stack::{Part, Stack},
};
use serde_json::{Value, json};
use temporalio_client::{Client, ClientOptions, Connection, ConnectionOptions, WorkflowHistory, WorkflowStartOptions};
use temporalio_sdk::workflow_replayer::{WorkflowReplayer, WorkflowReplayerOptions};
use workflows::{
    account::AccountSession,
    announcement::AnnouncementWorkflow,
    bot::NotificationBot,
    bulk_act::BulkActWorkflow,
    chats::AskChatsWorkflow,
    codec::Codec,
    contract::{BILLING_QUEUE, BOT_WORKFLOW_ID, CONTROL_QUEUE, MAIL_OUTBOX_WORKFLOW_ID},
    erasure::DeleteUserWorkflow,
    forwarding::PairForwarding,
    health::{HealthInput, HealthReport, HealthWorkflow},
    ledger::{LedgerCheckInput, LedgerCheckReport, LedgerCheckWorkflow},
    outbox::OutboxWorkflow,
    payment::{PaymentWorkflow, ReconcilePaymentsInput, ReconcilePaymentsReport, ReconcilePaymentsWorkflow},
    reconcile::{ReconcileAllInput, ReconcileAllWorkflow, ReconcileWorkflow},
    subscription::SubscriptionWorkflow,
    sweep::{SweepInput, SweepWorkflow},
};

use crate::{
    announcements::{self, Announcing},
    bot::Chat,
    harness::{self, PAYLOAD_KEYS, on_stack_runtime},
    mail::Mailing,
    payments::Shop,
    staff::Staff,
    world::{PASSWORD, World, place},
};

/// With this variable set, the histories are written to `workflows/histories` for `workflows/tests/replay.rs`.
const RECORD: &str = "RECORD_HISTORIES";

/// A Temporal client that opens payloads.
pub async fn temporal(stack: &Stack) -> Client {
    let url: temporalio_client::Url = stack.urls().temporal.parse().expect("the stack's address is a URL");
    let connection = Connection::connect(ConnectionOptions::new(url).build()).await.expect("Temporal answers");
    let options = ClientOptions::new("default").data_converter(codec().data_converter()).build();
    Client::new(connection, options).expect("the client can be made")
}

/// Sweeps now, instead of at the next minute, and returns the workflow's id.
pub async fn sweep(client: &Client) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let id = format!("sweep-now-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let options = WorkflowStartOptions::new(CONTROL_QUEUE, id.clone()).build();
    let started = client.start_workflow(SweepWorkflow::run, SweepInput {}, options).await.expect("a sweep starts");
    started.get_result(Default::default()).await.expect("a sweep ends");
    id
}

/// Looks at what is wrong now, instead of at the next minute; the workflow's id and what it has done.
pub async fn look(client: &Client) -> (String, HealthReport) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let id = format!("health-now-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let options = WorkflowStartOptions::new(CONTROL_QUEUE, id.clone()).build();
    let started = client.start_workflow(HealthWorkflow::run, HealthInput {}, options).await.expect("a look starts");
    let report = started.get_result(Default::default()).await.expect("a look ends");
    (id, report)
}

/// Proves the books now, instead of within a quarter of an hour; the workflow's id and what it has found.
pub async fn prove_books(client: &Client) -> (String, LedgerCheckReport) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let id = format!("ledger-check-now-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let options = WorkflowStartOptions::new(CONTROL_QUEUE, id.clone()).build();
    let started = client.start_workflow(LedgerCheckWorkflow::run, LedgerCheckInput {}, options).await;
    let report = started.expect("a check starts").get_result(Default::default()).await.expect("a check ends");
    (id, report)
}

/// Asks the payment providers now, instead of at the next look; the workflow's id and what it has found.
pub async fn reconcile_payments(client: &Client) -> (String, ReconcilePaymentsReport) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let id = format!("reconcile-payments-now-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let options = WorkflowStartOptions::new(BILLING_QUEUE, id.clone()).build();
    let started = client.start_workflow(ReconcilePaymentsWorkflow::run, ReconcilePaymentsInput {}, options).await;
    let report = started.expect("a look starts").get_result(Default::default()).await.expect("a look ends");
    (id, report)
}

pub fn codec() -> Codec {
    Codec::parse(PAYLOAD_KEYS).expect("the key is good")
}

/// Replays a history, and keeps it where [`RECORD`] says so.
pub async fn check(name: &str, history: WorkflowHistory, secrets: &[&str]) {
    let json = history.to_json().await.unwrap();
    let text = String::from_utf8(json.clone()).unwrap();
    for secret in secrets {
        assert!(!text.contains(secret), "the history of {name} shows {secret}");
    }
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
        .data_converter(codec().data_converter())
        .build();
    let history = WorkflowHistory::from_json(&json).unwrap();
    WorkflowReplayer::new(options).unwrap().replay_workflow(history).await.unwrap();
    if std::env::var_os(RECORD).is_some() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../workflows/histories");
        std::fs::write(dir.join(format!("{name}.json")), json).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ran_replays_and_shows_nothing() {
    let stack = harness::exclusive().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(Some("open sesame")).await, world.bot().await);
    let channel = world.channel(&person, &[]).await;
    let writer = world.link_bot(&bot).await;
    let account = world.api.add_telegram(&person.phone).await.unwrap();
    let path = format!("/accounts/{}", account.id);
    world.refused(&format!("{path}/code"), json!({ "code": "00000" }), 422, "code_invalid").await;
    let code = world.controls.telegram.code(&person.phone).await.unwrap();
    world.api.submit_code(&account.id, &code).await.unwrap();
    world.api.submit_password(&account.id, "open sesame").await.unwrap();
    world.status(&account.id, "online").await;
    let pair = world.pair(place(&account.id, channel), place(&writer, &bot.channel)).await;
    world.controls.telegram.say(channel, person.user, "a secret message").await.unwrap();
    world.discord_holds(&bot.channel, &["a secret message"]).await;
    world.api.pause(&pair.id).await.unwrap();
    world.controls.telegram.say(channel, person.user, "another one").await.unwrap();
    world.api.resume(&pair.id).await.unwrap();
    world.discord_holds(&bot.channel, &["a secret message", "another one"]).await;
    let _: Value = world.api.http().post(&format!("{path}/reconnect"), &json!({})).await.unwrap();
    world.status(&account.id, "online").await;
    let client = temporal(&stack).await;
    let secrets = ["secret message", "another one", "open sesame", &person.phone, &bot.token];
    let session = client.get_workflow_handle::<AccountSession>(format!("account-{}", account.id));
    check("account_session", session.fetch_history(Default::default()), &secrets).await;
    let question = format!("chats-{}-{channel}", account.id);
    let question = client.get_workflow_handle::<AskChatsWorkflow>(question);
    check("ask_chats", question.fetch_history(Default::default()), &secrets).await;
    let path = format!("/pairs/{}/reconcile", pair.id);
    let begun: Value = world.api.http().post(&path, &json!({})).await.unwrap();
    let id = format!("reconcile-{}", begun["id"].as_str().unwrap());
    let reconcile = client.get_workflow_handle::<ReconcileWorkflow>(id);
    reconcile.get_result(Default::default()).await.unwrap();
    check("reconcile", reconcile.fetch_history(Default::default()), &secrets).await;
    let options = WorkflowStartOptions::new(CONTROL_QUEUE, "reconcile-all-now").build();
    let all = client.start_workflow(ReconcileAllWorkflow::run, ReconcileAllInput {}, options).await.unwrap();
    all.get_result(Default::default()).await.unwrap();
    check("reconcile_all", all.fetch_history(Default::default()), &[]).await;
    let staff = Staff::new(&stack, "admin").await;
    let user = sandbox::scene::user_id(&world.api).await.unwrap();
    let act = staff.ended(&staff.act(&format!("/users/{user}/pairs/pause")).await).await;
    let bulk = client.get_workflow_handle::<BulkActWorkflow>(format!("bulk-{}", act["id"].as_str().unwrap()));
    bulk.get_result(Default::default()).await.unwrap();
    check("bulk_act", bulk.fetch_history(Default::default()), &secrets).await;
    world.api.delete_pair(&pair.id).await.unwrap();
    let forwarding = client.get_workflow_handle::<PairForwarding>(format!("pair-{}", pair.id));
    forwarding.get_result(Default::default()).await.unwrap();
    check("pair_forwarding", forwarding.fetch_history(Default::default()), &secrets).await;
    let sweep = client.get_workflow_handle::<SweepWorkflow>(sweep(&client).await);
    check("sweep", sweep.fetch_history(Default::default()), &[]).await;
    let me: Value = world.api.http().get("/auth/me").await.unwrap();
    let (user, leave) = (me["id"].as_str().unwrap(), json!({ "password": PASSWORD }));
    let _: Value = world.api.http().call(Method::DELETE, "/me", Some(&leave)).await.unwrap();
    let deletion = client.get_workflow_handle::<DeleteUserWorkflow>(format!("delete-user-{user}"));
    deletion.get_result(Default::default()).await.unwrap();
    check("delete_user", deletion.fetch_history(Default::default()), &secrets).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bots_history_replays_and_shows_nothing_of_what_is_said() {
    let stack = harness::exclusive().await;
    let chat = Chat::new(&stack).await;
    let payload = chat.link().await;
    chat.ask("a secret word", "I am the bot of Causeway").await;
    let running = stack.stack();
    // In good order, so that the history has a hosting that has ended.
    on_stack_runtime(running.stop_part(Part::Worker)).await;
    on_stack_runtime(running.start_part(Part::Worker)).await.unwrap();
    chat.ask("/pairs", "You have no pairs yet.").await;
    let client = temporal(&stack).await;
    let bot = client.get_workflow_handle::<NotificationBot>(BOT_WORKFLOW_ID);
    check("notification_bot", bot.fetch_history(Default::default()), &["secret word", &payload, "no pairs"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outbox_that_is_ended_begins_anew_and_its_history_shows_nothing() {
    let stack = harness::exclusive().await;
    let mailing = Mailing::new(&stack).await;
    let client = temporal(&stack).await;
    let outbox = client.get_workflow_handle::<OutboxWorkflow>(MAIL_OUTBOX_WORKFLOW_ID);
    // It may not have been started yet.
    drop(outbox.terminate(Default::default()).await);
    for number in 0..3 {
        mailing.ask(Kind::HealthAlert, &format!("a secret message {number}")).await;
        mailing.arrived(number + 1).await;
    }
    check("outbox", outbox.fetch_history(Default::default()), &["secret message", &mailing.email]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_announcement_a_look_and_a_proof_of_the_books_replay_and_show_nothing() {
    let stack = harness::exclusive().await;
    let scene = Announcing::new(&stack, 3).await;
    let client = temporal(&stack).await;
    // Slow enough to be held between two batches.
    let id = scene.draft(json!({ "per_minute": 15 })).await;
    scene.act(&id, "start", json!({})).await;
    scene.reaches(&id, |one| one["enqueued"].as_i64() >= Some(1)).await;
    scene.act(&id, "pause", json!({})).await;
    scene.act(&id, "resume", json!({})).await;
    scene.reaches(&id, |one| one["state"] == "done").await;
    let workflow = client.get_workflow_handle::<AnnouncementWorkflow>(format!("announcement-{id}"));
    workflow.get_result(Default::default()).await.unwrap();
    let secrets = [announcements::SUBJECT, "example.org"];
    check("announcement", workflow.fetch_history(Default::default()), &secrets).await;
    let (looked, _) = look(&client).await;
    let looked = client.get_workflow_handle::<HealthWorkflow>(looked);
    check("health", looked.fetch_history(Default::default()), &["example.org"]).await;
    let (proved, _) = prove_books(&client).await;
    let proved = client.get_workflow_handle::<LedgerCheckWorkflow>(proved);
    check("ledger_check", proved.fetch_history(Default::default()), &["example.org"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_replays_and_shows_nothing() {
    let stack = harness::exclusive().await;
    let shop = Shop::new(&stack).await;
    let payment = shop.checkout(&NewCheckout::month("pro", "paypal")).await;
    let order = payment.paypal_id().unwrap();
    shop.paypal.approve_order(&order).await.unwrap();
    shop.is(&payment.id, "settled").await;
    let client = temporal(&stack).await;
    let workflow = client.get_workflow_handle::<PaymentWorkflow>(format!("payment-{}", payment.id));
    workflow.get_result(Default::default()).await.unwrap();
    check("payment", workflow.fetch_history(Default::default()), &[&order, "example.org"]).await;
    let (id, _) = reconcile_payments(&client).await;
    let reconcile = client.get_workflow_handle::<ReconcilePaymentsWorkflow>(id);
    check("reconcile_payments", reconcile.fetch_history(Default::default()), &[&order]).await;
}
