//! Writing under other names, through webhooks.

use activities::platform::{DeleteRequest, EditRequest, Mentions, Persona, SendRequest};
use domain::{ChatId, Clock as _, PartText, SystemClock};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{World, name, text};

fn as_alice(world: &World, content: &str) -> SendRequest {
    let avatar_url = Some("https://a.example/alice.png".to_owned());
    SendRequest { persona: Some(Persona { name: "Alice (discord)".to_owned(), avatar_url }), ..world.request(content) }
}

#[tokio::test]
async fn a_message_shows_its_authors_name_and_is_edited_and_deleted() {
    let world = World::start().await;
    let (connection, mut watcher) = world.online().await;
    let request = as_alice(&world, "hello @everyone");
    assert!(!connection.remembers(&request));
    let id = connection.send(&request).await.unwrap().message_ids[0];
    let stored = world.stored().await;
    assert_eq!(stored[0]["webhook_name"], "Alice (d\u{200a}iscord)");
    assert_eq!(stored[0]["webhook_avatar"], "https://a.example/alice.png");
    assert_eq!(stored[0]["pings"]["everyone"], false);
    watcher.until_seen(1).await;
    assert!(watcher.seen[0].outgoing, "what our webhook wrote is ours");
    let edit = EditRequest {
        chat: world.channel,
        thread: None,
        message_id: id,
        text: PartText::Discord("changed".to_owned()),
        by_webhook: true,
        mentions: Mentions::None,
        link_previews: true,
        keep: None,
    };
    connection.edit(&edit).await.unwrap();
    assert_eq!(world.stored().await[0]["content"], "changed");
    let delete = DeleteRequest { chat: world.channel, thread: None, message_ids: vec![id], by_webhook: true };
    for _ in 0..2 {
        connection.delete(&delete).await.unwrap();
    }
    assert!(world.stored().await.is_empty());
    assert_eq!(name(&connection.edit(&edit).await.unwrap_err()), ("message", "message_gone"));
}

#[tokio::test]
async fn one_webhook_serves_a_channel_across_restarts_and_is_made_anew_when_it_is_deleted() {
    let world = World::start().await;
    let author = async |at: usize| text(&world.stored().await[at]["author_id"]);
    let (connection, _watcher) = world.online().await;
    connection.send(&as_alice(&world, "1")).await.unwrap();
    connection.close().await;
    let (connection, _watcher) = world.online().await;
    let second = connection.send(&as_alice(&world, "2")).await.unwrap().message_ids[0];
    let hook = author(0).await;
    assert_eq!(author(1).await, hook);
    world.ask(Method::DELETE, &format!("/webhooks/{hook}"), Value::Null).await;
    connection.send(&as_alice(&world, "3")).await.unwrap();
    assert_ne!(author(2).await, hook);
    let edit = EditRequest {
        chat: world.channel,
        thread: None,
        message_id: second,
        text: PartText::Discord("late".to_owned()),
        by_webhook: true,
        mentions: Mentions::None,
        link_previews: true,
        keep: None,
    };
    assert_eq!(name(&connection.edit(&edit).await.unwrap_err()), ("message", "not_editable"));
    let delete = DeleteRequest { chat: world.channel, thread: None, message_ids: vec![second], by_webhook: true };
    connection.delete(&delete).await.unwrap();
    assert_eq!(world.stored().await.len(), 2);
}

#[tokio::test]
async fn a_send_whose_answer_was_lost_is_found_by_name_and_content() {
    let world = World::start().await;
    let (connection, _watcher) = world.online().await;
    connection.send(&as_alice(&world, "same")).await.unwrap();
    let request = as_alice(&world, "same");
    let since = SystemClock.now();
    assert_eq!(connection.read_back(&request, since).await.unwrap(), None, "the first was another send");
    world.fault(json!({"kind": "lose_answer", "method": "POST", "route": "/webhooks/"})).await;
    assert_eq!(name(&connection.send(&request).await.unwrap_err()).0, "retryable");
    let found = connection.read_back(&request, since).await.unwrap().expect("the message");
    let stored = world.stored().await;
    assert_eq!((stored.len(), found.message_ids[0].to_string()), (2, text(&stored[1]["id"])));
    let other =
        SendRequest { persona: Some(Persona { name: "Bob".to_owned(), avatar_url: None }), ..world.request("same") };
    assert_eq!(connection.read_back(&other, since).await.unwrap(), None);
}

#[tokio::test]
async fn threads_and_forums_are_written_through_the_webhook_of_the_channel_above() {
    let world = World::start().await;
    let (connection, _watcher) = world.online().await;
    let thread = connection.open_thread(world.channel, "aside").await.unwrap();
    let inside = |content: &str| SendRequest { thread: Some(thread), ..as_alice(&world, content) };
    let id = connection.send(&inside("by thread")).await.unwrap().message_ids[0];
    // The same thread as the chat of a pair.
    connection.send(&SendRequest { chat: ChatId::new(thread), ..as_alice(&world, "by chat") }).await.unwrap();
    let shown = async || {
        let path = format!("/channels/{thread}/messages");
        world.ask(Method::GET, &path, Value::Null).await.as_array().unwrap().clone()
    };
    assert_eq!(shown().await.len(), 2);
    let delete = DeleteRequest { chat: world.channel, thread: Some(thread), message_ids: vec![id], by_webhook: true };
    connection.delete(&delete).await.unwrap();
    assert_eq!(shown().await.len(), 1);
    let body = json!({"name": "ideas", "kind": "forum"});
    let forum = text(&world.post(&format!("/guilds/{}/channels", world.guild), body).await["id"]);
    let post = SendRequest {
        chat: forum.parse().unwrap(),
        thread_title: Some("topic".to_owned()),
        ..as_alice(&world, "first")
    };
    let sent = connection.send(&post).await.unwrap();
    let chat = connection.chat(ChatId::new(sent.thread.unwrap())).await.unwrap();
    assert_eq!(chat.title, "topic");
}

#[tokio::test]
async fn without_the_permission_the_reason_is_named() {
    let world = World::start().await;
    let (connection, _watcher) = world.online().await;
    let path = format!("/channels/{}/permissions", world.channel);
    world.ask(Method::PUT, &path, json!({"bot": world.bot, "deny": ["MANAGE_WEBHOOKS"]})).await;
    let refused = connection.send(&as_alice(&world, "x")).await.unwrap_err();
    assert_eq!(name(&refused), ("chat", "webhook_not_permitted"));
}
