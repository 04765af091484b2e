//! Tokens, intents, revocation, and what a bot is shown.

use std::sync::Arc;

use activities::discord::{connect, verify_token};
use activities::platform::{PlatformEvent, Unobserved};
use domain::{ChatKind, SystemClock};
use secrecy::SecretString;
use serde_json::json;

use crate::harness::{World, name, text};

#[tokio::test]
async fn a_token_is_proved_before_it_is_stored() {
    let world = World::start().await;
    let prove = async |token: &SecretString| verify_token(&world.config, token, Arc::new(Unobserved)).await;
    let check = async |token: &str| prove(&SecretString::from(token.to_owned())).await;
    let identity = prove(&world.token).await.unwrap();
    assert_eq!((identity.external_id.to_string(), identity.display_name.as_str()), (world.bot.clone(), "relay"));
    assert_eq!(name(&check("not a token").await.unwrap_err()), ("input", "token_malformed"));
    assert_eq!(name(&check("OTAw.wrong.token").await.unwrap_err()), ("revoked", "token_invalid"));
    let blind = world.post("/bots", json!({"username": "blind", "message_content": false})).await;
    assert_eq!(name(&check(&text(&blind["token"])).await.unwrap_err()), ("revoked", "intent_missing"));
}

#[tokio::test]
async fn a_bad_token_does_not_connect_and_a_missing_intent_is_told_by_the_gateway() {
    let mut world = World::start().await;
    let bad = SecretString::from("OTAw.wrong.token".to_owned());
    let refused = connect(&world.config, &bad, Arc::new(SystemClock)).await.err().unwrap();
    assert_eq!(name(&refused), ("revoked", "token_invalid"));
    let blind = world.post("/bots", json!({"username": "blind", "message_content": false})).await;
    world.token = SecretString::from(text(&blind["token"]));
    let (connection, mut watcher) = world.connect().await;
    assert_eq!(name(&watcher.until_gone().await), ("revoked", "intent_missing"));
    assert!(watcher.next().await.is_none());
    drop(connection);
}

#[tokio::test]
async fn a_revoked_bot_is_gone_everywhere() {
    let world = World::start().await;
    let (connection, mut watcher) = world.online().await;
    connection.health().await.unwrap();
    world.post(&format!("/bots/{}/revoke", world.bot), json!({})).await;
    assert_eq!(name(&watcher.until_gone().await), ("revoked", "token_invalid"));
    assert_eq!(name(&connection.send(&world.request("late")).await.unwrap_err()), ("revoked", "token_invalid"));
    assert_eq!(name(&connection.health().await.unwrap_err()), ("revoked", "token_invalid"));
}

#[tokio::test]
async fn closing_ends_the_stream() {
    let world = World::start().await;
    let (connection, mut watcher) = world.online().await;
    connection.close().await;
    while let Some(event) = watcher.next().await {
        assert!(matches!(event, PlatformEvent::Updates(_) | PlatformEvent::Disconnected { .. }), "{event:?}");
    }
}

#[tokio::test]
async fn channels_and_threads_are_listed_with_what_the_bot_may_do() {
    let world = World::start().await;
    let guild = world.guild.clone();
    let make = async |name: &str, kind: &str, parent: Option<&str>| {
        let body = json!({"name": name, "kind": kind, "parent": parent});
        text(&world.post(&format!("/guilds/{guild}/channels"), body).await["id"])
    };
    let news = make("news", "announcement", None).await;
    let forum = make("forum", "forum", None).await;
    let general = world.channel.to_string();
    let thread = make("side", "thread", Some(&general)).await;
    let deny = async |channel: &str, permission: &str| {
        let body = json!({"bot": world.bot, "deny": [permission]});
        world.ask(reqwest::Method::PUT, &format!("/channels/{channel}/permissions"), body).await;
    };
    deny(&news, "SEND_MESSAGES").await;
    let hidden = make("hidden", "text", None).await;
    deny(&hidden, "VIEW_CHANNEL").await;
    let last = world.say("hello").await;

    let (connection, _watcher) = world.online().await;
    let chats = connection.chats().await.unwrap();
    let shown: Vec<_> = chats
        .iter()
        .map(|chat| (chat.id.to_string(), chat.kind, chat.title.as_str(), chat.can_read, chat.can_write))
        .collect();
    assert_eq!(shown.len(), 4, "{shown:?}");
    assert!(shown.contains(&(general, ChatKind::Text, "general", true, true)), "{shown:?}");
    assert!(shown.contains(&(news.clone(), ChatKind::Channel, "news", true, false)), "{shown:?}");
    assert!(shown.contains(&(forum.clone(), ChatKind::Forum, "forum", true, true)), "{shown:?}");
    assert!(shown.contains(&(thread.clone(), ChatKind::Thread, "side", true, true)), "{shown:?}");
    assert!(chats.iter().all(|chat| chat.guild_id.as_deref() == Some(world.guild.as_str())));
    assert!(chats.iter().all(|chat| chat.guild_name.as_deref() == Some("Sandbox")));

    let facts = connection.chat(world.channel).await.unwrap();
    assert_eq!((facts.last_message_id, facts.title.as_str()), (last, "general"));
    assert_eq!(connection.chat(thread.parse().unwrap()).await.unwrap().kind, ChatKind::Thread);
    let closed = async |channel: &str| {
        let error = connection.chat(channel.parse().unwrap()).await.unwrap_err();
        let (class, code) = name(&error);
        (class, code.to_owned())
    };
    assert_eq!(closed("17").await, ("chat", "unknown_channel".to_owned()));
    assert_eq!(closed("-1001234").await, ("chat", "unknown_channel".to_owned()));
    assert_eq!(closed(&hidden).await, ("chat", "missing_access".to_owned()));
    assert!(connection.history_after(forum.parse().unwrap(), 0, 10).await.unwrap().is_empty());
}
