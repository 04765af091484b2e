//! What a pair is told about its messages: filters, looks, duplicates, active hours, and trying it all beforehand.

mod hours;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::Method;
use sandbox::{client::CallError, stack::Part};
use serde_json::{Value, json};

use crate::{
    harness::{self, on_stack_runtime},
    world::{Bot, Person, World, assert_refused, place},
};

/// A pair with options from a Telegram channel to a Discord channel.
struct Scene {
    world: World,
    person: Person,
    bot: Bot,
    source: i64,
    telegram: String,
    discord: String,
    pair: String,
}

impl Scene {
    async fn new(world: World, options: Value) -> Self {
        let (person, bot) = (world.person(None).await, world.bot().await);
        let source = world.channel(&person, &[]).await;
        let (telegram, discord) = (world.link_person(&person).await, world.link_bot(&bot).await);
        let pair = new_pair(&world, (&telegram, source), (&discord, &bot.channel), options).await;
        Self { world, person, bot, source, telegram, discord, pair }
    }

    async fn say(&self, text: &str) -> i64 {
        self.world.controls.telegram.say(self.source, self.person.user, text).await.unwrap()
    }

    async fn edit(&self, id: i64, text: &str) {
        let path = format!("/chats/{}/messages/{id}", self.source);
        let body = json!({ "text": text });
        let _: Value = self.world.controls.telegram.http().call(Method::PATCH, &path, Some(&body)).await.unwrap();
    }

    async fn document(&self, caption: &str, album: Option<i64>) {
        let file = json!({ "name": "a.txt", "mime": "text/plain", "base64": STANDARD.encode("words") });
        let mut message = json!({ "from": self.person.user, "text": caption, "document": file });
        if let Some(album) = album {
            message["grouped_id"] = json!(album);
        }
        self.world.controls.telegram.post(self.source, &message).await.unwrap();
    }

    async fn change(&self, options: Value) -> Result<Value, CallError> {
        let path = format!("/pairs/{}", self.pair);
        self.world.api.http().call(Method::PATCH, &path, Some(&json!({ "options": options }))).await
    }

    async fn dry_run(&self, body: Value) -> Result<Value, CallError> {
        self.world.api.http().post(&format!("/pairs/{}/dry-run", self.pair), &body).await
    }

    async fn holds(&self, texts: &[&str]) {
        self.world.discord_holds(&self.bot.channel, texts).await;
    }

    /// The reason codes of the pair's deliveries, oldest first, as soon as all of `count` are settled.
    async fn settled(&self, count: usize) -> Vec<Option<String>> {
        let settled = |one: &Value| one["state"] == "sent" || one["state"] == "skipped";
        let found = self.world.deliveries(&self.pair, |found| found.len() == count && found.iter().all(settled)).await;
        found.iter().rev().map(|one| one["reason_code"].as_str().map(str::to_owned)).collect()
    }
}

pub async fn new_pair(world: &World, source: (&str, i64), destination: (&str, &str), options: Value) -> String {
    let body = json!({
        "name": "with options", "source": place(source.0, source.1), "destination": place(destination.0, destination.1),
        "options": options,
    });
    let made: Value = world.api.http().post("/pairs", &body).await.expect("the pair can be made");
    made["id"].as_str().expect("a pair has an id").to_owned()
}

#[tokio::test]
async fn filters_skip_texts_and_captions_and_name_the_rule() {
    let stack = harness::shared().await;
    let deny = json!({ "deny": { "words": ["casino"] }, "media": { "deny": ["document"] } });
    let scene = Scene::new(World::new(&stack).await, deny).await;
    scene.say("good news").await;
    scene.say("the CASINO is open").await;
    scene.document("our casino", None).await;
    scene.document("a file", None).await;
    scene.say("the end").await;
    scene.holds(&["good news", "the end"]).await;
    let codes = scene.settled(5).await;
    let codes: Vec<_> = codes.iter().map(Option::as_deref).collect();
    assert_eq!(codes, [None, Some("denied_word"), Some("media_denied"), Some("media_denied"), None]);
    let found = scene.world.deliveries(&scene.pair, |found| found.len() == 5).await;
    assert_eq!(found[3]["reason"], "deny.words[0]: the text holds “casino”");
    assert_eq!(found[3]["steps"][0]["kind"], "skipped");
}

#[tokio::test]
async fn an_album_is_judged_as_a_whole() {
    let stack = harness::shared().await;
    let options = json!({ "allow": { "words": ["yes"] }, "deny": { "words": ["casino"] } });
    let scene = Scene::new(World::new(&stack).await, options).await;
    for (album, captions) in [(901, ["", "a casino, yes"]), (902, ["yes", ""]), (903, ["", "neither"])] {
        for caption in captions {
            scene.document(caption, Some(album)).await;
        }
    }
    scene.say("yes, the end").await;
    scene.holds(&["yes", "yes, the end"]).await;
    let messages = scene.world.controls.discord.messages(&scene.bot.channel).await.unwrap();
    assert_eq!(messages[0].rest["attachments"].as_array().map(Vec::len), Some(2), "both files of the album");
    let codes = scene.settled(7).await;
    let rules: Vec<&str> = codes.iter().flatten().map(String::as_str).filter(|code| *code != "album").collect();
    assert_eq!(rules, ["denied_word", "no_allowed_word"]);
}

#[tokio::test]
async fn a_message_looks_as_the_pair_wants_and_so_does_its_edit() {
    let stack = harness::shared().await;
    let options = json!({
        "header": "**News**", "footer": "{link:source}", "strip_links": true,
        "replace": [{ "pattern": "(?i)\\bcat(s?)\\b", "with": "dog$1" }],
    });
    let scene = Scene::new(World::new(&stack).await, options).await;
    let id = scene.say("Cats see https://cats.example now").await;
    let link = format!("https://t.me/c/{}/{id}", -1_000_000_000_000 - scene.source);
    let wanted = |text: &str| format!("**News**\n{text}\n[source](<{link}>)").replace("(<", "(").replace(">)", ")");
    let plain = |text: &str| text.replace(['<', '>'], "");
    let holds = async |text: &str| {
        let wanted = wanted(text);
        let shown = |found: &[String]| found.len() == 1 && plain(&found[0]) == wanted;
        scene.world.deliveries_in(&scene.bot.channel, shown).await;
    };
    holds("dogs see now").await;
    scene.edit(id, "my cat").await;
    holds("my dog").await;
}

#[tokio::test]
async fn an_edit_of_what_a_filter_refused_is_not_carried_and_a_word_that_an_edit_brings_in_stays_out() {
    let stack = harness::shared().await;
    let scene = Scene::new(World::new(&stack).await, json!({ "deny": { "words": ["casino"] } })).await;
    let (refused, carried) = (scene.say("casino").await, scene.say("fine").await);
    scene.holds(&["fine"]).await;
    scene.edit(refused, "harmless").await;
    scene.edit(carried, "casino now").await;
    scene.say("the end").await;
    scene.holds(&["fine", "the end"]).await;
    let found = scene
        .world
        .deliveries(&scene.pair, |found| {
            found.iter().any(|one| one["reason_code"] == "denied_word" && one["operation"] == "edit")
        })
        .await;
    assert!(found.iter().all(|one| one["state"] != "dead"), "{found:#?}");
    assert_eq!(scene.world.discord_texts(&scene.bot.channel).await, ["fine", "the end"]);
    scene.change(json!({ "carry_edits": false })).await.unwrap();
    scene.edit(carried, "fine again").await;
    scene.world.deliveries(&scene.pair, |found| found.iter().any(|one| one["reason_code"] == "edits_off")).await;
    assert_eq!(scene.world.discord_texts(&scene.bot.channel).await, ["fine", "the end"]);
}

#[tokio::test]
async fn a_word_that_an_edit_brings_into_a_waiting_message_stops_it() {
    let stack = harness::shared().await;
    let scene = Scene::new(World::new(&stack).await, json!({ "deny": { "words": ["casino"] } })).await;
    scene.world.api.pause(&scene.pair).await.unwrap();
    let id = scene.say("fine").await;
    scene.world.deliveries(&scene.pair, |found| found.len() == 1).await;
    scene.edit(id, "casino").await;
    scene.say("the end").await;
    let folded =
        |found: &[Value]| found.len() == 2 && found[1]["steps"].as_array().is_some_and(|steps| steps.len() > 1);
    scene.world.deliveries(&scene.pair, folded).await;
    scene.world.api.resume(&scene.pair).await.unwrap();
    scene.holds(&["the end"]).await;
    assert_eq!(scene.settled(2).await, [Some("denied_word".to_owned()), None]);
}

#[tokio::test]
async fn the_same_content_is_carried_once_across_pairs_and_a_restart() {
    let stack = harness::exclusive().await;
    let options = json!({ "duplicates": { "window_seconds": 3_600, "scope": "destination" } });
    let scene = Scene::new(World::new(&stack).await, options.clone()).await;
    let other = scene.world.channel(&scene.person, &[]).await;
    let second = new_pair(&scene.world, (&scene.telegram, other), (&scene.discord, &scene.bot.channel), options).await;
    scene.say("Breaking news").await;
    scene.holds(&["Breaking news"]).await;
    let running = stack.stack();
    on_stack_runtime(running.kill_part(Part::Worker)).await;
    scene.say("breaking  NEWS").await;
    scene.world.controls.telegram.say(other, scene.person.user, "breaking news").await.unwrap();
    on_stack_runtime(running.start_part(Part::Worker)).await.unwrap();
    scene.say("something else").await;
    scene.holds(&["Breaking news", "something else"]).await;
    assert_eq!(scene.settled(3).await, [None, Some("duplicate".to_owned()), None]);
    let elsewhere = scene.world.deliveries(&second, |found| found.len() == 1 && found[0]["state"] == "skipped").await;
    assert_eq!(elsewhere[0]["reason_code"], "duplicate");
}

#[tokio::test]
async fn options_are_shown_merged_and_refused_with_every_wrong_field() {
    let stack = harness::shared().await;
    let scene = Scene::new(World::new(&stack).await, json!({ "header": "h", "deny": { "words": ["x"] } })).await;
    let shown = scene.world.read_pair(&scene.pair).await;
    assert_eq!((&shown["options"]["header"], &shown["options"]["deny"]["words"]), (&json!("h"), &json!(["x"])));
    assert_eq!((&shown["options"]["carry_edits"], &shown["options"]["time_zone"]), (&json!(true), &json!("UTC")));
    let changed = scene.change(json!({ "header": null, "footer": "f" })).await.unwrap();
    assert_eq!((&changed["options"]["header"], &changed["options"]["footer"]), (&Value::Null, &json!("f")));
    assert_eq!(changed["options"]["deny"]["words"], json!(["x"]));
    let wrong = json!({ "headr": "x", "footer": 3, "deny": { "regexes": ["("] }, "time_zone": "Mars" });
    let refusal = scene.change(wrong).await.unwrap_err();
    assert_refused(&refusal, 422, "invalid_options");
    let said = refusal.to_string();
    for field in ["options.deny.regexes[0]", "options.footer", "options.headr", "options.time_zone"] {
        assert!(said.contains(field), "{field} is not in {said}");
    }
    assert_eq!(scene.world.read_pair(&scene.pair).await["options"]["footer"], "f", "nothing was changed");
}

#[tokio::test]
async fn a_dry_run_says_what_would_become_of_a_message_and_carries_nothing() {
    let stack = harness::shared().await;
    let (world, stranger) = (World::new(&stack).await, World::new(&stack).await);
    let scene = Scene::new(world, json!({ "template": "{author}: {text}", "deny": { "words": ["casino"] } })).await;
    let sample = |text: &str| json!({ "text": text, "author": { "id": "7", "name": "Ada" }, "media": [{ "kind": "photo", "size_bytes": 10 }] });
    let found = scene.dry_run(json!({ "message": sample("*hi*") })).await.unwrap();
    assert_eq!((&found["decision"], &found["rule"]), (&json!("carry"), &Value::Null), "{found:#}");
    assert_eq!(found["parts"][0]["text"], "Ada: \\*hi\\*");
    assert_eq!((&found["parts"][0]["kind"], &found["parts"][0]["attachments"]), (&json!("media"), &json!([0])));
    assert_eq!(found["trace"], json!([{ "rule": "deny", "outcome": "passed", "detail": "none of 1 entries occurs" }]));
    let found = scene.dry_run(json!({ "message": sample("a Casino") })).await.unwrap();
    assert_eq!(
        (&found["decision"], &found["rule"], &found["code"]),
        (&json!("skip"), &json!("deny.words[0]"), &json!("denied_word"))
    );
    assert_eq!((&found["parts"], &found["due_at"]), (&json!([]), &Value::Null));
    let unsaved = json!({ "message": sample("hi"), "options": { "media": { "size_bytes_max": 9 } } });
    assert_eq!(scene.dry_run(unsaved).await.unwrap()["code"], "media_size");
    let received = scene.say("the casino").await;
    scene.settled(1).await;
    let stored = json!({ "source_message_id": received.to_string(), "options": { "deny": null } });
    assert_eq!(scene.dry_run(stored).await.unwrap()["decision"], "carry");
    assert!(scene.world.discord_texts(&scene.bot.channel).await.is_empty());
    let refused = async |body: Value, status, code: &str| {
        assert_refused(&scene.dry_run(body).await.expect_err(code), status, code);
    };
    refused(json!({}), 422, "invalid_body").await;
    refused(json!({ "source_message_id": "987654" }), 404, "message_not_found").await;
    refused(json!({ "message": sample("x"), "options": { "allow": 1 } }), 422, "invalid_options").await;
    let path = format!("/pairs/{}/dry-run", scene.pair);
    stranger.refused(&path, json!({ "message": sample("x") }), 404, "pair_not_found").await;
}
