//! Rate limits over several replicas of the API, one of which is killed. The replicas have limits that the stack's own
//! API has not; callers are told apart by the address that a trusted proxy, the test, says that they have.

use std::{
    sync::atomic::{AtomicU8, Ordering},
    time::{Duration, Instant},
};

use reqwest::{Client, Response, StatusCode};
use sandbox::stack::{Replica, Stack};
use serde_json::Value;

use crate::{
    harness::{self, on_stack_runtime},
    world::World,
};

/// Requests that an address may make in a minute.
const LIMIT: usize = 12;
/// A window that has so much of it left is not over before a test is.
const WINDOW_LEFT_MIN: u64 = 40;

async fn replica(stack: &'static Stack, name: &'static str) -> Replica {
    on_stack_runtime(async move {
        let limit = LIMIT.to_string();
        let env = [
            ("TRUSTED_PROXIES", "127.0.0.0/8"),
            ("ANONYMOUS_REQUESTS_PER_MINUTE", limit.as_str()),
            ("REQUESTS_PER_MINUTE_FACTOR", "1"),
        ];
        stack.start_replica(name, &env).await
    })
    .await
    .expect("a replica starts")
}

/// Somebody without a token, at an address of their own.
struct Caller {
    client: Client,
    address: String,
    /// Until then their window lasts.
    until: Instant,
    admitted: usize,
}

impl Caller {
    /// A caller whose window has just begun, as their first request shows.
    async fn new(url: &str) -> Self {
        static NUMBER: AtomicU8 = AtomicU8::new(1);
        loop {
            let address = format!("198.51.100.{}", NUMBER.fetch_add(1, Ordering::Relaxed));
            let mut caller = Self { client: Client::new(), address, until: Instant::now(), admitted: 0 };
            let answer = caller.ask(url).await;
            let left = reset_seconds(&answer);
            if left >= WINDOW_LEFT_MIN {
                caller.until += Duration::from_secs(left);
                return caller;
            }
        }
    }

    /// A request that needs no token, and is refused for its form if it is let through.
    async fn ask(&mut self, url: &str) -> Response {
        let request = self.client.post(format!("{url}/api/auth/login")).header("x-forwarded-for", &self.address);
        let answer = request.send().await.expect("the replica answers");
        match answer.status() {
            StatusCode::TOO_MANY_REQUESTS => (),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => self.admitted += 1,
            other => panic!("{other} from {url}"),
        }
        answer
    }

    /// Asks these replicas in turn, more often than anybody may.
    async fn ask_in_turn(&mut self, urls: &[&str]) -> Option<Response> {
        let mut refused = None;
        for url in urls.iter().cycle().take(4 * LIMIT) {
            let answer = self.ask(url).await;
            if answer.status() == StatusCode::TOO_MANY_REQUESTS {
                refused = Some(answer);
            }
        }
        assert!(Instant::now() < self.until, "the machine is too slow: the window is over");
        refused
    }
}

fn header(answer: &Response, name: &str) -> String {
    let value = answer.headers().get(name).unwrap_or_else(|| panic!("no {name} in {:?}", answer.headers()));
    value.to_str().unwrap().to_owned()
}

/// The `t` of `RateLimit`.
fn reset_seconds(answer: &Response) -> u64 {
    let text = header(answer, "ratelimit");
    let seconds = text.rsplit_once(";t=").and_then(|(_, seconds)| seconds.parse().ok());
    seconds.unwrap_or_else(|| panic!("{text}"))
}

#[tokio::test]
async fn two_replicas_keep_one_limit() {
    let stack = harness::shared().await;
    let (first, second) = (replica(stack.stack(), "share-1").await, replica(stack.stack(), "share-2").await);
    let mut caller = Caller::new(first.url()).await;
    let refused = caller.ask_in_turn(&[first.url(), second.url()]).await.expect("somebody is refused in the end");
    assert_eq!(caller.admitted, LIMIT);

    assert_eq!(header(&refused, "ratelimit-policy"), format!("\"default\";q={LIMIT};w=60"));
    assert!(header(&refused, "ratelimit").starts_with("\"default\";r=0;t="));
    let retry_after: u64 = header(&refused, "retry-after").parse().unwrap();
    assert!((1..=60).contains(&retry_after), "{retry_after}");
    assert_eq!(header(&refused, "content-type"), "application/problem+json");
    let problem: Value = refused.json().await.unwrap();
    assert_eq!((&problem["code"], &problem["status"]), (&"rate_limited".into(), &429.into()));
    assert_eq!(problem["retry_after_seconds"], retry_after);

    // Somebody else is not held back, and what an untrusted header says is nobody's address.
    let mut other = Caller::new(second.url()).await;
    let answer = other.ask(second.url()).await;
    assert_eq!(answer.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(header(&answer, "ratelimit-policy"), format!("\"default\";q={LIMIT};w=60"));
    let forged = caller.client.post(format!("{}/api/auth/login", first.url())).header("forwarded", "for=192.0.2.77");
    let forged = forged.header("x-forwarded-for", format!("192.0.2.78, {}", caller.address)).send().await.unwrap();
    assert_eq!(forged.status(), StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_killed_replica_does_not_lift_the_limit() {
    let stack = harness::shared().await;
    let (first, second) = (replica(stack.stack(), "crash-1").await, replica(stack.stack(), "crash-2").await);
    let mut caller = Caller::new(first.url()).await;
    for _ in 0..4 {
        caller.ask(first.url()).await;
    }
    assert_eq!(caller.admitted, 5);
    on_stack_runtime(first.kill()).await;
    let again = replica(stack.stack(), "crash-1").await;
    caller.ask_in_turn(&[again.url(), second.url()]).await.expect("somebody is refused in the end");
    // What the dead replica had leased and not spent is lost; nothing is given twice.
    assert!((6..=LIMIT).contains(&caller.admitted), "{}", caller.admitted);
}

#[tokio::test]
async fn a_user_has_one_limit_wherever_they_ask() {
    let stack = harness::shared().await;
    let (first, second) = (replica(stack.stack(), "user-1").await, replica(stack.stack(), "user-2").await);
    let (client, started) = (Client::new(), Instant::now());
    let (user, limit, left) = loop {
        let user = World::on_free(&stack).await;
        let answer = get(&client, first.url(), &user).await;
        let policy = header(&answer, "ratelimit-policy");
        let limit = policy.split(['=', ';']).nth(2).and_then(|limit| limit.parse::<usize>().ok()).expect("a limit");
        let left = reset_seconds(&answer);
        if left >= WINDOW_LEFT_MIN {
            break (user, limit, left);
        }
    };
    let mut admitted = 1;
    for number in 0..limit + 20 {
        let url = if number % 2 == 0 { first.url() } else { second.url() };
        let answer = get(&client, url, &user).await;
        admitted += usize::from(answer.status() == StatusCode::OK);
    }
    assert!(started.elapsed() < Duration::from_secs(left), "the machine is too slow: the window is over");
    assert_eq!(admitted, limit);
    // Another tenant, from the same address, has a limit of their own.
    let other = World::on_free(&stack).await;
    assert_eq!(get(&client, first.url(), &other).await.status(), StatusCode::OK);
}

async fn get(client: &Client, url: &str, user: &World) -> Response {
    let token = user.api.http().token().expect("a tenant has a token");
    client.get(format!("{url}/api/pairs")).bearer_auth(token).send().await.expect("the replica answers")
}
