use domain::{Media, MediaKind, PairId, SourceMessageId, SystemClock};
use serde_json::json;

use super::*;

fn request(body: SendBody) -> SendRequest {
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

fn files_with(caption: &str, sizes: &[usize]) -> SendBody {
    SendBody::Media {
        caption: PartText::Discord(caption.to_owned()),
        uploads: sizes.iter().map(|size| upload("a.bin", *size)).collect(),
    }
}

#[test]
fn the_body_holds_the_key_and_pings_nobody() {
    let request = request(text("**hi** @everyone"));
    let body = serde_json::to_value(body(&request, &Parts::of(&request).unwrap(), Some(11)).unwrap()).unwrap();
    let expected = json!({
        "content": "**hi** @everyone", "nonce": request.key.as_nonce(), "enforce_nonce": true, "flags": 4096,
        "allowed_mentions": {"parse": [], "users": [], "roles": [], "replied_user": false},
        "message_reference": {"type": 0, "message_id": "11", "channel_id": "501", "fail_if_not_exists": false}
    });
    for (name, value) in expected.as_object().unwrap() {
        let shown = match (name.as_str(), &body[name]) {
            ("message_reference", reference) => without_nulls(reference),
            (_, value) => value.clone(),
        };
        assert_eq!(&shown, value, "{name}");
    }
}

fn without_nulls(value: &serde_json::Value) -> serde_json::Value {
    let mut value = value.clone();
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, field| !field.is_null());
    }
    value
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
fn a_stored_message_is_recognised_by_nonce_and_else_by_content_and_sizes() {
    let request = request(files_with(" caption\n", &[3, 4]));
    let parts = Parts::of(&request).unwrap();
    let check = |nonce: serde_json::Value, content: &str, sizes: &[u64], expected: Match| {
        let files: Vec<_> = sizes.iter().map(|size| json!({"size": size})).collect();
        let stored: Stored = serde_json::from_value(json!({
            "id": "5", "author": {"id": "900"}, "content": content, "nonce": nonce, "attachments": files
        }))
        .unwrap();
        assert_eq!(stored.matches(&request, &parts), expected);
    };
    check(json!(request.key.as_nonce()), "edited since", &[], Match::Same);
    check(json!("another"), "caption", &[3, 4], Match::Other);
    check(json!(17), "caption", &[3, 4], Match::Other);
    check(json!(null), "caption", &[3, 4], Match::Alike);
    check(json!(null), "caption", &[3], Match::Other);
    check(json!(null), "caption", &[4, 3], Match::Other);
    check(json!(null), "other", &[3, 4], Match::Other);
}

#[test]
fn recent_sends_are_remembered_up_to_a_bound() {
    let recent = Recent::default();
    let keys: Vec<_> = (0..=RECENT_MAX).map(|_| request(text("x")).key).collect();
    (1..).zip(&keys).for_each(|(id, key)| recent.put(id, key));
    assert_eq!((recent.find(&keys[0]), recent.has(1)), (None, false));
    assert_eq!((recent.find(&keys[1]), recent.has(2)), (Some(2), true));
}
