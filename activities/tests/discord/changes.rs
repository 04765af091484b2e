//! Edits and deletions, heard and made.

use activities::platform::{
    DeleteRequest, EditRequest, KeptAttachments, Mentions, PlatformEvent, SendBody, SendRequest, Upload,
};
use bytes::Bytes;
use domain::{ChatId, Deletion, Media, MediaKind, PartText, Update, message::MediaSource};
use reqwest::Method;
use serde_json::json;

use crate::harness::{World, name, text};

fn edited(update: &Update) -> (i64, &str) {
    match update {
        Update::Edited(message) => {
            assert!(message.edited_at.is_some());
            (message.message_id, message.text.text.as_str())
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn edits_are_heard_once_and_looked_up_when_they_are_not_whole() {
    let world = World::start().await;
    let (_connection, mut watcher) = world.online().await;
    let id = world.say("https://a.example").await;
    let path = format!("/channels/{}/messages/{id}", world.channel);
    let preview = json!([{"type": "link", "url": "https://a.example", "title": "A"}]);
    // What Discord does to the links of a text is no edit, not even after one.
    world.ask(Method::PATCH, &path, json!({"unfurl": true, "embeds": preview})).await;
    world.ask(Method::PATCH, &path, json!({"content": "**whole** https://a.example"})).await;
    world.ask(Method::PATCH, &path, json!({"unfurl": true, "embeds": preview})).await;
    watcher.until_updates(2).await;
    world.ask(Method::PATCH, &path, json!({"terse": true, "content": "looked up"})).await;
    let last = world.say("end").await;
    watcher.until_updates(4).await;
    assert_eq!(edited(&watcher.updates[1]), (id, "whole https://a.example"));
    assert_eq!(edited(&watcher.updates[2]), (id, "looked up"));
    assert!(matches!(&watcher.updates[3], Update::Posted(message) if message.message_id == last));
}

#[tokio::test]
async fn an_edit_of_a_message_that_is_gone_is_not_told_and_holds_nothing_up() {
    let world = World::start().await;
    let (_connection, mut watcher) = world.online().await;
    let id = world.say("short-lived").await;
    watcher.until_updates(1).await;
    let path = format!("/channels/{}/messages/{id}", world.channel);
    world.fault(json!({"kind": "delay", "method": "GET", "route": path, "ms": 300})).await;
    world.ask(Method::PATCH, &path, json!({"terse": true, "content": "changed"})).await;
    world.ask(Method::DELETE, &path, json!({})).await;
    watcher.until_updates(2).await;
    let gone = Deletion { chat: Some(world.channel), message_ids: vec![id] };
    assert_eq!(watcher.updates[1], Update::Deleted(gone));
}

#[tokio::test]
async fn deletions_are_heard_one_by_one_and_in_bulk() {
    let world = World::start().await;
    let (_connection, mut watcher) = world.online().await;
    let mut ids = Vec::new();
    for number in 0..4 {
        ids.push(world.say(&number.to_string()).await);
    }
    let path = format!("/channels/{}/messages", world.channel);
    world.ask(Method::DELETE, &format!("{path}/{}", ids[0]), json!({})).await;
    world
        .post(
            &format!("{path}/bulk-delete"),
            json!({"ids": ids[1..].iter().map(ToString::to_string).collect::<Vec<_>>()}),
        )
        .await;
    watcher.until_updates(6).await;
    let deleted = |ids: &[i64]| Update::Deleted(Deletion { chat: Some(world.channel), message_ids: ids.to_vec() });
    assert_eq!(watcher.updates[4..], [deleted(&ids[..1]), deleted(&ids[1..])]);
}

#[tokio::test]
async fn what_cannot_be_decoded_is_kept_or_history_is_asked_for() {
    let world = World::start().await;
    let (_connection, mut watcher) = world.online().await;
    let say = async |name: &str, data: serde_json::Value| {
        world.post(&format!("/channels/{}/events", world.channel), json!({"name": name, "data": data})).await;
    };
    let channel = world.channel.to_string();
    let strange = json!({"id": "1300000000000000001", "channel_id": channel, "author": {"id": "1"}, "content": 7});
    say("MESSAGE_CREATE", strange).await;
    say("MESSAGE_DELETE", json!({"id": "1300000000000000001", "channel_id": channel, "guild_id": "new"})).await;
    watcher.until_updates(2).await;
    let Update::Posted(message) = &watcher.updates[0] else { panic!("{:?}", watcher.updates) };
    assert_eq!((message.message_id, message.unsupported.as_deref()), (1_300_000_000_000_000_001, Some("undecodable")));
    assert!(matches!(&watcher.updates[1], Update::Deleted(gone) if gone.message_ids == [1_300_000_000_000_000_001]));
    for name in ["MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE_BULK"] {
        say(name, json!({"nothing": true})).await;
        assert!(matches!(watcher.next().await, Some(PlatformEvent::Connected)), "{name}");
    }
    say("SOMETHING_NEW", json!({"nothing": true})).await;
    let last = world.say("end").await;
    assert!(matches!(watcher.next().await, Some(PlatformEvent::Updates(_))));
    assert_eq!(watcher.seen.last().map(|message| message.message_id), Some(last));
}

#[tokio::test]
async fn what_we_wrote_is_edited_and_deleted_and_twice_is_no_harm() {
    let world = World::start().await;
    let (connection, _watcher) = world.online().await;
    let id = connection.send(&world.request("first")).await.unwrap().message_ids[0];
    let edit = |text: &str| EditRequest {
        chat: world.channel,
        thread: None,
        message_id: id,
        text: PartText::Discord(text.to_owned()),
        by_webhook: false,
        mentions: Mentions::None,
        link_previews: true,
        keep: None,
    };
    for _ in 0..2 {
        connection.edit(&edit("second @everyone")).await.unwrap();
    }
    let stored = world.stored().await;
    assert_eq!((&stored[0]["content"], &stored[0]["pings"]["everyone"]), (&json!("second @everyone"), &json!(false)));
    assert_eq!(name(&connection.edit(&edit(&"x".repeat(2_001))).await.unwrap_err()), ("message", "too_long"));
    let others = world.say("not ours").await;
    let foreign = EditRequest { message_id: others, ..edit("x") };
    assert_eq!(name(&connection.edit(&foreign).await.unwrap_err()), ("message", "not_editable"));
    let delete = DeleteRequest { chat: world.channel, thread: None, message_ids: vec![id], by_webhook: false };
    for _ in 0..2 {
        connection.delete(&delete).await.unwrap();
    }
    assert_eq!(world.stored().await.len(), 1);
    assert_eq!(name(&connection.edit(&edit("late")).await.unwrap_err()), ("message", "message_gone"));
    world.ask(Method::DELETE, &format!("/channels/{}", world.channel), json!({})).await;
    connection.delete(&delete).await.unwrap();
}

#[tokio::test]
async fn a_message_loses_the_attachments_that_are_not_kept_and_twice_is_no_harm() {
    let world = World::start().await;
    let (connection, _watcher) = world.online().await;
    let upload = |name: &&str| {
        let source = MediaSource::TelegramMessage { chat: ChatId::new(1), message_id: 1 };
        let media = Media::new(MediaKind::Document, (*name).to_owned(), "text/plain".into(), 1, source);
        Upload { media, content: std::sync::Arc::new(Bytes::from_static(b"x")) }
    };
    let uploads = ["a.txt", "b.txt", "c.txt", "d.txt"].iter().map(upload).collect();
    let body = SendBody::Media { caption: PartText::Discord("four".to_owned()), uploads };
    let message_id = connection.send(&SendRequest { body, ..world.request("") }).await.unwrap().message_ids[0];
    let edit = |of: usize, places: &[usize]| EditRequest {
        chat: world.channel,
        thread: None,
        message_id,
        text: PartText::Discord("two".to_owned()),
        by_webhook: false,
        mentions: Mentions::None,
        link_previews: true,
        keep: Some(KeptAttachments { of, places: places.to_vec() }),
    };
    let files = async || -> Vec<String> {
        let stored = world.stored().await;
        assert_eq!(stored[0]["content"], "two");
        stored[0]["attachments"].as_array().unwrap().iter().map(|file| text(&file["filename"])).collect()
    };
    for _ in 0..2 {
        connection.edit(&edit(4, &[1, 3])).await.unwrap();
        assert_eq!(files().await, ["b.txt", "d.txt"]);
    }
    let differ = connection.edit(&edit(5, &[0])).await.unwrap_err();
    assert_eq!(name(&differ), ("message", "attachments_differ"));
    assert_eq!(files().await, ["b.txt", "d.txt"]);
}
