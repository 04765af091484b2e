//! The corpus beyond the renderer's own tests: read by another reader, and sent through the whole system, from each
//! platform to both.

mod table;

use std::time::Duration;

use sandbox::scene::until;
use serde_json::json;

use self::table::{Case, Part, cases, parts, sorted};
use crate::{
    harness,
    world::{Bot, Person, World, place},
};

/// How long reading the corpus may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long all of it may be on its way.
const JOURNEY_PATIENCE: Duration = Duration::from_secs(180);

#[tokio::test]
async fn another_reader_sees_the_same_in_what_is_expected() {
    let root = table::root();
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
async fn telegram_texts_arrive_on_both_platforms_as_expected() {
    let stack = harness::exclusive().await;
    let world = World::new(&stack).await;
    let (person, other, bot) = (world.person(None).await, world.person(None).await, world.bot().await);
    let (source, copy) = (world.channel(&person, &[]).await, world.channel(&other, &[]).await);
    let (own_source, own_copy) = (world.channel(&person, &[]).await, world.channel(&other, &[]).await);
    let (reader, writer) = (world.link_person(&person).await, world.link_person(&other).await);
    let bridge = world.link_bot(&bot).await;
    world.pair(place(&reader, source), place(&bridge, &bot.channel)).await;
    world.pair(place(&reader, source), place(&writer, copy)).await;
    world.pair(place(&reader, own_source), place(&writer, own_copy)).await;
    let (crossing, staying) = (cases("telegram", "discord"), cases("telegram", "telegram"));
    assert!(crossing.len() >= 160 && staying.len() >= 13, "{} and {}", crossing.len(), staying.len());
    write_on_telegram(&world, source, &person, &crossing).await;
    write_on_telegram(&world, own_source, &person, &staying).await;
    discord_shows(&world, &bot.channel, &parts(&crossing, "discord")).await;
    telegram_shows(&world, copy, &parts(&crossing, "telegram")).await;
    telegram_shows(&world, own_copy, &parts(&staying, "telegram")).await;
}

#[tokio::test]
async fn discord_texts_arrive_on_both_platforms_as_expected() {
    let stack = harness::exclusive().await;
    let world = World::new(&stack).await;
    let (person, bot, other) = (world.person(None).await, world.bot().await, world.bot().await);
    let destination = world.channel(&person, &[]).await;
    let discord = &world.controls.discord;
    let own_source = discord.create_channel(&bot.guild, "own-source").await.expect("a channel can be made");
    let own_copy = discord.create_channel(&other.guild, "own-copy").await.expect("a channel can be made");
    let (reader, writer) = (world.link_bot(&bot).await, world.link_bot(&other).await);
    let bridge = world.link_person(&person).await;
    world.pair(place(&reader, &bot.channel), place(&bridge, destination)).await;
    world.pair(place(&reader, &bot.channel), place(&writer, &other.channel)).await;
    world.pair(place(&reader, &own_source), place(&writer, &own_copy)).await;
    let (crossing, staying) = (cases("discord", "telegram"), cases("discord", "discord"));
    assert!(crossing.len() >= 74 && staying.len() >= 15, "{} and {}", crossing.len(), staying.len());
    write_on_discord(&world, &bot.channel, &bot, &crossing).await;
    write_on_discord(&world, &own_source, &bot, &staying).await;
    telegram_shows(&world, destination, &parts(&crossing, "telegram")).await;
    discord_shows(&world, &other.channel, &parts(&crossing, "discord")).await;
    discord_shows(&world, &own_copy, &parts(&staying, "discord")).await;
}

async fn write_on_telegram(world: &World, dialog: i64, person: &Person, cases: &[Case]) {
    for case in cases {
        let message = json!({ "from": person.user, "text": case.text(), "entities": case.entities() });
        let posted = world.controls.telegram.post(dialog, &message).await;
        posted.unwrap_or_else(|error| panic!("{}: {error}", case.name()));
    }
}

async fn write_on_discord(world: &World, channel: &str, bot: &Bot, cases: &[Case]) {
    for case in cases {
        let said = world.controls.discord.say(channel, &bot.human, &case.text()).await;
        said.unwrap_or_else(|error| panic!("{}: {error}", case.name()));
    }
}

/// Waits until the channel holds as many messages as are wanted; they must be these, letter by letter.
async fn discord_shows(world: &World, channel: &str, wanted: &[Part]) {
    let mut found = Vec::new();
    let all = until("all of the corpus", JOURNEY_PATIENCE, async || {
        found = world.discord_texts(channel).await;
        Ok((found.len() >= wanted.len()).then_some(()))
    });
    let arrived = all.await;
    for (found, wanted) in found.iter().zip(wanted) {
        assert_eq!(*found, wanted.text, "{}", wanted.case);
    }
    assert!(arrived.is_ok() && found.len() == wanted.len(), "{} of {}", found.len(), wanted.len());
}

/// The same for a Telegram chat, with the formatting.
async fn telegram_shows(world: &World, dialog: i64, wanted: &[Part]) {
    let mut found = Vec::new();
    let all = until("all of the corpus", JOURNEY_PATIENCE, async || {
        found = world.controls.telegram.messages(dialog).await?;
        Ok((found.len() >= wanted.len()).then_some(()))
    });
    let arrived = all.await;
    for (found, wanted) in found.iter().zip(wanted) {
        assert_eq!(found.text, wanted.text, "{}", wanted.case);
        let entities = found.entities.as_array().cloned().unwrap_or_default();
        assert_eq!(sorted(entities), wanted.entities, "{}", wanted.case);
    }
    assert!(arrived.is_ok() && found.len() == wanted.len(), "{} of {}", found.len(), wanted.len());
}
