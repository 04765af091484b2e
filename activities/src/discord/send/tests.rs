use domain::{Media, MediaKind, PairId, SourceMessageId, SystemClock};
use serde_json::json;

use super::*;

pub(in crate::discord) fn request(body: SendBody) -> SendRequest {
    let key = IdempotencyKey::derive(PairId::new(&SystemClock), SourceMessageId::new(&SystemClock), 0);
    SendRequest { reply_to: Some(11), silent: true, ..SendRequest::new(ChatId::new(501), key, body) }
}

fn text(content: &str) -> SendBody {
    SendBody::Text(PartText::Discord(content.to_owned()))
}

fn upload(name: &str, size: usize) -> Upload {
    let source = domain::message::MediaSource::TelegramMessage { chat: ChatId::new(1), message_id: 1 };
    let media = Media::new(MediaKind::Document, name.to_owned(), "application/octet-stream".to_owned(), 0, source);
    Upload { media, content: std::sync::Arc::new(bytes::Bytes::from(vec![0; size])) }
}

pub(in crate::discord) fn files_with(caption: &str, sizes: &[usize]) -> SendBody {
    SendBody::Media {
        caption: PartText::Discord(caption.to_owned()),
        uploads: sizes.iter().map(|size| upload("a.bin", *size)).collect(),
    }
}

#[test]
fn the_body_holds_the_key_and_pings_nobody_unless_told() {
    let request = request(text("**hi** @everyone"));
    let parts = Parts::of(&request).unwrap();
    let expected = json!({
        "content": "**hi** @everyone", "nonce": request.key.as_nonce(), "enforce_nonce": true, "flags": 4096,
        "allowed_mentions": {"parse": [], "users": [], "roles": [], "replied_user": false},
        "message_reference": {"type": 0, "message_id": "11", "channel_id": "501", "fail_if_not_exists": false}
    });
    assert_eq!(keyed_body(&request, &parts, Some(11)), expected);
    let loud = SendRequest { mentions: Mentions::Allowed, ..request.clone() };
    assert_eq!(
        keyed_body(&loud, &parts, None)["allowed_mentions"],
        json!({"parse": ["users", "roles", "everyone"], "replied_user": true})
    );
}

#[test]
fn what_discord_does_not_recognise_is_told() {
    let plain = request(text("x"));
    assert!(is_recognised(&plain));
    let persona = Some(crate::platform::Persona { name: "Alice".to_owned(), avatar_url: None });
    assert!(!is_recognised(&SendRequest { persona, ..plain.clone() }));
    let post = SendRequest { thread_title: Some("topic".to_owned()), ..plain };
    assert!(!is_recognised(&post));
    assert!(is_recognised(&SendRequest { thread: Some(7), ..post }), "an open thread is a channel");
}

#[test]
fn what_discord_would_refuse_is_refused_without_asking() {
    let check = |body: SendBody, expected: Option<&str>| match (Parts::of(&request(body)).map(drop), expected) {
        (Ok(()), None) => (),
        (Err(PlatformError::Message { code, .. }), Some(expected)) => assert_eq!(code, expected),
        (other, expected) => panic!("{other:?} instead of {expected:?}"),
    };
    check(text(&"ä".repeat(2000)), None);
    check(text(&"ä".repeat(2001)), Some("too_long"));
    check(text(" \n"), Some("empty_message"));
    check(files_with("", &[1]), None);
    check(files_with("", &[]), Some("empty_message"));
    check(files_with("", &[1; 10]), None);
    check(files_with("", &[1; 11]), Some("too_many_attachments"));
    check(SendBody::Forward { from: ChatId::new(1), message_ids: vec![1] }, Some("forward_unsupported"));
    check(SendBody::Text(PartText::Telegram(domain::RichText::plain("x"))), Some("wrong_platform"));
}

#[test]
fn recent_sends_are_remembered_up_to_a_bound() {
    let recent = Recent::default();
    let keys: Vec<_> = (0..=RECENT_MAX).map(|_| request(text("x")).key).collect();
    (1..).zip(&keys).for_each(|(id, key)| recent.put(id, None, key));
    assert_eq!((recent.find(&keys[0]), recent.has(1)), (None, false));
    assert_eq!((recent.find(&keys[1]), recent.has(2)), (Some(Sent::one(2)), true));
}
