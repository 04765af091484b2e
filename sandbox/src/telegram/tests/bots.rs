//! Bots: they answer and do not begin, and whoever blocks one is left alone.

use grammers_client::update::Update;
use grammers_tl_types::{enums, functions, types};
use reqwest::Method;
use serde_json::{Value, json};

use super::messages::{message_id, raw_send};
use super::support::{Device, Inbox, Person, World};

/// A bot that is logged in, seen as somebody who exists.
async fn bot(world: &World, username: &str) -> (Person, Device) {
    let made = world.post("/bots", json!({ "username": username, "name": "The helper" })).await;
    let device = world.stranger().await;
    let me = device.client.bot_sign_in(made["token"].as_str().unwrap(), "hash").await.unwrap();
    assert!(me.is_bot());
    assert_eq!(me.username(), Some(username));
    let id = made["id"].as_i64().unwrap();
    (Person { id, phone: String::new(), username: username.to_owned() }, device)
}

async fn next_text_and_sender(inbox: &mut Inbox) -> (String, i64) {
    match inbox.next().await {
        Update::NewMessage(message) => {
            (message.text().to_owned(), message.sender_id().unwrap().bot_api_dialog_id().unwrap())
        }
        other => panic!("not a new message: {other:?}"),
    }
}

async fn seen(world: &World, viewer: i64, other: i64) -> Vec<String> {
    let messages = world.get(&format!("/chats/{other}/messages?as={viewer}")).await;
    messages.as_array().unwrap().iter().map(|m| m["text"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_answers_and_does_not_begin() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let (helper, mut device) = bot(&world, "helper_bot").await;
    let mut inbox = device.inbox().await;
    let peer = helper.peer(ada.id);
    let error = device.client.send_message(peer, "hello?").await.unwrap_err();
    assert!(error.is("PEER_ID_INVALID"), "{error}");
    let path = format!("/bots/{}/start", helper.id);
    let pressed = world.post(&path, json!({ "user": ada.id, "payload": "to-ken_1" })).await;
    assert!(pressed["id"].as_i64().unwrap() > 0);
    assert_eq!(next_text_and_sender(&mut inbox).await, ("/start to-ken_1".to_owned(), ada.id));
    world.say(helper.id, &ada, "/status").await;
    assert_eq!(inbox.next_text().await, "/status");
    let request = raw_send(peer.into(), "all is well", 77);
    let first = message_id(device.client.invoke(&request).await.unwrap());
    assert_eq!(
        message_id(device.client.invoke(&request).await.unwrap()),
        first,
        "the same random_id is the same message"
    );
    assert_eq!(seen(&world, ada.id, helper.id).await, ["/start to-ken_1", "/status", "all is well"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_starts_and_blocks_a_bot_with_a_client() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let (helper, device) = bot(&world, "helper_bot").await;
    let alice = world.device(&ada).await;
    let found = alice.client.resolve_username("helper_bot").await.unwrap().unwrap();
    let peer = found.to_ref().await.unwrap().unwrap();
    let user = types::InputUser { user_id: helper.id, access_hash: peer.auth.hash() };
    let start = |random_id, start_param: &str| functions::messages::StartBot {
        bot: user.clone().into(),
        peer: peer.into(),
        random_id,
        start_param: start_param.to_owned(),
    };
    let error = alice.client.invoke(&start(1, "not a payload")).await.unwrap_err();
    assert!(error.is("START_PARAM_INVALID"), "{error}");
    alice.client.invoke(&start(2, "abc")).await.unwrap();
    device.client.send_message(helper.peer(ada.id), "welcome").await.unwrap();
    let block = functions::contacts::Block { my_stories_from: false, id: peer.into() };
    assert!(alice.client.invoke(&block).await.unwrap());
    let error = device.client.send_message(helper.peer(ada.id), "still there?").await.unwrap_err();
    assert!(error.is("USER_IS_BLOCKED"), "{error}");
    let error = alice.client.send_message(peer, "and I?").await.unwrap_err();
    assert!(error.is("YOU_BLOCKED_USER"), "{error}");
    let unblock = functions::contacts::Unblock { my_stories_from: false, id: peer.into() };
    assert!(alice.client.invoke(&unblock).await.unwrap());
    device.client.send_message(helper.peer(ada.id), "back again").await.unwrap();
    assert_eq!(seen(&world, ada.id, helper.id).await, ["/start abc", "welcome", "back again"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_outlives_the_process_and_ends_with_a_start() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let (helper, device) = bot(&world, "helper_bot").await;
    world.post(&format!("/bots/{}/start", helper.id), json!({ "user": ada.id })).await;
    world.post(&format!("/bots/{}/block", helper.id), json!({ "user": ada.id, "blocked": true })).await;
    let session = device.close().await;
    let world = world.restart().await;
    let device = Device::connect(session);
    let error = device.client.send_message(helper.peer(ada.id), "hello?").await.unwrap_err();
    assert!(error.is("USER_IS_BLOCKED"), "{error}");
    world.post(&format!("/bots/{}/start", helper.id), json!({ "user": ada.id })).await;
    device.client.send_message(helper.peer(ada.id), "hello").await.unwrap();
    assert_eq!(seen(&world, ada.id, helper.id).await, ["/start", "/start", "hello"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_has_a_menu_and_no_past() {
    let world = World::start().await;
    let (helper, device) = bot(&world, "helper_bot").await;
    let menu = |command: &str| functions::bots::SetBotCommands {
        scope: enums::BotCommandScope::Default,
        lang_code: String::new(),
        commands: vec![
            types::BotCommand { ephemeral: false, command: command.into(), description: "What is up".into() }.into(),
        ],
    };
    let error = device.client.invoke(&menu("Not a command")).await.unwrap_err();
    assert!(error.is("BOT_COMMAND_INVALID"), "{error}");
    assert!(device.client.invoke(&menu("status")).await.unwrap());
    let shown = world.get(&format!("/bots/{}", helper.id)).await;
    assert_eq!(shown["commands"], json!([{ "command": "status", "description": "What is up" }]));
    assert_eq!(shown["sessions"], 1);
    let error = device.client.iter_dialogs().next().await.unwrap_err();
    assert!(error.is("BOT_METHOD_INVALID"), "{error}");
    let ada = world.person("Ada").await;
    let alice = world.device(&ada).await;
    let error = alice.client.invoke(&menu("status")).await.unwrap_err();
    assert!(error.is("USER_BOT_REQUIRED"), "{error}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_with_a_known_token_is_made_once_and_may_be_told_to_wait() {
    let world = World::start().await;
    let body = json!({ "username": "known_bot", "name": "Known", "token": "1000000007:a-secret" });
    let made = world.post("/bots", body.clone()).await;
    assert_eq!(made, json!({ "id": 1_000_000_007, "token": "1000000007:a-secret" }));
    assert_eq!(world.post("/bots", body).await, made);
    let people = world.call(Method::GET, "/users", Value::Null).await;
    assert_eq!(people.as_array().unwrap().len(), 1);
    let method = "auth.importBotAuthorization";
    world.post("/faults", json!({ "kind": "flood_wait", "method": method, "seconds": 31 })).await;
    let device = world.stranger().await;
    let error = device.client.bot_sign_in("1000000007:a-secret", "hash").await.unwrap_err();
    assert!(error.is("FLOOD_WAIT"), "{error}");
    device.client.bot_sign_in("1000000007:a-secret", "hash").await.unwrap();
    let ada = world.person("Ada").await;
    world.post("/bots/1000000007/start", json!({ "user": ada.id })).await;
    let peer = Person { id: 1_000_000_007, phone: String::new(), username: String::new() }.peer(ada.id);
    let method = "messages.sendMessage";
    world.post("/faults", json!({ "kind": "flood_wait", "method": method, "user": 1_000_000_007, "seconds": 3 })).await;
    let error = device.client.send_message(peer, "too fast").await.unwrap_err();
    assert!(error.is("FLOOD_WAIT"), "{error}");
    device.client.send_message(peer, "in time").await.unwrap();
    assert_eq!(seen(&world, ada.id, 1_000_000_007).await, ["/start", "in time"]);
    world.end().await;
}
