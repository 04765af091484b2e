//! What is written on one side and read on the other.

use std::sync::Arc;

use activities::platform::{SendBody, SendRequest, Upload};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::message::MediaSource;
use domain::{ChatId, Media, MediaKind, PartText};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::harness::{World, download, name, send, text};

#[tokio::test]
async fn the_same_key_sends_once() {
    let world = World::start().await;
    let (connection, _watcher) = world.online().await;
    let request = world.request("**once**");
    let first = connection.send(&request).await.unwrap();
    assert_eq!(connection.send(&request).await.unwrap(), first);
    assert_ne!(connection.send(&world.request("**once**")).await.unwrap(), first);
    let stored = world.stored().await;
    assert_eq!(stored.len(), 2);
    assert_eq!(stored[0]["content"], "**once**");
    assert_eq!(stored[0]["nonce"], request.key.as_nonce());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_messages_arrive_in_order() {
    let world = World::start().await;
    let (_connection, mut watcher) = world.online().await;
    let mut sent = Vec::new();
    for number in 0..500 {
        sent.push((world.say(&format!("message {number}")).await, format!("message {number}")));
    }
    watcher.until_seen(sent.len()).await;
    let seen: Vec<_> = watcher.seen.iter().map(|message| (message.message_id, message.text.text.clone())).collect();
    assert_eq!(seen, sent);
    let first = &watcher.seen[0];
    assert_eq!((first.chat, first.chat_title.as_deref(), first.outgoing), (world.channel, Some("general"), false));
    assert_eq!(first.author.as_ref().map(|author| author.id.to_string()), Some(world.person.clone()));
}

#[tokio::test]
async fn own_messages_come_back_as_outgoing() {
    let world = World::start().await;
    let (connection, mut watcher) = world.online().await;
    let sent = send(connection.as_ref(), &world.request("echo")).await;
    watcher.until_seen(1).await;
    assert_eq!((watcher.seen[0].message_id, watcher.seen[0].outgoing), (sent, true));
}

#[tokio::test]
async fn replies_are_linked_both_ways_and_sent_without_a_lost_target() {
    let world = World::start().await;
    let (connection, mut watcher) = world.online().await;
    let question = world.say("question").await;
    let answer = SendRequest { reply_to: Some(question), silent: true, ..world.request("answer") };
    let answer_id = send(connection.as_ref(), &answer).await;
    world.say_with(json!({"content": "thanks", "reply_to": answer_id.to_string()})).await;
    watcher.until_seen(3).await;
    assert_eq!(watcher.texts(), ["question", "answer", "thanks"]);
    assert_eq!(watcher.seen[2].reply_to, Some(answer_id));
    let stored = world.stored().await;
    assert_eq!(stored[1]["reply_to"], question.to_string());
    let lost = SendRequest { reply_to: Some(17), ..world.request("to nobody") };
    connection.send(&lost).await.unwrap();
    assert!(world.stored().await[3]["reply_to"].is_null());
}

fn upload(file_name: &str, mime: &str, bytes: Vec<u8>) -> Upload {
    let source = MediaSource::TelegramMessage { chat: ChatId::new(1), message_id: 1 };
    let media = Media::new(MediaKind::Document, file_name.to_owned(), mime.to_owned(), bytes.len() as u64, source);
    Upload { media, content: Arc::new(bytes::Bytes::from(bytes)) }
}

#[tokio::test]
async fn attachments_travel_both_ways() {
    let world = World::start().await;
    let (connection, mut watcher) = world.online().await;
    let (photo, file) = (vec![7_u8; 70_000], b"a,b\n1,2\n".to_vec());
    let body = SendBody::Media {
        caption: PartText::Discord("two files".to_owned()),
        uploads: vec![upload("a.png", "image/png", photo.clone()), upload("b.csv", "text/csv", file.clone())],
    };
    let request = SendRequest { body, ..world.request("") };
    let sent = connection.send(&request).await.unwrap();
    assert_eq!(connection.send(&request).await.unwrap(), sent);
    let stored = world.stored().await;
    assert_eq!(stored.len(), 1);
    let hashes: Vec<_> =
        stored[0]["attachments"].as_array().unwrap().iter().map(|file| text(&file["sha256"])).collect();
    assert_eq!(hashes, [hex(&photo), hex(&file)]);

    world
        .say_with(json!({"content": "", "attachments": [
            {"name": "c.jpg", "mime": "image/jpeg", "base64": STANDARD.encode(&photo)},
            {"name": "d.txt", "mime": "text/plain", "base64": STANDARD.encode(&file)}
        ]}))
        .await;
    watcher.until_seen(2).await;
    let media = &watcher.seen[1].media;
    let shown: Vec<_> = media.iter().map(|media| (media.kind, media.file_name.as_str(), media.size_bytes)).collect();
    assert_eq!(shown, [(MediaKind::Photo, "c.jpg", 70_000), (MediaKind::Document, "d.txt", 8)]);
    assert_eq!(download(connection.as_ref(), &media[0], 70_000).await.unwrap(), photo);
    assert_eq!(download(connection.as_ref(), &media[1], 1_000).await.unwrap(), file);
    let too_large = download(connection.as_ref(), &media[0], 69_999).await.unwrap_err();
    assert_eq!(name(&too_large), ("message", "media_too_large"));

    let mut understated = media[0].clone();
    understated.size_bytes = 1;
    assert_eq!(
        name(&download(connection.as_ref(), &understated, 10).await.unwrap_err()),
        ("message", "media_too_large")
    );
    let mut stale = media[0].clone();
    if let MediaSource::DiscordAttachment { url, .. } = &mut stale.source {
        *url = "https://cdn.discordapp.com/attachments/1/2/expired.jpg".to_owned();
    }
    assert_eq!(download(connection.as_ref(), &stale, 70_000).await.unwrap(), photo);
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn history_is_read_in_order_and_in_pages() {
    let world = World::start().await;
    let mut ids = Vec::new();
    for number in 0..230 {
        ids.push(world.say(&format!("{number}")).await);
    }
    let (connection, _watcher) = world.online().await;
    let history = async |after: i64, limit: usize| -> Vec<i64> {
        let found = connection.history_after(world.channel, after, limit).await.unwrap();
        found.iter().map(|message| message.message_id).collect()
    };
    assert_eq!(history(0, 1_000).await, ids);
    assert_eq!(history(ids[9], 1_000).await, ids[10..]);
    assert_eq!(history(ids[9], 150).await, ids[10..160]);
    assert_eq!(history(ids[229], 150).await, [0; 0]);
}
