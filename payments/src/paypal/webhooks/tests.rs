//! Genuine webhooks, and every way in which one may not be. The signed files are in `tests/vectors/`.

use std::sync::Arc;

use chrono::{TimeDelta, Utc};
use domain::{Clock as _, FixedClock};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::paypal::{
    certificates::{Certificate, Roots},
    client,
    environment::Environment,
    tests::server::{Answer, Server},
};

const WEBHOOK_ID: &str = "1JE4291016473214C";
const TRANSMISSION_ID: &str = "69cd13f0-d67a-11e5-baa3-778b53f4ae55";
const TRANSMISSION_TIME: &str = "2026-11-21T00:00:01Z";
const CERTIFICATE_PATH: &str = "/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270";

/// A body, its signature, the certificate and the authority.
#[derive(Clone, Copy)]
struct Vector {
    body: &'static [u8],
    signature: &'static str,
    chain: &'static str,
    roots: &'static str,
}

const FIRST: Vector = Vector {
    body: include_bytes!("../../../tests/vectors/paypal_body.json"),
    signature: include_str!("../../../tests/vectors/paypal_sig.b64"),
    chain: include_str!("../../../tests/vectors/paypal_leaf.pem"),
    roots: include_str!("../../../tests/vectors/paypal_ca.pem"),
};

/// With an authority in between, and a check sum above 2^31.
const SECOND: Vector = Vector {
    body: include_bytes!("../../../tests/vectors/other_body.json"),
    signature: include_str!("../../../tests/vectors/other_sig_unsigned.b64"),
    chain: include_str!("../../../tests/vectors/other_chain.pem"),
    roots: include_str!("../../../tests/vectors/other_ca.pem"),
};

/// What receives webhooks: a server that hands out the certificate, and the adapter's parts.
struct Receiver {
    server: Server,
    client: Client,
    proof: Proof,
    clock: Arc<FixedClock>,
}

impl Receiver {
    async fn new(vector: Vector) -> Self {
        Self::with(vector.roots, Answer::json(200, vector.chain)).await
    }

    async fn with(roots: &str, certificate: Answer) -> Self {
        let server = Server::new(move |call| match call.path.as_str() {
            CERTIFICATE_PATH => certificate.clone(),
            path if path.starts_with("/v1/notifications/certs/") => Answer::json(404, ""),
            _ => Answer::json(500, ""),
        })
        .await;
        let environment: Environment = server.url().parse().unwrap();
        let clock = Arc::new(FixedClock::at("2026-11-23T00:00:00Z".parse().unwrap()));
        let http = client::http(&environment).unwrap();
        let roots = Roots::parse(roots.as_bytes()).unwrap();
        let proof = Proof::Offline(Box::new(Certificates::new(http.clone(), roots, clock.clone())));
        let client = Client::new(http, environment, "client".into(), "hunter2".into(), clock.clone());
        Self { server, client, proof, clock }
    }

    fn headers(&self, signature: &str) -> Vec<(String, String)> {
        let headers = [
            ("PayPal-Transmission-Id", TRANSMISSION_ID),
            ("PAYPAL-TRANSMISSION-TIME", TRANSMISSION_TIME),
            ("paypal-transmission-sig", signature.trim()),
            ("Paypal-Cert-Url", &format!("{}{CERTIFICATE_PATH}", self.server.url())),
            ("PAYPAL-AUTH-ALGO", "SHA256withRSA"),
            ("PAYPAL-AUTH-VERSION", "v2"),
        ];
        headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    async fn receive(&self, headers: Vec<(String, String)>, body: &[u8]) -> Result<Event, WebhookError> {
        verify(&self.client, &self.proof, WEBHOOK_ID, &WebhookHeaders::new(headers), body).await
    }

    async fn receive_signed(&self, signature: &str, body: &[u8]) -> Result<Event, WebhookError> {
        self.receive(self.headers(signature), body).await
    }

    fn fetches(&self) -> usize {
        self.server.calls(CERTIFICATE_PATH).len()
    }
}

#[track_caller]
fn assert_forged(outcome: Result<Event, WebhookError>, what: &str) {
    assert!(matches!(outcome, Err(WebhookError::Forged(_))), "{what}: {outcome:?}");
}

#[test]
fn the_check_sum_is_of_the_bytes_and_without_a_sign() {
    for (bytes, sum) in [(&b""[..], 0), (b"{}", 2_745_614_147), (b"123456789", 3_421_780_262)] {
        assert_eq!(crc32fast::hash(bytes), sum);
        assert_eq!(message("a", "b", "c", bytes), format!("a|b|c|{sum}"));
    }
    let signed = include_str!("../../../tests/vectors/paypal_msg.txt");
    assert_eq!(message(TRANSMISSION_ID, TRANSMISSION_TIME, WEBHOOK_ID, FIRST.body), signed);
}

#[tokio::test]
async fn a_genuine_webhook_is_taken_however_often_it_comes() {
    for (vector, key) in [(FIRST, "WH-TEST-1"), (SECOND, "WH-TEST-0")] {
        let receiver = Receiver::new(vector).await;
        for _ in 0..3 {
            assert_eq!(receiver.receive_signed(vector.signature, vector.body).await.unwrap().key, key);
        }
        assert_eq!(receiver.fetches(), 1, "the certificate is kept");
    }
    let receiver = Receiver::new(FIRST).await;
    let event = receiver.receive_signed(FIRST.signature, FIRST.body).await.unwrap();
    assert_eq!(
        (event.kind.as_str(), event.externals),
        ("PAYMENT.CAPTURE.COMPLETED", vec!["3C679366HH908993F".to_owned()])
    );
}

#[tokio::test]
async fn old_transmissions_are_taken_because_they_may_be_sent_again_for_days() {
    let receiver = Receiver::new(FIRST).await;
    receiver.clock.advance(TimeDelta::days(30));
    assert!(receiver.receive_signed(FIRST.signature, FIRST.body).await.is_ok());
}

#[tokio::test]
async fn any_other_byte_id_time_or_webhook_is_refused() {
    let receiver = Receiver::new(FIRST).await;
    for index in 0..FIRST.body.len() {
        let mut body = FIRST.body.to_vec();
        body[index] ^= 1;
        assert_forged(receiver.receive_signed(FIRST.signature, &body).await, "a byte of the body");
    }
    let more = [FIRST.body, b" "].concat();
    assert_forged(receiver.receive_signed(FIRST.signature, &more).await, "a byte more");
    for (name, value) in [
        ("PayPal-Transmission-Id", "69cd13f0-d67a-11e5-baa3-778b53f4ae56"),
        ("PAYPAL-TRANSMISSION-TIME", "2026-11-21T00:00:02Z"),
    ] {
        let mut headers = receiver.headers(FIRST.signature);
        headers.iter_mut().filter(|(known, _)| known == name).for_each(|(_, known)| *known = value.to_owned());
        assert_forged(receiver.receive(headers, FIRST.body).await, name);
    }
    let headers = WebhookHeaders::new(receiver.headers(FIRST.signature));
    for other in ["1JE4291016473214D", "NotToBeFound", "WEBHOOK_ID", ""] {
        let outcome = verify(&receiver.client, &receiver.proof, other, &headers, FIRST.body).await;
        assert_forged(outcome, other);
    }
}

#[tokio::test]
async fn a_check_sum_in_another_spelling_or_another_digest_is_refused() {
    let receiver = Receiver::new(SECOND).await;
    for (what, signature) in [
        ("with a sign", include_str!("../../../tests/vectors/other_sig_signed.b64")),
        ("in hexadecimal", include_str!("../../../tests/vectors/other_sig_hex.b64")),
        ("SHA-1", include_str!("../../../tests/vectors/other_sig_sha1.b64")),
        ("of another key", FIRST.signature),
        ("nothing", "AAAA"),
        ("empty", ""),
        ("no base64", "not base64!"),
        ("too long", &"A".repeat(504)),
    ] {
        assert_forged(receiver.receive_signed(signature, SECOND.body).await, what);
    }
}

#[tokio::test]
async fn every_header_is_needed_once_and_the_algorithm_is_one() {
    let receiver = Receiver::new(FIRST).await;
    let whole = receiver.headers(FIRST.signature);
    for index in 0..5 {
        let mut headers = whole.clone();
        let (name, value) = headers.remove(index);
        assert_forged(receiver.receive(headers.clone(), FIRST.body).await, &name);
        headers.extend([(name.clone(), value.clone()), (name.to_uppercase(), value)]);
        assert_forged(receiver.receive(headers, FIRST.body).await, "twice");
    }
    // The version is for information.
    assert!(receiver.receive(whole[..5].to_vec(), FIRST.body).await.is_ok());
    for (name, value) in [
        ("PAYPAL-AUTH-ALGO", "SHA1withRSA"),
        ("PAYPAL-AUTH-ALGO", "SHA256WITHRSA"),
        ("PAYPAL-AUTH-ALGO", "none"),
        ("PAYPAL-TRANSMISSION-TIME", "yesterday"),
        ("PayPal-Transmission-Id", "a|b"),
        ("PayPal-Transmission-Id", "69cd13f0-d67a-11e5-baa3-778b53f4ae55-and-much-more-of-it"),
        ("Paypal-Cert-Url", "https://api.paypal.com.evil.io/v1/notifications/certs/CERT-1"),
        ("Paypal-Cert-Url", "https://evilpaypal.com/v1/notifications/certs/CERT-1"),
        ("Paypal-Cert-Url", "https://api.paypal.com/v1/notifications/certs/CERT-1"),
    ] {
        let mut headers = whole.clone();
        headers.iter_mut().filter(|(known, _)| known == name).for_each(|(_, known)| *known = value.to_owned());
        assert_forged(receiver.receive(headers, FIRST.body).await, value);
    }
}

#[tokio::test]
async fn a_certificate_counts_while_it_and_its_issuers_are_valid() {
    let receiver = Receiver::new(FIRST).await;
    receiver.clock.advance(TimeDelta::days(11 * 365));
    assert_forged(receiver.receive_signed(FIRST.signature, FIRST.body).await, "expired");
    let receiver = Receiver::new(FIRST).await;
    receiver.clock.advance(TimeDelta::days(-3));
    assert_forged(receiver.receive_signed(FIRST.signature, FIRST.body).await, "not yet valid");
    // One that is kept expires as well.
    let receiver = Receiver::new(SECOND).await;
    assert!(receiver.receive_signed(SECOND.signature, SECOND.body).await.is_ok());
    receiver.clock.advance(TimeDelta::days(401));
    assert_forged(receiver.receive_signed(SECOND.signature, SECOND.body).await, "expired meanwhile");
}

#[tokio::test]
async fn a_certificate_of_another_authority_or_name_is_refused() {
    let foreign = Receiver::with(SECOND.roots, Answer::json(200, FIRST.chain)).await;
    assert_forged(foreign.receive_signed(FIRST.signature, FIRST.body).await, "another authority");
    let web = Roots::of_the_web();
    assert!(Certificate::prove(FIRST.chain.as_bytes(), &web, foreign.clock.now()).is_err());
    let named =
        Receiver::with(SECOND.roots, Answer::json(200, include_str!("../../../tests/vectors/other_name_chain.pem")))
            .await;
    let signature = include_str!("../../../tests/vectors/other_sig_name.b64");
    assert_forged(named.receive_signed(signature, SECOND.body).await, "another name");
    // The issuer is missing, or is handed out alone.
    let (leaf, issuer) = SECOND.chain.split_at(SECOND.chain.rfind("-----BEGIN").unwrap());
    for chain in [leaf, issuer, SECOND.roots, "", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let receiver = Receiver::with(SECOND.roots, Answer::json(200, chain)).await;
        assert_forged(receiver.receive_signed(SECOND.signature, SECOND.body).await, chain);
    }
}

#[tokio::test]
async fn a_certificate_that_cannot_be_had_asks_for_another_delivery() {
    let answers = [
        Answer::json(503, ""),
        Answer::json(302, "").with("location", "http://127.0.0.1:1/v1/notifications/certs/CERT-1"),
        Answer::json(200, &FIRST.chain.repeat(60)),
    ];
    for answer in answers {
        let receiver = Receiver::with(FIRST.roots, answer).await;
        let outcome = receiver.receive_signed(FIRST.signature, FIRST.body).await;
        assert!(matches!(outcome, Err(WebhookError::Unproved(_))), "{outcome:?}");
    }
}

#[tokio::test]
async fn strangers_cannot_have_certificates_fetched_without_end() {
    let receiver = Receiver::new(FIRST).await;
    let strange = |number: usize| {
        let mut headers = receiver.headers(FIRST.signature);
        headers[3].1 = format!("{}/v1/notifications/certs/CERT-{number}", receiver.server.url());
        headers
    };
    for number in 0..30 {
        assert_forged(receiver.receive(strange(number), FIRST.body).await, "no such certificate");
    }
    let outcome = receiver.receive(strange(30), FIRST.body).await;
    assert!(matches!(outcome, Err(WebhookError::Unproved(_))), "{outcome:?}");
    assert_eq!(receiver.server.all().len(), 30);
    receiver.clock.advance(TimeDelta::minutes(1));
    assert!(receiver.receive_signed(FIRST.signature, FIRST.body).await.is_ok());
}

/// A receiver that asks, and a server that answers so.
async fn asking(answer: Answer) -> Receiver {
    let mut receiver = Receiver::with(FIRST.roots, Answer::json(404, "")).await;
    let server = Server::new(move |_| answer.clone()).await;
    let environment: Environment = server.url().parse().unwrap();
    let http = client::http(&environment).unwrap();
    receiver.client = Client::new(http, environment, "client".into(), "hunter2".into(), receiver.clock.clone());
    receiver.server = server;
    receiver.proof = Proof::Online;
    receiver
}

#[tokio::test]
async fn online_the_body_is_handed_on_as_it_came() {
    // A JSON library would write every one of these otherwise.
    let body = r#"{ "z":1.0, "id":"WH-1","event_type":"X.Y" , "a":"\u00fc\/", "n":10.50, "e":1E2 }"#;
    let receiver = asking(Answer::json(200, r#"{"verification_status":"SUCCESS"}"#)).await;
    assert_eq!(receiver.receive_signed(FIRST.signature, body.as_bytes()).await.unwrap().key, "WH-1");
    let asked = receiver.server.calls("/v1/notifications/verify-webhook-signature").remove(0);
    assert!(asked.body.contains(&format!(r#""webhook_event":{body}"#)), "{}", asked.body);
    let question = asked.json();
    assert_eq!((&question["webhook_id"], &question["auth_algo"]), (&json!(WEBHOOK_ID), &json!("SHA256withRSA")));
    assert_eq!(
        (&question["transmission_id"], &question["transmission_time"]),
        (&json!(TRANSMISSION_ID), &json!(TRANSMISSION_TIME))
    );
    assert_eq!(question["transmission_sig"], FIRST.signature.trim());
}

#[tokio::test]
async fn online_only_the_word_success_counts() {
    for answer in [
        Answer::json(200, r#"{"verification_status":"FAILURE"}"#),
        Answer::json(200, r#"{"verification_status":"success"}"#),
        Answer::json(400, r#"{"name":"VALIDATION_ERROR"}"#),
    ] {
        let receiver = asking(answer).await;
        assert_forged(receiver.receive_signed(FIRST.signature, FIRST.body).await, "online");
    }
    for answer in [Answer::json(200, "{}"), Answer::json(503, ""), Answer::json(401, "{}"), Answer::json(403, "{}")] {
        let receiver = asking(answer).await;
        let outcome = receiver.receive_signed(FIRST.signature, FIRST.body).await;
        assert!(matches!(outcome, Err(WebhookError::Unproved(_))), "{outcome:?}");
    }
    // What would end the field that it is put into is never sent.
    let receiver = asking(Answer::json(200, r#"{"verification_status":"SUCCESS"}"#)).await;
    for body in [r#"{"id":"a"},"webhook_id":"b""#, "{", "", "\u{feff}{}"] {
        assert_forged(receiver.receive_signed(FIRST.signature, body.as_bytes()).await, body);
    }
    assert!(receiver.server.all().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_headers_are_read_or_refused(
        id in r"[a-f0-9-]{0,60}|\PC{0,60}", time in r"[0-9TZ:.+-]{0,40}|\PC{0,40}", signature in r"[A-Za-z0-9+/=]{0,600}|\PC{0,40}",
        url in r"https?://[a-z.:0-9@]{0,30}/v1/notifications/certs/\PC{0,40}",
    ) {
        let clock = Arc::new(FixedClock::at(chrono::DateTime::<Utc>::UNIX_EPOCH));
        let environment: Environment = "http://127.0.0.1:1".parse().unwrap();
        let client = Client::new(reqwest::Client::new(), environment, String::new(), "".into(), clock);
        let headers = WebhookHeaders::new([
            ("paypal-transmission-id".to_owned(), id), ("paypal-transmission-time".to_owned(), time),
            ("paypal-transmission-sig".to_owned(), signature), ("paypal-cert-url".to_owned(), url),
            ("paypal-auth-algo".to_owned(), "SHA256withRSA".to_owned()),
        ]);
        if let Ok(read) = transmission(&client, &headers) {
            prop_assert!(read.certificate.as_str().starts_with("http://127.0.0.1:1/v1/notifications/certs/"));
            prop_assert!(!message(&read.id, &read.time, "w", b"").contains('\n') && !read.id.contains('|'));
        }
    }

    #[test]
    fn any_certificate_is_proved_or_refused(pem in proptest::collection::vec(any::<u8>(), 0..300), cut in 0..1_000_usize) {
        let roots = Roots::parse(FIRST.roots.as_bytes()).unwrap();
        let now = "2026-11-23T00:00:00Z".parse().unwrap();
        prop_assert!(Certificate::prove(&pem, &roots, now).is_err());
        let mut damaged = FIRST.chain.as_bytes().to_vec();
        damaged.truncate(cut);
        damaged.extend(&pem);
        let _ = Certificate::prove(&damaged, &roots, now);
        let _ = Roots::parse(&damaged);
    }
}
