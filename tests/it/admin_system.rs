//! The administration of the installation: workers drained without loss, maintenance, settings, logs.

use std::time::Duration;

use reqwest::Method;
use sandbox::{
    client::{CallError, CausewayClient},
    scene::until,
    stack::Stack,
};
use serde_json::{Value, json};

use crate::{
    harness,
    recovery::SecondWorker,
    staff::Staff,
    world::{Bot, PASSWORD, Person, World, assert_refused, place},
};

/// Every account of the stack, also those of other tests, goes to the other worker.
const DRAINED_WITHIN: Duration = Duration::from_secs(240);

/// Slower than Discord takes messages of one channel.
const SAID_EVERY: Duration = Duration::from_millis(1_500);

/// A pair from Telegram to Discord.
struct Scene {
    world: World,
    person: Person,
    bot: Bot,
    source: i64,
    pair: String,
}

impl Scene {
    async fn new(stack: &Stack) -> Self {
        let world = World::new(stack).await;
        let (person, bot) = (world.person(None).await, world.bot().await);
        let source = world.channel(&person, &[]).await;
        let (reader, writer) = (world.link_person(&person).await, world.link_bot(&bot).await);
        let pair = world.pair(place(&reader, source), place(&writer, &bot.channel)).await.id;
        Self { world, person, bot, source, pair }
    }

    async fn say(&self, text: &str) {
        self.world.controls.telegram.say(self.source, self.person.user, text).await.unwrap();
    }

    async fn holds(&self, texts: &[&str]) {
        self.world.discord_holds(&self.bot.channel, texts).await;
    }
}

/// The worker of this name as the list shows it, once it is there.
fn worker<'a>(workers: &'a Value, name: &str) -> Option<&'a Value> {
    workers["workers"].as_array()?.iter().find(|worker| worker["name"] == name)
}

async fn drain(staff: &Staff, name: &str, force: bool) -> Result<Value, CallError> {
    let body = json!({ "reason": "a test", "force": force });
    staff.try_call(Method::POST, &format!("/workers/{name}/drain"), &body).await
}

#[tokio::test]
async fn a_worker_is_drained_while_messages_flow_and_nothing_is_lost() {
    let stack = harness::exclusive().await;
    let staff = Staff::new(&stack, "admin").await;
    let scene = Scene::new(&stack).await;
    scene.say("0").await;
    scene.holds(&["0"]).await;
    let workers = staff.sees("/workers", |all| worker(all, "stack").is_some_and(|one| one["alive"] == true)).await;
    let first = worker(&workers, "stack").unwrap();
    assert!(first["accounts"].as_i64() >= Some(2) && first["load"].as_f64() > Some(0.0), "{first:#}");
    assert_refused(&drain(&staff, "nobody", false).await.unwrap_err(), 404, "worker_not_found");
    // A second worker of another test may have been seen a moment ago.
    staff.sees("/workers", |all| worker(all, "second").is_none_or(|one| one["alive"] == false)).await;
    assert_refused(&drain(&staff, "stack", false).await.unwrap_err(), 409, "no_other_worker");

    let second = SecondWorker::start(stack.stack(), &[]);
    staff.sees("/workers", |all| worker(all, "second").is_some_and(|one| one["alive"] == true)).await;
    for _ in 0..2 {
        let drained = drain(&staff, "stack", false).await.unwrap();
        assert!(drained["draining_since"].is_string() && drained["drain_forced"] == false, "{drained:#}");
    }
    let mut said = vec!["0".to_owned()];
    let drained = until("the worker is drained", DRAINED_WITHIN, async || {
        said.push(said.len().to_string());
        scene.say(said.last().unwrap()).await;
        tokio::time::sleep(SAID_EVERY).await;
        let workers = staff.get("/workers").await;
        Ok(worker(&workers, "stack").is_some_and(|one| one["drained"] == true).then_some(()))
    });
    let drained = drained.await;
    let after = staff.get("/workers").await;
    for number in 0..5 {
        said.push(format!("after {number}"));
        scene.say(said.last().unwrap()).await;
    }
    let texts: Vec<&str> = said.iter().map(String::as_str).collect();
    if drained.is_ok() {
        scene.holds(&texts).await;
    }
    let moved = scene.world.read_pair(&scene.pair).await;
    for _ in 0..2 {
        let undrained = staff.act("/workers/stack/undrain").await;
        assert!(undrained["draining_since"].is_null(), "{undrained:#}");
    }
    second.kill().await;
    assert!(drained.is_ok(), "{after:#}");
    scene.say("home").await;
    scene.holds(&[&texts[..], &["home"]].concat()).await;
    assert_eq!(moved["status"], "active");
    let home = staff.sees("/workers", |all| worker(all, "stack").is_some_and(|one| one["accounts"] != 0)).await;
    assert_eq!(worker(&home, "stack").unwrap()["drained"], false);
    let log = staff.get("/audit?action=worker.").await["entries"].as_array().unwrap().clone();
    let mine: Vec<_> = log.iter().filter(|entry| entry["actor"] == json!(staff.id)).collect();
    assert_eq!(mine.len(), 4, "{log:#?}");
    assert_eq!((&mine[3]["action"], &mine[3]["subject"]), (&json!("worker.drain"), &json!("stack")));
}

/// Waits until the worker has heard what was settled before: it asks every few seconds.
async fn heard(staff: &Staff) {
    for _ in 0..2 {
        let workers = staff.get("/workers").await;
        let seen = worker(&workers, "stack").unwrap()["last_seen_at"].clone();
        staff.sees("/workers", |all| worker(all, "stack").is_some_and(|one| one["last_seen_at"] != seen)).await;
    }
}

#[tokio::test]
async fn maintenance_refuses_changes_and_holds_messages_back_where_that_is_wanted() {
    let stack = harness::exclusive().await;
    let staff = Staff::new(&stack, "admin").await;
    let scene = Scene::new(&stack).await;
    let api = &scene.world.api;
    let maintain = async |on: bool, stop: bool| {
        let body = json!({ "on": on, "message": "back at noon", "stop_forwarding": stop, "reason": "a test" });
        staff.put("/maintenance", body).await
    };
    maintain(true, false).await;
    let during = async {
        let refused = api.pause(&scene.pair).await;
        let looked: Result<Value, CallError> = api.http().get("/pairs").await;
        let settings = staff.get("/settings").await;
        scene.say("one").await;
        let carried = until("the message is carried", Duration::from_secs(30), async || {
            Ok((scene.world.discord_texts(&scene.bot.channel).await == ["one"]).then_some(()))
        });
        (refused, looked, settings, carried.await)
    };
    let (refused, looked, settings, carried) = during.await;
    maintain(true, true).await;
    heard(&staff).await;
    scene.say("two").await;
    let waits = until("the message waits", Duration::from_secs(30), async || {
        let answer = api.messages(&scene.pair, 5).await?;
        Ok((answer["messages"][0]["state"] == "pending").then_some(()))
    });
    let waits = waits.await;
    let held = scene.world.discord_texts(&scene.bot.channel).await;
    for _ in 0..2 {
        maintain(false, false).await;
    }
    assert_refused(&refused.unwrap_err(), 503, "maintenance");
    assert!(looked.is_ok() && carried.is_ok() && waits.is_ok(), "{looked:?} {carried:?} {waits:?}");
    assert_eq!(held, ["one"]);
    assert_eq!(settings["maintenance"]["active"], true, "{settings:#}");
    scene.holds(&["one", "two"]).await;
    api.pause(&scene.pair).await.unwrap();
    let past = json!({ "on": true, "until": "2020-01-01T00:00:00Z", "reason": "a test" });
    let refused = staff.try_call(Method::PUT, "/maintenance", &past).await.unwrap_err();
    assert_refused(&refused, 422, "expiry_passed");
    let log = staff.get(&format!("/audit?action=settings.maintenance&actor={}", staff.id)).await;
    assert_eq!(log["entries"].as_array().map(Vec::len), Some(4), "{log:#}");
    assert_eq!(log["entries"][1]["old"]["maintenance"]["on"], true, "{log:#}");
}

#[tokio::test]
async fn settings_hold_at_once_and_say_who_changed_them() {
    let stack = harness::exclusive().await;
    let staff = Staff::new(&stack, "admin").await;
    let closed = |closed: bool| json!({ "registration": { "closed": closed }, "reason": "a test" });
    for _ in 0..2 {
        assert_eq!(staff.put("/settings", closed(true)).await["registration_closed"], true);
    }
    let http = sandbox::client::Http::new(format!("{}/api", stack.urls().api)).unwrap();
    let newcomer = json!({ "email": "newcomer@example.org", "password": PASSWORD });
    let refused: Result<Value, CallError> = http.post("/auth/register", &newcomer).await;
    assert_eq!(staff.put("/settings", closed(false)).await["registration_closed"], false);
    assert_refused(&refused.unwrap_err(), 403, "registration_closed");
    CausewayClient::register(&stack.urls().api, "newcomer@example.org", PASSWORD).await.unwrap();

    let throttled = json!({ "announcements": { "per_minute": 42 }, "reason": "a test" });
    staff.put("/settings", throttled).await;
    let settings = staff.get("/settings").await;
    assert_eq!(settings["announcements_per_minute"], 42);
    let changed = settings["changed"].as_array().unwrap().iter().find(|one| one["key"] == "announcements").unwrap();
    assert_eq!(changed["by"], json!(staff.id));
    let never = json!({ "announcements": { "per_minute": 0 }, "reason": "a test" });
    let refused = staff.try_call(Method::PUT, "/settings", &never).await.unwrap_err();
    assert_refused(&refused, 422, "setting_invalid");
    staff.put("/settings", json!({ "announcements": { "per_minute": 600 }, "reason": "a test" })).await;
}

#[tokio::test]
async fn the_audit_log_is_read_page_by_page_and_by_filters() {
    let stack = harness::shared().await;
    let staff = Staff::new(&stack, "admin").await;
    let world = World::new(&stack).await;
    let user = sandbox::scene::user_id(&world.api).await.unwrap();
    for plan in ["pro", "elite", "free"] {
        staff.put(&format!("/users/{user}/plan"), json!({ "plan": plan, "reason": "a test" })).await;
    }
    let mine = format!("/audit?actor={}&user={user}&action=user.", staff.id);
    let page = staff.get(&format!("{mine}&limit=2")).await;
    let plans = |page: &Value| -> Vec<String> {
        let entries = page["entries"].as_array().unwrap().iter();
        entries.map(|entry| entry["new"]["plan"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(plans(&page), ["free", "elite"]);
    let rest = staff.get(&format!("{mine}&limit=2&before={}", page["next"])).await;
    assert_eq!((plans(&rest), &rest["next"]), (vec!["pro".to_owned()], &Value::Null));
    for (count, query) in
        [(0, "from=2100-01-01T00:00:00Z"), (0, "until=2020-01-01T00:00:00Z"), (3, "until=2100-01-01T00:00:00Z")]
    {
        let found = staff.get(&format!("{mine}&{query}")).await;
        assert_eq!(found["entries"].as_array().map(Vec::len), Some(count), "{query}: {found:#}");
    }
    let none = staff.get(&format!("/audit?user={user}&action=user")).await;
    assert_eq!(none["entries"], json!([]), "only what ends in a dot is a beginning");
    let log_in = staff.get(&format!("/audit?actor={}&action=staff.login", staff.id)).await;
    assert_eq!(log_in["entries"].as_array().map(Vec::len), Some(1));
    let errors = staff.get(&format!("/errors?user={user}&code=none&limit=1")).await;
    assert_eq!((&errors["errors"], &errors["next"]), (&json!([]), &Value::Null));
}
