//! What an operator uses: health, metrics, the documentation page, and the codec endpoint.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use workflows::codec::Codec;

use crate::{
    harness::{self, PAYLOAD_KEYS},
    world::{World, place},
};

#[tokio::test]
async fn the_codec_endpoint_opens_payloads_for_the_operator_alone() {
    let stack = harness::shared().await;
    let url = format!("{}/codec/decode", stack.urls().api);
    let clear =
        json!({ "metadata": { "encoding": STANDARD.encode("json/plain") }, "data": STANDARD.encode("\"hello\"") });
    let http = Client::new();
    let encode = async |token: &str| {
        let body = json!({ "payloads": [clear] });
        http.post(url.replace("decode", "encode")).bearer_auth(token).json(&body).send().await.unwrap()
    };
    let sealed: Value = encode(stack.operator_token()).await.json().await.unwrap();
    let payload = &sealed["payloads"][0];
    assert_eq!(payload["metadata"]["encoding"], STANDARD.encode("binary/encrypted"));
    assert_ne!(payload["data"], clear["data"]);
    let decode = async |token: &str| http.post(&url).bearer_auth(token).json(&sealed).send().await.unwrap();
    let opened: Value = decode(stack.operator_token()).await.json().await.unwrap();
    assert_eq!(opened["payloads"][0], clear);
    assert_eq!(decode("somebody").await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(encode("somebody").await.status(), StatusCode::UNAUTHORIZED);
    // The endpoint and the worker share their keys.
    assert!(Codec::parse(PAYLOAD_KEYS).is_ok());
}

#[tokio::test]
async fn health_metrics_and_documentation_answer() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let channel = world.channel(&person, &[]).await;
    let (reader, writer) = (world.link_person(&person).await, world.link_bot(&bot).await);
    world.pair(place(&reader, channel), place(&writer, &bot.channel)).await;
    world.controls.telegram.say(channel, person.user, "counted").await.unwrap();
    world.discord_holds(&bot.channel, &["counted"]).await;
    let urls = stack.urls();
    let get = async |url: String| {
        let answer = reqwest::get(&url).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{url}");
        answer.text().await.unwrap()
    };
    get(format!("{}/health/live", urls.api)).await;
    let ready: Value = serde_json::from_str(&get(format!("{}/health/ready", urls.api)).await).unwrap();
    assert!(ready.to_string().contains("database"), "{ready}");
    let openapi: Value = serde_json::from_str(&get(format!("{}/openapi.json", urls.api)).await).unwrap();
    assert!(openapi["openapi"].as_str().unwrap().starts_with("3.1"));
    assert!(openapi["paths"]["/api/pairs/{id}/messages"]["get"].is_object());
    assert!(get(format!("{}/docs/", urls.api)).await.contains("swagger"));
    let api = get(format!("{}/metrics", urls.api)).await;
    assert!(api.contains("/api/pairs"), "{api}");
    let worker = get(format!("{}/metrics", urls.worker_metrics)).await;
    for name in ["causeway_hosted_accounts", "causeway_messages_ingested_total", "causeway_delivery_seconds_count"] {
        assert!(worker.contains(name), "{name} is not in {worker}");
    }
    assert!(worker.contains(r#"causeway_deliveries_total{outcome="sent"}"#), "{worker}");
}
