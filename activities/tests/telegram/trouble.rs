//! Servers that vanish, stay silent or throw the account out.

use std::time::Duration;

use activities::{platform::PlatformEvent, telegram::connect};
use serde_json::json;

use crate::harness::{PATIENCE, Sandbox, clock, name, text};

const PHONE: &str = "+9996612345";

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_session_is_gone() {
    let sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let session = sandbox.sign_in(PHONE).await;
    let mut live = sandbox.connect(&session).await;
    live.connected().await;
    sandbox.fault(json!({ "kind": "revoke", "user": me })).await;
    let gone = loop {
        match live.next().await {
            PlatformEvent::Gone(error) => break error,
            PlatformEvent::Disconnected { .. } => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(name(&gone), ("revoked", "session_revoked"));
    let end = tokio::time::timeout(PATIENCE, live.events.next()).await.unwrap();
    assert!(end.is_none(), "{end:?}");
    assert_eq!(name(&live.connection.health().await.unwrap_err()).0, "revoked");
    assert_eq!(name(&connect(&sandbox.config, &session, clock()).await.err().unwrap()).0, "revoked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_banned_account_is_gone() {
    let sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let mut live = sandbox.connect(&sandbox.sign_in(PHONE).await).await;
    live.connected().await;
    sandbox.fault(json!({ "kind": "ban", "phone": PHONE })).await;
    sandbox.fault(json!({ "kind": "drop_connections", "user": me })).await;
    let gone = loop {
        if let PlatformEvent::Gone(error) = live.next().await {
            break error;
        }
    };
    assert_eq!(name(&gone), ("banned", "user_deactivated_ban"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_back_finds_the_account_waiting() {
    let mut sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let bob = sandbox.user("+9996654321", "Bob", None).await;
    let channel = sandbox.chat("channel", "News", bob, &[me]).await;
    let mut live = sandbox.connect(&sandbox.sign_in(PHONE).await).await;
    live.connected().await;
    sandbox.stop().await;
    assert!(matches!(live.next().await, PlatformEvent::Disconnected { .. }));
    assert_eq!(name(&live.connection.health().await.unwrap_err()).0, "retryable");
    sandbox.start_again().await;
    live.connected().await;
    sandbox.control.say(channel.get(), bob, "back").await.unwrap();
    assert_eq!(live.texts(1).await, ["back"]);
    live.connection.health().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_does_not_hold_us() {
    let mut sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let chat = sandbox.chat("channel", "News", me, &[]).await;
    let session = sandbox.sign_in(PHONE).await;
    sandbox.config.call_timeout = Duration::from_secs(2);
    let live = sandbox.connect(&session).await;
    let request = text(chat, "late");
    sandbox.fault(json!({ "kind": "delay", "method": "messages.sendMessage", "ms": 60_000 })).await;
    let error = live.send(&request).await.unwrap_err();
    assert_eq!(name(&error), ("retryable", "timeout"));
    live.send(&request).await.unwrap();
    assert_eq!(sandbox.texts(chat).await, ["late"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_accepts_and_says_nothing_is_given_up() {
    let mut sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let bob = sandbox.user("+9996654321", "Bob", None).await;
    let session = sandbox.sign_in(PHONE).await;
    sandbox.config.call_timeout = Duration::from_secs(1);
    let mut live = sandbox.connect(&session).await;
    live.connected().await;
    sandbox.stop().await;
    let mute = sandbox.bind_in_its_place();
    assert!(matches!(live.next().await, PlatformEvent::Disconnected { .. }));
    let error = live.connection.health().await.unwrap_err();
    assert_eq!(name(&error).0, "retryable", "{error}");
    let refused = connect(&sandbox.config, &session, clock()).await.err().unwrap();
    assert_eq!(name(&refused), ("retryable", "timeout"));
    drop(mute);
    sandbox.start_again().await;
    sandbox.control.say(me, bob, "back").await.unwrap();
    assert_eq!(live.texts(1).await, ["back"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_ends_the_stream_and_every_call() {
    let sandbox = Sandbox::start().await;
    sandbox.user(PHONE, "Ann", None).await;
    let mut live = sandbox.connect(&sandbox.sign_in(PHONE).await).await;
    live.connected().await;
    live.connection.close().await;
    let end = tokio::time::timeout(PATIENCE, live.events.next()).await.unwrap();
    assert!(end.is_none(), "{end:?}");
    assert_eq!(name(&live.connection.health().await.unwrap_err()), ("retryable", "closed"));
}
