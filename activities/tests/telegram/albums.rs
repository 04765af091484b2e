//! Albums and topics, out and back.

use std::sync::Arc;

use activities::platform::{SendBody, SendRequest, Upload};
use bytes::Bytes;
use chrono::TimeDelta;
use domain::{ChatId, Clock as _, Media, MediaKind, PartText, RichText, SystemClock, message::MediaSource};
use serde_json::json;

use crate::harness::{Sandbox, key, name, text};

const PHONE: &str = "+9996612345";
const PNG_HEAD: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x02\x80\0\0\x01\xe0\x08\x02\0\0\0";

fn upload(kind: MediaKind, file_name: &str, mime: &str, seed: u8) -> Upload {
    let head: &[u8] = if mime == "image/png" { PNG_HEAD } else { &[] };
    let bytes: Vec<u8> = head.iter().copied().chain((0..200).map(|n| seed.wrapping_add(n))).collect();
    let source = MediaSource::TelegramMessage { chat: ChatId::new(1), message_id: 1 };
    let media = Media::new(kind, file_name.into(), mime.into(), bytes.len() as u64, source);
    Upload { media, content: Arc::new(Bytes::from(bytes)) }
}

fn photo(seed: u8) -> Upload {
    upload(MediaKind::Photo, "p.png", "image/png", seed)
}

fn album(chat: ChatId, caption: &str, uploads: Vec<Upload>) -> SendRequest {
    let caption = PartText::Telegram(RichText::plain(caption));
    SendRequest::new(chat, key(), SendBody::Media { caption, uploads })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_album_is_sent_whole_and_once() {
    let sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let bob = sandbox.user("+9996654321", "Bob", None).await;
    let chat = sandbox.chat("supergroup", "Room", bob, &[me]).await;
    let mut live = sandbox.connect(&sandbox.sign_in(PHONE).await).await;
    live.connected().await;

    let clip = upload(MediaKind::Video, "clip.mp4", "video/mp4", 9);
    let request = album(chat, "three", vec![photo(1), clip, photo(2)]);
    let sent = live.connection.send(&request).await.unwrap();
    assert_eq!(sent.message_ids.len(), 3);
    assert_eq!(live.connection.send(&request).await.unwrap(), sent, "the same key is the same album");
    let received = live.messages(3).await;
    let ids: Vec<i64> = received.iter().map(|message| message.message_id).collect();
    assert_eq!(ids, sent.message_ids);
    assert!(received[0].album.is_some() && received.iter().all(|message| message.album == received[0].album));
    let kinds: Vec<MediaKind> = received.iter().map(|message| message.media[0].kind).collect();
    assert_eq!(kinds, [MediaKind::Photo, MediaKind::Video, MediaKind::Photo]);
    let captions: Vec<&str> = received.iter().map(|message| message.text.text.as_str()).collect();
    assert_eq!(captions, ["three", "", ""]);

    // Families do not mix, so these go as files.
    let paper = upload(MediaKind::Document, "plan.pdf", "application/pdf", 3);
    live.connection.send(&album(chat, "", vec![photo(4), paper])).await.unwrap();
    let received = live.messages(2).await;
    assert!(received.iter().all(|message| message.media[0].kind == MediaKind::Document), "{received:?}");

    // What is no picture is refused as a photo, and then the whole album goes as files.
    let broken = upload(MediaKind::Photo, "broken.jpg", "image/jpeg", 5);
    let sent = live.connection.send(&album(chat, "", vec![photo(6), broken])).await.unwrap();
    assert_eq!(sent.message_ids.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_album_with_a_lost_answer_is_found() {
    let sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let chat = sandbox.chat("supergroup", "Room", me, &[]).await;
    let live = sandbox.connect(&sandbox.sign_in(PHONE).await).await;
    let since = SystemClock.now() - TimeDelta::seconds(30);
    let request = album(chat, "lost", vec![photo(1), photo(2)]);
    assert_eq!(live.connection.read_back(&request, since).await.unwrap(), None);
    sandbox.fault(json!({ "kind": "lose_answer", "method": "messages.sendMultiMedia" })).await;
    assert_eq!(name(&live.connection.send(&request).await.unwrap_err()).0, "retryable");
    // A send right after the loss may meet the dead connection once more; a read asks again by itself.
    let longer = album(chat, "lost", vec![photo(1), photo(2), photo(3)]);
    assert_eq!(live.connection.read_back(&longer, since).await.unwrap(), None);
    live.send(&text(chat, "something else")).await.unwrap();
    let found = live.connection.read_back(&request, since).await.unwrap().expect("it stands there");
    assert_eq!(found.message_ids.len(), 2);
    assert_eq!(live.connection.send(&request).await.unwrap(), found);

    let forward =
        SendRequest::new(chat, key(), SendBody::Forward { from: chat, message_ids: found.message_ids.clone() });
    let forwarded = live.connection.send(&forward).await.unwrap();
    assert_eq!(forwarded.message_ids.len(), 2);
    assert_eq!(live.connection.send(&forward).await.unwrap(), forwarded);
}

#[tokio::test(flavor = "multi_thread")]
async fn forgotten_parts_are_sent_again() {
    let sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let chat = sandbox.chat("channel", "News", me, &[]).await;
    let live = sandbox.connect(&sandbox.sign_in(PHONE).await).await;
    let fault = json!({
        "kind": "rpc_error", "method": "messages.sendMedia", "code": 400, "message": "FILE_PART_0_MISSING",
    });
    sandbox.fault(fault).await;
    live.send(&album(chat, "again", vec![photo(1)])).await.unwrap();
    assert_eq!(sandbox.texts(chat).await, ["again"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_are_made_written_to_and_named() {
    let sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let bob = sandbox.user("+9996654321", "Bob", None).await;
    let forum = sandbox.chat("forum", "Forum", bob, &[me]).await;
    let old = sandbox.control.create_topic(forum.get(), "Old").await.unwrap();
    let mut live = sandbox.connect(&sandbox.sign_in(PHONE).await).await;
    live.connected().await;
    let fresh = live.connection.open_thread(forum, "Fresh").await.unwrap();

    for (topic, title) in [(old, "Old"), (fresh, "Fresh")] {
        let first = live.send(&SendRequest { thread: Some(topic), ..text(forum, "first") }).await.unwrap();
        let reply = SendRequest { thread: Some(topic), reply_to: Some(first), ..text(forum, "reply") };
        live.send(&reply).await.unwrap();
        let pictures = SendRequest { thread: Some(topic), ..album(forum, "pictures", vec![photo(1), photo(2)]) };
        live.connection.send(&pictures).await.unwrap();
        let received = live.messages(4).await;
        assert!(received.iter().all(|message| message.topic == Some(topic)), "{received:?}");
        assert!(received.iter().all(|message| message.thread_title.as_deref() == Some(title)), "{received:?}");
        assert_eq!(received[1].reply_to, Some(first));
    }
    live.send(&SendRequest { thread: Some(1), ..text(forum, "general") }).await.unwrap();
    assert_eq!(live.messages(1).await[0].topic, None);

    let since = SystemClock.now() - TimeDelta::seconds(30);
    let elsewhere = SendRequest { thread: Some(fresh), ..text(forum, "general") };
    assert_eq!(live.read_back(&elsewhere, since).await, None, "it stands in another topic");
    let gone = SendRequest { thread: Some(9_999), ..text(forum, "nowhere") };
    assert_eq!(name(&live.send(&gone).await.unwrap_err()), ("chat", "thread_gone"));
    let history = live.connection.history_after(forum, 0, 100).await.unwrap();
    assert!(history.iter().any(|message| message.thread_title.as_deref() == Some("Fresh")));
}
