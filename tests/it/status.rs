//! Seeing: health of queues and sessions, dead letters, what became of a message, what went wrong.

use std::{collections::BTreeSet, path::Path};

use reqwest::Method;
use sandbox::scene::until;
use serde_json::{Value, json};

use crate::{
    harness,
    world::{Bot, PATIENCE, World, assert_refused, place},
};

/// Two chats with a pair between them.
struct Scene {
    world: World,
    bot: Bot,
    reader: String,
    writer: String,
    author: i64,
    channel: i64,
    pair: String,
}

async fn scene() -> Scene {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let channel = world.channel(&person, &[]).await;
    let (reader, writer) = (world.link_person(&person).await, world.link_bot(&bot).await);
    let pair = world.pair(place(&reader, channel), place(&writer, &bot.channel)).await.id;
    Scene { world, bot, reader, writer, author: person.user, channel, pair }
}

impl Scene {
    async fn say(&self, text: &str) -> i64 {
        self.world.controls.telegram.say(self.channel, self.author, text).await.unwrap()
    }

    /// Discord refuses the next `times` messages of the channel for good.
    async fn refuse(&self, channel: &str, times: u32) {
        let fault = json!({ "kind": "server_error", "status": 400, "channel": channel, "times": times });
        self.world.controls.discord.fault(&fault).await.unwrap();
    }

    async fn get(&self, path: &str) -> Value {
        self.world.api.http().get(path).await.unwrap()
    }

    async fn post(&self, path: &str) -> Value {
        self.world.api.http().post(path, &json!({})).await.unwrap()
    }

    async fn trace(&self, message: i64) -> Value {
        self.get(&format!("/accounts/{}/chats/{}/messages/{message}", self.reader, self.channel)).await
    }

    async fn dead(&self, pair: &str, count: usize) {
        self.world.deliveries(pair, |found| found.iter().filter(|one| one["state"] == "dead").count() == count).await;
    }
}

#[tokio::test]
async fn dead_letters_are_listed_tried_again_and_discarded() {
    let scene = scene().await;
    scene.refuse(&scene.bot.channel, 3).await;
    for text in ["first", "second", "third"] {
        scene.say(text).await;
    }
    scene.dead(&scene.pair, 3).await;
    scene.say("fourth").await;
    scene.world.discord_holds(&scene.bot.channel, &["fourth"]).await;

    let letters = scene.get("/dead-letters").await;
    assert_eq!(
        (&letters["dead_letters"][0]["pair"], &letters["dead_letters"][0]["count"]),
        (&json!(scene.pair), &json!(3))
    );
    let listed = scene.get(&format!("/pairs/{}/messages?state=dead", scene.pair)).await;
    assert_eq!(listed["messages"].as_array().map(Vec::len), Some(3));

    let one = |seq: i64, what: &str| format!("/pairs/{}/messages/{seq}/{what}", scene.pair);
    assert_eq!(scene.post(&one(2, "retry")).await["count"], 1);
    scene.world.discord_holds(&scene.bot.channel, &["fourth", "second"]).await;
    scene.world.refused(&one(2, "retry"), json!({}), 409, "not_dead").await;
    assert_eq!(scene.post(&one(1, "discard")).await["count"], 1);
    scene.world.refused(&one(1, "discard"), json!({}), 409, "not_dead").await;
    scene.world.refused(&one(99, "retry"), json!({}), 404, "message_not_found").await;

    assert_eq!(scene.post(&format!("/pairs/{}/dead-letters/retry", scene.pair)).await["count"], 1);
    assert_eq!(scene.post("/dead-letters/retry").await["count"], 0);
    scene.world.discord_holds(&scene.bot.channel, &["fourth", "second", "third"]).await;
    assert_eq!(scene.get("/dead-letters").await["dead_letters"], json!([]));
    let discarded = scene.get(&format!("/pairs/{}/messages?state=skipped", scene.pair)).await;
    assert_eq!(discarded["messages"][0]["reason_code"], "discarded");
    assert_eq!(scene.post("/dead-letters/discard").await["count"], 0);
}

#[tokio::test]
async fn dead_letters_of_all_pairs_or_of_one_are_decided_about_together() {
    let scene = scene().await;
    let other = scene.world.controls.discord.create_channel(&scene.bot.guild, "other").await.unwrap();
    let other_pair = scene.world.pair(place(&scene.reader, scene.channel), place(&scene.writer, &other)).await.id;
    let ways = [(&scene.bot.channel, &scene.pair), (&other, &other_pair)];
    let refused_on_both = async |text: &str| {
        for (channel, _) in ways {
            scene.refuse(channel, 1).await;
        }
        scene.say(text).await;
        for (_, pair) in ways {
            scene.dead(pair, 1).await;
        }
    };

    refused_on_both("tried again").await;
    assert_eq!(scene.post("/dead-letters/retry").await["count"], 2);
    for (channel, _) in ways {
        scene.world.discord_holds(channel, &["tried again"]).await;
    }
    assert_eq!(scene.post("/dead-letters/retry").await["count"], 0);

    refused_on_both("discarded").await;
    assert_eq!(scene.post("/dead-letters/discard").await["count"], 2);
    assert_eq!(scene.post("/dead-letters/discard").await["count"], 0);

    refused_on_both("discarded on one").await;
    let discard = format!("/pairs/{}/dead-letters/discard", scene.pair);
    assert_eq!(scene.post(&discard).await["count"], 1);
    assert_eq!(scene.post(&discard).await["count"], 0);
    let letters = scene.get("/dead-letters").await;
    assert_eq!(letters["dead_letters"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&letters["dead_letters"][0]["pair"], &letters["dead_letters"][0]["count"]),
        (&json!(other_pair), &json!(1))
    );
    let discarded = scene.get(&format!("/pairs/{}/messages?state=skipped", scene.pair)).await;
    assert_eq!(discarded["messages"].as_array().map(Vec::len), Some(2));
    assert_eq!(scene.world.discord_texts(&scene.bot.channel).await, ["tried again"], "what is discarded is not sent");
}

#[tokio::test]
async fn a_message_is_explained_whatever_became_of_it() {
    let scene = scene().await;
    let sent = scene.say("seen").await;
    scene.world.discord_holds(&scene.bot.channel, &["seen"]).await;
    let trace = scene.trace(sent).await;
    assert_eq!(trace["explanation_code"], "recorded");
    assert_eq!(trace["pairs"][0]["deliveries"][0]["source_message_id"], sent.to_string());
    assert_eq!(scene.trace(sent + 1_000).await["explanation_code"], "not_seen_yet");
    let old = scene.trace(sent - 1).await;
    assert_eq!(
        (&old["explanation_code"], &old["pairs"][0]["missing_code"]),
        (&json!("before_pair"), &json!("before_pair"))
    );
    let nowhere = scene.get(&format!("/accounts/{}/chats/-1009/messages/5", scene.reader)).await;
    assert_eq!(nowhere["explanation_code"], "no_pair");
    let stranger = World::new(&*harness::shared().await).await;
    let path = format!("/accounts/{}/chats/{}/messages/{sent}", scene.reader, scene.channel);
    let refusal: Result<Value, _> = stranger.api.http().get(&path).await;
    assert_refused(&refusal.unwrap_err(), 404, "account_not_found");
}

#[tokio::test]
async fn status_shows_queues_and_errors_say_what_went_wrong() {
    let scene = scene().await;
    scene.world.deny(&scene.bot, &["SEND_MESSAGES"]).await;
    scene.say("waits").await;
    let status = until("the queue in the status", PATIENCE, async || {
        let status: Value = scene.world.api.http().get("/status").await?;
        Ok((status["pairs"][0]["status"] == "blocked").then_some(status))
    });
    let status = status.await.unwrap();
    let pair = &status["pairs"][0];
    assert_eq!((&pair["id"], &pair["open"], &pair["dead"]), (&json!(scene.pair), &json!(1), &json!(0)));
    assert!(pair["lag_seconds"].as_f64().unwrap() > 0.0, "{pair}");
    let accounts = status["accounts"].as_array().unwrap();
    let writer = accounts.iter().find(|account| account["id"] == scene.writer.as_str()).unwrap();
    assert_eq!((&writer["status"], &writer["open"]), (&json!("online"), &json!(1)));

    let errors = scene.get(&format!("/errors?pair={}", scene.pair)).await;
    assert_eq!(errors["errors"][0]["code"], "missing_permission", "{errors}");
    assert!(errors["errors"][0]["count"].as_i64().unwrap() >= 1);
    assert_eq!(errors["errors"].as_array().unwrap().len(), 1, "the same trouble is one entry: {errors}");
    let wrong: Result<Value, _> = scene.world.api.http().get("/errors?account=me").await;
    assert_refused(&wrong.unwrap_err(), 422, "invalid_query");
    let stranger = World::new(&*harness::shared().await).await;
    let theirs: Value = stranger.api.http().get(&format!("/errors?pair={}", scene.pair)).await.unwrap();
    assert_eq!(theirs["errors"], json!([]));

    scene.world.deny(&scene.bot, &[]).await;
    let _pair: Value = scene.post(&format!("/pairs/{}/resume", scene.pair)).await;
    scene.world.discord_holds(&scene.bot.channel, &["waits"]).await;
    // What stands there is on record a moment later.
    until("nothing is open", PATIENCE, async || {
        let after = scene.get("/status").await;
        Ok((after["pairs"][0]["open"] == 0 && after["pairs"][0]["status"] == "active").then_some(()))
    })
    .await
    .unwrap();
}

/// Names of our metrics in a text, without the endings that a histogram's series have.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let ours = words.filter(|word| word.starts_with("causeway_"));
    ours.map(|word| ["_bucket", "_count", "_sum"].iter().fold(word, |name, end| name.trim_end_matches(end)).to_owned())
        .collect()
}

#[tokio::test]
async fn every_metric_of_the_dashboard_and_the_alerts_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/monitoring");
    let dashboard = std::fs::read_to_string(root.join("grafana.json")).unwrap();
    serde_json::from_str::<Value>(&dashboard).expect("the dashboard is JSON");
    let alerts = std::fs::read_to_string(root.join("alerts.yml")).unwrap();
    let wanted: BTreeSet<String> = metrics_in(&dashboard).union(&metrics_in(&alerts)).cloned().collect();
    assert!(wanted.len() > 10, "{wanted:?}");

    // Series by account and pair are there while something waits.
    let scene = scene().await;
    let wait = json!({ "kind": "rate_limit", "channel": scene.bot.channel, "retry_after": 120.0, "times": 0 });
    let fault = scene.world.controls.discord.fault(&wait).await.unwrap();
    scene.say("held up").await;
    let urls = harness::shared().await.urls();
    let mut missing = wanted.clone();
    let found = until("the metrics", PATIENCE, async || {
        let get = async |base: &str| reqwest::get(format!("{base}/metrics")).await?.text().await;
        let there = metrics_in(&(get(&urls.worker_metrics).await? + &get(&urls.api).await?));
        missing = wanted.difference(&there).cloned().collect();
        Ok(missing.is_empty().then_some(()))
    });
    let found = found.await;
    let id = fault["id"].as_str().map_or_else(|| fault["id"].to_string(), str::to_owned);
    let _gone: Value =
        scene.world.controls.discord.http().call(Method::DELETE, &format!("/faults/{id}"), None::<&()>).await.unwrap();
    assert!(found.is_ok(), "not served: {missing:?}");
}
