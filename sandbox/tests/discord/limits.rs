//! Rate limits as serenity's own limiter meets them.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn an_empty_bucket_is_waited_for_without_a_refusal() {
    let world = World::new().await;
    let limits = json!({ "enabled": true, "bucket_limit": 2, "bucket_reset_s": 0.6, "global_per_s": 50 });
    world.control("PUT", "/limits", limits).await;
    let http = world.http();
    let began = Instant::now();
    for number in 0..5 {
        world.general.say(&http, number.to_string()).await.unwrap();
    }
    assert!(began.elapsed() >= Duration::from_millis(1_100), "five sends of two per 0.6 s took {:?}", began.elapsed());
    assert_eq!(world.standing(world.general).await.len(), 5);
}

#[tokio::test]
async fn a_refusal_says_how_long_to_wait_and_the_send_goes_through_afterwards() {
    for kind in ["rate_limit", "rate_limit_global"] {
        let world = World::new().await;
        let fault = json!({ "kind": kind, "retry_after": 0.5, "method": "POST", "channel": world.general });
        world.control("POST", "/faults", fault).await;
        let began = Instant::now();
        world.general.say(&world.http(), "patient").await.unwrap();
        assert!(began.elapsed() >= Duration::from_millis(500), "{kind} was waited for {:?}", began.elapsed());
        assert_eq!(world.standing(world.general).await.len(), 1);
        assert_eq!(world.control("GET", "/faults", json!(null)).await, json!([]));
    }
}

#[tokio::test]
async fn the_answer_of_a_full_bucket_has_all_that_a_limiter_needs() {
    let world = World::new().await;
    world.control("PUT", "/limits", json!({ "enabled": true, "bucket_limit": 1, "bucket_reset_s": 30.0 })).await;
    let get = async || {
        let url = format!("http://{}/api/v10/channels/{}", world.running.plain, world.general);
        let authorization = format!("Bot {}", world.bot.token);
        reqwest::Client::new().get(url).header("authorization", authorization).send().await.unwrap()
    };
    let first = get().await;
    assert_eq!((first.status().as_u16(), &first.headers()["x-ratelimit-remaining"]), (200, &"0".parse().unwrap()));
    let second = get().await;
    assert_eq!(second.status(), 429);
    let header = |name: &str| second.headers()[name].to_str().unwrap().parse::<f64>().unwrap();
    assert!((1.0..=30.0).contains(&header("retry-after")));
    assert_eq!(second.headers()["x-ratelimit-scope"], "user");
    assert_eq!(second.headers()["content-type"], "application/json");
    assert!(second.headers().get("x-ratelimit-global").is_none());
    let retry_after = header("retry-after");
    let body: serde_json::Value = second.json().await.unwrap();
    assert_eq!((body["global"].as_bool(), body["retry_after"].as_f64()), (Some(false), Some(retry_after)));
}

#[tokio::test]
async fn the_global_limit_is_named_in_its_header() {
    let world = World::new().await;
    world.control("PUT", "/limits", json!({ "enabled": true, "global_per_s": 0 })).await;
    let url = format!("http://{}/api/v10/users/@me", world.running.plain);
    let authorization = format!("Bot {}", world.bot.token);
    let answer = reqwest::Client::new().get(url).header("authorization", authorization).send().await.unwrap();
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()["x-ratelimit-global"], "true");
    assert_eq!(answer.headers()["x-ratelimit-scope"], "global");
}
