//! The REST client against a server on loopback, and the settings.

mod agreements;
mod money;
pub(super) mod server;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Currency, FixedClock, Money, PaymentId};

use self::server::{Answer, Server};
use crate::{
    error::{ProviderError, Verdict},
    provider::{Kind, Order, Provider, Reference},
    providers::Providers,
};

const PAYMENT: &str = "pay_0192e4c1b2a37c408d5e6f708192a3b4";

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

fn payment() -> PaymentId {
    PAYMENT.parse().unwrap()
}

/// The adapter, as settings make it, on a clock of the test's.
fn paypal(server: &Server) -> (Arc<dyn Provider>, Arc<FixedClock>) {
    let clock = Arc::new(FixedClock::at(at("2026-11-22T12:00:00Z")));
    let url = server.url();
    let get = |name: &str| {
        let value = match name {
            "PAYPAL_URL" => url.as_str(),
            "PAYPAL_CLIENT_ID" => "client",
            "PAYPAL_CLIENT_SECRET" => "hunter2",
            "PAYPAL_WEBHOOK_ID" => "1JE4291016473214C",
            "PUBLIC_URL" => "https://causeway.example",
            _ => return None,
        };
        Some(value.to_owned())
    };
    let providers = Providers::read_with(&get, clock.clone()).unwrap();
    (Arc::clone(providers.get("paypal").unwrap()), clock)
}

fn order(kind: Kind) -> Order {
    Order {
        payment: payment(),
        purpose: domain::billing::PaymentPurpose::Subscribe,
        kind,
        amount: usd(1_000),
        description: "Pro, one month".into(),
        product: "Pro".into(),
        pay_currency: None,
        return_url: "https://causeway.example/back".parse().unwrap(),
        cancel_url: "https://causeway.example/no".parse().unwrap(),
        webhook_url: "https://causeway.example/api/webhooks/paypal".parse().unwrap(),
    }
}

fn reference(external: &str, agreement: bool) -> Reference {
    Reference {
        payment: payment(),
        external: external.into(),
        agreement,
        amount: usd(1_000),
        since: at("2026-11-22T11:00:00Z"),
    }
}

fn read(set: &[(&str, &str)]) -> Result<Providers, Vec<String>> {
    let get = |name: &str| set.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    Providers::read(&get)
}

const WHOLE: [(&str, &str); 4] = [
    ("PAYPAL_CLIENT_ID", "client"),
    ("PAYPAL_CLIENT_SECRET", "hunter2"),
    ("PAYPAL_WEBHOOK_ID", "CAUSEWAY-WEBHOOK"),
    ("PUBLIC_URL", "https://causeway.example"),
];

#[test]
fn it_is_there_when_it_is_set_and_says_what_is_missing() {
    assert!(read(&[]).unwrap().is_empty());
    assert!(read(&[("PAYPAL_URL", "https://api-m.sandbox.paypal.com"), ("PAYPAL_CLIENT_ID", " ")]).unwrap().is_empty());
    let whole = read(&WHOLE).unwrap();
    let paypal = whole.get("paypal").unwrap();
    assert_eq!((paypal.code(), paypal.title(), paypal.has_agreements()), ("paypal", "PayPal", true));
    assert!(whole.get("other").is_none());
    assert!(!format!("{whole:?}").contains("hunter2"));
    for index in 0..WHOLE.len() {
        let mut set = WHOLE.to_vec();
        let (name, _) = set.remove(index);
        assert_eq!(read(&set).unwrap_err().iter().filter(|problem| problem.contains(name)).count(), 1, "{name}");
    }
    // A file that is no certificate.
    let no_certificate = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    for (name, value) in [
        ("PAYPAL_URL", "https://evilpaypal.com"),
        ("PAYPAL_VERIFY", "maybe"),
        ("PAYPAL_WEBHOOK_ID", "a|b"),
        ("PAYPAL_ROOTS", "/nowhere.pem"),
        ("PAYPAL_ROOTS", no_certificate),
    ] {
        let problems = read(&[&WHOLE[..], &[(name, value)]].concat()).unwrap_err();
        assert!(
            problems.len() == 1 && problems[0].starts_with(name) && !problems[0].contains("hunter2"),
            "{problems:?}"
        );
    }
    let roots = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/paypal_ca.pem");
    assert!(read(&[&WHOLE[..], &[("PAYPAL_ROOTS", roots), ("PAYPAL_VERIFY", "online")]].concat()).is_ok());
}

#[tokio::test]
async fn one_token_serves_many_calls_and_is_replaced_before_it_ends() {
    let server = Server::new(|_| Answer::json(200, r#"{"id":"O1","status":"CREATED"}"#)).await;
    let (paypal, clock) = paypal(&server);
    for _ in 0..3 {
        paypal.look(&reference("O1", false)).await.unwrap();
    }
    assert_eq!(server.calls("/v1/oauth2/token").len(), 1);
    let asked = server.calls("/v1/oauth2/token").remove(0);
    assert_eq!(
        (asked.header("authorization"), asked.body.as_str()),
        ("Basic Y2xpZW50Omh1bnRlcjI=", "grant_type=client_credentials")
    );
    assert_eq!(server.calls("/v2/checkout/orders/O1").last().unwrap().header("authorization"), "Bearer token-1");
    // It lives 9 hours, and is used for one minute less.
    clock.advance(TimeDelta::seconds(32_400 - 61));
    paypal.look(&reference("O1", false)).await.unwrap();
    assert_eq!(server.calls("/v1/oauth2/token").len(), 1);
    clock.advance(TimeDelta::seconds(2));
    paypal.look(&reference("O1", false)).await.unwrap();
    assert_eq!(server.calls("/v1/oauth2/token").len(), 2);
}

#[tokio::test]
async fn a_token_that_is_refused_is_replaced_once() {
    let server = Server::new(|call| match call.header("authorization") {
        "Bearer token-2" => Answer::json(200, r#"{"id":"O1","status":"APPROVED"}"#),
        _ => Answer::json(401, r#"{"name":"AUTHENTICATION_FAILURE","message":"no","debug_id":"1"}"#),
    })
    .await;
    let (paypal, _) = paypal(&server);
    paypal.look(&reference("O1", false)).await.unwrap();
    assert_eq!((server.calls("/v1/oauth2/token").len(), server.calls("/v2/checkout/orders/O1").len()), (2, 2));

    let server = Server::new(|_| Answer::json(401, r#"{"name":"AUTHENTICATION_FAILURE"}"#)).await;
    let (paypal, _) = self::paypal(&server);
    let error = paypal.look(&reference("O1", false)).await.unwrap_err();
    assert_eq!(error.code, "unauthorized");
    assert!(matches!(error.verdict, Verdict::Retry(Some(_))));
    assert_eq!(server.calls("/v2/checkout/orders/O1").len(), 2);
}

async fn refused_with(answer: Answer) -> ProviderError {
    let server = Server::new(move |_| answer.clone()).await;
    let (paypal, _) = paypal(&server);
    paypal.create(&order(Kind::Once)).await.unwrap_err()
}

#[tokio::test]
async fn answers_that_are_none_are_tried_again() {
    for (answer, code) in [
        (Answer::json(503, "busy"), "unreachable"),
        (Answer::json(200, "<html>"), "unexpected_answer"),
        (Answer::json(201, r#"{"id":"O1","status":"CREATED","links":[]}"#), "unexpected_answer"),
        (Answer::json(302, "").with("location", "http://127.0.0.1:1/"), "unexpected_answer"),
        (Answer::json(200, &"x".repeat(3 << 20)), "unexpected_answer"),
        (Answer::json(429, "{}").with("retry-after", "9"), "rate_limited"),
    ] {
        let error = refused_with(answer).await;
        assert!(error.code == code && matches!(error.verdict, Verdict::Retry(_)), "{error:?}");
    }
    let error = refused_with(Answer::json(
        422,
        r#"{"name":"UNPROCESSABLE_ENTITY","details":[{"issue":"PAYEE_ACCOUNT_RESTRICTED"}]}"#,
    ))
    .await;
    assert_eq!((error.verdict, error.code.as_str()), (Verdict::Final, "payee_account_restricted"));
    // Nobody there.
    let server = Server::new(|_| Answer::json(200, "{}")).await;
    let (paypal, _) = paypal(&server);
    drop(server);
    assert_eq!(paypal.create(&order(Kind::Once)).await.unwrap_err().code, "unreachable");
}
