//! The second factor: codes of an app, each of them once, and recovery codes.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    harness,
    member::{Member, anonymous, call, code, get, text, verified},
    world::{PASSWORD, assert_refused},
};

#[tokio::test]
async fn log_in_asks_for_a_code_after_the_right_password_only() {
    let stack = harness::shared().await;
    let member = Member::new(&stack).await;
    let (secret, _) = member.second_factor().await;
    let status = get(&member.api(), "/auth/totp").await.unwrap();
    assert_eq!(
        (&status["enabled"], &status["pending"], &status["recovery_codes_left"]),
        (&true.into(), &false.into(), &10.into())
    );
    assert_refused(&member.log_in(PASSWORD).await.err().unwrap(), 401, "second_factor_required");
    assert_refused(&member.log_in("not the password").await.err().unwrap(), 401, "bad_credentials");
    assert_refused(&member.log_in_with("000000").await.unwrap_err(), 401, "second_factor_wrong");
    let good = code(&secret, 0);
    member.log_in_with(&format!(" {} {} ", &good[..3], &good[3..])).await.unwrap();
    // What was taken is not taken again, nor what came before it.
    for used in [good, code(&secret, -1)] {
        assert_refused(&member.log_in_with(&used).await.unwrap_err(), 401, "second_factor_wrong");
    }
    member.log_in_with(&code(&secret, 1)).await.unwrap();
    assert_refused(&member.log_in_with(&code(&secret, 4)).await.unwrap_err(), 401, "second_factor_wrong");
    // Sessions from before go on.
    assert!(get(&member.api(), "/auth/me").await.is_ok());
}

#[tokio::test]
async fn of_two_who_show_one_code_one_gets_in() {
    let stack = harness::shared().await;
    let member = Member::new(&stack).await;
    let (secret, recovery) = member.second_factor().await;
    for shown in [code(&secret, 1), recovery[0].clone()] {
        let (one, other) = tokio::join!(member.log_in_with(&shown), member.log_in_with(&shown));
        assert_eq!(usize::from(one.is_ok()) + usize::from(other.is_ok()), 1, "{one:?} {other:?}");
        assert_refused(&one.err().or(other.err()).unwrap(), 401, "second_factor_wrong");
    }
}

#[tokio::test]
async fn guessed_codes_are_slowed_as_passwords_are() {
    let stack = harness::shared().await;
    let member = Member::new(&stack).await;
    member.second_factor().await;
    let mut codes = Vec::new();
    for guess in 0..10 {
        codes.push(member.log_in_with(&format!("00000{guess}")).await.unwrap_err().code().to_owned());
    }
    assert!(codes.iter().any(|code| code == "too_many_attempts"), "{codes:?}");
    assert!(codes[..5].iter().all(|code| code == "second_factor_wrong"), "{codes:?}");
}

#[tokio::test]
async fn recovery_codes_are_good_once_each_and_are_renewed() {
    let stack = harness::shared().await;
    let member = Member::new(&stack).await;
    let (secret, codes) = member.second_factor().await;
    assert_eq!(codes.len(), 10);
    member.log_in_with(&codes[0].to_uppercase()).await.unwrap();
    assert_refused(&member.log_in_with(&codes[0]).await.unwrap_err(), 401, "second_factor_wrong");
    assert_eq!(get(&member.api(), "/auth/totp").await.unwrap()["recovery_codes_left"], 9);
    let renew = json!({ "password": PASSWORD, "code": codes[1] });
    let renewed: Value = member.api().post("/auth/recovery-codes", &renew).await.unwrap();
    assert_eq!(renewed["recovery_codes"].as_array().unwrap().len(), 10);
    assert_refused(&member.log_in_with(&codes[2]).await.unwrap_err(), 401, "second_factor_wrong");
    member.log_in_with(renewed["recovery_codes"][5].as_str().unwrap()).await.unwrap();
    member.log_in_with(&code(&secret, 1)).await.unwrap();
}

#[tokio::test]
async fn a_second_factor_is_begun_confirmed_and_turned_off() {
    let stack = harness::shared().await;
    let member = Member::new(&stack).await;
    let api = member.api();
    let confirm = async |code: &str| api.post::<Value>("/auth/totp/confirm", &json!({ "code": code })).await;
    let off = async |code: &str| {
        let body = json!({ "password": PASSWORD, "code": code });
        call(&api, Method::DELETE, "/auth/totp", &body).await
    };
    assert_refused(&confirm("123456").await.unwrap_err(), 409, "second_factor_off");
    assert_refused(&off("123456").await.unwrap_err(), 409, "second_factor_off");
    let wrong = api.post::<Value>("/auth/totp", &json!({ "password": "not the password" })).await.unwrap_err();
    assert_refused(&wrong, 422, "password_wrong");
    // What is begun anew replaces what was begun, and asks for nothing at log-in before it is confirmed.
    let first: Value = api.post("/auth/totp", &json!({ "password": PASSWORD })).await.unwrap();
    let begun: Value = api.post("/auth/totp", &json!({ "password": PASSWORD })).await.unwrap();
    let secret = text(&begun, "secret");
    assert_ne!(first["secret"], begun["secret"]);
    assert!(text(&begun, "url").contains(&format!("secret={secret}")), "{begun}");
    assert_eq!(get(&api, "/auth/totp").await.unwrap()["pending"], true);
    member.log_in(PASSWORD).await.unwrap();
    assert_refused(&confirm(&code(&text(&first, "secret"), 0)).await.unwrap_err(), 422, "second_factor_wrong");
    confirm(&code(&secret, 0)).await.unwrap();
    assert_refused(&confirm(&code(&secret, 1)).await.unwrap_err(), 409, "second_factor_on");
    let again = api.post::<Value>("/auth/totp", &json!({ "password": PASSWORD })).await.unwrap_err();
    assert_refused(&again, 409, "second_factor_on");
    assert_refused(&off("000000").await.unwrap_err(), 422, "second_factor_wrong");
    off(&code(&secret, 1)).await.unwrap();
    assert_eq!(get(&api, "/auth/totp").await.unwrap()["enabled"], false);
    member.log_in(PASSWORD).await.unwrap();
}

#[tokio::test]
async fn staff_need_a_second_factor_where_it_is_required() {
    let stack = harness::shared().await;
    let strict = verified(stack.stack()).await;
    let member = Member::new(&stack).await;
    let (email, made) = (member.email.as_str(), stack.run_api(&["role", &member.email, "support"], "").await.unwrap());
    assert!(made.success, "{made:?}");
    // Where addresses must be proven, staff have proven theirs, too.
    let pool = sqlx::PgPool::connect(&stack.urls().database).await.unwrap();
    sqlx::query("UPDATE users SET email_verified_at = now() WHERE email = $1")
        .bind(email)
        .execute(&pool)
        .await
        .unwrap();
    let log_in = async |base: &str, code: Option<&str>| {
        let body = match code {
            Some(code) => json!({ "email": email, "password": PASSWORD, "code": code }),
            None => json!({ "email": email, "password": PASSWORD }),
        };
        anonymous(base).post::<Value>("/admin/auth/login", &body).await
    };
    let lenient = stack.urls().api;
    log_in(&lenient, None).await.unwrap();
    assert_refused(&log_in(strict, None).await.unwrap_err(), 403, "second_factor_missing");
    let (secret, codes) = member.second_factor().await;
    for base in [strict, &lenient] {
        assert_refused(&log_in(base, None).await.unwrap_err(), 401, "second_factor_required");
        assert_refused(&log_in(base, Some("000000")).await.unwrap_err(), 401, "second_factor_wrong");
    }
    let session = log_in(strict, Some(&code(&secret, 1))).await.unwrap();
    let me = get(&anonymous(strict).with_token(text(&session, "token")), "/admin/auth/me").await.unwrap();
    assert_eq!((&me["email"], &me["role"]), (&email.into(), &"support".into()));
    log_in(&lenient, Some(&codes[0])).await.unwrap();
}
