//! Photos and files there and back.

use std::{sync::Arc, time::Duration};

use activities::platform::{PlatformError, READ_FLOOD_WAIT, SendBody, SendRequest, Upload};
use bytes::Bytes;
use domain::{ChatId, Media, MediaKind, PartText, RichText, message::MediaSource};
use sandbox::client::NewUser;
use serde_json::json;

use crate::harness::{Live, Sandbox, key, name};

const PHONE: &str = "+9996612345";

/// The start of a picture of 640 by 480.
const PNG_HEAD: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x02\x80\0\0\x01\xe0\x08\x02\0\0\0";

fn upload(kind: MediaKind, file_name: &str, mime: &str, size: usize) -> Upload {
    let filler = (0..size).map(|position| u8::try_from(position * 7 % 251).unwrap());
    let head: &[u8] = if file_name.ends_with(".png") { PNG_HEAD } else { &[] };
    let bytes: Vec<u8> = head.iter().copied().chain(filler).take(size).collect();
    let source = MediaSource::TelegramMessage { chat: ChatId::new(1), message_id: 1 };
    let media = Media::new(kind, file_name.into(), mime.into(), u64::try_from(size).unwrap(), source);
    Upload { media, content: Arc::new(Bytes::from(bytes)) }
}

async fn content_of(upload: &Upload) -> Vec<u8> {
    let mut bytes = Vec::new();
    for index in 0.. {
        let chunk = upload.content.chunk(index).await.unwrap();
        if chunk.is_empty() {
            break;
        }
        bytes.extend_from_slice(&chunk);
    }
    bytes
}

fn request(chat: ChatId, caption: &str, upload: &Upload) -> SendRequest {
    let body = SendBody::Media { caption: PartText::Telegram(RichText::plain(caption)), uploads: vec![upload.clone()] };
    SendRequest::new(chat, key(), body)
}

#[tokio::test(flavor = "multi_thread")]
async fn files_survive_the_round_trip() {
    let sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let reader = NewUser { phone: "+9996654321".into(), first_name: "Bob".into(), ..NewUser::default() };
    let reader_id = sandbox.control.create_user(&reader).await.unwrap();
    let chat = sandbox.chat("channel", "Files", me, &[reader_id]).await;
    let writer = sandbox.connect(&sandbox.sign_in(PHONE).await).await;
    let mut reader = sandbox.connect(&sandbox.sign_in(&reader.phone).await).await;
    reader.connected().await;

    for (kind, file_name, mime, size) in [
        (MediaKind::Document, "plan.pdf", "application/pdf", 1_300_000),
        (MediaKind::Document, "tiny.txt", "text/plain", 3),
        (MediaKind::Document, "exact.bin", "application/octet-stream", 512 * 1024),
        (MediaKind::Document, "big.bin", "application/octet-stream", 11 * 1024 * 1024),
        (MediaKind::Photo, "photo.png", "image/png", 90_000),
    ] {
        let upload = upload(kind, file_name, mime, size);
        let request = request(chat, file_name, &upload);
        let id = writer.send(&request).await.unwrap();
        assert_eq!(writer.send(&request).await.unwrap(), id, "{file_name} is sent once");
        let received = reader.messages(1).await.remove(0);
        assert_eq!((received.message_id, received.text.text.as_str()), (id, file_name));
        let [media] = received.media.as_slice() else { panic!("one file: {received:?}") };
        assert_eq!((media.kind, media.size_bytes), (kind, u64::try_from(size).unwrap()), "{file_name}");
        if kind == MediaKind::Document {
            assert_eq!((media.file_name.as_str(), media.mime.as_str()), (file_name, mime));
        }
        let bytes = reader.download(media, 20_000_000).await.unwrap();
        assert!(bytes == content_of(&upload).await, "{file_name} came back different");
        let error = reader.download(media, 2).await.unwrap_err();
        assert_eq!(name(&error), ("message", "media_too_large"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_photo_goes_as_a_file_and_a_lost_one_is_found() {
    let sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let chat = sandbox.chat("channel", "Files", me, &[]).await;
    let live = sandbox.connect(&sandbox.sign_in(PHONE).await).await;
    let photo = upload(MediaKind::Photo, "wide.jpg", "image/jpeg", 5_000);

    // These bytes are no picture, so it is refused as a photo.
    let id = live.send(&request(chat, "wide", &photo)).await.unwrap();
    let messages = sandbox.control.messages(chat.get()).await.unwrap();
    let sent = messages.iter().find(|message| message.id == id).unwrap();
    assert_eq!(sent.rest["media"]["kind"], "document", "{:?}", sent.rest);

    sandbox.fault(json!({ "kind": "lose_answer", "method": "messages.sendMedia" })).await;
    let lost = request(chat, "lost", &upload(MediaKind::Document, "lost.bin", "application/octet-stream", 77));
    assert_eq!(name(&live.send(&lost).await.unwrap_err()).0, "retryable");
    let since = sent_since();
    let found = live.read_back(&lost, since).await.expect("it stands there");
    assert_eq!(live.send(&lost).await.unwrap(), found);

    let gone = live.connection.history_after(chat, found - 1, 1).await.unwrap().remove(0).media.remove(0);
    sandbox
        .control
        .http()
        .call(reqwest::Method::DELETE, &format!("/chats/{chat}/messages/{found}"), None::<&()>)
        .await
        .map(|_: serde_json::Value| ())
        .unwrap();
    assert_eq!(name(&live.download(&gone, 1_000).await.unwrap_err()), ("message", "media_gone"));
}

/// A file of three chunks that stands in a chat.
async fn sent_file() -> (Sandbox, Live, Upload, Media) {
    let sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let chat = sandbox.chat("channel", "Files", me, &[]).await;
    let live = sandbox.connect(&sandbox.sign_in(PHONE).await).await;
    let upload = upload(MediaKind::Document, "plan.pdf", "application/pdf", 1_300_000);
    let id = live.send(&request(chat, "plan", &upload)).await.unwrap();
    let media = live.connection.history_after(chat, id - 1, 1).await.unwrap().remove(0).media.remove(0);
    (sandbox, live, upload, media)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_file_reference_is_renewed() {
    let (sandbox, live, upload, media) = sent_file().await;
    let expired = |times: u32| {
        json!({
            "kind": "rpc_error", "method": "upload.getFile", "code": 400, "message": "FILE_REFERENCE_EXPIRED",
            "times": times,
        })
    };
    sandbox.fault(expired(2)).await;
    assert!(live.download(&media, 2_000_000).await.unwrap() == content_of(&upload).await);
    sandbox.fault(expired(3)).await;
    let error = live.download(&media, 2_000_000).await.unwrap_err();
    assert_eq!(name(&error), ("retryable", "file_reference_expired"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_wait_does_not_begin_a_file_anew_and_a_long_one_ends_it() {
    let (sandbox, live, upload, media) = sent_file().await;
    let refused = |message: &str, times: u32| json!({ "kind": "rpc_error", "method": "upload.getFile", "code": 420, "message": message, "times": times });
    sandbox.fault(refused("FLOOD_PREMIUM_WAIT_1", 2)).await;
    assert!(live.download(&media, 2_000_000).await.unwrap() == content_of(&upload).await);
    sandbox.fault(refused("FLOOD_WAIT_31", 1)).await;
    let error = live.download(&media, 2_000_000).await.unwrap_err();
    let wait = PlatformError::Wait { code: READ_FLOOD_WAIT.into(), wait: Duration::from_secs(31) };
    assert_eq!(error, wait);
}

fn sent_since() -> chrono::DateTime<chrono::Utc> {
    use domain::Clock as _;
    domain::SystemClock.now() - chrono::TimeDelta::seconds(30)
}
