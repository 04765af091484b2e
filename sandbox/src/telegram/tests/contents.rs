//! Content of every kind, batches and limits, by the control API.

use base64::Engine as _;
use grammers_tl_types::{enums, functions};
use serde_json::json;

use super::support::World;

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_content_survives_a_restart() {
    let world = World::start().await;
    let (ada, ben) = (world.person("Ada").await, world.person("Ben").await);
    let channel = world.chat("channel", &ada, &[&ben]).await;
    let path = format!("/chats/{channel}/messages");
    let data = base64::engine::general_purpose::STANDARD.encode(b"bytes");
    for field in ["document", "video", "round", "voice", "audio", "animation", "sticker"] {
        let file = json!({
            "name": "x.bin", "mime": "video/mp4", "base64": data, "duration_s": 3, "emoji": "🙂", "spoiler": true,
        });
        world.post(&path, json!({ "from": ada.id, field: file })).await;
    }
    for extra in [
        json!({ "poll": { "question": "Tea?", "options": ["yes", "no"], "quiz": true } }),
        json!({ "location": { "latitude": 1.5, "longitude": -2.25, "title": "Bar" } }),
        json!({ "contact": { "first_name": "Cy", "phone": "+100" } }),
        json!({ "dice": { "emoji": "🎲", "value": 4 } }),
    ] {
        world.post(&path, json!({ "from": ada.id, "extra": extra })).await;
    }
    let before = world.get(&path).await;
    let shown: Vec<_> = before.as_array().unwrap().iter().map(|message| message["media"]["shown"].clone()).collect();
    let kinds = ["document", "video", "round", "voice", "audio", "animation", "sticker"];
    assert_eq!(shown[..7], kinds.map(serde_json::Value::from));
    assert!(before.as_array().unwrap()[..7].iter().all(|message| message["media"]["spoiler"] == true));
    assert_eq!(before[7]["extra"]["poll"]["options"], json!(["yes", "no"]));
    let world = world.restart().await;
    assert_eq!(world.get(&path).await, before);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_arrives_in_order_and_whole() {
    const MESSAGES: usize = 130;
    let world = World::start().await;
    let (ada, ben) = (world.person("Ada").await, world.person("Ben").await);
    let channel = world.chat("channel", &ada, &[&ben]).await;
    let small = world.chat("group", &ada, &[&ben]).await;
    let mut bob = world.device(&ben).await;
    let mut inbox = bob.inbox().await;
    for chat in [channel, small, ben.id] {
        let messages: Vec<_> =
            (0..MESSAGES).map(|n| json!({ "from": ada.id, "text": format!("{chat} {n}") })).collect();
        let made = world.post(&format!("/chats/{chat}/messages/batch"), json!({ "messages": messages })).await;
        let ids: Vec<i64> = made["ids"].as_array().unwrap().iter().map(|id| id.as_i64().unwrap()).collect();
        assert_eq!(ids.len(), MESSAGES);
        assert!(ids.is_sorted());
        for n in 0..MESSAGES {
            assert_eq!(inbox.next_text().await, format!("{chat} {n}"));
        }
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_kept_and_lifted() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let channel = world.chat("channel", &ada, &[]).await;
    let alice = world.device(&ada).await;
    let peer = ada.peer(channel);
    let limits = json!({ "messages_per_s_account": 1.0, "flood_wait_s": 600 });
    world.call(reqwest::Method::PUT, "/limits", limits).await;
    alice.client.send_message(peer, "allowed").await.unwrap();
    for _ in 0..2 {
        let error = alice.client.send_message(peer, "too much").await.unwrap_err();
        assert!(error.is("FLOOD_WAIT"), "{error}");
    }
    let shown = world.get("/limits").await;
    assert_eq!(shown["refused"], json!({ ada.id.to_string(): 2 }));
    assert_eq!(shown["ignored_waits"], json!({ ada.id.to_string(): 1 }));
    world.call(reqwest::Method::PUT, "/limits", json!({})).await;
    alice.client.send_message(peer, "lifted").await.unwrap();
    assert_eq!(world.texts(channel).await, ["allowed", "lifted"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_topic_is_the_same_topic() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let forum = world.chat("forum", &ada, &[]).await;
    let alice = world.device(&ada).await;
    let request = functions::messages::CreateForumTopic {
        title_missing: false,
        peer: ada.peer(forum).into(),
        title: "Weather".into(),
        icon_color: None,
        icon_emoji_id: None,
        random_id: 77,
        send_as: None,
    };
    for _ in 0..2 {
        assert!(matches!(alice.client.invoke(&request).await.unwrap(), enums::Updates::Updates(_)));
    }
    let chats = world.get("/chats").await;
    assert_eq!(chats[0]["topics"].as_array().unwrap().len(), 1);
    world.end().await;
}
