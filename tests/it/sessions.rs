//! Sign-ins: how they go on, how they are seen, and how they end on every replica at once.

use reqwest::Method;
use sandbox::{client::Http, scene::until};
use serde_json::{Value, json};

use crate::{
    harness,
    member::{Member, NEWS_PATIENCE, anonymous, call, get, text, verified},
    world::{PASSWORD, assert_refused},
};

const NOTHING: Value = Value::Null;

async fn refresh(http: &Http, token: &str) -> Result<Value, sandbox::client::CallError> {
    http.post("/auth/refresh", &json!({ "refresh_token": token })).await
}

/// Waits until a token is refused, and not longer than news takes.
async fn refused_soon(http: &Http) {
    let refused = until("the refusal", NEWS_PATIENCE, async || Ok(get(http, "/auth/me").await.err()));
    assert_refused(&refused.await.expect("the token is refused"), 401, "unauthorized");
}

#[tokio::test]
async fn a_session_goes_on_with_its_newest_refresh_token_alone() {
    let stack = harness::shared().await;
    let member = Member::new(&stack).await;
    let first = text(&member.session, "refresh_token");
    let second = refresh(&member.http, &first).await.unwrap();
    assert_eq!(second["session"], member.session["session"]);
    assert_ne!(second["refresh_token"], member.session["refresh_token"]);
    let third = refresh(&member.http, &text(&second, "refresh_token")).await.unwrap();
    let api = member.http.with_token(text(&third, "token"));
    assert_eq!(get(&api, "/auth/me").await.unwrap()["email"], member.email);
    let garbage = refresh(&member.http, "garbage").await.unwrap_err();
    assert_refused(&garbage, 401, "refresh_invalid");
    // Another session of the same member has nothing to do with it.
    let other = member.log_in(PASSWORD).await.unwrap();

    // Somebody shows a token that was used: two have it, and the session ends with all of its tokens.
    let stolen = refresh(&member.http, &first).await.unwrap_err();
    assert_refused(&stolen, 401, "refresh_invalid");
    let newest = refresh(&member.http, &text(&third, "refresh_token")).await.unwrap_err();
    assert_refused(&newest, 401, "refresh_invalid");
    refused_soon(&api).await;
    assert!(get(&other.api(), "/auth/me").await.is_ok());
    assert!(refresh(&other.http, &text(&other.session, "refresh_token")).await.is_ok());
}

#[tokio::test]
async fn of_two_who_refresh_at_once_one_wins_and_the_session_ends() {
    let stack = harness::shared().await;
    let member = Member::new(&stack).await;
    let token = text(&member.session, "refresh_token");
    let (one, other) = tokio::join!(refresh(&member.http, &token), refresh(&member.http, &token));
    assert_eq!(usize::from(one.is_ok()) + usize::from(other.is_ok()), 1, "{one:?} {other:?}");
    let won = one.or(other).unwrap();
    let next = refresh(&member.http, &text(&won, "refresh_token")).await.unwrap_err();
    assert_refused(&next, 401, "refresh_invalid");
}

#[tokio::test]
async fn sessions_are_listed_and_end_one_by_one_or_all_at_once() {
    let stack = harness::shared().await;
    let member = Member::new(&stack).await;
    let (second, third) = (member.log_in(PASSWORD).await.unwrap(), member.log_in(PASSWORD).await.unwrap());
    let list = get(&third.api(), "/auth/sessions").await.unwrap();
    let listed = list["sessions"].as_array().unwrap();
    assert_eq!(listed.len(), 3);
    assert_eq!(listed[0]["id"], third.session["session"]);
    assert_eq!((&listed[0]["current"], &listed[1]["current"]), (&true.into(), &false.into()));
    assert!(listed[0]["address"].as_str().unwrap().starts_with("127.77."), "{list}");

    let path = format!("/auth/sessions/{}", text(&second.session, "session"));
    call(&third.api(), Method::DELETE, &path, &NOTHING).await.unwrap();
    refused_soon(&second.api()).await;
    let again = call(&third.api(), Method::DELETE, &path, &NOTHING).await.unwrap_err();
    assert_refused(&again, 404, "session_not_found");
    let stranger = Member::new(&stack).await;
    let path = format!("/auth/sessions/{}", text(&third.session, "session"));
    let foreign = call(&stranger.api(), Method::DELETE, &path, &NOTHING).await.unwrap_err();
    assert_refused(&foreign, 404, "session_not_found");

    call(&member.api(), Method::POST, "/auth/logout", &NOTHING).await.unwrap();
    refused_soon(&member.api()).await;
    let fourth = third.log_in(PASSWORD).await.unwrap();
    call(&third.api(), Method::DELETE, "/auth/sessions", &NOTHING).await.unwrap();
    for ended in [&third, &fourth] {
        refused_soon(&ended.api()).await;
        let token = text(&ended.session, "refresh_token");
        assert_refused(&refresh(&ended.http, &token).await.unwrap_err(), 401, "refresh_invalid");
    }
    assert!(get(&stranger.api(), "/auth/me").await.is_ok());
}

#[tokio::test]
async fn a_changed_password_ends_every_other_session() {
    let stack = harness::shared().await;
    let member = Member::new(&stack).await;
    let other = member.log_in(PASSWORD).await.unwrap();
    let change = async |password: &str, new: &str| {
        let body = json!({ "password": password, "new_password": new });
        call(&member.api(), Method::POST, "/auth/password", &body).await
    };
    let wrong = change("not the password", "another password").await.unwrap_err();
    assert_refused(&wrong, 422, "password_wrong");
    assert_refused(&change(PASSWORD, "short").await.unwrap_err(), 422, "password_length");
    change(PASSWORD, "another password").await.unwrap();
    refused_soon(&other.api()).await;
    assert!(get(&member.api(), "/auth/me").await.is_ok());
    assert_refused(&member.log_in(PASSWORD).await.err().unwrap(), 401, "bad_credentials");
    member.log_in("another password").await.unwrap();
    // Asked once more, the old password is wrong.
    assert_refused(&change(PASSWORD, "another password").await.unwrap_err(), 422, "password_wrong");
}

#[tokio::test]
async fn what_ends_at_one_replica_is_refused_at_another() {
    let stack = harness::shared().await;
    let replica = verified(stack.stack()).await;
    let member = Member::new(&stack).await;
    let key = member.key(&["read"]).await;
    let elsewhere = [member.at(replica), anonymous(replica).with_token(key.as_str())];
    // Asked once, so that the replica remembers who it is.
    for http in &elsewhere {
        assert_eq!(get(http, "/auth/me").await.unwrap()["email"], member.email);
    }
    let keys = get(&member.api(), "/keys").await.unwrap();
    let path = format!("/keys/{}", text(&keys["keys"][0], "id"));
    call(&member.api(), Method::DELETE, &path, &NOTHING).await.unwrap();
    refused_soon(&elsewhere[1]).await;
    call(&member.api(), Method::DELETE, "/auth/sessions", &NOTHING).await.unwrap();
    refused_soon(&elsewhere[0]).await;
}
