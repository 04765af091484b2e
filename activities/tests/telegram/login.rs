//! Signing in: every answer that a person may give, each step over a connection of its own.

use activities::telegram::{
    connect,
    login::{LoginOutcome, log_out, request_code, resend_code, submit_code, submit_password},
};
use secrecy::SecretString;
use serde_json::json;

use crate::harness::{Sandbox, clock, name};

const PHONE: &str = "+9996612345";

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_code_signs_in_after_a_wrong_one() {
    let sandbox = Sandbox::start().await;
    let id = sandbox.user(PHONE, "Ann", None).await;
    let sent = request_code(&sandbox.config, None, PHONE).await.unwrap();
    let code = sandbox.control.code(PHONE).await.unwrap();
    let wrong = if code == "00000" { "11111" } else { "00000" };
    let error = submit_code(&sandbox.config, &sent.session, &sent.state, &secret(wrong)).await.unwrap_err();
    assert_eq!(name(&error), ("input", "code_invalid"));
    let step = submit_code(&sandbox.config, &sent.session, &sent.state, &secret(&code)).await.unwrap();
    let LoginOutcome::SignedIn(identity) = step.outcome else { panic!("{:?}", step.outcome) };
    assert_eq!((identity.external_id, identity.display_name.as_str()), (id, "Ann"));
    let live = sandbox.connect(&step.session).await;
    assert_eq!(live.connection.identity(), &identity);
    live.connection.health().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_code_is_told_apart_and_can_be_sent_again() {
    let sandbox = Sandbox::start().await;
    sandbox.user(PHONE, "Ann", None).await;
    let sent = request_code(&sandbox.config, None, PHONE).await.unwrap();
    let again = resend_code(&sandbox.config, &sent.session, &sent.state).await.unwrap();
    let code = sandbox.control.code(PHONE).await.unwrap();
    sandbox.fault(json!({ "kind": "expire_code", "phone": PHONE })).await;
    let error = submit_code(&sandbox.config, &again.session, &again.state, &secret(&code)).await.unwrap_err();
    assert_eq!(name(&error), ("input", "code_expired"));
    let sent = request_code(&sandbox.config, Some(&again.session), PHONE).await.unwrap();
    let code = sandbox.control.code(PHONE).await.unwrap();
    let step = submit_code(&sandbox.config, &sent.session, &sent.state, &secret(&code)).await.unwrap();
    assert!(matches!(step.outcome, LoginOutcome::SignedIn(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_asked_for_and_checked() {
    let sandbox = Sandbox::start().await;
    let id = sandbox.user(PHONE, "Ann", Some("correct horse")).await;
    let sent = request_code(&sandbox.config, None, PHONE).await.unwrap();
    let code = sandbox.control.code(PHONE).await.unwrap();
    let step = submit_code(&sandbox.config, &sent.session, &sent.state, &secret(&code)).await.unwrap();
    assert!(matches!(step.outcome, LoginOutcome::PasswordNeeded { .. }), "{:?}", step.outcome);
    let error = submit_password(&sandbox.config, &step.session, &secret("wrong horse")).await.unwrap_err();
    assert_eq!(name(&error), ("input", "password_invalid"));
    let step = submit_password(&sandbox.config, &step.session, &secret("correct horse")).await.unwrap();
    let LoginOutcome::SignedIn(identity) = step.outcome else { panic!("{:?}", step.outcome) };
    assert_eq!(identity.external_id, id);
    // The answer may get lost on its way: the same step again finds the login done.
    let step = submit_password(&sandbox.config, &step.session, &secret("correct horse")).await.unwrap();
    assert!(matches!(step.outcome, LoginOutcome::SignedIn(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_cannot_sign_in_say_why() {
    let sandbox = Sandbox::start().await;
    sandbox.user(PHONE, "Ann", None).await;
    let error = request_code(&sandbox.config, None, "12").await.unwrap_err();
    assert_eq!(name(&error), ("input", "phone_invalid"));

    let unknown = "+9996699999";
    let sent = request_code(&sandbox.config, None, unknown).await.unwrap();
    let code = sandbox.control.code(unknown).await.unwrap();
    let step = submit_code(&sandbox.config, &sent.session, &sent.state, &secret(&code)).await.unwrap();
    assert_eq!(step.outcome, LoginOutcome::SignUpRequired);
    assert_eq!(name(&step.outcome.into_identity().unwrap_err()), ("input", "phone_unregistered"));

    sandbox.fault(json!({ "kind": "flood_wait", "method": "auth.sendCode", "seconds": 77 })).await;
    let error = request_code(&sandbox.config, None, PHONE).await.unwrap_err();
    assert_eq!(name(&error), ("wait", "flood_wait"));

    sandbox.fault(json!({ "kind": "ban", "phone": PHONE })).await;
    let error = request_code(&sandbox.config, None, PHONE).await.unwrap_err();
    assert_eq!(name(&error), ("banned", "phone_banned"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_the_right_code_is_no_lost_login() {
    let sandbox = Sandbox::start().await;
    sandbox.user(PHONE, "Ann", None).await;
    let sent = request_code(&sandbox.config, None, PHONE).await.unwrap();
    let code = secret(&sandbox.control.code(PHONE).await.unwrap());
    sandbox.fault(json!({ "kind": "lose_answer", "method": "auth.signIn" })).await;
    let error = submit_code(&sandbox.config, &sent.session, &sent.state, &code).await.unwrap_err();
    assert_eq!(name(&error).0, "retryable");
    let step = submit_code(&sandbox.config, &sent.session, &sent.state, &code).await.unwrap();
    assert!(matches!(step.outcome, LoginOutcome::SignedIn(_)), "{:?}", step.outcome);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_logged_out_is_over() {
    let sandbox = Sandbox::start().await;
    sandbox.user(PHONE, "Ann", None).await;
    let session = sandbox.sign_in(PHONE).await;
    log_out(&sandbox.config, &session).await.unwrap();
    log_out(&sandbox.config, &session).await.unwrap();
    let error = connect(&sandbox.config, &session, clock()).await.err().unwrap();
    assert_eq!(name(&error), ("revoked", "session_revoked"));
}
