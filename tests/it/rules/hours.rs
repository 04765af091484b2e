//! Active hours: what comes outside of them waits or is skipped.

use chrono::{DateTime, Datelike as _, TimeDelta, Utc};
use serde_json::{Value, json};

use super::Scene;
use crate::{harness, world::World};

/// The name of the weekday `days` from now in UTC.
fn day(now: DateTime<Utc>, days: i64) -> &'static str {
    let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    names[(now + TimeDelta::days(days)).weekday().num_days_from_monday() as usize]
}

#[tokio::test]
async fn what_comes_outside_of_the_hours_waits_for_them_and_moves_with_them() {
    let stack = harness::shared().await;
    let now = domain::Clock::now(&domain::SystemClock);
    let later = json!({ "schedule": { "hours": { day(now, 3): ["10:00-11:00"] } } });
    let scene = Scene::new(World::new(&stack).await, later).await;
    scene.say("patience").await;
    let held = scene.world.deliveries(&scene.pair, |found| found.len() == 1).await;
    let wanted = (now + TimeDelta::days(3)).date_naive().and_hms_opt(10, 0, 0).unwrap().and_utc();
    assert_eq!(held[0]["state"], "pending");
    assert_eq!(held[0]["due_at"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap(), wanted);
    assert_eq!(held[0]["reason_code"], "outside_hours");
    assert!(scene.world.discord_texts(&scene.bot.channel).await.is_empty());
    scene.change(json!({ "schedule": null })).await.unwrap();
    scene.holds(&["patience"]).await;
    let skip = json!({ "schedule": { "outside": "skip", "hours": { day(now, 3): ["10:00-11:00"] } } });
    scene.change(skip).await.unwrap();
    scene.say("too early").await;
    assert_eq!(scene.settled(2).await, [None, Some("outside_hours".to_owned())]);
}

#[tokio::test]
async fn what_waited_through_a_pause_waits_for_the_hours_too_and_an_edit_of_what_stands_does_not() {
    let stack = harness::shared().await;
    let now = domain::Clock::now(&domain::SystemClock);
    let later = json!({ "schedule": { "hours": { day(now, 3): ["10:00-11:00"] } } });
    let scene = Scene::new(World::new(&stack).await, json!({})).await;
    let id = scene.say("standing").await;
    scene.holds(&["standing"]).await;
    scene.change(later.clone()).await.unwrap();
    scene.edit(id, "edited").await;
    scene.holds(&["edited"]).await;
    scene.change(json!({ "schedule": null })).await.unwrap();
    scene.world.api.pause(&scene.pair).await.unwrap();
    scene.say("patience").await;
    scene.world.deliveries(&scene.pair, |found| found.len() == 3 && found[0]["reason_code"].is_null()).await;
    scene.change(later).await.unwrap();
    scene.world.api.resume(&scene.pair).await.unwrap();
    let waits = |found: &[Value]| found[0]["reason_code"] == "outside_hours" && found[0]["state"] == "pending";
    let held = scene.world.deliveries(&scene.pair, waits).await;
    let wanted = (now + TimeDelta::days(3)).date_naive().and_hms_opt(10, 0, 0).unwrap().and_utc();
    assert_eq!(held[0]["due_at"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap(), wanted);
    assert!(held[0]["reason"].as_str().unwrap().starts_with("outside of the active hours"), "{held:#?}");
    assert_eq!(scene.world.discord_texts(&scene.bot.channel).await, ["edited"]);
    scene.change(json!({ "schedule": null })).await.unwrap();
    scene.holds(&["edited", "patience"]).await;
}
