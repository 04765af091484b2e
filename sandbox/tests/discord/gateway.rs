//! Sessions: resume with what was missed, refusals to resume, close codes, and what the intents hide.

use serde_json::json;
use serenity::all::{Event, GatewayError, GatewayIntents};

use crate::world::World;

#[tokio::test]
async fn a_dropped_connection_resumes_and_gets_what_it_missed_once() {
    let world = World::new().await;
    let mut live = world.connect().await;
    live.ready().await;
    let struck = world.control("POST", "/faults", json!({ "kind": "drop_gateway" })).await;
    assert_eq!(struck["struck"], 1);
    world.say(world.general, "while away").await;
    assert_eq!(live.message().await.content, "while away");
    world.say(world.general, "back").await;
    assert_eq!(live.message().await.content, "back");
}

#[tokio::test]
async fn a_request_to_reconnect_ends_in_a_resume() {
    let world = World::new().await;
    let mut live = world.connect().await;
    live.ready().await;
    world.control("POST", "/faults", json!({ "kind": "reconnect" })).await;
    live.next("resume", |event| matches!(event, Event::Resumed(_)).then_some(())).await;
    world.say(world.general, "after").await;
    assert_eq!(live.message().await.content, "after");
}

#[tokio::test]
async fn an_invalid_session_begins_anew() {
    let world = World::new().await;
    let mut live = world.connect().await;
    let session = |event| if let Event::Ready(event) = event { Some(event.ready.session_id) } else { None };
    let first = live.next("session", session).await;
    world.control("POST", "/faults", json!({ "kind": "invalid_session" })).await;
    assert_ne!(live.next("second session", session).await, first);
    live.ready().await;
    world.say(world.general, "anew").await;
    assert_eq!(live.message().await.content, "anew");
}

#[tokio::test]
async fn a_bad_token_and_an_intent_that_is_not_granted_end_the_client() {
    let world = World::new().await;
    let mut forged = world.bot.clone();
    forged.token.push('x');
    let mut live = world.connect_as(&forged, GatewayIntents::non_privileged()).await;
    let ended = (&mut live.ended).await.unwrap();
    assert!(matches!(ended, Err(serenity::Error::Gateway(GatewayError::InvalidAuthentication))), "{ended:?}");

    let blind = world.new_bot(false).await;
    let mut live = world.connect_as(&blind, GatewayIntents::GUILD_MESSAGES | GatewayIntents::MESSAGE_CONTENT).await;
    let ended = (&mut live.ended).await.unwrap();
    assert!(matches!(ended, Err(serenity::Error::Gateway(GatewayError::DisallowedGatewayIntents))), "{ended:?}");
}

#[tokio::test]
async fn a_revoked_token_closes_the_connection_for_good() {
    let world = World::new().await;
    let mut live = world.connect().await;
    live.ready().await;
    world.control("POST", &format!("/bots/{}/revoke", world.bot.id), json!({})).await;
    let ended = (&mut live.ended).await.unwrap();
    assert!(matches!(ended, Err(serenity::Error::Gateway(GatewayError::InvalidAuthentication))), "{ended:?}");
    assert_eq!(crate::world::refused(world.http().get_current_user().await).0, 401);
}

#[tokio::test]
async fn without_the_intent_only_own_and_addressed_messages_have_text() {
    let world = World::new().await;
    let blind = world.new_bot(false).await;
    world.control("POST", &format!("/guilds/{}/bots", world.guild), json!({ "bot": blind.id })).await;
    let intents = GatewayIntents::GUILDS | GatewayIntents::GUILD_MESSAGES;
    let mut live = world.connect_as(&blind, intents).await;
    live.ready().await;
    let hidden = world.say(world.general, "secret").await;
    let heard = live.message().await;
    assert_eq!((heard.id.to_string(), heard.content.as_str()), (hidden.clone(), ""));
    let http = world.http_of(&blind);
    assert_eq!(world.general.message(&http, heard.id).await.unwrap().content, "");
    world.say(world.general, &format!("hey <@{}>", blind.id)).await;
    assert_eq!(live.message().await.content, format!("hey <@{}>", blind.id));
    world.general.say(&http, "own").await.unwrap();
    assert_eq!(live.message().await.content, "own");
}

#[tokio::test]
async fn a_kicked_bot_is_told_and_loses_the_guild() {
    let world = World::new().await;
    let mut live = world.connect().await;
    live.ready().await;
    world.control("POST", &format!("/guilds/{}/kick", world.guild), json!({ "bot": world.bot.id })).await;
    let gone =
        live.next("removal", |event| if let Event::GuildDelete(it) = event { Some(it.guild) } else { None }).await;
    assert_eq!((gone.id.to_string(), gone.unavailable), (world.guild.clone(), false));
    assert_eq!(crate::world::refused(world.general.say(&world.http(), "x").await), (403, 50001));
    assert_eq!(crate::world::refused(world.http().get_guild(gone.id).await), (404, 10004));
}
