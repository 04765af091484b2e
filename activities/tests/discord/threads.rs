//! Threads and forum posts, read and written.

use activities::platform::{SendBody, SendRequest, Upload};
use domain::message::MediaSource;
use domain::{ChatId, Clock as _, Media, MediaKind, PartText, SystemClock};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{World, id, name, text};

async fn made(world: &World, name: &str, kind: &str, parent: Option<ChatId>) -> ChatId {
    let body = json!({"name": name, "kind": kind, "parent": parent});
    text(&world.post(&format!("/guilds/{}/channels", world.guild), body).await["id"]).parse().unwrap()
}

async fn said(world: &World, channel: ChatId, content: &str) -> i64 {
    let body = json!({"author": world.person, "content": content});
    id(&world.post(&format!("/channels/{channel}/messages"), body).await["id"])
}

async fn stored(world: &World, channel: ChatId) -> Vec<Value> {
    let path = format!("/channels/{channel}/messages");
    world.ask(Method::GET, &path, Value::Null).await.as_array().unwrap().clone()
}

#[tokio::test]
async fn messages_of_threads_name_the_channel_above_live_and_in_history() {
    let world = World::start().await;
    let early = made(&world, "early", "thread", Some(world.channel)).await;
    let (connection, mut watcher) = world.online().await;
    said(&world, early, "in the early one").await;
    let late = made(&world, "late", "thread", Some(world.channel)).await;
    said(&world, late, "in the late one").await;
    let forum = made(&world, "ideas", "forum", None).await;
    let post = made(&world, "topic", "thread", Some(forum)).await;
    said(&world, post, "first").await;
    watcher.until_seen(3).await;
    let seen: Vec<_> = watcher.seen.iter().map(|it| (it.chat, it.parent, it.thread_title.as_deref())).collect();
    let expected = [
        (early, Some(world.channel), Some("early")),
        (late, Some(world.channel), Some("late")),
        (post, Some(forum), Some("topic")),
    ];
    assert_eq!(seen, expected);
    // An archived thread is not among what the gateway tells a new session.
    world.ask(Method::PATCH, &format!("/channels/{early}"), json!({"archived": true})).await;
    connection.close().await;
    let (connection, _watcher) = world.online().await;
    let history = connection.history_after(early, 0, 10).await.unwrap();
    assert_eq!((history[0].parent, history[0].thread_title.as_deref()), (Some(world.channel), Some("early")));
}

#[tokio::test]
async fn a_thread_is_opened_and_written_in() {
    let world = World::start().await;
    let (connection, _watcher) = world.online().await;
    let thread = connection.open_thread(world.channel, "  aside ").await.unwrap();
    let request = SendRequest { thread: Some(thread), ..world.request("inside") };
    let sent = connection.send(&request).await.unwrap();
    assert_eq!(connection.send(&request).await.unwrap().message_ids, sent.message_ids);
    assert_eq!(stored(&world, ChatId::new(thread)).await.len(), 1);
    assert_eq!(connection.chat(ChatId::new(thread)).await.unwrap().title, "aside");
    let news = made(&world, "news", "announcement", None).await;
    connection.open_thread(news, "aside").await.unwrap();
    let forum = made(&world, "ideas", "forum", None).await;
    let refused = connection.open_thread(forum, "x").await.unwrap_err();
    assert_eq!(name(&refused), ("message", "thread_needs_message"));
}

#[tokio::test]
async fn a_forum_gets_a_post_and_one_whose_answer_was_lost_is_found_again() {
    let world = World::start().await;
    let (connection, _watcher) = world.online().await;
    let forum = made(&world, "ideas", "forum", None).await;
    let media = Media::new(
        MediaKind::Document,
        "a.txt".to_owned(),
        "text/plain".to_owned(),
        3,
        MediaSource::TelegramMessage { chat: ChatId::new(1), message_id: 1 },
    );
    let upload = Upload { media, content: std::sync::Arc::new(bytes::Bytes::from_static(b"abc")) };
    let body = SendBody::Media { caption: PartText::Discord("first".to_owned()), uploads: vec![upload] };
    let request = SendRequest { chat: forum, thread_title: Some("topic".to_owned()), body, ..world.request("") };
    assert!(!connection.remembers(&request));
    let sent = connection.send(&request).await.unwrap();
    let post = sent.thread.unwrap();
    let shown = stored(&world, ChatId::new(post)).await;
    assert_eq!(
        (shown.len(), &shown[0]["content"], &shown[0]["attachments"][0]["filename"]),
        (1, &json!("first"), &json!("a.txt"))
    );

    let again = SendRequest { chat: forum, thread_title: Some("other".to_owned()), ..world.request("second") };
    let since = SystemClock.now();
    world.fault(json!({"kind": "lose_answer", "method": "POST", "route": "/threads"})).await;
    assert_eq!(name(&connection.send(&again).await.unwrap_err()).0, "retryable");
    let found = connection.read_back(&again, since).await.unwrap().expect("the post");
    assert!(found.thread.is_some() && found.thread != Some(post));
    let never = SendRequest { chat: forum, thread_title: Some("other".to_owned()), ..world.request("third") };
    assert_eq!(connection.read_back(&never, since).await.unwrap(), None);
    let same = SendRequest { chat: forum, thread_title: Some("other".to_owned()), ..world.request("second") };
    assert_eq!(connection.read_back(&same, since).await.unwrap(), None, "one post is not found for two sends");
}

#[tokio::test]
async fn threads_that_were_written_in_since_are_listed_also_archived_ones() {
    let world = World::start().await;
    let quiet = made(&world, "quiet", "thread", Some(world.channel)).await;
    said(&world, quiet, "long ago").await;
    let (connection, _watcher) = world.online().await;
    let since = SystemClock.now();
    // Enough for a second page of archived threads.
    let mut written = Vec::new();
    for number in 0..103 {
        let thread = made(&world, &format!("thread {number}"), "thread", Some(world.channel)).await;
        said(&world, thread, "new").await;
        if number > 0 {
            world.ask(Method::PATCH, &format!("/channels/{thread}"), json!({"archived": true})).await;
        }
        written.push(thread);
    }
    let elsewhere = made(&world, "news", "announcement", None).await;
    said(&world, made(&world, "aside", "thread", Some(elsewhere)).await, "new").await;
    let listed = connection.threads(world.channel, since).await.unwrap();
    let mut chats: Vec<_> = listed.iter().map(|below| below.chat).collect();
    chats.sort_unstable();
    assert_eq!(chats, written);
    let read = connection.history_after(listed[0].chat, listed[0].after, 10).await.unwrap();
    assert_eq!((read.len(), read[0].parent), (1, Some(world.channel)));
    assert_eq!(connection.threads(listed[0].chat, since).await.unwrap(), [], "threads have none");
}

#[tokio::test]
async fn a_thread_that_the_bot_has_opened_is_found_by_its_name() {
    let world = World::start().await;
    let (connection, _watcher) = world.online().await;
    let since = SystemClock.now();
    made(&world, "aside", "thread", Some(world.channel)).await;
    let ours = connection.open_thread(world.channel, "aside").await.unwrap();
    let twin = connection.open_thread(world.channel, "aside").await.unwrap();
    connection.open_thread(world.channel, "other").await.unwrap();
    assert_eq!(connection.opened_threads(world.channel, " aside", since).await.unwrap(), [ours, twin]);
    let later = SystemClock.now() + chrono::TimeDelta::minutes(1);
    assert!(connection.opened_threads(world.channel, "aside", later).await.unwrap().is_empty());
}
