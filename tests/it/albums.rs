//! Albums: sent together, carried together, and changed item by item.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::Method;
use sandbox::stack::Part;
use serde_json::{Value, json};

use crate::{
    harness::{self, on_stack_runtime},
    world::{Bot, Person, World, place},
};

struct Scene {
    world: World,
    person: Person,
    bot: Bot,
    source: i64,
    twin: i64,
    pairs: [String; 2],
}

impl Scene {
    async fn new(world: World) -> Self {
        let (person, bot) = (world.person(None).await, world.bot().await);
        let (source, twin) = (world.channel(&person, &[]).await, world.channel(&person, &[]).await);
        let (telegram, discord) = (world.link_person(&person).await, world.link_bot(&bot).await);
        let pairs = [
            world.pair(place(&telegram, source), place(&discord, &bot.channel)).await.id,
            world.pair(place(&telegram, source), place(&telegram, twin)).await.id,
        ];
        Self { world, person, bot, source, twin, pairs }
    }

    async fn item(&self, album: i64, name: &str, caption: &str) -> i64 {
        let file = json!({ "name": name, "mime": "text/plain", "base64": STANDARD.encode(name) });
        let message = json!({ "from": self.person.user, "text": caption, "document": file, "grouped_id": album });
        self.world.controls.telegram.post(self.source, &message).await.unwrap()
    }

    async fn change(&self, method: Method, id: i64, body: Option<Value>) {
        let path = format!("/chats/{}/messages/{id}", self.source);
        let _: Value = self.world.controls.telegram.http().call(method, &path, body.as_ref()).await.unwrap();
    }

    /// Waits until Telegram's twin holds these files with these captions.
    async fn twin_holds(&self, wanted: &[(&str, &str)]) {
        let mut last = Vec::new();
        let held = sandbox::scene::until("the twin's files", crate::world::PATIENCE, async || {
            last = self.world.controls.telegram.messages(self.twin).await?;
            let found = last.iter().map(|one| (one.rest["media"]["name"].as_str().unwrap_or(""), one.text.as_str()));
            Ok(found.eq(wanted.iter().copied()).then_some(()))
        });
        let held = held.await;
        assert!(held.is_ok(), "the twin holds {last:#?}");
    }

    /// Waits until Discord holds one message with this text and these files.
    async fn discord_holds(&self, text: &str, files: &[&str]) {
        let mut last = Vec::new();
        let held = sandbox::scene::until("the channel's files", crate::world::PATIENCE, async || {
            last = self.world.controls.discord.messages(&self.bot.channel).await?;
            let names = |one: &Value| {
                one.as_array().is_some_and(|found| {
                    found.iter().map(|file| file["filename"].as_str().unwrap_or("")).eq(files.iter().copied())
                })
            };
            Ok((last.len() == 1 && last[0].content == text && names(&last[0].rest["attachments"])).then_some(()))
        });
        let held = held.await;
        assert!(held.is_ok(), "the channel holds {last:#?}");
    }
}

#[tokio::test]
async fn an_album_is_one_delivery_with_its_captions_and_its_order() {
    let stack = harness::shared().await;
    let scene = Scene::new(World::new(&stack).await).await;
    let mut items = Vec::new();
    for (name, caption) in [("a.txt", "the first"), ("b.txt", ""), ("c.txt", "")] {
        items.push(scene.item(71, name, caption).await);
    }
    scene.discord_holds("the first", &["a.txt", "b.txt", "c.txt"]).await;
    scene.twin_holds(&[("a.txt", "the first"), ("b.txt", ""), ("c.txt", "")]).await;
    let standing = scene.world.controls.telegram.messages(scene.twin).await.unwrap();
    let album = &standing[0].rest["grouped_id"];
    assert!(album.is_i64() && standing.iter().all(|one| &one.rest["grouped_id"] == album), "{standing:#?}");
    for pair in &scene.pairs {
        let found = scene.world.deliveries(pair, |found| found.len() == 3 && found[2]["state"] == "sent").await;
        for travelling in &found[..2] {
            assert_eq!((&travelling["reason_code"], &travelling["root_seq"]), (&json!("album"), &found[2]["seq"]));
        }
    }
    // An answer to the second item finds the message that carries it.
    let answer = json!({ "from": scene.person.user, "text": "nice", "reply_to": items[1] });
    scene.world.controls.telegram.post(scene.source, &answer).await.unwrap();
    let found = sandbox::scene::until("the answer", crate::world::PATIENCE, async || {
        let standing = scene.world.controls.telegram.messages(scene.twin).await?;
        Ok((standing.len() == 4).then_some(standing))
    });
    let standing = found.await.unwrap();
    assert_eq!(standing[3].reply_to, Some(standing[1].id));
}

#[tokio::test]
async fn items_of_a_carried_album_are_edited_and_deleted() {
    let stack = harness::shared().await;
    let scene = Scene::new(World::new(&stack).await).await;
    let first = scene.item(72, "a.txt", "caption").await;
    let second = scene.item(72, "b.txt", "").await;
    scene.item(72, "c.txt", "").await;
    scene.twin_holds(&[("a.txt", "caption"), ("b.txt", ""), ("c.txt", "")]).await;
    scene.discord_holds("caption", &["a.txt", "b.txt", "c.txt"]).await;
    for _ in 0..2 {
        scene.change(Method::PATCH, first, Some(json!({ "text": "new caption" }))).await;
    }
    scene.twin_holds(&[("a.txt", "new caption"), ("b.txt", ""), ("c.txt", "")]).await;
    scene.discord_holds("new caption", &["a.txt", "b.txt", "c.txt"]).await;
    scene.change(Method::DELETE, second, None).await;
    scene.twin_holds(&[("a.txt", "new caption"), ("c.txt", "")]).await;
    scene.discord_holds("new caption", &["a.txt", "c.txt"]).await;
}

#[tokio::test]
async fn an_album_with_another_file_is_sent_anew_with_bytes_from_the_source() {
    let stack = harness::shared().await;
    let scene = Scene::new(World::new(&stack).await).await;
    scene.item(74, "a.txt", "caption").await;
    let second = scene.item(74, "b.txt", "").await;
    scene.twin_holds(&[("a.txt", "caption"), ("b.txt", "")]).await;
    scene.discord_holds("caption", &["a.txt", "b.txt"]).await;
    let change = async |name: &str| {
        let file = json!({ "name": name, "mime": "text/plain", "base64": STANDARD.encode(name) });
        scene.change(Method::PATCH, second, Some(json!({ "document": file }))).await;
    };
    change("x.txt").await;
    scene.twin_holds(&[("a.txt", "caption"), ("x.txt", "")]).await;
    scene.discord_holds("caption", &["a.txt", "x.txt"]).await;
    let standing = scene.world.controls.discord.messages(&scene.bot.channel).await.unwrap();
    let sizes: Vec<&Value> = (0..2).map(|place| &standing[0].rest["attachments"][place]["size"]).collect();
    assert_eq!(sizes, [5, 5], "{standing:#?}");

    // The new file can be had and the old one cannot: what stands is left as it is, and the user is told.
    for pair in &scene.pairs {
        scene.world.api.pause(pair).await.unwrap();
    }
    change("y.txt").await;
    let database = sqlx::PgPool::connect(&stack.urls().database).await.unwrap();
    let fetched = sandbox::scene::until("the new file", crate::world::PATIENCE, async || {
        let here = "SELECT count(*) FROM media m JOIN source_messages s ON s.id = m.source_message_id
                    WHERE s.chat_id = $1 AND s.revision = 2 AND m.stored_bytes > 0";
        let here: i64 = sqlx::query_scalar(here).bind(scene.source).fetch_one(&database).await?;
        Ok((here == 1).then_some(()))
    });
    fetched.await.unwrap();
    let fault = json!({ "kind": "rpc_error", "method": "upload.getFile", "user": scene.person.user, "times": 50,
                        "code": 400, "message": "FILE_ID_INVALID" });
    let _: Value = scene.world.controls.telegram.http().post("/faults", &fault).await.unwrap();
    for pair in &scene.pairs {
        scene.world.api.resume(pair).await.unwrap();
        let is_dead = |one: &Value| one["reason_code"] == "media_expired" && one["state"] == "dead";
        scene.world.deliveries(pair, |found| is_dead(&found[0])).await;
    }
    scene.twin_holds(&[("a.txt", "caption"), ("x.txt", "")]).await;
    scene.discord_holds("caption", &["a.txt", "x.txt"]).await;
}

#[tokio::test]
async fn an_album_survives_a_killed_worker_whole() {
    let stack = harness::exclusive().await;
    let scene = Scene::new(World::new(&stack).await).await;
    scene.item(73, "a.txt", "caption").await;
    let running = stack.stack();
    on_stack_runtime(running.kill_part(Part::Worker)).await;
    scene.item(73, "b.txt", "").await;
    on_stack_runtime(running.start_part(Part::Worker)).await.unwrap();
    // What came before the kill may have been on its way alone: nothing is lost, nothing doubled, order is kept.
    scene.twin_holds(&[("a.txt", "caption"), ("b.txt", "")]).await;
}
