//! Sends: formatting, repeats, ambiguous outcomes, refusals.

use std::time::Duration;

use activities::platform::{PlatformError, SendBody, SendRequest};
use chrono::TimeDelta;
use domain::{Clock, PartText, RichText, Span, Style, SystemClock};
use serde_json::json;

use crate::harness::{Sandbox, key, name, text};

const PHONE: &str = "+9996612345";

#[tokio::test(flavor = "multi_thread")]
async fn a_message_keeps_its_formatting_its_reply_and_its_key() {
    let sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let chat = sandbox.chat("channel", "News", me, &[]).await;
    let live = sandbox.connect(&sandbox.sign_in(PHONE).await).await;

    let first = live.send(&text(chat, "first")).await.unwrap();
    let rich = RichText { text: "😀 bold".into(), spans: vec![Span { offset: 3, length: 4, style: Style::Bold }] };
    let request = SendRequest {
        body: SendBody::Text(PartText::Telegram(rich)),
        reply_to: Some(first),
        silent: true,
        ..text(chat, "")
    };
    let id = live.send(&request).await.unwrap();
    assert!(id > first);
    assert_eq!(live.send(&request).await.unwrap(), id, "the same key is the same message");

    let messages = sandbox.control.messages(chat.get()).await.unwrap();
    let sent: Vec<_> = messages.iter().filter(|message| message.id == id).collect();
    let [sent] = sent.as_slice() else { panic!("sent once: {messages:?}") };
    assert_eq!((sent.text.as_str(), sent.reply_to), ("😀 bold", Some(first)));
    let entity = &sent.entities[0];
    assert_eq!((entity["offset"].as_i64(), entity["length"].as_i64()), (Some(3), Some(4)), "{entity}");
    assert_eq!(sandbox.texts(chat).await, ["first", "😀 bold"]);

    let vanished = SendRequest { reply_to: Some(9_999), ..text(chat, "without its link") };
    live.send(&vanished).await.unwrap();
    assert_eq!(sandbox.texts(chat).await.last().unwrap(), "without its link");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_settled_by_the_key_or_by_reading_back() {
    let sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let chat = sandbox.chat("supergroup", "Room", me, &[]).await;
    let live = sandbox.connect(&sandbox.sign_in(PHONE).await).await;
    let since = SystemClock.now() - TimeDelta::seconds(5);

    sandbox.fault(json!({ "kind": "lose_answer", "method": "messages.sendMessage" })).await;
    let request = text(chat, "once");
    let error = live.send(&request).await.unwrap_err();
    assert_eq!(name(&error).0, "retryable");
    let found = live.read_back(&request, since).await.expect("it stands there");
    assert_eq!(live.send(&request).await.unwrap(), found);
    assert_eq!(sandbox.texts(chat).await, ["once"]);

    let never = text(chat, "never sent");
    assert_eq!(live.read_back(&never, since).await, None);
    let later = SystemClock.now() + TimeDelta::hours(1);
    assert_eq!(live.read_back(&request, later).await, None, "too old to be the one");
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_say_what_must_happen_next() {
    let sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let owner = sandbox.user("+9996654321", "Bob", None).await;
    let mine = sandbox.chat("channel", "Mine", me, &[]).await;
    let foreign = sandbox.chat("channel", "Foreign", owner, &[me]).await;
    let live = sandbox.connect(&sandbox.sign_in(PHONE).await).await;

    sandbox.fault(json!({ "kind": "flood_wait", "method": "messages.sendMessage", "seconds": 31 })).await;
    match live.send(&text(mine, "x")).await.unwrap_err() {
        PlatformError::Wait { code, wait } => {
            assert_eq!((code.as_str(), wait), ("flood_wait", Duration::from_secs(31)))
        }
        other => panic!("{other}"),
    }
    let rpc = |code, message| json!({ "kind": "rpc_error", "method": "messages.sendMessage", "code": code, "message": message });
    for (fault, expected) in [
        (rpc(500, "RPC_CALL_FAIL"), ("retryable", "rpc_call_fail")),
        (rpc(400, "SOMETHING_NEW"), ("message", "something_new")),
        (rpc(403, "CHAT_WRITE_FORBIDDEN"), ("chat", "chat_write_forbidden")),
        (rpc(400, "PEER_FLOOD"), ("flooded", "peer_flood")),
    ] {
        sandbox.fault(fault).await;
        let error = live.send(&text(mine, "x")).await.unwrap_err();
        assert_eq!(name(&error), expected);
    }
    let error = live.send(&text(mine, "   ")).await.unwrap_err();
    assert_eq!(name(&error), ("message", "message_empty"));
    let error = live.send(&text(mine, &"x".repeat(5_000))).await.unwrap_err();
    assert_eq!(name(&error), ("message", "message_too_long"));
    let error = live.send(&text(foreign, "x")).await.unwrap_err();
    assert_eq!(name(&error).0, "chat", "{error}");
    let error = live.send(&text(domain::ChatId::new(-1_009_999_999_999), "x")).await.unwrap_err();
    assert_eq!(name(&error), ("chat", "chat_unknown"));
    let wrong = SendRequest { body: SendBody::Text(PartText::Discord("x".into())), ..text(mine, "x") };
    assert_eq!(name(&live.send(&wrong).await.unwrap_err()), ("message", "wrong_platform"));
    assert_eq!(sandbox.texts(mine).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_native_forward_is_done_once() {
    let sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let source = sandbox.chat("channel", "Source", me, &[]).await;
    let target = sandbox.chat("supergroup", "Target", me, &[]).await;
    let original = sandbox.control.say(source.get(), me, "original").await.unwrap();
    let live = sandbox.connect(&sandbox.sign_in(PHONE).await).await;
    let since = SystemClock.now() - TimeDelta::seconds(5);

    let body = SendBody::Forward { from: source, message_ids: vec![original] };
    let request = SendRequest::new(target, key(), body);
    sandbox.fault(json!({ "kind": "lose_answer", "method": "messages.forwardMessages" })).await;
    assert_eq!(name(&live.send(&request).await.unwrap_err()).0, "retryable");
    let found = live.read_back(&request, since).await.expect("it stands there");
    assert_eq!(live.send(&request).await.unwrap(), found);
    assert_eq!(sandbox.texts(target).await, ["original"]);
}
