//! What goes wrong on the way.

use domain::notification::Kind;
use sandbox::stack::Part;
use serde_json::{Value, json};

use super::Mailing;
use crate::harness::{self, on_stack_runtime};

#[tokio::test]
async fn a_refusal_that_passes_is_tried_again_under_the_same_name() {
    let stack = harness::shared().await;
    let mailing = Mailing::new(&stack).await;
    mailing.world.controls.smtp.refuse(&mailing.email, 451, 1).await.unwrap();
    let id = mailing.ask(Kind::HealthAlert, "In the end").await.unwrap();
    let waits = mailing.send(|send| send["reason_code"] == "mail_refused").await;
    assert_eq!((&waits["state"], &waits["attempts"]), (&json!("pending"), &json!(1)));
    assert!(waits["reason"].as_str().unwrap().contains("451"), "{waits}");
    assert!(mailing.mails().await.is_empty());
    mailing.hurry().await;
    let mails = mailing.arrived(1).await;
    assert_eq!((mails.len(), mails[0].message_id.clone()), (1, Some(format!("{id}@example.org"))));
    let sent = mailing.send(|send| send["state"] == "sent").await;
    assert_eq!((&sent["attempts"], &sent["reason_code"]), (&json!(2), &Value::Null));
}

#[tokio::test]
async fn a_refusal_for_good_is_on_record_and_the_next_one_goes() {
    let stack = harness::shared().await;
    let mailing = Mailing::new(&stack).await;
    mailing.world.controls.smtp.refuse(&mailing.email, 550, 1).await.unwrap();
    mailing.ask(Kind::HealthAlert, "Never").await.unwrap();
    let failed = mailing.send(|send| send["state"] == "failed").await;
    assert_eq!(failed["reason_code"], "mail_rejected");
    assert!(failed["reason"].as_str().unwrap().contains("550"), "{failed}");
    mailing.hurry().await;
    mailing.ask(Kind::HealthAlert, "The next one").await.unwrap();
    let mails = mailing.arrived(1).await;
    assert_eq!(mails[0].subject.as_deref(), Some("The next one"));
}

#[tokio::test]
async fn a_lost_answer_makes_a_mail_come_twice_under_one_name() {
    let stack = harness::shared().await;
    let mailing = Mailing::new(&stack).await;
    let fault = json!({ "kind": "lose_answer", "recipient": mailing.email });
    mailing.world.controls.smtp.fault(&fault).await.unwrap();
    let id = mailing.ask(Kind::HealthAlert, "Twice").await.unwrap();
    mailing.send(|send| send["reason_code"] == "mail_unreachable").await;
    mailing.hurry().await;
    let mails = mailing.arrived(2).await;
    assert!(mails.iter().all(|mail| mail.message_id == Some(format!("{id}@example.org"))), "{mails:?}");
    assert_eq!(mails[0].header("date"), mails[1].header("date"), "a repetition is the same mail");
    mailing.send(|send| send["state"] == "sent").await;
}

#[tokio::test]
async fn a_worker_that_is_killed_in_the_middle_sends_it_when_it_is_back() {
    let stack = harness::exclusive().await;
    let mailing = Mailing::new(&stack).await;
    let fault = json!({ "kind": "delay", "stage": "data", "ms": 4_000, "recipient": mailing.email });
    mailing.world.controls.smtp.fault(&fault).await.unwrap();
    let id = mailing.ask(Kind::HealthAlert, "Through a death").await.unwrap();
    mailing.send(|send| send["state"] == "sending").await;
    let running = stack.stack();
    on_stack_runtime(running.kill_part(Part::Worker)).await;
    on_stack_runtime(running.start_part(Part::Worker)).await.unwrap();
    mailing.send(|send| send["state"] == "sent").await;
    let mails = mailing.arrived(1).await;
    assert!(mails.len() <= 2, "{mails:?}");
    assert!(mails.iter().all(|mail| mail.message_id == Some(format!("{id}@example.org"))), "{mails:?}");
}

#[tokio::test]
async fn a_mail_server_that_is_down_loses_nothing() {
    let stack = harness::exclusive().await;
    let mailing = Mailing::new(&stack).await;
    let running = stack.stack();
    on_stack_runtime(running.kill_part(Part::Smtp)).await;
    mailing.ask(Kind::HealthAlert, "One").await.unwrap();
    mailing.send(|send| send["reason_code"] == "mail_unreachable").await;
    mailing.ask(Kind::HealthAlert, "Two").await.unwrap();
    on_stack_runtime(running.start_part(Part::Smtp)).await.unwrap();
    mailing.hurry().await;
    assert_eq!(mailing.arrived(2).await.len(), 2);
}

#[tokio::test]
async fn the_figures_say_what_was_sent_and_what_waits() {
    let stack = harness::shared().await;
    let mailing = Mailing::new(&stack).await;
    mailing.ask(Kind::HealthAlert, "Counted").await.unwrap();
    mailing.arrived(1).await;
    mailing.send(|send| send["state"] == "sent").await;
    let url = format!("{}/metrics", stack.urls().worker_metrics);
    let text =
        reqwest::Client::builder().no_proxy().build().unwrap().get(url).send().await.unwrap().text().await.unwrap();
    let value = |series: &str| text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse::<f64>().ok());
    assert!(value("causeway_notifications_total{channel=\"email\",outcome=\"sent\"}").unwrap() >= 1.0);
    assert_eq!(value("causeway_mail_configured"), Some(1.0));
    for series in ["causeway_notifications_waiting", "causeway_notifications_due"] {
        assert!(value(&format!("{series}{{channel=\"email\"}}")).is_some(), "{series}");
    }
}
