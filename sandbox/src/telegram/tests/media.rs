//! Photos, documents, albums: up, down, again.

use base64::Engine as _;
use grammers_client::media::{InputMedia, Media, Uploaded};
use grammers_client::message::{InputMessage, Message};
use grammers_client::update::Update;
use serde_json::json;

use super::support::{Device, World};
use crate::telegram::net::crypto::sha256;

#[tokio::test(flavor = "multi_thread")]
async fn a_document_comes_down_as_it_went_up() {
    let world = World::start().await;
    let (ada, ben) = (world.person("Ada").await, world.person("Ben").await);
    let (alice, mut bob) = (world.device(&ada).await, world.device(&ben).await);
    let mut inbox = bob.inbox().await;
    // Several parts of the small form, and more than the small form may carry.
    for size in [1_300_000, 11_000_000] {
        let bytes: Vec<u8> = (0..size).map(|n: usize| (n * 7 % 251) as u8).collect();
        let file = upload(&alice, &bytes, "numbers.bin").await;
        let message = InputMessage::new().text("the *caption*").document(file);
        alice.client.send_message(ada.peer(ben.id), message).await.unwrap();
        let Update::NewMessage(received) = inbox.next().await else { panic!("not a message") };
        assert_eq!(received.text(), "the *caption*");
        let Some(Media::Document(document)) = received.media() else { panic!("not a document") };
        assert_eq!((document.name(), document.size()), (Some("numbers.bin"), Some(size)));
        assert!(download(&bob, &received).await == bytes, "the bytes differ");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_has_to_be_a_picture() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let channel = world.chat("channel", &ada, &[]).await;
    let alice = world.device(&ada).await;
    let picture = png(300, 200);
    let message = InputMessage::new().photo(upload(&alice, &picture, "sky.png").await);
    let sent = alice.client.send_message(ada.peer(channel), message).await.unwrap();
    assert!(download(&alice, &sent).await == picture, "the bytes differ");
    let stored = world.get(&format!("/chats/{channel}/messages")).await;
    assert_eq!(stored[0]["media"]["kind"], "photo");
    assert_eq!(stored[0]["media"]["sha256"], hex::encode(sha256(&[&picture])));
    let message = InputMessage::new().photo(upload(&alice, b"no picture at all", "sky.png").await);
    let error = alice.client.send_message(ada.peer(channel), message).await.unwrap_err();
    assert!(error.is("IMAGE_PROCESS_FAILED"), "{error}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_album_stays_together_also_when_forwarded() {
    let world = World::start().await;
    let (ada, ben) = (world.person("Ada").await, world.person("Ben").await);
    let channel = world.chat("channel", &ada, &[]).await;
    let alice = world.device(&ada).await;
    let mut items = Vec::new();
    for (n, caption) in ["first", "second", ""].into_iter().enumerate() {
        let file = upload(&alice, &png(100 + n as u16, 100), "p.png").await;
        items.push(InputMedia::new().caption(caption).photo(file));
    }
    let sent = alice.client.send_album(ada.peer(channel), items).await.unwrap();
    let ids: Vec<i32> = sent.iter().map(|message| message.as_ref().unwrap().id()).collect();
    let groups: Vec<_> = sent.iter().map(|message| message.as_ref().unwrap().grouped_id()).collect();
    assert!(groups[0].is_some() && groups.iter().all(|group| *group == groups[0]));
    let forwarded = alice.client.forward_messages(ada.peer(ben.id), &ids, ada.peer(channel)).await.unwrap();
    assert_eq!(forwarded.len(), 3);
    let view = world.get(&format!("/chats/{}/messages?as={}", ben.id, ada.id)).await;
    let new_group = &view[0]["grouped_id"];
    assert!(new_group.is_i64() && *new_group != json!(groups[0]));
    for (n, id) in ids.iter().enumerate() {
        assert_eq!(view[n]["grouped_id"], *new_group);
        assert_eq!(view[n]["fwd_from"]["from"], channel);
        assert_eq!(view[n]["fwd_from"]["message_id"], *id);
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_control_api_attaches_can_be_downloaded_after_a_restart() {
    let world = World::start().await;
    let (ada, ben) = (world.person("Ada").await, world.person("Ben").await);
    let bob = world.device(&ben).await;
    let text = base64::engine::general_purpose::STANDARD.encode("some notes");
    let document = json!({ "name": "notes.txt", "mime": "text/plain", "base64": text });
    let body = json!({ "from": ada.id, "text": "look", "document": document });
    world.post(&format!("/chats/{}/messages", ben.id), body).await;
    let world = world.restart().await;
    let bob = Device::connect(bob.close().await);
    let message = bob.client.iter_messages(ben.peer(ada.id)).next().await.unwrap().unwrap();
    assert_eq!(message.text(), "look");
    assert_eq!(download(&bob, &message).await, b"some notes");
    world.end().await;
}

async fn upload(device: &Device, bytes: &[u8], name: &str) -> Uploaded {
    device.client.upload_stream(&mut &bytes[..], bytes.len(), name.to_owned()).await.unwrap()
}

async fn download(device: &Device, message: &Message) -> Vec<u8> {
    let mut parts = device.client.iter_download(&message.media().unwrap());
    let mut bytes = Vec::new();
    while let Some(part) = parts.next().await.unwrap() {
        bytes.extend(part);
    }
    bytes
}

/// The beginning of a picture, which is all that anybody here looks at.
fn png(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = vec![0x89, b'P', b'N', b'G', 13, 10, 26, 10, 0, 0, 0, 13];
    bytes.extend(b"IHDR");
    for side in [width, height] {
        bytes.extend(u32::from(side).to_be_bytes());
    }
    bytes.extend([8, 6, 0, 0, 0]);
    bytes
}
