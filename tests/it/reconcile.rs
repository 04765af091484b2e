//! Reconciling: what the history of the source holds and the ledger does not is told, and ingested when asked for.

use std::time::Duration;

use domain::{Message, PairId, ReconciliationId, RichText, SourceMessageId, SystemClock};
use sandbox::{scene::until, stack::Stack};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    harness,
    world::{Bot, Person, World, place},
};

/// A reconciliation is in no hurry: one that meets a worker that was just killed waits for a time-out or two.
const RECONCILED_WITHIN: Duration = Duration::from_secs(180);

/// A pair from Telegram to Discord and one back.
struct Scene {
    world: World,
    person: Person,
    bot: Bot,
    source: i64,
    back_source: Bot,
    back: i64,
    forth: String,
    backward: String,
    database: PgPool,
}

impl Scene {
    async fn new(stack: &Stack) -> Self {
        let world = World::new(stack).await;
        let (person, bot, back_source) = (world.person(None).await, world.bot().await, world.bot().await);
        let (source, back) = (world.channel(&person, &[]).await, world.channel(&person, &[]).await);
        let (telegram, discord) = (world.link_person(&person).await, world.link_bot(&bot).await);
        let reader = world.link_bot(&back_source).await;
        let forth = world.pair(place(&telegram, source), place(&discord, &bot.channel)).await.id;
        let backward = world.pair(place(&reader, &back_source.channel), place(&telegram, back)).await.id;
        let database = PgPool::connect(&stack.urls().database).await.unwrap();
        Self { world, person, bot, source, back_source, back, forth, backward, database }
    }

    /// Writes in both sources and returns the ids.
    async fn say(&self, text: &str) -> (String, String) {
        let telegram = self.world.controls.telegram.say(self.source, self.person.user, text).await.unwrap();
        let (channel, human) = (&self.back_source.channel, &self.back_source.human);
        (telegram.to_string(), self.world.controls.discord.say(channel, human, text).await.unwrap())
    }

    async fn both_hold(&self, texts: &[&str]) {
        self.world.discord_holds(&self.bot.channel, texts).await;
        self.world.telegram_holds(self.back, texts).await;
    }

    /// Reconciles a pair and returns the finished report.
    async fn reconcile(&self, pair: &str, repair: bool) -> Value {
        let path = format!("/pairs/{pair}/reconcile");
        let begun: Value = self.world.api.http().post(&path, &json!({ "repair": repair })).await.unwrap();
        self.finished(pair, &begun["id"]).await
    }

    async fn finished(&self, pair: &str, id: &Value) -> Value {
        let path = format!("/pairs/{pair}/reconcile");
        until("the reconciliation ends", RECONCILED_WITHIN, async || {
            let reports: Value = self.world.api.http().get(&path).await?;
            let reports = reports["reconciliations"].as_array().cloned().unwrap_or_default();
            Ok(reports.into_iter().find(|report| report["id"] == *id && report["state"] != "running"))
        })
        .await
        .unwrap()
    }

    /// A reconciliation that is on record as running and has no workflow, as if the API had died between its commit and the
    /// start.
    async fn without_workflow(&self, pair: &str) -> ReconciliationId {
        let pair: PairId = pair.parse().unwrap();
        let id = ReconciliationId::new(&SystemClock);
        let made = sqlx::query(
            "INSERT INTO reconciliations (id, pair_id, state, repair, chat_id, cursor, started_at)
             SELECT $1, $2, 'running', false, source_chat_id, 0, now() - interval '1 minute' FROM pairs WHERE id = $2",
        );
        made.bind(id.as_uuid()).bind(pair.as_uuid()).execute(&self.database).await.unwrap();
        id
    }

    /// The only revision of a message of the Telegram source reads otherwise in the ledger, in clear, as one that is
    /// older than the sealing.
    async fn misremember(&self, message: &str, text: &str) {
        let (message, source): (i64, i64) = (message.parse().unwrap(), self.source);
        let row = "SELECT id, sealed_content FROM source_messages WHERE message_id = $1 AND chat_id = $2";
        let row = sqlx::query_as::<_, (sqlx::types::Uuid, Vec<u8>)>(row).bind(message).bind(source);
        let (id, sealed) = row.fetch_one(&self.database).await.unwrap();
        let place = format!("source_messages/{}/content", SourceMessageId::from_uuid(id));
        let content = harness::sealer().open_bytes(&place, &sealed).unwrap();
        let mut content: Message = serde_json::from_slice(&content).unwrap();
        content.text = RichText::plain(text);
        let clear = "UPDATE source_messages SET content = $2, sealed_content = NULL WHERE id = $1";
        let clear = sqlx::query(clear).bind(id).bind(serde_json::to_value(content).unwrap());
        assert_eq!(clear.execute(&self.database).await.unwrap().rows_affected(), 1);
    }

    /// Takes a message out of the ledger as if it had never been ingested; or, with `delivery_only`, its delivery.
    async fn forget(&self, pair: &str, message: &str, delivery_only: bool) {
        let pair: PairId = pair.parse().unwrap();
        let message: i64 = message.parse().unwrap();
        let delivery = "SELECT d.pair_id, d.seq FROM deliveries d JOIN source_messages s ON s.id = d.source_message_id
                        WHERE d.pair_id = $1 AND s.message_id = $2";
        let source: sqlx::types::Uuid = sqlx::query_scalar(
            "SELECT d.source_message_id FROM deliveries d JOIN source_messages s ON s.id = d.source_message_id
             WHERE d.pair_id = $1 AND s.message_id = $2",
        )
        .bind(pair.as_uuid())
        .bind(message)
        .fetch_one(&self.database)
        .await
        .unwrap();
        for table in ["delivery_events", "destination_messages", "deliveries"] {
            let sql = format!("DELETE FROM {table} WHERE (pair_id, seq) IN ({delivery})");
            let done = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(pair.as_uuid()).bind(message);
            done.execute(&self.database).await.unwrap();
        }
        if !delivery_only {
            let sql = "DELETE FROM source_messages WHERE id = $1";
            sqlx::query(sql).bind(source).execute(&self.database).await.unwrap();
        }
    }
}

#[tokio::test]
async fn nothing_is_missing_and_what_was_deleted_is_not() {
    let stack = harness::shared().await;
    let scene = Scene::new(&stack).await;
    let (telegram, _) = scene.say("one").await;
    scene.say("two").await;
    scene.both_hold(&["one", "two"]).await;
    for pair in [&scene.forth, &scene.backward] {
        let report = scene.reconcile(pair, false).await;
        assert_eq!((&report["state"], &report["checked"], &report["missing"]), (&json!("done"), &json!(2), &json!(0)));
        assert!(report["finished_at"].is_string() && report["missing_messages"] == json!([]), "{report:#}");
    }
    scene.world.controls.telegram.delete(scene.source, telegram.parse().unwrap()).await.unwrap();
    let report = scene.reconcile(&scene.forth, true).await;
    assert_eq!((&report["checked"], &report["missing"], &report["repaired"]), (&json!(1), &json!(0), &json!(0)));
}

#[tokio::test]
async fn what_is_missing_is_told_and_repaired_once() {
    let stack = harness::shared().await;
    let scene = Scene::new(&stack).await;
    scene.say("one").await;
    scene.both_hold(&["one"]).await;
    // While the pairs are paused the messages are recorded and not sent.
    for pair in [&scene.forth, &scene.backward] {
        scene.world.api.pause(pair).await.unwrap();
    }
    let (telegram, discord) = scene.say("two").await;
    scene.say("three").await;
    for (pair, message, delivery_only) in [(&scene.forth, &telegram, false), (&scene.backward, &discord, true)] {
        scene.world.deliveries(pair, |found| found.len() == 3).await;
        scene.forget(pair, message, delivery_only).await;
        let told = scene.reconcile(pair, false).await;
        assert_eq!(
            (&told["checked"], &told["missing"], &told["repaired"]),
            (&json!(3), &json!(1), &json!(0)),
            "{told:#}"
        );
        assert_eq!(told["missing_messages"][0]["source_message_id"], json!(message));
        assert!(told["missing_messages"][0]["sent_at"].is_string());
        let repaired = scene.reconcile(pair, true).await;
        assert_eq!((&repaired["missing"], &repaired["repaired"]), (&json!(1), &json!(1)), "{repaired:#}");
        let again = scene.reconcile(pair, true).await;
        assert_eq!((&again["missing"], &again["repaired"]), (&json!(0), &json!(0)), "{again:#}");
        scene.world.api.resume(pair).await.unwrap();
    }
    scene.both_hold(&["one", "three", "two"]).await;
}

#[tokio::test]
async fn missed_edits_and_deletions_are_told_and_repaired() {
    let stack = harness::shared().await;
    let scene = Scene::new(&stack).await;
    let (kept, _) = scene.say("one").await;
    let (gone, _) = scene.say("two").await;
    scene.both_hold(&["one", "two"]).await;
    scene.world.controls.telegram.delete(scene.source, gone.parse().unwrap()).await.unwrap();
    scene.world.discord_holds(&scene.bot.channel, &["one"]).await;
    // As if the ledger had heard neither of an edit nor of the deletion.
    scene.misremember(&kept, "won").await;
    let revived = sqlx::query("UPDATE source_messages SET deleted = false WHERE message_id = $1 AND chat_id = $2");
    let revived = revived.bind(gone.parse::<i64>().unwrap()).bind(scene.source);
    assert!(revived.execute(&scene.database).await.unwrap().rows_affected() > 0);
    let found = |report: &Value| {
        ["checked", "missing", "missing_edits", "missing_deletions", "repaired"]
            .map(|name| report[name].as_i64().unwrap())
    };
    let told = scene.reconcile(&scene.forth, false).await;
    assert_eq!(found(&told), [1, 0, 1, 1, 0], "{told:#}");
    let listed: Vec<_> = told["missing_messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["kind"], &one["source_message_id"]))
        .collect();
    assert_eq!(listed, [(&json!("edit"), &json!(kept)), (&json!("deletion"), &json!(gone))]);
    let repaired = scene.reconcile(&scene.forth, true).await;
    assert_eq!(found(&repaired), [1, 0, 1, 1, 2], "{repaired:#}");
    let again = scene.reconcile(&scene.forth, true).await;
    assert_eq!(found(&again), [1, 0, 0, 0, 0], "{again:#}");
    scene.world.discord_holds(&scene.bot.channel, &["one"]).await;
}

#[tokio::test]
async fn threads_are_compared_too() {
    let stack = harness::shared().await;
    let scene = Scene::new(&stack).await;
    let (discord, source) = (&scene.world.controls.discord, &scene.back_source);
    let mut threads = Vec::new();
    for name in ["first", "second"] {
        threads.push(discord.create_thread(&source.guild, &source.channel, name).await.unwrap());
    }
    scene.world.api.pause(&scene.backward).await.unwrap();
    let human = &scene.back_source.human;
    discord.say(&scene.back_source.channel, human, "one").await.unwrap();
    discord.say(&threads[0], human, "two").await.unwrap();
    let lost = discord.say(&threads[1], human, "three").await.unwrap();
    scene.world.deliveries(&scene.backward, |found| found.len() == 3).await;
    scene.forget(&scene.backward, &lost, false).await;
    let told = scene.reconcile(&scene.backward, true).await;
    assert_eq!((&told["checked"], &told["missing"], &told["repaired"]), (&json!(3), &json!(1), &json!(1)), "{told:#}");
    assert_eq!(told["missing_messages"][0]["source_message_id"], json!(lost));
    let again = scene.reconcile(&scene.backward, false).await;
    assert_eq!((&again["checked"], &again["missing"]), (&json!(3), &json!(0)), "{again:#}");
    scene.world.api.resume(&scene.backward).await.unwrap();
    scene.world.telegram_holds(scene.back, &["one", "two", "three"]).await;
}

#[tokio::test]
async fn a_history_that_may_not_be_read_is_not_taken_for_deleted() {
    let stack = harness::shared().await;
    let scene = Scene::new(&stack).await;
    scene.say("one").await;
    scene.both_hold(&["one"]).await;
    scene.world.deny(&scene.back_source, &["READ_MESSAGE_HISTORY"]).await;
    let told = scene.reconcile(&scene.backward, true).await;
    assert_eq!((&told["state"], &told["reason_code"]), (&json!("failed"), &json!("missing_permission")), "{told:#}");
    assert_eq!((&told["missing_deletions"], &told["repaired"]), (&json!(0), &json!(0)), "{told:#}");
    scene.world.deny(&scene.back_source, &[]).await;
    let told = scene.reconcile(&scene.backward, true).await;
    assert_eq!((&told["state"], &told["checked"]), (&json!("done"), &json!(1)), "{told:#}");
    assert_eq!((&told["missing"], &told["missing_deletions"]), (&json!(0), &json!(0)), "{told:#}");
    scene.both_hold(&["one"]).await;
}

#[tokio::test]
async fn asking_twice_is_one_reconciliation() {
    let stack = harness::shared().await;
    let scene = Scene::new(&stack).await;
    scene.say("one").await;
    scene.both_hold(&["one"]).await;
    let path = format!("/pairs/{}/reconcile", scene.forth);
    let id = scene.without_workflow(&scene.forth).await;
    let begun: Value = scene.world.api.http().post(&path, &json!({ "repair": true })).await.unwrap();
    assert_eq!((&begun["id"], &begun["repair"]), (&json!(id.to_string()), &json!(false)));
    assert_eq!(scene.finished(&scene.forth, &begun["id"]).await["state"], "done");
    let stranger = World::new(&stack).await;
    stranger.refused(&path, json!({}), 404, "pair_not_found").await;
    scene.world.refused(&path, json!({ "repare": true }), 422, "invalid_body").await;
}

#[tokio::test]
async fn the_sweep_starts_what_was_left_without_a_workflow() {
    let stack = harness::shared().await;
    let scene = Scene::new(&stack).await;
    let id = scene.without_workflow(&scene.backward).await;
    crate::histories::sweep(&crate::histories::temporal(&stack).await).await;
    let report = scene.finished(&scene.backward, &json!(id.to_string())).await;
    assert_eq!(report["state"], "done", "{report:#}");
}
