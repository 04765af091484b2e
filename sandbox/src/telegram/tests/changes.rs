//! Edits, deletions, replies, topics: what happens to a message after it was written, and where it belongs.

use grammers_client::message::InputMessage;
use grammers_client::update::Update;
use grammers_tl_types::{enums, functions, types};
use serde_json::json;

use super::support::World;

#[tokio::test(flavor = "multi_thread")]
async fn edits_and_deletions_reach_the_other_side() {
    let world = World::start().await;
    let (ada, ben) = (world.person("Ada").await, world.person("Ben").await);
    let channel = world.chat("channel", &ada, &[&ben]).await;
    let (alice, mut bob) = (world.device(&ada).await, world.device(&ben).await);
    let mut inbox = bob.inbox().await;
    for chat in [ben.id, channel] {
        let peer = ada.peer(chat);
        let sent = alice.client.send_message(peer, "draft").await.unwrap();
        assert_eq!(inbox.next_text().await, "draft");
        alice.client.edit_message(peer, sent.id(), "final").await.unwrap();
        let Update::MessageEdited(edited) = inbox.next().await else { panic!("not an edit") };
        assert_eq!(edited.text(), "final");
        assert!(edited.edit_date().is_some());
        let error = alice.client.edit_message(peer, sent.id(), "final").await.unwrap_err();
        assert!(error.is("MESSAGE_NOT_MODIFIED"), "{error}");
        assert_eq!(alice.client.delete_messages(peer, &[sent.id(), 4242]).await.unwrap(), 1);
        let Update::MessageDeleted(deleted) = inbox.next().await else { panic!("not a deletion") };
        assert_eq!(deleted.channel_id().is_some(), chat == channel);
        let expected = if chat == channel { sent.id() } else { edited.id() };
        assert_eq!(deleted.messages(), [expected]);
        assert!(world.texts(chat).await.is_empty());
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_control_api_edits_and_deletes_as_people_do() {
    let world = World::start().await;
    let (ada, ben) = (world.person("Ada").await, world.person("Ben").await);
    let channel = world.chat("channel", &ada, &[&ben]).await;
    let mut bob = world.device(&ben).await;
    let mut inbox = bob.inbox().await;
    for chat in [ben.id, channel] {
        let id = world.say(chat, &ada, "draft").await;
        assert_eq!(inbox.next_text().await, "draft");
        let path = format!("/chats/{chat}/messages/{id}");
        world.call(reqwest::Method::PATCH, &path, json!({ "from": ada.id, "text": "final" })).await;
        assert!(matches!(inbox.next().await, Update::MessageEdited(m) if m.text() == "final"));
        world.call(reqwest::Method::DELETE, &format!("{path}?from={}", ada.id), json!({})).await;
        assert!(matches!(inbox.next().await, Update::MessageDeleted(_)));
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_author_or_an_admin_changes_a_message() {
    let world = World::start().await;
    let (ada, ben) = (world.person("Ada").await, world.person("Ben").await);
    let group = world.chat("supergroup", &ada, &[&ben]).await;
    let bob = world.device(&ben).await;
    let id = i32::try_from(world.say(group, &ada, "mine").await).unwrap();
    let peer = ben.peer(group);
    let error = bob.client.edit_message(peer, id, "yours").await.unwrap_err();
    assert!(error.is("MESSAGE_AUTHOR_REQUIRED"), "{error}");
    let error = bob.client.delete_messages(peer, &[id]).await.unwrap_err();
    assert!(error.is("MESSAGE_DELETE_FORBIDDEN"), "{error}");
    world.post(&format!("/chats/{group}/members"), json!({ "user_id": ben.id, "role": "admin" })).await;
    assert_eq!(bob.client.delete_messages(peer, &[id]).await.unwrap(), 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_names_the_message_in_each_view() {
    let world = World::start().await;
    let (ada, ben) = (world.person("Ada").await, world.person("Ben").await);
    let (alice, mut bob) = (world.device(&ada).await, world.device(&ben).await);
    let mut inbox = bob.inbox().await;
    // Ada's mailbox is ahead, so the two number the same messages differently.
    alice.client.send_message(ada.peer(ada.id), "a note to myself").await.unwrap();
    let question = alice.client.send_message(ada.peer(ben.id), "who?").await.unwrap();
    let Update::NewMessage(seen) = inbox.next().await else { panic!("not a message") };
    assert_ne!(seen.id(), question.id());
    let message = InputMessage::new().text("me").reply_to(Some(seen.id()));
    let answer = bob.client.send_message(ben.peer(ada.id), message).await.unwrap();
    assert_eq!(answer.reply_to_message_id(), Some(seen.id()));
    let received = alice.client.iter_messages(ada.peer(ben.id)).next().await.unwrap().unwrap();
    assert_eq!(received.reply_to_message_id(), Some(question.id()));
    let quoted = alice.client.get_reply_to_message(&received).await.unwrap().unwrap();
    assert_eq!(quoted.text(), "who?");
    let message = InputMessage::new().text("what?").reply_to(Some(4242));
    let error = alice.client.send_message(ada.peer(ben.id), message).await.unwrap_err();
    assert!(error.is("REPLY_MESSAGE_ID_INVALID"), "{error}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forum_keeps_its_topics_apart() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let forum = world.chat("forum", &ada, &[]).await;
    let alice = world.device(&ada).await;
    let made = world.post(&format!("/chats/{forum}/topics"), json!({ "title": "Weather" })).await;
    let topic = i32::try_from(made["id"].as_i64().unwrap()).unwrap();
    let body = json!({ "from": ada.id, "text": "rain", "topic": topic });
    world.post(&format!("/chats/{forum}/messages"), body).await;
    world.say(forum, &ada, "in general").await;
    let peer = ada.peer(forum);
    let rain = alice.client.iter_messages(peer).offset_id(topic + 2).next().await.unwrap().unwrap();
    assert_eq!(rain.text(), "rain");
    let Some(enums::MessageReplyHeader::Header(header)) = rain.reply_header() else { panic!("no topic") };
    assert_eq!((header.forum_topic, header.reply_to_msg_id, header.reply_to_top_id), (true, Some(topic), None));
    let message = InputMessage::new().text("more rain").reply_to(Some(rain.id()));
    let more = alice.client.send_message(peer, message).await.unwrap();
    let Some(enums::MessageReplyHeader::Header(header)) = more.reply_header() else { panic!("no topic") };
    assert_eq!((header.forum_topic, header.reply_to_msg_id), (true, Some(rain.id())));
    assert_eq!(header.reply_to_top_id, Some(topic), "the topic follows from the answered message");
    let request = functions::messages::GetForumTopics {
        peer: peer.into(),
        q: None,
        offset_date: 0,
        offset_id: 0,
        offset_topic: 0,
        limit: 100,
    };
    let enums::messages::ForumTopics::Topics(topics) = alice.client.invoke(&request).await.unwrap();
    let titles: Vec<String> = topics.topics.into_iter().map(title).collect();
    assert_eq!(titles, ["Weather", "General"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_difference_carries_edits_and_deletions() {
    let world = World::start().await;
    let (ada, ben) = (world.person("Ada").await, world.person("Ben").await);
    let channel = world.chat("channel", &ada, &[&ben]).await;
    let bob = world.device(&ben).await;
    let first = world.say(channel, &ada, "first").await;
    let second = world.say(channel, &ada, "second").await;
    let path = format!("/chats/{channel}/messages");
    world.call(reqwest::Method::PATCH, &format!("{path}/{first}"), json!({ "text": "changed" })).await;
    world.call(reqwest::Method::DELETE, &format!("{path}/{second}"), json!({})).await;
    let request = difference(ben.peer(channel), 2);
    let enums::updates::ChannelDifference::Difference(difference) = bob.client.invoke(&request).await.unwrap() else {
        panic!("nothing happened");
    };
    assert!(difference.r#final);
    let texts: Vec<String> = difference.new_messages.iter().map(text).collect();
    assert_eq!(texts, ["changed"], "a message comes as it is now, a deleted one not at all");
    assert!(matches!(&difference.other_updates[..], [
        enums::Update::EditChannelMessage(_),
        enums::Update::DeleteChannelMessages(deleted),
    ] if deleted.messages == [second as i32]));
    let reached = self::difference(ben.peer(channel), difference.pts);
    let answer = bob.client.invoke(&reached).await.unwrap();
    assert!(matches!(answer, enums::updates::ChannelDifference::Empty(_)));
    world.post("/faults", json!({ "kind": "too_long", "user": ben.id })).await;
    let answer = bob.client.invoke(&request).await.unwrap();
    assert!(matches!(answer, enums::updates::ChannelDifference::TooLong(_)));
    world.end().await;
}

fn difference(channel: grammers_session::types::PeerRef, pts: i32) -> functions::updates::GetChannelDifference {
    functions::updates::GetChannelDifference {
        force: false,
        channel: channel.into(),
        filter: enums::ChannelMessagesFilter::Empty,
        pts,
        limit: 100,
    }
}

fn text(message: &enums::Message) -> String {
    match message {
        enums::Message::Message(types::Message { message, .. }) => message.clone(),
        other => panic!("not a message: {other:?}"),
    }
}

fn title(topic: enums::ForumTopic) -> String {
    match topic {
        enums::ForumTopic::Topic(topic) => topic.title,
        enums::ForumTopic::Deleted(_) => String::new(),
    }
}
