//! What users want to be told, and how they say so.

use chrono::{TimeDelta, Timelike as _};
use domain::{
    Clock as _, SystemClock,
    notification::{Content, Kind},
};
use reqwest::Method;
use sandbox::client::CallError;
use serde_json::{Value, json};
use store::notifications::{NewNotification, Recipient};

use super::Mailing;
use crate::{
    harness,
    world::{World, assert_refused},
};

const PREFERENCES: &str = "/me/notifications/preferences";

#[tokio::test]
async fn what_is_turned_off_is_not_sent_and_stands_in_the_list() {
    let stack = harness::shared().await;
    let mailing = Mailing::new(&stack).await;
    let set = mailing.prefer(json!({ "kinds": { "health_alert": "off" } })).await;
    assert_eq!((&set["kinds"]["health_alert"], &set["kinds"]["report"]), (&json!("off"), &json!("email")));
    mailing.ask(Kind::HealthAlert, "Unwanted").await.unwrap();
    let dropped = mailing.send(|send| send["state"] == "dropped").await;
    assert_eq!(dropped["reason_code"], "preference_off");
    mailing.ask(Kind::SecurityNotice, "Wanted or not").await.unwrap();
    let mails = mailing.arrived(1).await;
    assert_eq!(mails[0].subject.as_deref(), Some("Wanted or not"));
    let again: Value = mailing.world.api.http().get(PREFERENCES).await.unwrap();
    assert_eq!(again, set);
}

#[tokio::test]
async fn quiet_hours_hold_what_can_wait() {
    let stack = harness::shared().await;
    let mailing = Mailing::new(&stack).await;
    let clock = |hours| {
        let at = SystemClock.now() + TimeDelta::hours(hours);
        format!("{:02}:{:02}", at.hour(), at.minute())
    };
    let quiet = json!({ "from": clock(-1), "to": clock(1) });
    let set = mailing.prefer(json!({ "quiet_hours": quiet, "time_zone": "Etc/UTC" })).await;
    assert_eq!((&set["quiet_hours"], &set["time_zone"]), (&quiet, &json!("Etc/UTC")));
    mailing.ask(Kind::EmailVerification, "At once").await.unwrap();
    mailing.arrived(1).await;
    mailing.ask(Kind::Report, "Later").await.unwrap();
    let held = mailing.send(|send| send["state"] == "pending").await;
    let due: chrono::DateTime<chrono::Utc> = held["due_at"].as_str().unwrap().parse().unwrap();
    let wait = due - SystemClock.now();
    assert!(wait > TimeDelta::minutes(57) && wait <= TimeDelta::minutes(60), "{wait}");
    // Who comes early is sent back, and it does not count.
    mailing.hurry().await;
    let held = mailing.send(|send| send["due_at"] == due.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)).await;
    assert_eq!((&held["state"], &held["attempts"]), (&json!("pending"), &json!(0)));
    assert_eq!(mailing.mails().await.len(), 1);
    mailing.prefer(json!({ "quiet_hours": null })).await;
    mailing.hurry().await;
    assert_eq!(mailing.arrived(2).await[1].subject.as_deref(), Some("Later"));
}

#[tokio::test]
async fn a_reader_turns_messages_off_by_link_and_a_scanner_does_not() {
    let stack = harness::shared().await;
    let mailing = Mailing::new(&stack).await;
    mailing.ask(Kind::HealthAlert, "First").await.unwrap();
    let link = mailing.arrived(1).await[0].link("/unsubscribe/").unwrap().to_owned();
    let web = reqwest::Client::builder().no_proxy().build().unwrap();
    let page = web.get(&link).send().await.unwrap().error_for_status().unwrap();
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    assert!(page.text().await.unwrap().contains("<form method=\"post\">"));
    mailing.ask(Kind::HealthAlert, "Second").await.unwrap();
    assert_eq!(mailing.arrived(2).await.len(), 2, "to look at the page changes nothing");
    for _ in 0..2 {
        // As a mail program does it.
        let form = web.post(&link).header("content-type", "application/x-www-form-urlencoded");
        let done = form.body("List-Unsubscribe=One-Click").send().await.unwrap().error_for_status().unwrap();
        assert!(done.text().await.unwrap().contains("Done"));
    }
    mailing.ask(Kind::HealthAlert, "Third").await.unwrap();
    // Both without a bot is the bot alone once e-mail is turned off.
    assert_eq!(mailing.send(|send| send["state"] == "dropped").await["reason_code"], "bot_not_linked");
    mailing.ask(Kind::LimitReached, "Another kind").await.unwrap();
    assert_eq!(mailing.arrived(3).await[2].subject.as_deref(), Some("Another kind"));
    let wrong = link.replace("health_alert", "limit_reached");
    for method in [Method::GET, Method::POST] {
        let refused = web.request(method, &wrong).send().await.unwrap();
        assert_eq!(refused.status(), 403);
        assert_eq!(refused.headers()["content-type"], "application/problem+json");
        assert_eq!(refused.json::<Value>().await.unwrap()["code"], "link_invalid");
    }
}

#[tokio::test]
async fn promotions_are_turned_off_by_their_own_link() {
    let stack = harness::shared().await;
    let mailing = Mailing::new(&stack).await;
    let content = Content::new("An offer").paragraph("Half the price.");
    let promote = async |key: &str, promotional: bool| {
        let (to, kind, key) = (Recipient::User(mailing.user), Kind::Announcement, &*format!("{}/{key}", mailing.user));
        mailing.enqueue(NewNotification { to, kind, promotional, key, content: &content, expires_at: None }).await
    };
    promote("offer", true).await.unwrap();
    let mail = mailing.arrived(1).await.remove(0);
    let link = mail.link("/unsubscribe/").unwrap();
    let web = reqwest::Client::builder().no_proxy().build().unwrap();
    web.post(link).send().await.unwrap().error_for_status().unwrap();
    promote("another offer", true).await.unwrap();
    assert_eq!(mailing.send(|send| send["state"] == "dropped").await["reason_code"], "promotions_off");
    promote("maintenance", false).await.unwrap();
    mailing.arrived(2).await;
    let preferences: Value = mailing.world.api.http().get(PREFERENCES).await.unwrap();
    assert_eq!((&preferences["promotions"], &preferences["kinds"]["announcement"]), (&json!(false), &json!("both")));
}

#[tokio::test]
async fn wrong_preferences_are_refused_and_name_their_field() {
    let stack = harness::shared().await;
    let mailing = Mailing::new(&stack).await;
    let http = mailing.world.api.http();
    let mut good: Value = http.get(PREFERENCES).await.unwrap();
    good.as_object_mut().unwrap().remove("bot_linked");
    let cases = [
        ("time_zone", json!("Europe/Atlantis"), "time_zone_invalid"),
        ("quiet_hours", json!({ "from": "22:00", "to": "22:00" }), "quiet_hours_invalid"),
        ("quiet_hours", json!({ "from": "25:00", "to": "07:00" }), "quiet_hours_invalid"),
        ("promotions", json!("yes"), "invalid_body"),
        ("kinds", json!({ "report": "email" }), "invalid_body"),
        ("bot_linked", json!(true), "invalid_body"),
    ];
    for (field, value, code) in cases {
        let mut wrong = good.clone();
        wrong[field] = value;
        let answer: Result<Value, CallError> = http.call(Method::PUT, PREFERENCES, Some(&wrong)).await;
        assert_refused(&answer.unwrap_err(), 422, code);
    }
    assert_eq!(http.get::<Value>(PREFERENCES).await.unwrap()["time_zone"], "UTC", "nothing was changed");
    for query in ["limit=0", "limit=201", "limit=x", "before=acc_1"] {
        let answer: Result<Value, CallError> = http.get(&format!("/me/notifications?{query}")).await;
        assert_refused(&answer.unwrap_err(), 422, "invalid_query");
    }
}

#[tokio::test]
async fn the_list_goes_page_by_page_and_is_ones_own() {
    let stack = harness::shared().await;
    let mailing = Mailing::new(&stack).await;
    let mut ids = Vec::new();
    for number in 0..3 {
        ids.push(mailing.ask(Kind::Report, &format!("Report {number}")).await.unwrap().to_string());
    }
    let http = mailing.world.api.http();
    let first: Value = http.get("/me/notifications?limit=2").await.unwrap();
    let rest: Value = http.get(&format!("/me/notifications?before={}", first["next"].as_str().unwrap())).await.unwrap();
    let pages = [&first, &rest].map(|page| page["notifications"].as_array().unwrap().clone()).concat();
    let mut listed: Vec<_> = pages.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
    assert!(listed.is_sorted_by(|newer, older| newer > older));
    listed.sort();
    ids.sort();
    assert_eq!(listed, ids);
    assert!(pages.iter().all(|one| one["kind"] == "report" && one.get("content").is_none()));
    assert_eq!(rest["next"], Value::Null);
    let stranger = World::new(&stack).await;
    let theirs: Value = stranger.api.http().get("/me/notifications").await.unwrap();
    assert_eq!(theirs["notifications"], json!([]));
}
