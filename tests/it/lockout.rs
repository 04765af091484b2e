//! Guessing costs time: by what is guessed at, by where from, and the same for an address that nobody has.

use std::time::{Duration, Instant};

use sandbox::client::{CallError, Http};
use serde_json::{Value, json};

use crate::{
    harness,
    member::{Member, anonymous, email, get},
    world::{PASSWORD, assert_refused},
};

/// Failures at one account, and from one address, that cost nothing.
const FREE_BY_ACCOUNT: usize = 5;
const FREE_BY_CALLER: usize = 20;
/// Refusals come at multiples of this.
const BEAT: Duration = Duration::from_millis(250);

async fn log_in(http: &Http, email: &str, password: &str) -> Result<Value, CallError> {
    http.post("/auth/login", &json!({ "email": email, "password": password })).await
}

/// Guesses until it is locked, and says after how many guesses, and for how many seconds.
async fn guess_until_locked(http: &Http, email: impl Fn(usize) -> String) -> (usize, u64) {
    for guesses in 0..=FREE_BY_CALLER + 2 {
        let refusal = log_in(http, &email(guesses), "a wrong guess").await.unwrap_err();
        if refusal.code() == "too_many_attempts" {
            return (guesses, seconds(&refusal));
        }
        assert_refused(&refusal, 401, "bad_credentials");
    }
    panic!("nobody is locked out");
}

/// One more than the free ones is answered, and costs a second; on a machine that is slow, that second may be over when
/// the next guess comes, which then costs two.
fn assert_locked(guesses: usize, free: usize, wait: u64) {
    assert!((free + 1..=free + 2).contains(&guesses) && (1..=2).contains(&wait), "{guesses} guesses, {wait} s");
}

/// What the refusal says about when to come back.
fn seconds(refusal: &CallError) -> u64 {
    let text = refusal.to_string();
    let (_, rest) = text.split_once("\"retry_after_seconds\":").unwrap_or_else(|| panic!("{text}"));
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("{text}"))
}

#[tokio::test]
async fn guesses_at_one_account_are_slowed_wherever_they_come_from() {
    let stack = harness::shared().await;
    let member = Member::new(&stack).await;
    let (guesses, wait) = guess_until_locked(&member.http, |_| member.email.clone()).await;
    assert_locked(guesses, FREE_BY_ACCOUNT, wait);
    // Also the right password has to wait, also from elsewhere, and case does not help.
    let elsewhere = anonymous(&stack.urls().api);
    let held = log_in(&elsewhere, &member.email.to_uppercase(), PASSWORD).await.unwrap_err();
    assert_refused(&held, 429, "too_many_attempts");
    // Each failure after the wait doubles it.
    let mut waits = vec![wait];
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(waits[waits.len() - 1] * 1_000 + 100)).await;
        assert_refused(&log_in(&elsewhere, &member.email, "guess").await.unwrap_err(), 401, "bad_credentials");
        let held = log_in(&elsewhere, &member.email, PASSWORD).await.unwrap_err();
        assert_refused(&held, 429, "too_many_attempts");
        waits.push(seconds(&held));
    }
    assert!(waits.is_sorted() && waits[2] >= 3, "{waits:?}");
    // Whoever is signed in already stays so.
    assert!(get(&member.api(), "/auth/me").await.is_ok());
    tokio::time::sleep(Duration::from_millis(waits[2] * 1_000 + 100)).await;
    log_in(&elsewhere, &member.email, PASSWORD).await.unwrap();
    // It has begun anew.
    let (guesses, wait) = guess_until_locked(&anonymous(&stack.urls().api), |_| member.email.clone()).await;
    assert_locked(guesses, FREE_BY_ACCOUNT, wait);
}

#[tokio::test]
async fn an_address_that_nobody_has_is_locked_in_the_same_way() {
    let stack = harness::shared().await;
    let unknown = email();
    let http = anonymous(&stack.urls().api);
    let (guesses, wait) = guess_until_locked(&http, |_| unknown.clone()).await;
    assert_locked(guesses, FREE_BY_ACCOUNT, wait);
}

#[tokio::test]
async fn guesses_from_one_address_are_slowed_whatever_they_are_at() {
    let stack = harness::shared().await;
    let member = Member::new(&stack).await;
    let somebody: Vec<String> = (0..=FREE_BY_CALLER + 2).map(|_| email()).collect();
    let (guesses, wait) = guess_until_locked(&member.http, |number| somebody[number].clone()).await;
    assert_locked(guesses, FREE_BY_CALLER, wait);
    let held = log_in(&member.http, &member.email, PASSWORD).await.unwrap_err();
    assert_refused(&held, 429, "too_many_attempts");
    log_in(&anonymous(&stack.urls().api), &member.email, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn a_refusal_takes_as_long_whether_the_address_is_known_or_not() {
    let stack = harness::shared().await;
    let (member, unknown) = (Member::new(&stack).await, email());
    for address in [member.email.as_str(), unknown.as_str(), "no address at all"] {
        let started = Instant::now();
        let refusal = log_in(&anonymous(&stack.urls().api), address, "a wrong guess").await.unwrap_err();
        assert_refused(&refusal, 401, "bad_credentials");
        // On the beat: later only by what the network and a busy machine add.
        let took = started.elapsed();
        assert!(took >= BEAT, "{address}: {took:?}");
    }
}
