//! What is proven and undone by e-mail: addresses, forgotten passwords, changes of address. Nobody learns from an answer
//! whether an address is known.

use reqwest::{Method, StatusCode};
use sandbox::{
    client::{CallError, Http, SmtpControl},
    stack::Stack,
};
use serde_json::{Value, json};

use crate::{
    harness,
    member::{Member, anonymous, call, email, get, mails, text, token_in, verified},
    world::{PASSWORD, assert_refused},
};

const VERIFY: &str = "Confirm your address";
const RESET: &str = "Choose another password";
const CHANGE: &str = "Confirm your new address";
const CHANGED: &str = "The address of your account was changed";
const EXISTS: &str = "You have an account already";
/// Mails that one address gets in an hour.
const MAILS_MAX: usize = 5;

fn smtp(stack: &Stack) -> SmtpControl {
    SmtpControl::new(&stack.urls().smtp_control).expect("the mail sandbox has an address")
}

async fn post(http: &Http, path: &str, body: Value) -> Result<Value, CallError> {
    http.post(path, &body).await
}

fn credentials(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password })
}

/// Somebody who has registered where addresses must be proven, and proven theirs.
async fn proven(base: &str, smtp: &SmtpControl) -> Member {
    let (http, email) = (anonymous(base), email());
    post(&http, "/auth/register", credentials(&email, PASSWORD)).await.expect("anybody can register");
    let token = token_in(smtp, &email, VERIFY).await;
    let session = post(&http, "/auth/verify-email", json!({ "token": token })).await.expect("the token is good");
    Member { http, email, session }
}

#[tokio::test]
async fn a_registration_waits_for_its_proof_and_tells_nothing() {
    let stack = harness::shared().await;
    let (base, smtp) = (verified(stack.stack()).await, smtp(&stack));
    let (http, email) = (anonymous(base), email());
    let asked = post(&http, "/auth/register", credentials(&email, PASSWORD)).await.unwrap();
    let early = post(&http, "/auth/login", credentials(&email, PASSWORD)).await.unwrap_err();
    assert_refused(&early, 401, "bad_credentials");
    let mail = mails(&smtp, &email, 1).await.remove(0);
    assert_eq!((mail.subject.as_deref(), mail.header("list-unsubscribe")), (Some(VERIFY), None));
    let token = token_in(&smtp, &email, VERIFY).await;
    assert!(mail.text.unwrap().contains(&token) && mail.html.unwrap().contains(&token));

    let session = post(&http, "/auth/verify-email", json!({ "token": token })).await.unwrap();
    assert_eq!((&session["user"]["email"], &session["user"]["email_verified"]), (&email.as_str().into(), &true.into()));
    let api = http.with_token(text(&session, "token"));
    assert_eq!(get(&api, "/auth/me").await.unwrap()["email"], email);
    let again = post(&http, "/auth/verify-email", json!({ "token": token })).await.unwrap_err();
    assert_refused(&again, 422, "proof_invalid");
    post(&http, "/auth/login", credentials(&email, PASSWORD)).await.unwrap();

    // Now the address is known: the answer is the same, and only its owner learns more.
    let known = post(&http, "/auth/register", credentials(&email, "another password")).await.unwrap();
    assert_eq!(known, asked);
    let mails = mails(&smtp, &email, 2).await;
    assert_eq!(mails[1].subject.as_deref(), Some(EXISTS));
    assert!(mails[1].link("/confirm/").is_none());
    let unchanged = post(&http, "/auth/login", credentials(&email, "another password")).await.unwrap_err();
    assert_refused(&unchanged, 401, "bad_credentials");
}

#[tokio::test]
async fn whoever_answers_the_mail_has_the_password_of_their_own_registration() {
    let stack = harness::shared().await;
    let (base, smtp) = (verified(stack.stack()).await, smtp(&stack));
    let (http, email) = (anonymous(base), email());
    post(&http, "/auth/register", credentials(&email, "the first password")).await.unwrap();
    let first = token_in(&smtp, &email, VERIFY).await;
    post(&http, "/auth/register", credentials(&email, "the other password")).await.unwrap();
    mails(&smtp, &email, 2).await;
    let second = token_in(&smtp, &email, VERIFY).await;
    assert_ne!(first, second);
    post(&http, "/auth/verify-email", json!({ "token": second })).await.unwrap();
    let void = post(&http, "/auth/verify-email", json!({ "token": first })).await.unwrap_err();
    assert_refused(&void, 422, "proof_invalid");
    post(&http, "/auth/login", credentials(&email, "the other password")).await.unwrap();
    let other = post(&http, "/auth/login", credentials(&email, "the first password")).await.unwrap_err();
    assert_refused(&other, 401, "bad_credentials");
}

#[tokio::test]
async fn a_mail_is_sent_once_more_but_not_for_ever() {
    let stack = harness::shared().await;
    let (base, smtp) = (verified(stack.stack()).await, smtp(&stack));
    let (http, waiting, unknown) = (anonymous(base), email(), email());
    post(&http, "/auth/register", credentials(&waiting, PASSWORD)).await.unwrap();
    let mut answers = Vec::new();
    for address in [&waiting, &unknown] {
        for _ in 0..MAILS_MAX + 1 {
            answers.push(post(&http, "/auth/verify-email/resend", json!({ "email": address })).await.unwrap());
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    let first = mails(&smtp, &waiting, MAILS_MAX).await;
    // Any of them will do.
    let token = sandbox::scene::token_of(&first[1]).unwrap();
    post(&http, "/auth/verify-email", json!({ "token": token })).await.unwrap();
    let nothing = post(&http, "/auth/verify-email/resend", json!({ "email": waiting })).await.unwrap();
    assert_eq!(nothing, answers[0]);
    assert_eq!(smtp.mails_to(&waiting).await.unwrap().len(), MAILS_MAX);
    assert!(smtp.mails_to(&unknown).await.unwrap().is_empty());
    let bad = post(&http, "/auth/verify-email/resend", json!({ "email": "nobody" })).await.unwrap_err();
    assert_refused(&bad, 422, "email_invalid");
}

#[tokio::test]
async fn the_page_of_a_link_changes_nothing_until_its_button_is_pressed() {
    let stack = harness::shared().await;
    let (base, smtp) = (verified(stack.stack()).await, smtp(&stack));
    let (http, email) = (anonymous(base), email());
    post(&http, "/auth/register", credentials(&email, PASSWORD)).await.unwrap();
    let mail = mails(&smtp, &email, 1).await.remove(0);
    let link = mail.link("/confirm/").unwrap();
    assert!(link.starts_with(&stack.urls().api), "{link}");
    let browser = reqwest::Client::new();
    for _ in 0..2 {
        let page = browser.get(link).send().await.unwrap();
        assert_eq!(page.status(), StatusCode::OK);
        assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
        let page = page.text().await.unwrap();
        assert!(page.contains("<form method=\"post\">") && !page.contains("<script"), "{page}");
    }
    let early = post(&http, "/auth/login", credentials(&email, PASSWORD)).await.unwrap_err();
    assert_refused(&early, 401, "bad_credentials");
    assert_eq!(browser.post(link).send().await.unwrap().status(), StatusCode::OK);
    post(&http, "/auth/login", credentials(&email, PASSWORD)).await.unwrap();
    for again in [browser.get(link), browser.post(link)] {
        assert_eq!(again.send().await.unwrap().status(), StatusCode::GONE);
    }
}

#[tokio::test]
async fn a_forgotten_password_is_set_anew_and_ends_everything() {
    let stack = harness::shared().await;
    let (base, smtp) = (verified(stack.stack()).await, smtp(&stack));
    let (member, unknown) = (proven(base, &smtp).await, email());
    let key = member.http.with_token(member.key(&["read"]).await);
    let known = post(&member.http, "/auth/password/forgot", json!({ "email": member.email.to_uppercase() })).await;
    let nobody = post(&member.http, "/auth/password/forgot", json!({ "email": unknown })).await;
    assert_eq!(known.unwrap(), nobody.unwrap());
    let token = token_in(&smtp, &member.email, RESET).await;
    // The session is as good as before: nothing has happened yet.
    assert!(get(&member.api(), "/auth/me").await.is_ok());
    let reset = |token: &str, password: &str| json!({ "token": token, "new_password": password });
    let short = post(&member.http, "/auth/password/reset", reset(&token, "short")).await.unwrap_err();
    assert_refused(&short, 422, "password_length");
    let wrong = post(&member.http, "/auth/password/reset", reset("garbage", "another password")).await.unwrap_err();
    assert_refused(&wrong, 422, "proof_invalid");
    // A token of one purpose is of no use for another.
    let verify = post(&member.http, "/auth/verify-email", json!({ "token": token })).await.unwrap_err();
    assert_refused(&verify, 422, "proof_invalid");
    post(&member.http, "/auth/password/reset", reset(&token, "another password")).await.unwrap();
    let again = post(&member.http, "/auth/password/reset", reset(&token, "a third password")).await.unwrap_err();
    assert_refused(&again, 422, "proof_invalid");

    for ended in [&member.api(), &key] {
        assert_refused(&get(ended, "/auth/me").await.unwrap_err(), 401, "unauthorized");
    }
    let refresh = json!({ "refresh_token": text(&member.session, "refresh_token") });
    assert_refused(&post(&member.http, "/auth/refresh", refresh).await.unwrap_err(), 401, "refresh_invalid");
    assert_refused(&member.log_in(PASSWORD).await.err().unwrap(), 401, "bad_credentials");
    member.log_in("another password").await.unwrap();
    let mails = mails(&smtp, &member.email, 3).await;
    assert!(mails.iter().any(|mail| mail.subject.as_deref() == Some("Your password was reset")));
    assert!(smtp.mails_to(&unknown).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_password_is_set_on_the_page_of_its_link_too() {
    let stack = harness::shared().await;
    let (base, smtp) = (verified(stack.stack()).await, smtp(&stack));
    let member = proven(base, &smtp).await;
    post(&member.http, "/auth/password/forgot", json!({ "email": member.email })).await.unwrap();
    let token = token_in(&smtp, &member.email, RESET).await;
    let (browser, link) = (reqwest::Client::new(), format!("{base}/confirm/{token}"));
    let page = browser.get(&link).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("name=\"new_password\""), "{page}");
    for (body, status) in [
        ("new_password=short", StatusCode::UNPROCESSABLE_ENTITY),
        ("", StatusCode::UNPROCESSABLE_ENTITY),
        ("new_password=set+on+a+page", StatusCode::OK),
        ("new_password=set+on+a+page", StatusCode::GONE),
    ] {
        let request = browser.post(&link).header("content-type", "application/x-www-form-urlencoded").body(body);
        assert_eq!(request.send().await.unwrap().status(), status, "{body}");
    }
    member.log_in("set on a page").await.unwrap();
}

#[tokio::test]
async fn whoever_was_locked_out_by_guesses_gets_in_with_a_new_password() {
    let stack = harness::shared().await;
    let (base, smtp) = (verified(stack.stack()).await, smtp(&stack));
    let member = proven(base, &smtp).await;
    let guesser = anonymous(base);
    for _ in 0..7 {
        let guess = post(&guesser, "/auth/login", credentials(&member.email, "a wrong guess")).await;
        assert!(guess.is_err());
    }
    post(&member.http, "/auth/password/forgot", json!({ "email": member.email })).await.unwrap();
    let token = token_in(&smtp, &member.email, RESET).await;
    let reset = json!({ "token": token, "new_password": "another password" });
    post(&member.http, "/auth/password/reset", reset).await.unwrap();
    member.log_in("another password").await.unwrap();
}

#[tokio::test]
async fn an_address_changes_when_the_new_one_is_proven_and_changes_back() {
    let stack = harness::shared().await;
    let (base, smtp) = (verified(stack.stack()).await, smtp(&stack));
    let (member, new) = (proven(base, &smtp).await, email());
    let change = |password: &str, new: &str| json!({ "password": password, "new_email": new });
    let wrong = post(&member.api(), "/auth/email", change("not the password", &new)).await.unwrap_err();
    assert_refused(&wrong, 422, "password_wrong");
    let bad = post(&member.api(), "/auth/email", change(PASSWORD, "nobody")).await.unwrap_err();
    assert_refused(&bad, 422, "email_invalid");
    let asked = post(&member.api(), "/auth/email", change(PASSWORD, &new)).await.unwrap();
    let token = token_in(&smtp, &new, CHANGE).await;
    assert_eq!(get(&member.api(), "/auth/me").await.unwrap()["email"], member.email);
    // The same answer for an address that somebody has.
    let other = proven(base, &smtp).await;
    let taken = post(&member.api(), "/auth/email", change(PASSWORD, &other.email)).await.unwrap();
    assert_eq!(taken, asked);
    let theirs = mails(&smtp, &other.email, 2).await;
    assert_eq!(theirs[1].subject.as_deref(), Some(EXISTS));

    let changed = post(&member.http, "/auth/email/confirm", json!({ "token": token })).await.unwrap();
    assert_eq!((&changed["email"], &changed["email_verified"]), (&new.as_str().into(), &true.into()));
    let again = post(&member.http, "/auth/email/confirm", json!({ "token": token })).await.unwrap_err();
    assert_refused(&again, 422, "proof_invalid");
    assert_refused(&member.log_in(PASSWORD).await.err().unwrap(), 401, "bad_credentials");
    let renamed = Member { email: new.clone(), ..member.clone() }.log_in(PASSWORD).await.unwrap();

    // The former address has it back: whoever knew the password is out, and the password is void.
    let undo = token_in(&smtp, &member.email, CHANGED).await;
    let undone = post(&member.http, "/auth/email/undo", json!({ "token": undo })).await.unwrap();
    assert_eq!(undone["email"], member.email);
    assert_refused(&get(&renamed.api(), "/auth/me").await.unwrap_err(), 401, "unauthorized");
    assert_refused(&member.log_in(PASSWORD).await.err().unwrap(), 401, "bad_credentials");
    let twice = post(&member.http, "/auth/email/undo", json!({ "token": undo })).await.unwrap_err();
    assert_refused(&twice, 422, "proof_invalid");
    let reset = json!({ "token": token_in(&smtp, &member.email, RESET).await, "new_password": "another password" });
    post(&member.http, "/auth/password/reset", reset).await.unwrap();
    member.log_in("another password").await.unwrap();
}

#[tokio::test]
async fn an_address_that_somebody_else_has_proven_meanwhile_is_theirs() {
    let stack = harness::shared().await;
    let (base, smtp) = (verified(stack.stack()).await, smtp(&stack));
    let (member, wanted) = (proven(base, &smtp).await, email());
    let change = json!({ "password": PASSWORD, "new_email": wanted });
    post(&member.api(), "/auth/email", change).await.unwrap();
    let change = token_in(&smtp, &wanted, CHANGE).await;
    let http = anonymous(base);
    post(&http, "/auth/register", credentials(&wanted, "a password of theirs")).await.unwrap();
    let verify = token_in(&smtp, &wanted, VERIFY).await;
    post(&http, "/auth/verify-email", json!({ "token": verify })).await.unwrap();
    let late = post(&http, "/auth/email/confirm", json!({ "token": change })).await.unwrap_err();
    assert_refused(&late, 422, "proof_invalid");
    assert_eq!(get(&member.api(), "/auth/me").await.unwrap()["email"], member.email);
}

#[tokio::test]
async fn a_changed_password_is_told_of_and_ends_what_was_asked_for() {
    let stack = harness::shared().await;
    let (base, smtp) = (verified(stack.stack()).await, smtp(&stack));
    let (member, new) = (proven(base, &smtp).await, email());
    post(&member.api(), "/auth/email", json!({ "password": PASSWORD, "new_email": new })).await.unwrap();
    let token = token_in(&smtp, &new, CHANGE).await;
    let body = json!({ "password": PASSWORD, "new_password": "another password" });
    call(&member.api(), Method::POST, "/auth/password", &body).await.unwrap();
    let void = post(&member.http, "/auth/email/confirm", json!({ "token": token })).await.unwrap_err();
    assert_refused(&void, 422, "proof_invalid");
    let subjects: Vec<_> = mails(&smtp, &member.email, 3).await.into_iter().filter_map(|mail| mail.subject).collect();
    for subject in ["Another address was asked for", "Your password was changed"] {
        assert!(subjects.iter().any(|found| found == subject), "{subjects:?}");
    }
}
