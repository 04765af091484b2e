//! API keys: shown once, bounded in number and in what they may do, and gone when they are revoked or over.

use std::time::Duration;

use futures::future::join_all;
use reqwest::Method;
use sandbox::scene::until;
use serde_json::{Value, json};

use crate::{
    harness,
    member::{Member, NEWS_PATIENCE, call, get, text},
    world::{PATIENCE, assert_refused},
};

/// Keys that one tenant may have.
const KEYS_MAX: usize = 50;

#[tokio::test]
async fn a_key_is_shown_once_and_used_where_a_token_is() {
    let stack = harness::shared().await;
    let member = Member::new(&stack).await;
    let made: Value = member.api().post("/keys", &json!({ "name": " reader ", "scopes": ["read"] })).await.unwrap();
    let key = text(&made, "key");
    assert!(key.starts_with("cwk_"), "{made}");
    let list = get(&member.api(), "/keys").await.unwrap();
    assert_eq!((&list["keys"][0]["id"], &list["keys"][0]["name"]), (&made["id"], &"reader".into()));
    assert_eq!(list["keys"][0]["last_used_at"], Value::Null);
    assert!(!list.to_string().contains(&key), "the secret is shown once");
    let by_key = member.http.with_token(key.as_str());
    assert_eq!(get(&by_key, "/auth/me").await.unwrap()["email"], member.email);
    // Its secret is what counts, not its id.
    let id = key.split('_').nth(1).unwrap();
    let forged = member.http.with_token(format!("cwk_{id}_0123456789012345678901234567890123456789012"));
    assert_refused(&get(&forged, "/auth/me").await.unwrap_err(), 401, "unauthorized");
    let used = until("the use of the key", PATIENCE, async || {
        let list = get(&member.api(), "/keys").await?;
        Ok(list["keys"][0]["last_used_at"].is_string().then_some(()))
    });
    used.await.unwrap();

    let path = format!("/keys/{}", text(&made, "id"));
    let stranger = Member::new(&stack).await;
    let foreign = call(&stranger.api(), Method::DELETE, &path, &Value::Null).await.unwrap_err();
    assert_refused(&foreign, 404, "api_key_not_found");
    call(&member.api(), Method::DELETE, &path, &Value::Null).await.unwrap();
    let refused = until("the refusal", NEWS_PATIENCE, async || Ok(get(&by_key, "/auth/me").await.err()));
    assert_refused(&refused.await.unwrap(), 401, "unauthorized");
    let again = call(&member.api(), Method::DELETE, &path, &Value::Null).await.unwrap_err();
    assert_refused(&again, 404, "api_key_not_found");
    assert_eq!(get(&member.api(), "/keys").await.unwrap()["keys"], json!([]));
}

#[tokio::test]
async fn a_key_may_do_what_its_scopes_say() {
    let stack = harness::shared().await;
    let member = Member::new(&stack).await;
    let with = async |scopes: &[&str]| member.http.with_token(member.key(scopes).await);
    let (reader, writer) = (with(&["read"]).await, with(&["forward", "accounts"]).await);
    assert!(get(&reader, "/pairs").await.is_ok());
    let refused = reader.post::<Value>("/dead-letters/discard", &json!({})).await.unwrap_err();
    assert_refused(&refused, 403, "scope_missing");
    assert_refused(&get(&writer, "/pairs").await.unwrap_err(), 403, "scope_missing");
    for key in [&reader, &writer] {
        let keys = key.post::<Value>("/keys", &json!({ "name": "more", "scopes": ["billing"] })).await.unwrap_err();
        assert_refused(&keys, 403, "session_required");
    }
    for (body, code) in [
        (json!({ "name": "", "scopes": ["read"] }), "bad_name"),
        (json!({ "name": "x", "scopes": [] }), "scopes_invalid"),
        (json!({ "name": "x", "scopes": ["read", "read"] }), "scopes_invalid"),
        (json!({ "name": "x", "scopes": ["everything"] }), "invalid_body"),
        (json!({ "name": "x", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z" }), "expiry_invalid"),
        (json!({ "name": "x", "scopes": ["read"], "expires_at": "2999-01-01T00:00:00Z" }), "expiry_invalid"),
    ] {
        assert_refused(&member.api().post::<Value>("/keys", &body).await.unwrap_err(), 422, code);
    }
}

#[tokio::test]
async fn a_key_ends_when_it_was_said_to() {
    let stack = harness::shared().await;
    let member = Member::new(&stack).await;
    let body = json!({ "name": "short", "scopes": ["read"], "expires_at": in_seconds(3) });
    let made: Value = member.api().post("/keys", &body).await.unwrap();
    let by_key = member.http.with_token(text(&made, "key"));
    assert!(get(&by_key, "/auth/me").await.is_ok());
    let over = until("the end of the key", Duration::from_secs(10), async || Ok(get(&by_key, "/auth/me").await.err()));
    assert_refused(&over.await.unwrap(), 401, "unauthorized");
    assert_eq!(get(&member.api(), "/keys").await.unwrap()["keys"], json!([]));
}

/// RFC 3339.
#[expect(clippy::disallowed_methods, reason = "the API has the machine's clock")]
fn in_seconds(seconds: i64) -> String {
    (chrono::Utc::now() + chrono::TimeDelta::seconds(seconds)).to_rfc3339()
}

#[tokio::test]
async fn fifty_keys_are_the_most_however_many_ask_at_once() {
    let stack = harness::shared().await;
    let member = Member::new(&stack).await;
    let api = member.api();
    let body = json!({ "name": "one of many", "scopes": ["read"] });
    let made = join_all((0..KEYS_MAX + 10).map(|_| api.post::<Value>("/keys", &body))).await;
    let (good, refused): (Vec<_>, Vec<_>) = made.into_iter().partition(Result::is_ok);
    assert_eq!((good.len(), refused.len()), (KEYS_MAX, 10));
    for refusal in refused {
        assert_refused(&refusal.unwrap_err(), 409, "too_many_keys");
    }
    // One that is revoked makes room for one.
    let list = get(&api, "/keys").await.unwrap();
    assert_eq!(list["keys"].as_array().unwrap().len(), KEYS_MAX);
    let path = format!("/keys/{}", text(&list["keys"][0], "id"));
    call(&api, Method::DELETE, &path, &Value::Null).await.unwrap();
    api.post::<Value>("/keys", &body).await.unwrap();
    assert_refused(&api.post::<Value>("/keys", &body).await.unwrap_err(), 409, "too_many_keys");
}
