//! Messages under their authors' names: a Telegram author's picture is fetched once and served by a signed link.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::{Client, Method};
use sandbox::scene::until;
use serde_json::{Value, json};

use crate::{
    harness,
    rules::new_pair,
    world::{PATIENCE, Person, World},
};

/// The smallest pictures that differ.
const FACES: [&[u8]; 2] = [b"\xff\xd8\xff\xe0 one", b"\xff\xd8\xff\xe0 two"];

async fn wear(world: &World, person: &Person, face: &[u8]) {
    let path = format!("/users/{}/photo", person.user);
    let photo = json!({ "base64": STANDARD.encode(face) });
    let _: Value =
        world.controls.telegram.http().call(Method::PUT, &path, Some(&photo)).await.expect("the picture is taken");
}

/// Names and pictures of the channel's messages, once there are `count`.
async fn shown(world: &World, channel: &str, count: usize) -> Vec<(String, Option<String>)> {
    let found = until("the channel's messages", PATIENCE, async || {
        let found = world.controls.discord.messages(channel).await?;
        Ok((found.len() == count).then_some(found))
    });
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let found = found.await.expect("the messages come");
    let look = |rest: &serde_json::Map<String, Value>| {
        (text(&rest["webhook_name"]).unwrap_or_default(), text(&rest["webhook_avatar"]))
    };
    found.iter().map(|one| look(&one.rest)).collect()
}

#[tokio::test]
async fn a_telegram_author_has_a_picture_on_discord() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (owner, author, faceless) = (world.person(None).await, world.person(None).await, world.person(None).await);
    let members = [author.user, faceless.user];
    let telegram = &world.controls.telegram;
    let group = telegram.create_chat("supergroup", "Faces", owner.user, &members).await.unwrap().dialog_id;
    let bot = world.bot().await;
    let (reader, writer) = (world.link_person(&owner).await, world.link_bot(&bot).await);
    new_pair(&world, (&reader, group), (&writer, &bot.channel), json!({ "webhook_identity": true })).await;
    wear(&world, &author, FACES[0]).await;
    telegram.say(group, author.user, "with a face").await.unwrap();
    telegram.say(group, author.user, "the same face").await.unwrap();
    telegram.say(group, faceless.user, "without one").await.unwrap();
    shown(&world, &bot.channel, 3).await;
    wear(&world, &author, FACES[1]).await;
    telegram.say(group, author.user, "another face").await.unwrap();
    let found = shown(&world, &bot.channel, 4).await;
    let pictures: Vec<Option<&str>> = found.iter().map(|(_, picture)| picture.as_deref()).collect();
    assert_eq!(pictures[0], pictures[1], "one picture has one address");
    assert_eq!(pictures[2], None);
    assert!(found[0].0.starts_with("Person ") && found[0].0 != found[2].0, "{found:?}");
    for (picture, face) in [(pictures[0], FACES[0]), (pictures[3], FACES[1])] {
        let picture = picture.expect("the author has a picture");
        assert!(picture.starts_with(&stack.urls().api), "{picture}");
        let answer = Client::new().get(picture).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["content-type"]),
            (200, &"image/jpeg".parse().unwrap())
        );
        assert_eq!(answer.bytes().await.unwrap(), face);
        let forged = Client::new().get(picture.replace("expires=1", "expires=2")).send().await.unwrap();
        assert_eq!(forged.status().as_u16(), 403);
    }
}

#[tokio::test]
async fn a_picture_that_cannot_be_had_holds_no_message_up_for_long() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (owner, author) = (world.person(None).await, world.person(None).await);
    let telegram = &world.controls.telegram;
    let group = telegram.create_chat("supergroup", "Faces", owner.user, &[author.user]).await.unwrap().dialog_id;
    let bot = world.bot().await;
    let (reader, writer) = (world.link_person(&owner).await, world.link_bot(&bot).await);
    new_pair(&world, (&reader, group), (&writer, &bot.channel), json!({ "webhook_identity": true })).await;
    wear(&world, &author, FACES[0]).await;
    let fault = json!({ "kind": "rpc_error", "method": "upload.getFile", "user": owner.user, "times": 9,
                        "code": 400, "message": "PHOTO_INVALID" });
    let _: Value = telegram.http().post("/faults", &fault).await.unwrap();
    telegram.say(group, author.user, "hello").await.unwrap();
    telegram.say(group, author.user, "again").await.unwrap();
    let found = shown(&world, &bot.channel, 2).await;
    assert!(found.iter().all(|(_, picture)| picture.is_none()), "{found:?}");
}

#[tokio::test]
async fn an_answer_under_the_authors_name_links_to_what_it_answers() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let channel = world.channel(&person, &[]).await;
    let (reader, writer) = (world.link_person(&person).await, world.link_bot(&bot).await);
    new_pair(&world, (&reader, channel), (&writer, &bot.channel), json!({ "webhook_identity": true })).await;
    let telegram = &world.controls.telegram;
    let first = telegram.say(channel, person.user, "a question").await.unwrap();
    telegram.post(channel, &json!({ "from": person.user, "text": "an answer", "reply_to": first })).await.unwrap();
    let found = shown(&world, &bot.channel, 2).await;
    assert_eq!(found.len(), 2, "{found:?}");
    let stands = world.controls.discord.messages(&bot.channel).await.unwrap();
    let link = format!("https://discord.com/channels/{}/{}/{}", bot.guild, bot.channel, stands[0].id);
    let expected = format!("[↪ reply to this]({link})\nan answer");
    assert_eq!(stands[1].content.replace(['<', '>'], ""), expected);
}
