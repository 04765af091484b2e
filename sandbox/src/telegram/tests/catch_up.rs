//! Nothing is missed: dropped connections, time offline, restarts of the sandbox.

use serde_json::json;

use super::messages::{message_id, raw_send};
use super::support::{Device, PATIENCE, World, stored_pts};

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_offline_is_caught_up_in_order() {
    let world = World::start().await;
    let (ada, ben) = (world.person("Ada").await, world.person("Ben").await);
    let channel = world.chat("channel", &ada, &[&ben]).await;
    let mut bob = world.device(&ben).await;
    let mut dialogs = bob.client.iter_dialogs();
    while dialogs.next().await.unwrap().is_some() {}
    let mut inbox = bob.inbox().await;
    world.say(ben.id, &ada, "seen").await;
    assert_eq!(inbox.next_text().await, "seen");
    inbox.stream.sync_update_state().await.unwrap();
    drop(inbox);
    let session = bob.close().await;
    assert!(stored_pts(&session).await > 1);
    for n in 0..5 {
        world.say(ben.id, &ada, &format!("private {n}")).await;
        world.say(channel, &ada, &format!("post {n}")).await;
    }
    let mut bob = Device::connect(session);
    let mut inbox = bob.inbox().await;
    let mut caught_up = Vec::new();
    for _ in 0..10 {
        caught_up.push(inbox.next_text().await);
    }
    let of = |kind: &str| caught_up.iter().filter(|t| t.starts_with(kind)).cloned().collect::<Vec<_>>();
    assert_eq!(of("private"), (0..5).map(|n| format!("private {n}")).collect::<Vec<_>>());
    assert_eq!(of("post"), (0..5).map(|n| format!("post {n}")).collect::<Vec<_>>());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_connection_loses_nothing() {
    let world = World::start().await;
    let (ada, ben) = (world.person("Ada").await, world.person("Ben").await);
    let channel = world.chat("channel", &ada, &[&ben]).await;
    let mut bob = world.device(&ben).await;
    let mut dialogs = bob.client.iter_dialogs();
    while dialogs.next().await.unwrap().is_some() {}
    let mut inbox = bob.inbox().await;
    world.say(channel, &ada, "before").await;
    assert_eq!(inbox.next_text().await, "before");
    world.post("/faults", json!({ "kind": "drop_connections", "user": ben.id })).await;
    world.say(channel, &ada, "during").await;
    assert_eq!(inbox.next_text().await, "during");
    world.say(channel, &ada, "after").await;
    assert_eq!(inbox.next_text().await, "after");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_survives_a_restart() {
    let world = World::start().await;
    let (ada, ben) = (world.person("Ada").await, world.person("Ben").await);
    let channel = world.chat("channel", &ada, &[&ben]).await;
    let alice = world.device(&ada).await;
    let request = raw_send(ada.peer(channel).into(), "kept", 99);
    let id = message_id(alice.client.invoke(&request).await.unwrap());
    let token = alice.client.request_login_code("+99900000077", "hash").await;
    assert!(token.is_err(), "a logged-in key asks for no code");
    let stranger = world.stranger().await;
    let token = stranger.client.request_login_code(&ben.phone, "hash").await.unwrap();
    let chats = world.get("/chats").await;
    let world = world.restart().await;
    assert_eq!(world.get("/chats").await, chats);
    assert_eq!(world.texts(channel).await, ["kept"]);
    // The login, the repeat of a send, and the code all still hold.
    let alice = Device::connect(alice.close().await);
    assert_eq!(message_id(alice.client.invoke(&request).await.unwrap()), id);
    let stranger = Device::connect(stranger.close().await);
    stranger.client.sign_in(&token, &world.code(&ben.phone).await).await.unwrap();
    assert_eq!(world.texts(channel).await, ["kept"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_absence_comes_in_slices() {
    let world = World::start().await;
    let (ada, ben) = (world.person("Ada").await, world.person("Ben").await);
    let channel = world.chat("channel", &ada, &[&ben]).await;
    let mut bob = world.device(&ben).await;
    let mut dialogs = bob.client.iter_dialogs();
    while dialogs.next().await.unwrap().is_some() {}
    let inbox = bob.inbox().await;
    inbox.stream.sync_update_state().await.unwrap();
    drop(inbox);
    let session = bob.close().await;
    // More than one difference of each kind carries.
    let (privates, posts) = (620, 230);
    for n in 0..privates {
        world.say(ben.id, &ada, &format!("private {n}")).await;
    }
    for n in 0..posts {
        world.say(channel, &ada, &format!("post {n}")).await;
    }
    let mut bob = Device::connect(session);
    let mut inbox = bob.inbox().await;
    let (mut seen_privates, mut seen_posts) = (Vec::new(), Vec::new());
    for _ in 0..privates + posts {
        let text = inbox.next_text().await;
        if text.starts_with("private") { seen_privates.push(text) } else { seen_posts.push(text) }
    }
    assert_eq!(seen_privates, (0..privates).map(|n| format!("private {n}")).collect::<Vec<_>>());
    assert_eq!(seen_posts, (0..posts).map(|n| format!("post {n}")).collect::<Vec<_>>());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_connections_come_back_when_the_fault_is_lifted() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let alice = world.device(&ada).await;
    world.post("/faults", json!({ "kind": "refuse_connections" })).await;
    world.post("/faults", json!({ "kind": "drop_connections" })).await;
    // The first request may meet the old connection's end, the second a new connection's.
    for _ in 0..2 {
        assert!(alice.client.get_me().await.is_err(), "the server does not talk");
    }
    world.call(reqwest::Method::DELETE, "/faults", json!({})).await;
    let back = async {
        while alice.client.get_me().await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, back).await.expect("the server talks again");
    world.post("/faults", json!({ "kind": "delay", "method": "users.getUsers", "ms": 300 })).await;
    let asked = std::time::Instant::now();
    alice.client.get_me().await.unwrap();
    assert!(asked.elapsed().as_millis() >= 300, "the answer came at once");
    world.end().await;
}
