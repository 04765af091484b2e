//! Edits and deletions, in and out, live and after an absence.

use activities::platform::{DeleteRequest, EditRequest, PlatformError, SendRequest};
use domain::{ChatId, PartText, RichText, Update};
use serde_json::json;

use crate::harness::{Live, Sandbox, name, text};

const PHONE: &str = "+9996612345";

/// What happened, in short.
fn brief(updates: &[Update]) -> Vec<String> {
    let brief = |update: &Update| match update {
        Update::Posted(message) => format!("posted {}", message.text.text),
        Update::Edited(message) => format!("edited {}", message.text.text),
        Update::Deleted(deletion) => format!("deleted {:?}", deletion.message_ids),
    };
    updates.iter().map(brief).collect()
}

fn edit(chat: ChatId, message_id: i64, text: &str) -> EditRequest {
    let text = PartText::Telegram(RichText::plain(text));
    EditRequest {
        chat,
        thread: None,
        message_id,
        text,
        by_webhook: false,
        mentions: Default::default(),
        link_previews: true,
        keep: None,
    }
}

fn delete(chat: ChatId, message_ids: &[i64]) -> DeleteRequest {
    DeleteRequest { chat, thread: None, message_ids: message_ids.to_vec(), by_webhook: false }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_arrive_in_order_from_every_kind_of_chat() {
    let sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let bob = sandbox.user("+9996654321", "Bob", None).await;
    let channel = sandbox.chat("channel", "News", bob, &[me]).await;
    let group = sandbox.chat("group", "Small", bob, &[me]).await;
    let mut live = sandbox.connect(&sandbox.sign_in(PHONE).await).await;
    live.connected().await;

    let id = sandbox.control.say(channel.get(), bob, "first").await.unwrap();
    sandbox.control.edit(channel.get(), id, "second").await.unwrap();
    sandbox.control.delete(channel.get(), id).await.unwrap();
    let updates = live.updates(3).await;
    assert_eq!(brief(&updates), ["posted first".into(), "edited second".into(), format!("deleted [{id}]")]);
    let Update::Edited(edited) = &updates[1] else { panic!("an edit") };
    assert!(edited.edited_at.is_some());
    assert_eq!((edited.chat, edited.message_id), (channel, id));
    let Update::Deleted(deletion) = &updates[2] else { panic!("a deletion") };
    assert_eq!(deletion.chat, Some(channel));

    // The numbers of a basic group's messages are each member's own, and a deletion does not say where.
    let id = sandbox.control.say(group.get(), bob, "small").await.unwrap();
    let Update::Posted(posted) = live.updates(1).await.remove(0) else { panic!("a message") };
    sandbox.control.change(group.get(), id, &json!({ "from": bob, "text": "smaller" })).await.unwrap();
    sandbox.control.delete(group.get(), id).await.unwrap();
    let updates = live.updates(2).await;
    assert_eq!(brief(&updates), ["edited smaller".into(), format!("deleted [{}]", posted.message_id)]);
    assert!(matches!(&updates[1], Update::Deleted(deletion) if deletion.chat.is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_made_while_away_are_not_lost() {
    let sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let bob = sandbox.user("+9996654321", "Bob", None).await;
    let channel = sandbox.chat("channel", "News", bob, &[me]).await;
    let group = sandbox.chat("group", "Small", bob, &[me]).await;
    let mut live = sandbox.connect(&sandbox.sign_in(PHONE).await).await;
    live.connected().await;
    let mut ids = Vec::new();
    for chat in [channel.get(), group.get()] {
        for text in ["kept", "changed", "gone"] {
            ids.push(sandbox.control.say(chat, bob, text).await.unwrap());
        }
    }
    live.texts(6).await;
    let session = live.events.acknowledge().await.expect("news to save");
    live.connection.close().await;
    while live.events.next().await.is_some() {}

    for (chat, ids) in [(channel.get(), &ids[..3]), (group.get(), &ids[3..])] {
        sandbox.control.change(chat, ids[1], &json!({ "from": bob, "text": format!("better {chat}") })).await.unwrap();
        sandbox.control.delete(chat, ids[2]).await.unwrap();
        sandbox.control.say(chat, bob, &format!("new {chat}")).await.unwrap();
    }

    let mut again = sandbox.connect(&session).await;
    again.connected().await;
    let updates = again.updates(6).await;
    for chat in [channel.get(), group.get()] {
        let of_chat: Vec<&str> = updates
            .iter()
            .filter_map(|update| match update {
                Update::Posted(message) if message.chat.get() == chat => Some("posted"),
                Update::Edited(message) if message.chat.get() == chat => Some("edited"),
                Update::Deleted(deletion)
                    if deletion.chat.map(|chat| chat.get()) == Some(chat).filter(|c| *c == channel.get()) =>
                {
                    Some("deleted")
                }
                _ => None,
            })
            .collect();
        let mut sorted = of_chat.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, ["deleted", "edited", "posted"], "{chat}: {:?}", brief(&updates));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_behind_a_dropped_connection_arrive_once_it_is_back() {
    let sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let bob = sandbox.user("+9996654321", "Bob", None).await;
    let channel = sandbox.chat("channel", "News", bob, &[me]).await;
    let mut live = sandbox.connect(&sandbox.sign_in(PHONE).await).await;
    live.connected().await;
    let (one, two) = (
        sandbox.control.say(channel.get(), bob, "one").await.unwrap(),
        sandbox.control.say(channel.get(), bob, "two").await.unwrap(),
    );
    live.texts(2).await;
    sandbox.fault(json!({ "kind": "refuse_connections" })).await;
    sandbox.fault(json!({ "kind": "drop_connections", "user": me })).await;
    sandbox.control.edit(channel.get(), one, "uno").await.unwrap();
    sandbox.control.delete(channel.get(), two).await.unwrap();
    sandbox.control.clear_faults().await.unwrap();
    let updates = live.updates(2).await;
    assert_eq!(brief(&updates), ["edited uno".into(), format!("deleted [{two}]")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_we_wrote_is_changed_and_deleted() {
    let sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let bob = sandbox.user("+9996654321", "Bob", None).await;
    let channel = sandbox.chat("channel", "News", me, &[bob]).await;
    let group = sandbox.chat("group", "Small", me, &[bob]).await;
    let live = sandbox.connect(&sandbox.sign_in(PHONE).await).await;
    for chat in [channel, group] {
        let id = live.send(&text(chat, "first")).await.unwrap();
        live.connection.edit(&edit(chat, id, "second")).await.unwrap();
        live.connection.edit(&edit(chat, id, "second")).await.expect("it already reads so");
        assert_eq!(sandbox.texts(chat).await, ["second"]);
        let other = live.send(&text(chat, "other")).await.unwrap();
        live.connection.delete(&delete(chat, &[id, other])).await.unwrap();
        live.connection.delete(&delete(chat, &[id])).await.expect("it is gone already");
        assert_eq!(sandbox.texts(chat).await, Vec::<String>::new());
        let error = live.connection.edit(&edit(chat, id, "third")).await.unwrap_err();
        assert_eq!(name(&error), ("message", "message_gone"));
    }
    let foreign = sandbox.chat("supergroup", "Room", bob, &[me]).await;
    let id = sandbox.control.say(foreign.get(), bob, "theirs").await.unwrap();
    let error = live.connection.edit(&edit(foreign, id, "mine")).await.unwrap_err();
    assert_eq!(name(&error), ("message", "not_editable"));
    let error = live.connection.delete(&delete(foreign, &[id])).await.unwrap_err();
    assert_eq!(name(&error), ("message", "not_deletable"));
}

/// The next message that another one wrote arrives, whatever our own deletions did to the cursors.
async fn hears(live: &mut Live, sandbox: &Sandbox, chat: i64, from: i64, text: &str) {
    sandbox.control.say(chat, from, text).await.unwrap();
    loop {
        let updates = live.updates(1).await;
        if brief(&updates).contains(&format!("posted {text}")) {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_deletions_are_told_and_lose_no_update() {
    let sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let bob = sandbox.user("+9996654321", "Bob", None).await;
    let channel = sandbox.chat("channel", "News", me, &[bob]).await;
    let mut live = sandbox.connect(&sandbox.sign_in(PHONE).await).await;
    live.connected().await;
    // The channel's cursor passes through the very numbers that the account's is about to take.
    for round in 0..6 {
        let id = live.send(&text(channel, "short-lived")).await.unwrap();
        live.connection.delete(&delete(channel, &[id])).await.unwrap();
        let mut deleted = false;
        while !deleted {
            deleted = brief(&live.updates(1).await).contains(&format!("deleted [{id}]"));
        }
        hears(&mut live, &sandbox, me, bob, &format!("round {round}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flooded_account_is_told_from_a_closed_chat() {
    let sandbox = Sandbox::start().await;
    let me = sandbox.user(PHONE, "Ann", None).await;
    let chat = sandbox.chat("channel", "News", me, &[]).await;
    let live = sandbox.connect(&sandbox.sign_in(PHONE).await).await;
    let fault = |message: &str| json!({ "kind": "rpc_error", "method": "messages.sendMessage", "code": 400, "message": message });
    sandbox.fault(fault("PEER_FLOOD")).await;
    let error = live.send(&text(chat, "x")).await.unwrap_err();
    assert!(matches!(&error, PlatformError::Flooded { .. }), "{error:?}");
    sandbox.control.set_limits(&json!({ "messages_per_s_chat": 0.01 })).await.unwrap();
    live.send(&text(chat, "the allowance")).await.unwrap();
    let error = live.send(&text(chat, "beyond it")).await.unwrap_err();
    assert!(matches!(&error, PlatformError::Wait { wait, .. } if wait.as_secs() > 50), "{error:?}");
    sandbox.control.set_limits(&json!({})).await.unwrap();
    let request: SendRequest = text(chat, "lifted");
    live.send(&request).await.unwrap();
}
