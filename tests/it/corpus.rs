//! The corpus beyond the renderer's own tests: read by another reader, and sent through the whole system.

use std::{fs, path::Path, time::Duration};

use sandbox::scene::until;
use serde_json::{Value, json};

use crate::{
    harness,
    world::{World, place},
};

/// How long reading the corpus may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long all of it may be on its way.
const JOURNEY_PATIENCE: Duration = Duration::from_secs(180);
/// The longest text that Discord takes from a bot's peer, in UTF-16 units.
const DISCORD_MAX: usize = 2_000;

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The cases of a file that go from `from` to the other platform and need nothing but their text.
fn cases(file: &str, from: &str) -> Vec<Value> {
    let text = fs::read_to_string(root().join("domain/corpus").join(file)).expect("the corpus is there");
    let cases: Vec<Value> = serde_json::from_str(&text).expect("the corpus is JSON");
    let mut cases = cases;
    cases.retain(|case| case["from"] == from && case["to"] != from && case["names"].is_null());
    cases
}

/// A text of the corpus: a string, or pieces of which some are repeated.
fn whole(text: &Value) -> String {
    let piece = |piece: &Value| match piece.as_str() {
        Some(text) => text.to_owned(),
        None => {
            let times = piece["times"].as_u64().and_then(|times| usize::try_from(times).ok()).expect("a number");
            piece["repeat"].as_str().expect("a unit").repeat(times)
        }
    };
    match text {
        Value::Array(pieces) => pieces.iter().map(piece).collect(),
        one => piece(one),
    }
}

/// Spans of the corpus as the Telegram control API has entities.
fn entities(spans: &Value) -> Vec<Value> {
    let entity = |span: &Value| {
        let (offset, length, more) = (&span[1], &span[2], &span[3]);
        match span[0].as_str().expect("a style has a name") {
            "quote" => json!({ "type": "blockquote", "offset": offset, "length": length }),
            "link" => json!({ "type": "text_link", "offset": offset, "length": length, "url": more }),
            "pre" => json!({ "type": "pre", "offset": offset, "length": length, "language": more }),
            "custom_emoji" => {
                json!({ "type": "custom_emoji", "offset": offset, "length": length, "custom_emoji_id": more })
            }
            name => json!({ "type": name, "offset": offset, "length": length }),
        }
    };
    spans.as_array().into_iter().flatten().map(entity).collect()
}

/// Entities in an order of their own, without those that Telegram finds by itself.
fn sorted(mut entities: Vec<Value>) -> Vec<Value> {
    entities.retain(|entity| {
        !matches!(
            entity["type"].as_str(),
            Some("url" | "mention" | "hashtag" | "email" | "cashtag" | "bot_command" | "phone_number")
        )
    });
    entities.sort_by_key(|entity| (entity["offset"].as_u64(), entity["type"].to_string()));
    entities
}

#[tokio::test]
async fn another_reader_sees_the_same_in_what_is_expected() {
    let root = root();
    let python = root.join(".local/venv/bin/python");
    assert!(python.exists(), "{} is missing: run scripts/setup", python.display());
    let reading = tokio::process::Command::new(python)
        .args([root.join("tests/fidelity/corpus_check.py"), root.join("domain/corpus")])
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, reading).await.expect("the reading ends").expect("python runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "the other reader does not agree: {err}");
    assert!(out.contains("cases read"), "{out}{err}");
}

#[tokio::test]
async fn telegram_texts_arrive_on_discord_as_expected() {
    let stack = harness::exclusive().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let source = world.channel(&person, &[]).await;
    let (reader, writer) = (world.link_person(&person).await, world.link_bot(&bot).await);
    world.pair(place(&reader, source), place(&writer, &bot.channel)).await;
    world.controls.discord.limits(false).await.unwrap();
    let cases = cases("telegram_text.json", "telegram");
    assert!(cases.len() >= 140, "{}", cases.len());
    for case in &cases {
        let message = json!({
            "from": person.user, "text": whole(&case["text"]), "entities": entities(&case["spans"]),
        });
        world
            .controls
            .telegram
            .post(source, &message)
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", case["name"]));
    }
    let wanted: Vec<(String, &Value)> = cases
        .iter()
        .flat_map(|case| case["expect"].as_array().into_iter().flatten().map(move |part| (part, &case["name"])))
        .map(|(part, name)| (whole(&part["markdown"]), name))
        .collect();
    let mut found = Vec::new();
    let all = until("all of the corpus", JOURNEY_PATIENCE, async || {
        found = world.discord_texts(&bot.channel).await;
        Ok((found.len() >= wanted.len()).then_some(()))
    });
    let arrived = all.await;
    world.controls.discord.limits(true).await.unwrap();
    for (found, (wanted, name)) in found.iter().zip(&wanted) {
        assert_eq!(found, wanted, "{name}");
    }
    assert!(arrived.is_ok() && found.len() == wanted.len(), "{} of {}", found.len(), wanted.len());
}

#[tokio::test]
async fn discord_texts_arrive_on_telegram_as_expected() {
    let stack = harness::exclusive().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let destination = world.channel(&person, &[]).await;
    let (writer, reader) = (world.link_person(&person).await, world.link_bot(&bot).await);
    world.pair(place(&reader, &bot.channel), place(&writer, destination)).await;
    let mut cases = cases("discord_text.json", "discord");
    cases.retain(|case| whole(&case["content"]).encode_utf16().count() <= DISCORD_MAX);
    assert!(cases.len() >= 65, "{}", cases.len());
    for case in &cases {
        let said = world.controls.discord.say(&bot.channel, &bot.human, &whole(&case["content"])).await;
        said.unwrap_or_else(|error| panic!("{}: {error}", case["name"]));
    }
    let wanted: Vec<(&Value, &Value)> = cases
        .iter()
        .flat_map(|case| case["expect"].as_array().into_iter().flatten().map(move |part| (part, &case["name"])))
        .collect();
    let mut found = Vec::new();
    let all = until("all of the corpus", JOURNEY_PATIENCE, async || {
        found = world.controls.telegram.messages(destination).await?;
        Ok((found.len() >= wanted.len()).then_some(()))
    });
    let arrived = all.await;
    for (found, (wanted, name)) in found.iter().zip(&wanted) {
        assert_eq!(found.text, whole(&wanted["text"]), "{name}");
        let entities_found = found.entities.as_array().cloned().unwrap_or_default();
        assert_eq!(sorted(entities_found), sorted(entities(&wanted["spans"])), "{name}");
    }
    assert!(arrived.is_ok() && found.len() == wanted.len(), "{} of {}", found.len(), wanted.len());
}
