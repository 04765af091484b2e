//! Injected faults: lost answers, server errors, delays, refused connections.

use std::time::{Duration, Instant};

use serde_json::json;
use serenity::all::{CreateMessage, HttpError, Nonce};

use crate::world::World;

#[tokio::test]
async fn a_lost_answer_is_a_broken_connection_and_the_nonce_settles_it() {
    let world = World::new().await;
    let http = world.http();
    world.control("POST", "/faults", json!({ "kind": "lose_answer", "method": "POST" })).await;
    let draft = || CreateMessage::new().content("once").nonce(Nonce::String("k".to_owned())).enforce_nonce(true);
    let lost = world.general.send_message(&http, draft()).await;
    assert!(matches!(lost, Err(serenity::Error::Http(HttpError::Request(_)))), "{lost:?}");
    let standing = world.standing(world.general).await;
    assert_eq!(standing.len(), 1);
    let again = world.general.send_message(&http, draft()).await.unwrap();
    assert_eq!(again.id.to_string(), standing[0]["id"]);
    assert_eq!(world.standing(world.general).await.len(), 1);
}

#[tokio::test]
async fn a_server_error_does_nothing_and_a_delay_only_delays() {
    let world = World::new().await;
    let http = world.http();
    world.control("POST", "/faults", json!({ "kind": "server_error", "status": 502, "times": 2 })).await;
    for _ in 0..2 {
        assert_eq!(crate::world::refused(world.general.say(&http, "x").await).0, 502);
    }
    assert!(world.standing(world.general).await.is_empty());
    world.control("POST", "/faults", json!({ "kind": "delay", "ms": 400, "route": "/messages" })).await;
    let began = Instant::now();
    world.general.say(&http, "late").await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(400));
}

#[tokio::test]
async fn refused_connections_come_back_when_the_fault_is_gone() {
    let world = World::new().await;
    let http = world.http();
    world.general.say(&http, "before").await.unwrap();
    world.control("POST", "/faults", json!({ "kind": "refuse_connections" })).await;
    let refused = world.general.say(&http, "on a connection that was open").await;
    assert!(matches!(refused, Err(serenity::Error::Http(HttpError::Request(_)))), "{refused:?}");
    let refused = world.general.say(&world.http(), "on a new connection").await;
    let connecting = |error: &serenity::Error| matches!(error, serenity::Error::Http(HttpError::Request(error)) if error.is_connect());
    assert!(refused.as_ref().is_err_and(connecting), "{refused:?}");
    world.control("DELETE", "/faults", json!(null)).await;
    world.general.say(&http, "after").await.unwrap();
    assert_eq!(world.standing(world.general).await.len(), 2);
}
