//! The administration of sessions and queues: seen live, mended one by one and many at once.

use reqwest::Method;
use sandbox::scene;
use serde_json::{Value, json};

use crate::{
    harness,
    staff::Staff,
    world::{Bot, Person, World, assert_refused, place},
};

/// A tenant with three pairs from one Telegram channel to three of Discord.
struct Scene {
    world: World,
    user: String,
    person: Person,
    bot: Bot,
    source: i64,
    reader: String,
    writer: String,
    ways: Vec<(String, String)>,
}

impl Scene {
    async fn new(world: World) -> Self {
        let user = scene::user_id(&world.api).await.unwrap();
        let (person, bot) = (world.person(None).await, world.bot().await);
        let source = world.channel(&person, &[]).await;
        let (reader, writer) = (world.link_person(&person).await, world.link_bot(&bot).await);
        let mut ways = Vec::new();
        for name in ["first", "second", "third"] {
            let channel = world.controls.discord.create_channel(&bot.guild, name).await.unwrap();
            let pair = world.pair(place(&reader, source), place(&writer, &channel)).await.id;
            ways.push((channel, pair));
        }
        Self { world, user, person, bot, source, reader, writer, ways }
    }

    async fn say(&self, text: &str) {
        self.world.controls.telegram.say(self.source, self.person.user, text).await.unwrap();
    }

    /// Waits until every channel holds exactly these texts.
    async fn all_hold(&self, texts: &[&str]) {
        for (channel, _) in &self.ways {
            self.world.discord_holds(channel, texts).await;
        }
    }

    /// Discord refuses the next message of each channel for good, and one is written.
    async fn refuse_on_all(&self, text: &str) {
        for (channel, _) in &self.ways {
            let fault = json!({ "kind": "server_error", "status": 400, "channel": channel, "times": 1 });
            self.world.controls.discord.fault(&fault).await.unwrap();
        }
        self.say(text).await;
        for (_, pair) in &self.ways {
            self.world.deliveries(pair, |found| found.iter().filter(|one| one["state"] == "dead").count() == 1).await;
        }
    }

    async fn states(&self) -> Vec<Value> {
        let mut states = Vec::new();
        for (_, pair) in &self.ways {
            states.push(self.world.read_pair(pair).await["status"].clone());
        }
        states
    }
}

#[tokio::test]
async fn accounts_and_pairs_of_all_users_are_seen_live() {
    let stack = harness::shared().await;
    let staff = Staff::new(&stack, "support").await;
    let scene = Scene::new(World::new(&stack).await).await;
    scene.say("one").await;
    scene.all_hold(&["one"]).await;
    let of_user = format!("user={}", scene.user);

    let idle = |list: &Value| list["accounts"].as_array().unwrap().iter().all(|one| one["open"] == 0);
    let accounts = staff.sees(&format!("/accounts?{of_user}"), idle).await["accounts"].as_array().unwrap().clone();
    assert_eq!(accounts.len(), 2);
    let writer = accounts.iter().find(|one| one["id"] == json!(scene.writer)).unwrap();
    assert_eq!(
        (&writer["status"], &writer["pairs"], &writer["platform"]),
        (&json!("online"), &json!(3), &json!("discord"))
    );
    assert_eq!((&writer["lag_seconds"], &writer["open"]), (&json!(0.0), &json!(0)), "{writer:#}");
    let host = writer["host"].as_str().unwrap();
    for (count, query) in [
        (1, "state=online&platform=telegram".to_owned()),
        (0, "state=banned".to_owned()),
        (2, format!("host={host}")),
        (0, "host=nobody".to_owned()),
        (0, "min_lag_seconds=1".to_owned()),
    ] {
        let found = staff.get(&format!("/accounts?{of_user}&{query}")).await;
        assert_eq!(found["accounts"].as_array().map(Vec::len), Some(count), "{query}: {found:#}");
    }
    let page = staff.get(&format!("/accounts?{of_user}&limit=1")).await;
    let next = page["next"].as_str().unwrap();
    let last = staff.get(&format!("/accounts?{of_user}&limit=1&before={next}")).await;
    assert!(last["next"].is_null() && last["accounts"][0]["id"].as_str().unwrap() < next, "{last:#}");

    let pairs = staff.get(&format!("/pairs?{of_user}")).await["pairs"].as_array().unwrap().clone();
    assert_eq!(pairs.len(), 3);
    assert_eq!((&pairs[0]["id"], &pairs[0]["host"]), (&json!(scene.ways[2].1), &json!(host)), "the newest comes first");
    assert_eq!(pairs[0]["source_account"], json!(scene.reader));
    for (count, query) in [
        (3, "state=active&platform=discord".to_owned()),
        (0, "state=blocked".to_owned()),
        (3, format!("host={host}")),
        (3, format!("account={}", scene.reader)),
        (0, "min_lag_seconds=1".to_owned()),
    ] {
        let found = staff.get(&format!("/pairs?{of_user}&{query}")).await;
        assert_eq!(found["pairs"].as_array().map(Vec::len), Some(count), "{query}: {found:#}");
    }
    for query in ["state=happy", "platform=icq", "min_lag_seconds=-1", "account=x"] {
        let refused = staff.try_call(Method::GET, &format!("/pairs?{query}"), &Value::Null).await.unwrap_err();
        assert_refused(&refused, 422, "invalid_query");
    }
}

#[tokio::test]
async fn an_account_is_connected_anew_and_a_blocked_queue_begins_again() {
    let stack = harness::shared().await;
    let staff = Staff::new(&stack, "support").await;
    let scene = Scene::new(World::new(&stack).await).await;
    let (channel, pair) = scene.ways[0].clone();
    scene.say("one").await;
    scene.all_hold(&["one"]).await;
    let reconnect = format!("/accounts/{}/reconnect", scene.writer);
    for _ in 0..2 {
        staff.act(&reconnect).await;
    }
    scene.say("two").await;
    scene.all_hold(&["one", "two"]).await;
    assert_eq!(staff.audit(&scene.user, "account.reconnect").await.len(), 2);

    let denied = Bot { channel: channel.clone(), ..copy(&scene.bot) };
    scene.world.deny(&denied, &["SEND_MESSAGES"]).await;
    scene.say("three").await;
    let blocked = format!("/pairs?user={}&state=blocked", scene.user);
    let found = staff.sees(&blocked, |answer| answer["pairs"].as_array().is_some_and(|pairs| !pairs.is_empty())).await;
    let found = &found["pairs"][0];
    assert_eq!((&found["id"], &found["open"]), (&json!(pair), &json!(1)), "{found:#}");
    assert!(found["last_error"]["code"].is_string() && found["waiting_for"].is_string(), "{found:#}");
    let errors = staff.get(&format!("/errors?pair={pair}")).await;
    assert_eq!(errors["errors"][0]["user"], json!(scene.user), "{errors:#}");
    scene.world.deny(&denied, &[]).await;
    let restart = format!("/pairs/{pair}/restart");
    for _ in 0..2 {
        assert_eq!(staff.act(&restart).await["status"], "active");
    }
    scene.all_hold(&["one", "two", "three"]).await;
    let log = staff.audit(&scene.user, "pair.restart").await;
    assert_eq!((log.len(), &log[1]["old"]["status"]), (2, &json!("blocked")), "{log:#?}");

    scene.world.api.pause(&pair).await.unwrap();
    let refused = staff.try_call(Method::POST, &restart, &json!({ "reason": "a test" })).await.unwrap_err();
    assert_refused(&refused, 409, "pair_paused");
    scene.world.api.resume(&pair).await.unwrap();
    let path = format!("/accounts/{}/pause", scene.reader);
    let _: Value = scene.world.api.http().post(&path, &json!({})).await.unwrap();
    scene.world.status(&scene.reader, "paused").await;
    let path = format!("/accounts/{}/reconnect", scene.reader);
    let refused = staff.try_call(Method::POST, &path, &json!({ "reason": "a test" })).await.unwrap_err();
    assert_refused(&refused, 409, "wrong_state");
}

fn copy(bot: &Bot) -> Bot {
    Bot {
        id: bot.id.clone(),
        token: bot.token.clone(),
        guild: bot.guild.clone(),
        channel: bot.channel.clone(),
        human: bot.human.clone(),
    }
}

#[tokio::test]
async fn all_pairs_of_a_user_are_paused_resumed_and_deleted() {
    let stack = harness::shared().await;
    let staff = Staff::new(&stack, "admin").await;
    let scene = Scene::new(World::new(&stack).await).await;
    scene.say("one").await;
    scene.all_hold(&["one"]).await;
    let pairs = |what: &str| format!("/users/{}/pairs/{what}", scene.user);

    let paused = staff.ended(&staff.act(&pairs("pause")).await).await;
    let progress =
        |act: &Value| (act["state"].clone(), act["total"].clone(), act["done"].clone(), act["failed"].clone());
    let done = |count: i64| (json!("done"), json!(count), json!(count), json!(0));
    assert_eq!(progress(&paused), done(3), "{paused:#}");
    assert_eq!(scene.states().await, ["paused", "paused", "paused"]);
    let again = staff.ended(&staff.act(&pairs("pause")).await).await;
    assert_eq!(progress(&again), done(0), "{again:#}");
    scene.say("two").await;

    let resumed = staff.ended(&staff.act(&pairs("resume")).await).await;
    assert_eq!(progress(&resumed), done(3), "{resumed:#}");
    scene.all_hold(&["one", "two"]).await;
    let listed = staff.get("/bulk-acts?kind=resume_pairs&state=done").await;
    let mine = listed["bulk_acts"].as_array().unwrap().iter().find(|act| act["id"] == resumed["id"]).unwrap();
    assert_eq!((&mine["scope"]["user"], &mine["started_by"]), (&json!(scene.user), &json!(staff.id)), "{mine:#}");
    let cancel = format!("/bulk-acts/{}/cancel", resumed["id"].as_str().unwrap());
    for _ in 0..2 {
        let ended = staff.act(&cancel).await;
        assert_eq!((&ended["state"], &ended["cancel_requested_at"]), (&json!("done"), &Value::Null), "{ended:#}");
    }

    let deleted = staff.ended(&staff.act(&pairs("delete")).await).await;
    assert_eq!(progress(&deleted), done(3), "{deleted:#}");
    let left: Value = scene.world.api.http().get("/pairs").await.unwrap();
    assert_eq!(left["pairs"], json!([]));
    let log = staff.audit(&scene.user, "bulk.").await;
    let actions: Vec<_> = log.iter().rev().map(|entry| entry["action"].as_str().unwrap()).collect();
    let one = |kind: &'static str| [kind, "bulk.end"];
    let expected = [one("bulk.pause_pairs"), one("bulk.pause_pairs"), one("bulk.resume_pairs")].concat();
    assert_eq!(&actions[..6], expected, "{log:#?}");
    assert_eq!(&actions[6..], ["bulk.cancel", "bulk.cancel", "bulk.delete_pairs", "bulk.end"], "{log:#?}");
    assert_eq!(log[0]["new"]["done"], 3);
}

#[tokio::test]
async fn dead_letters_are_retried_and_discarded_in_bulk() {
    let stack = harness::shared().await;
    let staff = Staff::new(&stack, "admin").await;
    let scene = Scene::new(World::new(&stack).await).await;
    scene.refuse_on_all("refused").await;
    let troubled = staff.get(&format!("/users?q={}&trouble=true", scene.user)).await;
    assert_eq!(troubled["users"].as_array().map(Vec::len), Some(1), "{troubled:#}");
    let letters = async |what: &str, mut scope: Value| {
        scope["reason"] = json!("a test");
        staff.ended(&staff.post(&format!("/dead-letters/{what}"), scope).await).await["done"].clone()
    };
    let (_, first) = &scene.ways[0];
    let user = &scene.user;
    assert_eq!(letters("retry", json!({ "user": user, "code": "no_such_code" })).await, 0);
    assert_eq!(letters("retry", json!({ "user": user, "until": "2020-01-01T00:00:00Z" })).await, 0);
    assert_eq!(letters("retry", json!({ "pair": first })).await, 1);
    scene.world.discord_holds(&scene.ways[0].0, &["refused"]).await;
    assert_eq!(letters("retry", json!({ "user": user, "from": "2020-01-01T00:00:00Z" })).await, 2);
    scene.all_hold(&["refused"]).await;
    assert_eq!(letters("retry", json!({ "user": user })).await, 0);

    scene.refuse_on_all("given up").await;
    assert_eq!(letters("discard", json!({ "user": user })).await, 3);
    assert_eq!(letters("discard", json!({ "user": user })).await, 0);
    let path = format!("/pairs/{first}/messages?state=skipped");
    let skipped: Value = scene.world.api.http().get(&path).await.unwrap();
    let skipped = &skipped["messages"][0];
    assert_eq!(skipped["reason_code"], "discarded");
    assert!(skipped["reason"].as_str().unwrap().starts_with("discarded by the operators"), "{skipped:#}");
    scene.all_hold(&["refused"]).await;
    let empty = staff.try_call(Method::POST, "/dead-letters/retry", &json!({ "reason": "a test" })).await.unwrap_err();
    assert_refused(&empty, 422, "scope_empty");
}
