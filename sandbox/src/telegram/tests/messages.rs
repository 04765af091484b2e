//! Writing and reading between people, in groups and in channels.

use grammers_client::message::InputMessage;
use grammers_client::update::Update;
use grammers_mtsender::InvocationError;
use grammers_tl_types::{enums, functions, types};
use serde_json::json;

use super::support::{PATIENCE, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_private_message_arrives_with_its_formatting() {
    let world = World::start().await;
    let (ada, ben) = (world.person("Ada").await, world.person("Ben").await);
    let (alice, mut bob) = (world.device(&ada).await, world.device(&ben).await);
    let mut inbox = bob.inbox().await;
    let peer = alice.client.resolve_username(&ben.username).await.unwrap().unwrap().to_ref().await.unwrap().unwrap();
    let bold = types::MessageEntityBold { offset: 0, length: 5 };
    let message = InputMessage::new().text("hello there").fmt_entities(vec![bold.clone().into()]);
    let sent = alice.client.send_message(peer, message).await.unwrap();
    assert!(sent.outgoing());
    let Update::NewMessage(received) = inbox.next().await else { panic!("not a message") };
    assert_eq!(received.text(), "hello there");
    assert_eq!(received.fmt_entities(), Some(&vec![enums::MessageEntity::Bold(bold)]));
    assert!(!received.outgoing());
    let view = world.get(&format!("/chats/{}/messages?as={}", ben.id, ada.id)).await;
    assert_eq!(view[0]["entities"], json!([{ "type": "bold", "offset": 0, "length": 5 }]));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_random_id_makes_one_message() {
    let world = World::start().await;
    let (ada, ben) = (world.person("Ada").await, world.person("Ben").await);
    let channel = world.chat("channel", &ada, &[&ben]).await;
    let alice = world.device(&ada).await;
    for chat in [ben.id, channel] {
        let request = raw_send(ada.peer(chat).into(), "once", 70 + chat);
        let first = message_id(alice.client.invoke(&request).await.unwrap());
        let second = message_id(alice.client.invoke(&request).await.unwrap());
        assert_eq!(first, second);
    }
    assert_eq!(world.texts(channel).await, ["once"]);
    assert_eq!(world.texts(ben.id).await, ["once"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broadcast_channel_takes_posts_from_admins_only() {
    let world = World::start().await;
    let (ada, ben) = (world.person("Ada").await, world.person("Ben").await);
    let channel = world.chat("channel", &ada, &[&ben]).await;
    let (alice, mut bob) = (world.device(&ada).await, world.device(&ben).await);
    let mut inbox = bob.inbox().await;
    alice.client.send_message(ada.peer(channel), "news").await.unwrap();
    let Update::NewMessage(post) = inbox.next().await else { panic!("not a message") };
    assert_eq!((post.text(), post.post(), post.sender_id()), ("news", true, None));
    assert_eq!(post.peer_id().bot_api_dialog_id(), Some(channel));
    let error = bob.client.send_message(ben.peer(channel), "me too").await.unwrap_err();
    assert!(error.is("CHAT_ADMIN_REQUIRED"), "{error}");
    world.post(&format!("/chats/{channel}/members"), json!({ "user_id": ben.id, "role": "kicked" })).await;
    let error = bob.client.iter_messages(ben.peer(channel)).next().await.unwrap_err();
    assert!(error.is("CHANNEL_PRIVATE"), "{error}");
    let error = alice.client.send_message(ben.peer(channel), "a foreign hash").await.unwrap_err();
    assert!(error.is("CHANNEL_INVALID"), "{error}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_of_both_kinds_reach_everybody() {
    let world = World::start().await;
    let (ada, ben) = (world.person("Ada").await, world.person("Ben").await);
    let mut bob = world.device(&ben).await;
    let mut inbox = bob.inbox().await;
    for kind in ["group", "supergroup"] {
        let chat = world.chat(kind, &ada, &[&ben]).await;
        world.say(chat, &ada, kind).await;
        assert_eq!(inbox.next_text().await, kind);
        bob.client.send_message(ben.peer(chat), "and back").await.unwrap();
        assert_eq!(inbox.next_text().await, "and back", "one's own words come back as outgoing");
        assert_eq!(world.texts(chat).await, [kind, "and back"]);
        world.post(&format!("/chats/{chat}/members"), json!({ "user_id": ben.id, "role": "kicked" })).await;
        let error = bob.client.send_message(ben.peer(chat), "still here?").await.unwrap_err();
        assert!(error.is("CHAT_WRITE_FORBIDDEN") || error.is("CHANNEL_PRIVATE"), "{error}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn history_pages_in_both_directions() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let channel = world.chat("channel", &ada, &[]).await;
    let alice = world.device(&ada).await;
    let mut written = Vec::new();
    for n in 0..230 {
        written.push(i32::try_from(world.say(channel, &ada, &format!("post {n}")).await).unwrap());
    }
    let peer = ada.peer(channel);
    let forwards = ids(alice.client.iter_messages(peer).reverse(true)).await;
    assert_eq!(forwards[1..], written, "oldest first, after the founding of the channel");
    let mut backwards = ids(alice.client.iter_messages(peer)).await;
    backwards.reverse();
    assert_eq!(backwards[1..], written);
    let after = ids(alice.client.iter_messages(peer).reverse(true).offset_id(written[120])).await;
    assert_eq!(after, written[121..]);
    let before = ids(alice.client.iter_messages(peer).offset_id(written[3])).await;
    assert_eq!(before, [written[2], written[1], written[0], 1]);
    assert_eq!(alice.client.iter_messages(peer).total().await.unwrap(), 231);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dialogs_are_listed_page_by_page() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let alice = world.device(&ada).await;
    let mut expected = Vec::new();
    for kind in ["channel", "supergroup", "group", "forum"].iter().cycle().take(130) {
        expected.push(world.chat(kind, &ada, &[]).await);
    }
    let mut dialogs = alice.client.iter_dialogs();
    let mut seen = Vec::new();
    while let Some(dialog) = dialogs.next().await.unwrap() {
        assert!(dialog.last_message.is_some());
        seen.push(dialog.peer_id().bot_api_dialog_id().unwrap());
    }
    seen.sort_unstable();
    expected.sort_unstable();
    assert_eq!(seen, expected);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_answer_as_the_service_would() {
    let world = World::start().await;
    let (ada, ben) = (world.person("Ada").await, world.person("Ben").await);
    let alice = world.device(&ada).await;
    let peer = ada.peer(ben.id);
    let method = "messages.sendMessage";
    world.post("/faults", json!({ "kind": "flood_wait", "method": method, "user": ada.id, "seconds": 31 })).await;
    let error = alice.client.send_message(peer, "too fast").await.unwrap_err();
    assert!(error.is("FLOOD_WAIT"), "{error}");
    world.post("/faults", json!({ "kind": "lose_answer", "method": method })).await;
    let request = raw_send(peer.into(), "kept", 4711);
    assert!(alice.client.invoke(&request).await.is_err(), "the answer is lost");
    // A request that meets the end of the old connection is dropped with it: a client asks again, with the same key.
    let again = async {
        loop {
            match alice.client.invoke(&request).await {
                Ok(answer) => break answer,
                Err(InvocationError::Dropped(_) | InvocationError::Io(_)) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
    };
    let again = tokio::time::timeout(PATIENCE, again).await.expect("the connection comes back");
    assert!(message_id(again) > 0);
    assert_eq!(world.texts(ben.id).await, ["kept"]);
    for (text, error) in [("  ", "MESSAGE_EMPTY"), (&"x".repeat(4097)[..], "MESSAGE_TOO_LONG")] {
        let refused = alice.client.send_message(peer, text).await.unwrap_err();
        assert!(refused.is(error), "{refused}");
    }
    world.end().await;
}

async fn ids(mut messages: grammers_client::client::MessageIter) -> Vec<i32> {
    let mut ids = Vec::new();
    while let Some(message) = messages.next().await.unwrap() {
        ids.push(message.id());
    }
    ids
}

pub(super) fn raw_send(peer: enums::InputPeer, text: &str, random_id: i64) -> functions::messages::SendMessage {
    functions::messages::SendMessage {
        no_webpage: false,
        silent: false,
        background: false,
        clear_draft: false,
        noforwards: false,
        update_stickersets_order: false,
        invert_media: false,
        allow_paid_floodskip: false,
        peer,
        reply_to: None,
        message: text.into(),
        random_id,
        reply_markup: None,
        entities: None,
        schedule_date: None,
        schedule_repeat_period: None,
        send_as: None,
        quick_reply_shortcut: None,
        effect: None,
        allow_paid_stars: None,
        suggested_post: None,
        rich_message: None,
    }
}

pub(super) fn message_id(updates: enums::Updates) -> i32 {
    let enums::Updates::Updates(updates) = updates else { panic!("not updates") };
    let id = updates.updates.iter().find_map(|update| match update {
        enums::Update::MessageId(id) => Some(id.id),
        _ => None,
    });
    id.unwrap()
}
