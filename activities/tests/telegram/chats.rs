//! Chats, what may be done in them, and their history.

use domain::{ChatId, ChatKind};

use crate::harness::{Sandbox, name};

const PHONE: &str = "+9996612345";

#[tokio::test(flavor = "multi_thread")]
async fn chats_are_listed_with_what_the_account_may_do() {
    let sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let other = sandbox.user("+9996654321", "Bob", None).await;
    let own = sandbox.chat("channel", "Own", me, &[]).await;
    let read = sandbox.chat("channel", "Read only", other, &[me]).await;
    let room = sandbox.chat("supergroup", "Room", other, &[me]).await;
    let small = sandbox.chat("group", "Small", other, &[me]).await;
    let hidden = sandbox.chat("channel", "Hidden", other, &[]).await;
    let last = sandbox.control.say(read.get(), other, "latest").await.unwrap();
    sandbox.control.say(me, other, "hello").await.unwrap();
    let live = sandbox.connect(&sandbox.sign_in(PHONE).await).await;

    let chats = live.connection.chats().await.unwrap();
    let facts = |id: ChatId| chats.iter().find(|chat| chat.id == id);
    for (id, title, kind, can_write) in [
        (own, "Own", ChatKind::Channel, true),
        (read, "Read only", ChatKind::Channel, false),
        (room, "Room", ChatKind::Group, true),
        (small, "Small", ChatKind::Group, true),
        (ChatId::new(other), "Bob", ChatKind::Direct, true),
    ] {
        let listed = facts(id).unwrap_or_else(|| panic!("{title} is missing in {chats:?}"));
        assert_eq!(
            (listed.title.as_str(), listed.kind, listed.can_read, listed.can_write),
            (title, kind, true, can_write)
        );
        let asked = live.connection.chat(id).await.unwrap();
        assert_eq!(&asked, listed, "{title}");
    }
    assert_eq!(facts(read).unwrap().last_message_id, last);
    assert!(facts(hidden).is_none());
    assert_eq!(name(&live.connection.chat(hidden).await.unwrap_err()), ("chat", "chat_unknown"));

    sandbox.control.set_member(read.get(), me, "kicked").await.unwrap();
    let error = live.connection.chat(read).await.unwrap_err();
    assert_eq!(name(&error).0, "chat", "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn history_comes_oldest_first_and_whole() {
    let sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    for kind in ["channel", "group"] {
        let chat = sandbox.chat(kind, "Log", me, &[]).await;
        let mut ids = Vec::new();
        for number in 0..130 {
            ids.push(sandbox.control.say(chat.get(), me, &format!("message {number}")).await.unwrap());
        }
        let live = sandbox.connect(&sandbox.sign_in(PHONE).await).await;
        let texts = |messages: Vec<domain::Message>| -> Vec<String> {
            messages.into_iter().filter(|m| m.unsupported.is_none()).map(|m| m.text.text).collect()
        };
        let history = texts(live.connection.history_after(chat, ids[9], 1_000).await.unwrap());
        assert_eq!(history, (10..130).map(|number| format!("message {number}")).collect::<Vec<_>>());
        let history = texts(live.connection.history_after(chat, ids[9], 5).await.unwrap());
        assert_eq!(history, (10..15).map(|number| format!("message {number}")).collect::<Vec<_>>());
        assert!(live.connection.history_after(chat, ids[129], 10).await.unwrap().is_empty());
        for id in &ids[20..129] {
            sandbox
                .control
                .http()
                .call(reqwest::Method::DELETE, &format!("/chats/{chat}/messages/{id}"), None::<&()>)
                .await
                .map(|_: serde_json::Value| ())
                .unwrap();
        }
        let history = texts(live.connection.history_after(chat, ids[18], 1_000).await.unwrap());
        assert_eq!(history, ["message 19", "message 129"]);
        live.connection.close().await;
    }
}
