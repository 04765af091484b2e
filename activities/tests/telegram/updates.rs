//! What happens on Telegram arrives once, in order, and again only until it was acknowledged.

use activities::platform::PlatformEvent;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::harness::{Sandbox, text};

const PHONE: &str = "+9996612345";

#[tokio::test(flavor = "multi_thread")]
async fn live_messages_arrive_from_every_kind_of_chat() {
    let sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let bob = sandbox.user("+9996654321", "Bob", None).await;
    let channel = sandbox.chat("channel", "News", bob, &[me]).await;
    let room = sandbox.chat("supergroup", "Room", bob, &[me]).await;
    let small = sandbox.chat("group", "Small", bob, &[me]).await;
    let mut live = sandbox.connect(&sandbox.sign_in(PHONE).await).await;
    live.connected().await;

    for (chat, title, author) in [
        (channel.get(), Some("News"), None),
        (room.get(), Some("Room"), Some("Bob")),
        (small.get(), Some("Small"), Some("Bob")),
        (me, Some("Bob"), Some("Bob")),
    ] {
        let entities = json!([{ "type": "bold", "offset": 0, "length": 5 }]);
        sandbox.control.post(chat, &json!({ "from": bob, "text": "hello", "entities": entities })).await.unwrap();
        let message = live.messages(1).await.remove(0);
        assert_eq!(message.text.text, "hello");
        assert_eq!(message.text.spans.len(), 1, "{title:?}");
        assert_eq!(message.chat_title.as_deref(), title);
        assert_eq!(message.author.as_ref().map(|author| author.name.as_str()), author, "{title:?}");
        assert!(!message.outgoing);
        let expected = if chat == me { bob } else { chat };
        assert_eq!(message.chat.get(), expected);
    }

    let id = live.send(&text(room, "mine")).await.unwrap();
    let own = live.messages(1).await.remove(0);
    assert_eq!((own.message_id, own.outgoing, own.author.unwrap().id), (id, true, me));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_over_a_dropped_connection() {
    let sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let bob = sandbox.user("+9996654321", "Bob", None).await;
    let channel = sandbox.chat("channel", "News", bob, &[me]).await;
    let mut live = sandbox.connect(&sandbox.sign_in(PHONE).await).await;
    live.connected().await;
    let mut expected = Vec::new();
    for round in 0..4 {
        for chat in [channel.get(), me] {
            for number in 0..3 {
                let text = format!("{round} {chat} {number}");
                sandbox.control.say(chat, bob, &text).await.unwrap();
                expected.push(text);
            }
        }
        sandbox.fault(json!({ "kind": "drop_connections", "user": me })).await;
    }
    let mut found = live.texts(expected.len()).await;
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    sandbox.control.say(channel.get(), bob, "live again").await.unwrap();
    assert_eq!(live.texts(1).await, ["live again"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_catches_up_from_what_was_acknowledged() {
    let sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let bob = sandbox.user("+9996654321", "Bob", None).await;
    let channel = sandbox.chat("channel", "News", bob, &[me]).await;
    let mut live = sandbox.connect(&sandbox.sign_in(PHONE).await).await;
    live.connected().await;
    for chat in [channel.get(), me] {
        sandbox.control.say(chat, bob, "acknowledged").await.unwrap();
    }
    live.texts(2).await;
    let session = live.events.acknowledge().await.expect("news to save");
    assert!(live.events.acknowledge().await.is_none(), "nothing new");

    // Handed out and not acknowledged: a host that dies here must get them again.
    for chat in [channel.get(), me] {
        sandbox.control.say(chat, bob, "unacknowledged").await.unwrap();
    }
    live.texts(2).await;
    live.connection.close().await;
    while live.events.next().await.is_some() {}
    for chat in [channel.get(), me] {
        sandbox.control.say(chat, bob, "while away").await.unwrap();
    }

    let mut again = sandbox.connect(&session).await;
    again.connected().await;
    let mut messages = again.messages(4).await;
    messages.sort_by_key(|message| (message.chat, message.message_id));
    let texts: Vec<&str> = messages.iter().map(|message| message.text.text.as_str()).collect();
    assert_eq!(texts, ["unacknowledged", "while away", "unacknowledged", "while away"]);
    sandbox.control.say(channel.get(), bob, "now").await.unwrap();
    assert_eq!(again.texts(1).await, ["now"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledging_never_runs_ahead_of_what_was_handed_out() {
    let sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let bob = sandbox.user("+9996654321", "Bob", None).await;
    let mut live = sandbox.connect(&sandbox.sign_in(PHONE).await).await;
    live.connected().await;
    for number in 0..20 {
        sandbox.control.say(me, bob, &number.to_string()).await.unwrap();
    }
    // Whatever the loop has read meanwhile, only the first batch was handed out.
    let first = live.texts(1).await;
    let saved = live.events.acknowledge().await;
    let session = saved.unwrap_or_else(|| live.link.snapshot());
    live.connection.close().await;
    let mut again = sandbox.connect(&session).await;
    let rest = again.texts(20 - first.len()).await;
    let all: Vec<String> = first.into_iter().chain(rest).collect();
    assert_eq!(all, (0..20).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_too_far_ahead_asks_for_history() {
    let sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let bob = sandbox.user("+9996654321", "Bob", None).await;
    let channel = sandbox.chat("channel", "News", bob, &[me]).await;
    let mut live = sandbox.connect(&sandbox.sign_in(PHONE).await).await;
    live.connected().await;
    let seen = sandbox.control.say(channel.get(), bob, "seen").await.unwrap();
    live.texts(1).await;
    sandbox.fault(json!({ "kind": "refuse_connections" })).await;
    sandbox.fault(json!({ "kind": "too_long" })).await;
    sandbox.fault(json!({ "kind": "drop_connections", "user": me })).await;
    assert!(matches!(live.next().await, PlatformEvent::Disconnected { .. }));
    sandbox.control.say(channel.get(), bob, "missed").await.unwrap();
    sandbox.control.clear_faults().await.unwrap();
    sandbox.fault(json!({ "kind": "too_long" })).await;
    live.connected().await;
    live.connected().await;
    let missed = live.connection.history_after(channel, seen, 10).await.unwrap();
    assert_eq!(missed.len(), 1);
    assert_eq!(missed[0].text.text, "missed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_arrives_whole_and_in_order() {
    const MESSAGES: usize = 600;
    let sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let bob = sandbox.user("+9996654321", "Bob", None).await;
    let channel = sandbox.chat("channel", "News", bob, &[me]).await;
    let mut live = sandbox.connect(&sandbox.sign_in(PHONE).await).await;
    live.connected().await;
    let control = sandbox.control.clone();
    let writer = tokio::spawn(async move {
        for number in 0..MESSAGES {
            control.say(channel.get(), bob, &number.to_string()).await.unwrap();
            if number % 150 == 90 {
                control.fault(&json!({ "kind": "drop_connections", "user": me })).await.unwrap();
            }
        }
    });
    let mut found = Vec::new();
    while found.len() < MESSAGES {
        found.extend(live.texts(1).await);
        live.events.acknowledge().await;
    }
    writer.await.unwrap();
    assert_eq!(found, (0..MESSAGES).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_and_topics_arrive_with_their_place() {
    let sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let bob = sandbox.user("+9996654321", "Bob", None).await;
    let room = sandbox.chat("supergroup", "Room", bob, &[me]).await;
    let mut live = sandbox.connect(&sandbox.sign_in(PHONE).await).await;
    live.connected().await;
    let first = sandbox.control.say(room.get(), bob, "question").await.unwrap();
    sandbox.control.post(room.get(), &json!({ "from": bob, "text": "answer", "reply_to": first })).await.unwrap();
    let messages = live.messages(2).await;
    assert_eq!(messages[1].reply_to, Some(first));
    assert_eq!(messages[1].topic, None);

    let forum = sandbox.chat("forum", "Forum", bob, &[me]).await;
    let path = format!("/chats/{forum}/topics");
    let topic: serde_json::Value = sandbox.control.http().post(&path, &json!({ "title": "Topic" })).await.unwrap();
    let topic = topic["id"].as_i64().unwrap();
    let first = sandbox.control.post(forum.get(), &json!({ "from": bob, "text": "in", "topic": topic })).await.unwrap();
    sandbox.control.post(forum.get(), &json!({ "from": bob, "text": "re", "reply_to": first })).await.unwrap();
    let messages = live.messages(2).await;
    assert_eq!((messages[0].reply_to, messages[0].topic), (None, Some(topic)));
    assert_eq!((messages[1].reply_to, messages[1].topic), (Some(first), Some(topic)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_document_holds_no_message() {
    let sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let bob = sandbox.user("+9996654321", "Bob", None).await;
    let mut live = sandbox.connect(&sandbox.sign_in(PHONE).await).await;
    sandbox.control.say(me, bob, "confidential").await.unwrap();
    live.texts(1).await;
    let session = live.events.acknowledge().await.unwrap();
    assert!(!session.expose_secret().contains("confidential"));
}
