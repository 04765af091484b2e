//! Attachments: streamed, linked where a destination does not take them, kept no longer than needed.

use std::fs;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{Clock as _, MediaId, SystemClock, media_link::LinkKey};
use reqwest::{Client, Method, Response, header};
use sandbox::{
    client::NewPair,
    scene::until,
    stack::{Part, Stack},
};
use serde_json::{Value, json};

use crate::{
    harness::{self, MEDIA_LINK_KEY, on_stack_runtime},
    world::{Bot, PATIENCE, Person, World, pair, place},
};

/// A picture of one pixel.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";
const MIB: usize = 1024 * 1024;
/// The most that the worker may grow while a file of 60 MiB passes it: some pieces of 512 KiB and what the allocator keeps.
const GROWTH_MAX_MIB: u64 = 24;

/// Bytes that no compression shortens, the same for the same length.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// A pair from a Telegram channel to a Discord channel.
struct Scene {
    world: World,
    person: Person,
    source: i64,
    bot: Bot,
}

impl Scene {
    async fn new(stack: &Stack) -> Self {
        let world = World::new(stack).await;
        let (person, bot) = (world.person(None).await, world.bot().await);
        let source = world.channel(&person, &[]).await;
        let (reader, writer) = (world.link_person(&person).await, world.link_bot(&bot).await);
        world.pair(place(&reader, source), place(&writer, &bot.channel)).await;
        Self { world, person, source, bot }
    }

    async fn post(&self, name: &str, bytes: &[u8]) {
        let document = json!({ "name": name, "mime": "application/zip", "base64": STANDARD.encode(bytes) });
        let message = json!({ "from": self.person.user, "text": name, "document": document });
        self.world.controls.telegram.post(self.source, &message).await.expect("the file can be posted");
    }

    /// The link in the channel's `number`th message, counted from 1.
    async fn link(&self, number: usize) -> String {
        let found = until("a link", PATIENCE, async || {
            let texts = self.world.discord_texts(&self.bot.channel).await;
            let link = texts.get(number - 1).and_then(|text| text.split_once("](")?.1.split_once(')'));
            Ok(link.map(|(url, _)| url.to_owned()))
        });
        found.await.expect("a message with a link comes")
    }
}

async fn get(url: &str, range: Option<&str>) -> Response {
    let request = Client::new().get(url);
    let request = range.into_iter().fold(request, |request, range| request.header(header::RANGE, range));
    request.send().await.expect("the API answers")
}

async fn assert_refused(url: &str, status: u16, code: &str) {
    let answer = get(url, None).await;
    let (found, problem) = (answer.status().as_u16(), answer.json::<Value>().await.expect("a problem is JSON"));
    assert_eq!((found, problem["code"].as_str()), (status, Some(code)), "{url}");
}

fn signed(stack: &Stack, id: MediaId, expires: i64) -> String {
    let signature = LinkKey::new(MEDIA_LINK_KEY).expect("the key is long enough").sign(id, expires);
    format!("{}/media/{id}/x?expires={expires}&signature={signature}", stack.urls().api)
}

fn id_of(url: &str) -> MediaId {
    url.split('/').nth(4).expect("the path has an id").parse().expect("the id is one")
}

#[tokio::test]
async fn a_file_that_discord_does_not_take_is_a_link() {
    let stack = harness::shared().await;
    let scene = Scene::new(&stack).await;
    let file = noise(11 * MIB + 17);
    scene.post("big file.zip", &file).await;
    let link = scene.link(2).await;
    let texts = scene.world.discord_texts(&scene.bot.channel).await;
    assert_eq!(texts[0], "big file.zip");
    assert!(texts[1].starts_with("📎 [big file.zip](http"), "{}", texts[1]);
    let whole = get(&link, None).await;
    assert_eq!(whole.status().as_u16(), 200);
    let header = |name: &str| whole.headers()[name].to_str().unwrap().to_owned();
    assert!(header("content-disposition").starts_with("attachment; filename=\"big file.zip\""));
    assert_eq!((header("x-content-type-options"), header("accept-ranges")), ("nosniff".into(), "bytes".into()));
    assert_eq!(header("content-length"), file.len().to_string());
    assert!(whole.bytes().await.unwrap() == file, "the bytes are others");
    for (range, from, to) in [("bytes=524286-524290", 524_286, 524_291), ("bytes=-5", file.len() - 5, file.len())] {
        let part = get(&link, Some(range)).await;
        assert_eq!(part.status().as_u16(), 206);
        let shown = format!("bytes {from}-{}/{}", to - 1, file.len());
        assert_eq!(part.headers()["content-range"].to_str().unwrap(), shown);
        assert_eq!(part.bytes().await.unwrap(), file[from..to]);
    }
    let beyond = get(&link, Some("bytes=99999999-")).await;
    assert_eq!(beyond.status().as_u16(), 416);
    assert_eq!(beyond.headers()["content-range"].to_str().unwrap(), format!("bytes */{}", file.len()));
    assert_eq!(beyond.json::<Value>().await.unwrap()["code"], "range_invalid");
}

#[tokio::test]
async fn a_link_cannot_be_changed_and_ends() {
    let stack = harness::shared().await;
    let scene = Scene::new(&stack).await;
    for name in ["a.zip", "b.zip"] {
        scene.post(name, &noise(10 * MIB + 1)).await;
    }
    let (link, other) = (scene.link(2).await, scene.link(4).await);
    let (id, now) = (id_of(&link), SystemClock.now().timestamp());
    assert_ne!(id, id_of(&other));
    assert_refused(&link.replace(&id.to_string(), &id_of(&other).to_string()), 403, "link_invalid").await;
    assert_refused(&link.replace("expires=", "expires=1"), 403, "link_invalid").await;
    assert_refused(&link[..link.len() - 1], 403, "link_invalid").await;
    assert_refused(&link.replace("signature", "sig"), 403, "link_invalid").await;
    assert_refused(link.split_once('?').unwrap().0, 403, "link_invalid").await;
    assert_refused(&signed(&stack, id, now - 1), 410, "link_expired").await;
    assert_refused(&signed(&stack, MediaId::new(&SystemClock), now + 60), 404, "media_not_found").await;
    assert_refused(&link.replace(&id.to_string(), "media_x"), 404, "media_not_found").await;
    assert_eq!(get(&signed(&stack, id, now + 60), None).await.status().as_u16(), 200);
}

#[tokio::test]
async fn an_interrupted_fetch_begins_anew() {
    let stack = harness::exclusive().await;
    let scene = Scene::new(&stack).await;
    let database = sqlx::PgPool::connect(&stack.urls().database).await.unwrap();
    let file = noise(24 * MIB);
    scene.post("interrupted.zip", &file).await;
    let begun = until("the first pieces", PATIENCE, async || {
        let pieces = "SELECT count(*) FROM media WHERE state = 'pending' AND stored_bytes > 0";
        let pieces: i64 = sqlx::query_scalar(pieces).fetch_one(&database).await?;
        Ok((pieces > 0).then_some(()))
    });
    begun.await.expect("the fetch begins");
    let running = stack.stack();
    on_stack_runtime(async move { running.restart_worker().await }).await.expect("the worker starts again");
    let link = scene.link(2).await;
    assert!(get(&link, None).await.bytes().await.unwrap() == file, "the bytes are others");
}

#[tokio::test]
async fn a_file_of_60_mib_streams_through() {
    let stack = harness::exclusive().await;
    let scene = Scene::new(&stack).await;
    scene.post("warm.zip", &noise(11 * MIB)).await;
    scene.link(2).await;
    let file = noise(60 * MIB);
    let before = resident_kib(&stack);
    scene.post("sixty.zip", &file).await;
    let link = scene.link(4).await;
    let growth = resident_kib(&stack).saturating_sub(before);
    eprintln!("a file of 60 MiB: the worker grew by {} KiB", growth);
    assert!(get(&link, None).await.bytes().await.unwrap() == file, "the bytes are others");
    assert!(growth < GROWTH_MAX_MIB * 1024, "the worker grew by {growth} KiB");
}

/// The worker's resident memory.
fn resident_kib(stack: &Stack) -> u64 {
    let pid = stack.pid(Part::Worker).expect("the worker runs");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the worker has a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the peak is stated");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[tokio::test]
async fn families_of_attachments_are_albums_on_telegram() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let destination = world.channel(&person, &[]).await;
    let (writer, reader) = (world.link_person(&person).await, world.link_bot(&bot).await);
    world.pair(place(&reader, &bot.channel), place(&writer, destination)).await;
    let photo = |name: &str| json!({ "name": name, "mime": "image/png", "base64": PNG });
    let text = |name: &str| json!({ "name": name, "mime": "text/plain", "base64": STANDARD.encode(name) });
    let files = [photo("a.png"), text("b.txt"), photo("c.png"), text("d.txt")];
    let message = json!({ "author": bot.human, "content": "**four** files", "attachments": files });
    world.controls.discord.post(&bot.channel, &message).await.unwrap();
    world.telegram_holds(destination, &["four files", "", "", ""]).await;
    let found = world.controls.telegram.messages(destination).await.unwrap();
    let shown: Vec<(&Value, &Value)> =
        found.iter().map(|message| (&message.rest["media"]["kind"], &message.rest["grouped_id"])).collect();
    assert_eq!((shown[0].0, shown[2].0), (&json!("photo"), &json!("document")));
    assert!(shown[0] == shown[1] && shown[2] == shown[3], "{shown:?}");
    assert!(!shown[0].1.is_null() && !shown[2].1.is_null() && shown[0].1 != shown[2].1, "{shown:?}");
}

#[tokio::test]
async fn a_native_forward_fetches_nothing_until_the_pair_copies() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let person = world.person(None).await;
    let (source, destination) = (world.channel(&person, &[]).await, world.channel(&person, &[]).await);
    let account = world.link_person(&person).await;
    let new =
        NewPair { mode: Some("forward".to_owned()), ..pair(place(&account, source), place(&account, destination)) };
    let made = world.api.create_pair(&new).await.unwrap().id;
    let fault = json!({ "kind": "rpc_error", "method": "upload.getFile", "user": person.user, "times": 1,
                        "code": 500, "message": "NOT_NEEDED" });
    let _: Value = world.controls.telegram.http().post("/faults", &fault).await.unwrap();
    let post = async |name: &str| {
        let file = json!({ "name": name, "mime": "text/plain", "base64": STANDARD.encode(name) });
        let message = json!({ "from": person.user, "text": name, "document": file });
        world.controls.telegram.post(source, &message).await.unwrap();
    };
    post("forwarded.txt").await;
    world.telegram_holds(destination, &["forwarded.txt"]).await;
    let stands = world.controls.telegram.messages(destination).await.unwrap();
    assert!(!stands[0].rest["fwd_from"].is_null(), "{stands:#?}");
    let database = sqlx::PgPool::connect(&stack.urls().database).await.unwrap();
    let asked =
        "SELECT count(*) FROM media m JOIN source_messages s ON s.id = m.source_message_id WHERE s.chat_id = $1";
    let asked: i64 = sqlx::query_scalar(asked).bind(source).fetch_one(&database).await.unwrap();
    assert_eq!(asked, 0);
    // One that came while the pair forwarded, and is carried when it copies, is fetched then, after one failure.
    world.api.pause(&made).await.unwrap();
    post("copied.txt").await;
    world.deliveries(&made, |found| found.len() == 2).await;
    let copy = json!({ "mode": "copy" });
    let _: Value = world.api.http().call(Method::PATCH, &format!("/pairs/{made}"), Some(&copy)).await.unwrap();
    world.api.resume(&made).await.unwrap();
    world.telegram_holds(destination, &["forwarded.txt", "copied.txt"]).await;
    let stands = world.controls.telegram.messages(destination).await.unwrap();
    assert!(stands[1].rest["fwd_from"].is_null(), "{stands:#?}");
    assert_eq!(
        (&stands[1].rest["media"]["name"], &stands[1].rest["media"]["size"]),
        (&json!("copied.txt"), &json!(10))
    );
}
