//! Broken links, limits, lost answers and closed doors.

use std::time::Duration;

use activities::platform::{PlatformError, PlatformEvent, SendRequest};
use domain::{ChatId, Clock as _, SystemClock};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{World, name, send, text};

#[tokio::test]
async fn a_dropped_gateway_loses_nothing() {
    let world = World::start().await;
    let (_connection, mut watcher) = world.online().await;
    world.say("before").await;
    watcher.until_seen(1).await;
    world.fault(json!({"kind": "drop_gateway"})).await;
    for number in 0..20 {
        world.say(&format!("meanwhile {number}")).await;
    }
    watcher.until_seen(21).await;
    let expected: Vec<_> = (0..20).map(|number| format!("meanwhile {number}")).collect();
    assert_eq!(watcher.texts()[1..], expected);
}

#[tokio::test]
async fn after_an_invalid_session_history_closes_the_gap() {
    let world = World::start().await;
    let (connection, mut watcher) = world.online().await;
    let before = world.say("before").await;
    watcher.until_seen(1).await;
    world.fault(json!({"kind": "invalid_session"})).await;
    world.say("in the gap").await;
    watcher.until_connected().await;
    world.say("after").await;
    watcher.until_seen(2).await;
    assert_eq!(watcher.texts().last(), Some(&"after"));
    let history = connection.history_after(world.channel, before, 100).await.unwrap();
    let texts: Vec<_> = history.iter().map(|message| message.text.text.as_str()).collect();
    assert_eq!(texts, ["in the gap", "after"]);
}

#[tokio::test]
async fn a_short_rate_limit_is_waited_for_and_a_long_one_is_returned() {
    let world = World::start().await;
    let (connection, _watcher) = world.online().await;
    world.fault(json!({"kind": "rate_limit", "method": "POST", "retry_after": 0.5, "times": 1})).await;
    let started = tokio::time::Instant::now();
    connection.send(&world.request("patient")).await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(500), "{:?}", started.elapsed());
    world.fault(json!({"kind": "rate_limit", "method": "POST", "retry_after": 90, "times": 1})).await;
    let error = connection.send(&world.request("refused")).await.unwrap_err();
    let PlatformError::Wait { wait, .. } = error else { panic!("{error:?}") };
    assert!(wait > Duration::from_secs(80) && wait <= Duration::from_secs(90), "{wait:?}");
    assert_eq!(world.stored().await.len(), 1);
}

#[tokio::test]
async fn a_global_rate_limit_holds_every_call() {
    let world = World::start().await;
    let (connection, _watcher) = world.online().await;
    world.fault(json!({"kind": "rate_limit_global", "retry_after": 60, "times": 1})).await;
    for error in [connection.send(&world.request("x")).await.unwrap_err(), connection.health().await.unwrap_err()] {
        assert_eq!(name(&error), ("wait", "rate_limited_global"));
    }
}

#[tokio::test]
async fn server_errors_and_lost_answers_are_retryable_and_the_retry_sends_nothing_twice() {
    let world = World::start().await;
    let (connection, _watcher) = world.online().await;
    let request = world.request("stubborn");
    world.fault(json!({"kind": "server_error", "method": "POST", "status": 503, "times": 1})).await;
    assert_eq!(name(&connection.send(&request).await.unwrap_err()), ("retryable", "server_error"));
    assert_eq!(connection.read_back(&request, SystemClock.now()).await.unwrap(), None);
    assert!(world.stored().await.is_empty());

    world.fault(json!({"kind": "lose_answer", "method": "POST", "times": 1})).await;
    let since = SystemClock.now();
    let lost = connection.send(&request).await.unwrap_err();
    assert_eq!(name(&lost).0, "retryable");
    let found = connection.read_back(&request, since).await.unwrap();
    assert_eq!(connection.send(&request).await.ok(), found);
    assert_eq!(world.stored().await.len(), 1);
    let other = world.request("stubborn");
    assert_eq!(connection.read_back(&other, since).await.unwrap(), None);
}

#[tokio::test]
async fn a_closed_channel_is_the_chats_error() {
    let world = World::start().await;
    let (connection, _watcher) = world.online().await;
    let path = format!("/channels/{}/permissions", world.channel);
    world.ask(reqwest::Method::PUT, &path, json!({"bot": world.bot, "deny": ["SEND_MESSAGES"]})).await;
    assert_eq!(name(&connection.send(&world.request("x")).await.unwrap_err()), ("chat", "missing_permission"));
    let nowhere = SendRequest { chat: ChatId::new(17), ..world.request("x") };
    assert_eq!(name(&connection.send(&nowhere).await.unwrap_err()), ("chat", "unknown_channel"));
    world.post(&format!("/guilds/{}/kick", world.guild), json!({"bot": world.bot})).await;
    let kicked = connection.send(&world.request("x")).await.unwrap_err();
    assert_eq!(name(&kicked).0, "chat");
    assert!(connection.chats().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_history_that_may_not_be_read_is_not_an_empty_one() {
    let world = World::start().await;
    let (connection, _watcher) = world.online().await;
    let body = json!({"name": "aside", "kind": "thread", "parent": world.channel});
    let thread = text(&world.post(&format!("/guilds/{}/channels", world.guild), body).await["id"]);
    let inside = json!({"author": world.person, "content": "inside"});
    world.post(&format!("/channels/{thread}/messages"), inside).await;
    let thread: ChatId = thread.parse().unwrap();
    let said = [world.say("one").await, world.say("two").await];
    let deny = async |permissions: Value| {
        let path = format!("/channels/{}/permissions", world.channel);
        world.ask(Method::PUT, &path, json!({"bot": world.bot, "deny": permissions})).await;
    };
    deny(json!(["READ_MESSAGE_HISTORY"])).await;
    for chat in [world.channel, thread] {
        assert!(!connection.chat(chat).await.unwrap().can_read);
        let refused = connection.history_after(chat, 0, 100).await.unwrap_err();
        assert_eq!(name(&refused), ("chat", "missing_permission"));
    }
    let after_the_last = connection.history_after(world.channel, said[1], 100).await.unwrap();
    assert!(after_the_last.is_empty(), "nothing is hidden where nothing was written: {after_the_last:?}");
    let since = SystemClock.now() - chrono::TimeDelta::minutes(1);
    let refused = connection.read_back(&world.request("x"), since).await.unwrap_err();
    assert_eq!(name(&refused), ("chat", "missing_permission"), "a lost send is not taken for one that was not made");

    deny(json!([])).await;
    assert_eq!(connection.history_after(world.channel, 0, 100).await.unwrap().len(), 2);
    assert_eq!(connection.read_back(&world.request("x"), since).await.unwrap(), None);
    for id in said {
        world.ask(Method::DELETE, &format!("/channels/{}/messages/{id}", world.channel), Value::Null).await;
    }
    assert!(connection.history_after(world.channel, said[0] - 1, 100).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_unreachable_server_is_reported_and_come_back_to() {
    let world = World::start().await;
    let (connection, mut watcher) = world.online().await;
    world.fault(json!({"kind": "refuse_connections", "ms": 3_000})).await;
    world.fault(json!({"kind": "drop_gateway"})).await;
    loop {
        match watcher.next().await {
            Some(PlatformEvent::Disconnected { .. }) => break,
            Some(PlatformEvent::Updates(_)) => (),
            other => panic!("{other:?} instead of Disconnected"),
        }
    }
    watcher.until_connected().await;
    connection.health().await.unwrap();
    world.say("back").await;
    watcher.until_seen(1).await;
}

#[tokio::test]
async fn a_request_to_reconnect_loses_nothing() {
    let world = World::start().await;
    let (_connection, mut watcher) = world.online().await;
    for round in 0..3 {
        world.fault(json!({"kind": "reconnect"})).await;
        world.say(&format!("round {round}")).await;
    }
    watcher.until_seen(3).await;
    assert_eq!(watcher.texts(), ["round 0", "round 1", "round 2"]);
}

#[tokio::test]
async fn after_a_restart_of_the_server_everything_is_there() {
    let mut world = World::start().await;
    let (connection, mut watcher) = world.online().await;
    let request = world.request("before");
    let before = send(connection.as_ref(), &request).await;
    watcher.until_seen(1).await;
    world.restart().await;
    world.say("after").await;
    // Whether the session was resumed or begun anew is the server's choice: stream and history hold it together.
    let live = async {
        while !watcher.texts().contains(&"after") {
            match watcher.next().await {
                Some(PlatformEvent::Connected) => {
                    let missed = connection.history_after(world.channel, before, 100).await.unwrap();
                    watcher.seen.extend(missed);
                }
                Some(_) => (),
                None => panic!("the stream ended"),
            }
        }
    };
    live.await;
    assert_eq!(send(connection.as_ref(), &request).await, before);
    assert_eq!(world.stored().await.len(), 2);
}
