//! Every kind of content: in as what it is, out as what it is.

use std::sync::Arc;

use activities::platform::{PlatformEvent, SendBody, SendRequest, Upload};
use base64::Engine as _;
use bytes::Bytes;
use domain::{
    ChatId, Extra, Media, MediaKind, PartText, RichText,
    message::{Avatar, Contact, Location, MediaSource, Poll},
};
use serde_json::json;

use crate::harness::{Sandbox, key};

const PHONE: &str = "+9996612345";

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_file_arrives_as_what_it_is_and_leaves_so_again() {
    let sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let bob = sandbox.user("+9996654321", "Bob", None).await;
    let source = sandbox.chat("channel", "Source", bob, &[me]).await;
    let target = sandbox.chat("channel", "Target", me, &[]).await;
    let mut live = sandbox.connect(&sandbox.sign_in(PHONE).await).await;
    live.connected().await;
    for (field, kind, mime, duration) in [
        ("video", MediaKind::Video, "video/mp4", Some(12)),
        ("round", MediaKind::VideoNote, "video/mp4", Some(12)),
        ("voice", MediaKind::Voice, "audio/ogg", Some(12)),
        ("audio", MediaKind::Audio, "audio/mpeg", Some(12)),
        ("animation", MediaKind::Animation, "video/mp4", Some(12)),
        ("document", MediaKind::Document, "application/pdf", None),
    ] {
        let bytes = format!("bytes of {field}").into_bytes();
        let encoded = base64::engine::general_purpose::STANDARD.encode(&bytes);
        let mut file = json!({
            "name": format!("{field}.bin"), "mime": mime, "base64": encoded,
            "width": 320, "height": 240, "duration_s": 11.5, "spoiler": field == "video",
        });
        let (title, performer) = (Some("Song".to_owned()), Some("Singer".to_owned()));
        let played = if field == "audio" { (title, performer) } else { (None, None) };
        (file["title"], file["performer"]) = (json!(played.0), json!(played.1));
        // A round number of seconds for sound, which Telegram counts whole.
        if matches!(field, "voice" | "audio") {
            file["duration_s"] = json!(12);
        }
        sandbox.control.post(source.get(), &json!({ "from": bob, field: file })).await.unwrap();
        let message = live.messages(1).await.remove(0);
        let media = message.media[0].clone();
        assert_eq!((media.kind, media.mime.as_str(), media.duration_seconds), (kind, mime, duration), "{field}");
        assert_eq!(media.spoiler, field == "video");
        assert_eq!((media.title.clone(), media.performer.clone()), played, "{field}");

        let upload = Upload { media, content: Arc::new(Bytes::from(bytes.clone())) };
        let caption = PartText::Telegram(RichText::default());
        let request = SendRequest::new(target, key(), SendBody::Media { caption, uploads: vec![upload] });
        live.send(&request).await.unwrap();
        let copied = live.messages(1).await.remove(0).media.remove(0);
        assert_eq!((copied.kind, copied.duration_seconds), (kind, duration), "{field}");
        assert_eq!(copied.spoiler, field == "video");
        assert_eq!((copied.title.clone(), copied.performer.clone()), played, "{field}");
        assert_eq!(live.download(&copied, 1_000).await.unwrap(), bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stickers_stay_stickers() {
    let sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let chat = sandbox.chat("channel", "Target", me, &[]).await;
    let mut live = sandbox.connect(&sandbox.sign_in(PHONE).await).await;
    live.connected().await;
    for (name, mime, caption, kind) in [
        ("s.webp", "image/webp", "", MediaKind::Sticker),
        ("s.tgs", "application/x-tgsticker", "", MediaKind::Sticker),
        ("s.webm", "video/webm", "", MediaKind::Sticker),
        ("s.png", "image/png", "", MediaKind::Document),
        ("s.webp", "image/webp", "words", MediaKind::Document),
    ] {
        let place = MediaSource::TelegramMessage { chat: ChatId::new(1), message_id: 1 };
        let media =
            Media { emoji: Some("🙂".into()), ..Media::new(MediaKind::Sticker, name.into(), mime.into(), 4, place) };
        let upload = Upload { media, content: Arc::new(Bytes::from_static(b"RIFF")) };
        let caption = PartText::Telegram(RichText::plain(caption));
        live.send(&SendRequest::new(chat, key(), SendBody::Media { caption, uploads: vec![upload] })).await.unwrap();
        let sent = live.messages(1).await.remove(0).media.remove(0);
        assert_eq!(sent.kind, kind, "{name}");
        if kind == MediaKind::Sticker {
            assert_eq!(sent.emoji.as_deref(), Some("🙂"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_a_file_arrives_in_words_of_the_domain() {
    let sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let bob = sandbox.user("+9996654321", "Bob", None).await;
    let chat = sandbox.chat("supergroup", "Room", bob, &[me]).await;
    let portrait = json!({ "base64": base64::engine::general_purpose::STANDARD.encode(b"a face") });
    let photo: serde_json::Value = sandbox
        .control
        .http()
        .call(reqwest::Method::PUT, &format!("/users/{bob}/photo"), Some(&portrait))
        .await
        .unwrap();
    let mut live = sandbox.connect(&sandbox.sign_in(PHONE).await).await;
    live.connected().await;
    let poll = Poll { question: "Tea?".into(), options: vec!["yes".into(), "no".into()], ..Poll::default() };
    let venue = Location {
        latitude_e7: 525_000_000,
        longitude_e7: 134_000_000,
        title: Some("Bar".into()),
        address: Some("Street 1".into()),
        live: false,
    };
    for (sent, extra) in [
        (json!({ "poll": { "question": "Tea?", "options": ["yes", "no"] } }), Extra::Poll(poll)),
        (
            json!({ "location": { "latitude": 52.5, "longitude": 13.4, "title": "Bar", "address": "Street 1" } }),
            Extra::Location(venue),
        ),
        (
            json!({ "location": { "latitude": -0.5, "longitude": 0.25, "live": true } }),
            Extra::Location(Location {
                latitude_e7: -5_000_000,
                longitude_e7: 2_500_000,
                live: true,
                ..Location::default()
            }),
        ),
        (
            json!({ "contact": { "first_name": "Cy", "last_name": "Doe", "phone": "+100" } }),
            Extra::Contact(Contact { name: "Cy Doe".into(), phone: "+100".into() }),
        ),
        (json!({ "dice": { "emoji": "🎲", "value": 4 } }), Extra::Dice { emoji: "🎲".into(), value: 4 }),
    ] {
        sandbox.control.post(chat.get(), &json!({ "from": bob, "extra": sent })).await.unwrap();
        let message = live.messages(1).await.remove(0);
        assert_eq!(message.extras, [extra]);
        let avatar = message.author.unwrap().avatar;
        assert_eq!(avatar, Some(Avatar::TelegramPhoto { photo_id: photo["photo_id"].as_i64().unwrap() }));
    }

    let page = json!({ "web_page": { "url": "https://example.org", "site_name": "Example", "title": "A page" } });
    let linked = json!({ "from": bob, "text": "see https://example.org", "extra": page });
    sandbox.control.post(chat.get(), &linked).await.unwrap();
    let message = live.messages(1).await.remove(0);
    let [Extra::Embed(embed)] = message.extras.as_slice() else { panic!("a preview: {message:?}") };
    assert!(embed.preview);
    assert_eq!((embed.title.as_deref(), embed.url.as_deref()), (Some("A page"), Some("https://example.org")));

    let first = sandbox.control.say(chat.get(), bob, "a long thought").await.unwrap();
    let quoting = json!({
        "from": bob, "text": "indeed", "reply_to": first, "quote": { "text": "long", "offset": 2 },
        "fwd_from": { "from": bob, "hidden_name": "Somebody" },
    });
    sandbox.control.post(chat.get(), &quoting).await.unwrap();
    let message = live.messages(2).await.remove(1);
    assert_eq!(message.quote.unwrap().text, "long");
    assert_eq!(message.forwarded_from.unwrap().name.as_deref(), Some("Somebody"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_joined_while_away_is_read_without_a_restart() {
    let sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let bob = sandbox.user("+9996654321", "Bob", None).await;
    let mut live = sandbox.connect(&sandbox.sign_in(PHONE).await).await;
    live.connected().await;
    sandbox.fault(json!({ "kind": "refuse_connections" })).await;
    sandbox.fault(json!({ "kind": "drop_connections", "user": me })).await;
    let channel = sandbox.chat("channel", "News", bob, &[me]).await;
    sandbox.control.say(channel.get(), bob, "while away").await.unwrap();
    sandbox.control.clear_faults().await.unwrap();
    while !matches!(live.next().await, PlatformEvent::Connected) {}
    let history = live.connection.history_after(channel, 0, 10).await.unwrap();
    assert!(history.iter().any(|message| message.text.text == "while away"), "{history:?}");
    sandbox.control.say(channel.get(), bob, "live").await.unwrap();
    assert_eq!(live.texts(1).await, ["live"]);
}
