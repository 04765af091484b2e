//! Linking accounts: what goes right, and what the user gets wrong.

use sandbox::{client::CausewayClient, scene};
use serde_json::{Value, json};

use crate::{
    harness,
    world::{PASSWORD, World, assert_refused, pair, place},
};

#[tokio::test]
async fn a_tenant_registers_signs_in_and_reads_itself() {
    let stack = harness::shared().await;
    let base = stack.urls().api;
    let email = "Somebody@Example.org";
    CausewayClient::register(&base, email, PASSWORD).await.unwrap();
    let again = CausewayClient::register(&base, " somebody@example.ORG", PASSWORD).await.unwrap_err();
    assert_refused(again.downcast_ref().unwrap(), 409, "email_taken");
    let api = CausewayClient::login(&base, email, PASSWORD).await.unwrap();
    let me: Value = api.http().get("/auth/me").await.unwrap();
    assert_eq!(me["email"], "somebody@example.org");
    let wrong = CausewayClient::login(&base, email, "not the password").await.unwrap_err();
    assert_refused(wrong.downcast_ref().unwrap(), 401, "bad_credentials");
    let nobody = CausewayClient::login(&base, "nobody@example.org", PASSWORD).await.unwrap_err();
    assert_refused(nobody.downcast_ref().unwrap(), 401, "bad_credentials");
    let anonymous = CausewayClient::anonymous(&base).unwrap();
    let answer: Result<Value, _> = anonymous.http().get("/auth/me").await;
    assert_refused(&answer.unwrap_err(), 401, "unauthorized");
}

#[tokio::test]
async fn a_phone_links_with_a_code_and_a_password_after_both_were_mistyped() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let person = world.person(Some("hunter2")).await;
    let account = world.api.add_telegram(&person.phone).await.unwrap();
    assert_eq!(account.status, "awaiting_code");
    let path = format!("/accounts/{}", account.id);
    world.refused(&format!("{path}/password"), json!({ "password": "x" }), 409, "wrong_state").await;
    world.refused(&format!("{path}/code"), json!({ "code": "00000" }), 422, "code_invalid").await;
    let code = world.controls.telegram.code(&person.phone).await.unwrap();
    world.api.submit_code(&account.id, &code).await.unwrap();
    world.status(&account.id, "awaiting_password").await;
    world.refused(&format!("{path}/password"), json!({ "password": "hunter3" }), 422, "password_invalid").await;
    world.api.submit_password(&account.id, "hunter2").await.unwrap();
    let online = world.status(&account.id, "online").await;
    assert_eq!(online["display_name"], format!("Person {}", person.phone));
    // The same step again, by an impatient thumb, changes nothing.
    world.api.submit_password(&account.id, "hunter2").await.unwrap();
    world.status(&account.id, "online").await;
    assert!(world.api.chats(&account.id).await.is_ok());
}

#[tokio::test]
async fn an_expired_code_is_told_apart_and_a_new_one_works() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let person = world.person(None).await;
    let account = world.api.add_telegram(&person.phone).await.unwrap();
    let code = world.controls.telegram.code(&person.phone).await.unwrap();
    world.controls.telegram.fault(&json!({ "kind": "expire_code", "phone": person.phone })).await.unwrap();
    let path = format!("/accounts/{}", account.id);
    world.refused(&format!("{path}/code"), json!({ "code": code }), 422, "code_expired").await;
    let _: Value = world.api.http().post(&format!("{path}/resend"), &json!({})).await.unwrap();
    let code = world.controls.telegram.code(&person.phone).await.unwrap();
    world.api.submit_code(&account.id, &code).await.unwrap();
    world.status(&account.id, "online").await;
}

#[tokio::test]
async fn bad_phones_are_told_apart() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    world.refused("/accounts/telegram", json!({ "phone": "not a phone" }), 422, "phone_invalid").await;
    let banned = world.person(None).await;
    world.controls.telegram.fault(&json!({ "kind": "ban", "phone": banned.phone })).await.unwrap();
    world.refused("/accounts/telegram", json!({ "phone": banned.phone }), 422, "phone_banned").await;
    // Nobody has this number: Telegram tells only after the code.
    let unknown = "9996699999999";
    let account = world.api.add_telegram(unknown).await.unwrap();
    let code = world.controls.telegram.code(unknown).await.unwrap();
    let path = format!("/accounts/{}/code", account.id);
    world.refused(&path, json!({ "code": code }), 422, "phone_unregistered").await;
}

#[tokio::test]
async fn a_bot_links_once_and_bad_tokens_are_told_apart() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let bot = world.bot().await;
    let account = world.link_bot(&bot).await;
    world.refused("/accounts/discord", json!({ "token": bot.token }), 409, "account_already_linked").await;
    world.refused("/accounts/discord", json!({ "token": "MTIz.invalid.token" }), 422, "token_invalid").await;
    let blind: Value = world
        .controls
        .discord
        .http()
        .post("/bots", &json!({ "username": "blind", "message_content": false }))
        .await
        .unwrap();
    world.refused("/accounts/discord", json!({ "token": blind["token"] }), 422, "intent_missing").await;
    let chats = world.api.chats(&account).await.unwrap();
    assert!(chats.iter().any(|chat| chat.id == bot.channel && chat.can_read && chat.can_write));
    let guilds: Value = world.api.http().get(&format!("/accounts/{account}/guilds")).await.unwrap();
    assert_eq!(guilds["guilds"][0]["id"], bot.guild);
    // What was refused does not linger.
    let accounts: Value = world.api.http().get("/accounts").await.unwrap();
    assert_eq!(accounts["accounts"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn another_tenants_account_is_not_there() {
    let stack = harness::shared().await;
    let (owner, stranger) = (World::new(&stack).await, World::new(&stack).await);
    let account = owner.link_bot(&owner.bot().await).await;
    let answer = stranger.api.account(&account).await;
    assert_refused(&answer.unwrap_err(), 404, "account_not_found");
    let path = format!("/accounts/{account}/reconnect");
    stranger.refused(&path, json!({}), 404, "account_not_found").await;
}

#[tokio::test]
async fn a_revoked_session_is_seen_and_signs_in_again() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let person = world.person(None).await;
    let account = world.link_person(&person).await;
    world.controls.telegram.fault(&json!({ "kind": "revoke", "user": person.user })).await.unwrap();
    let revoked = world.status(&account, "revoked").await;
    assert!(revoked["reason_code"].is_string(), "{revoked}");
    let _: Value = world.api.http().post(&format!("/accounts/{account}/resend"), &json!({})).await.unwrap();
    let code = world.controls.telegram.code(&person.phone).await.unwrap();
    world.api.submit_code(&account, &code).await.unwrap();
    scene::wait_for_status(&world.api, &account, "online").await.unwrap();
}

#[tokio::test]
async fn an_account_logs_out_twice_and_links_again() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let person = world.person(None).await;
    let account = world.link_person(&person).await;
    let gone = async || {
        let path = format!("/accounts/{account}");
        world.api.http().call::<Value>(reqwest::Method::DELETE, &path, None::<&()>).await
    };
    gone().await.unwrap();
    scene::until("the account is gone", crate::world::PATIENCE, async || {
        Ok(world.api.account(&account).await.is_err().then_some(()))
    })
    .await
    .unwrap();
    assert_refused(&gone().await.unwrap_err(), 404, "account_not_found");
    let again = world.link_person(&person).await;
    assert_ne!(again, account);
}

#[tokio::test]
async fn a_hosted_account_is_checked_every_few_seconds() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let account = world.link_bot(&world.bot().await).await;
    scene::until("a health check", crate::world::PATIENCE, async || {
        let account = world.api.account(&account).await?;
        Ok(account.rest["health_checked_at"].is_string().then_some(()))
    })
    .await
    .unwrap();
    let live = world.api.account(&account).await.unwrap().rest["live"].clone();
    assert_eq!(live["hosting"], true);
}

#[tokio::test]
async fn a_pair_is_made_while_its_account_is_hosted_anew() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let channel = world.channel(&person, &[]).await;
    let (reader, writer) = (world.link_person(&person).await, world.link_bot(&bot).await);
    for account in [&reader, &writer] {
        let _: Value = world.api.http().post(&format!("/accounts/{account}/reconnect"), &json!({})).await.unwrap();
    }
    world.pair(place(&reader, channel), place(&writer, &bot.channel)).await;
    world.controls.telegram.say(channel, person.user, "made in between").await.unwrap();
    world.discord_holds(&bot.channel, &["made in between"]).await;
}

#[tokio::test]
async fn a_paused_account_is_asked_nothing() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (bot, other) = (world.bot().await, world.bot().await);
    let (reader, writer) = (world.link_bot(&bot).await, world.link_bot(&other).await);
    let _: Value = world.api.http().post(&format!("/accounts/{writer}/pause"), &json!({})).await.unwrap();
    world.status(&writer, "paused").await;
    let asked = serde_json::to_value(pair(place(&reader, &bot.channel), place(&writer, &other.channel))).unwrap();
    let refusal = world.refused("/pairs", asked, 409, "account_not_online").await;
    assert!(refusal.to_string().contains("not connected"), "{refusal}");
    let chats: Result<Value, _> = world.api.http().get(&format!("/accounts/{writer}/chats?refresh=true")).await;
    assert_refused(&chats.unwrap_err(), 409, "account_not_online");
}
