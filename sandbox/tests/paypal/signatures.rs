//! Signatures, proved by other code than makes them: the chain by webpki, the check sum bit by bit, RSA by big numbers.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rsa::{Pkcs1v15Sign, RsaPublicKey, pkcs8::DecodePublicKey as _};
use rustls_pki_types::{CertificateDer, UnixTime};
use serde_json::{Value, json, value::RawValue};
use sha2::{Digest as _, Sha256};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert, ring::RSA_PKCS1_2048_8192_SHA256};
use x509_parser::pem::Pem;

use crate::world::{Received, WEBHOOK_ID, World, text};

/// What stands before a SHA-256 in a signature of PKCS #1 v1.5.
const SHA256_PREFIX: [u8; 19] =
    [0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20];

/// Some day on which the certificate is good.
const DAY_S: u64 = 1_800_000_000;

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}

fn certificates(pem: &str) -> Vec<CertificateDer<'static>> {
    Pem::iter_from_buffer(pem.as_bytes()).map(|pem| CertificateDer::from(pem.unwrap().contents)).collect()
}

/// The certificate's key, after its chain and name were proved.
fn proved_key(chain: &str, ca: &str) -> RsaPublicKey {
    let (chain, roots) = (certificates(chain), certificates(ca));
    let anchor = anchor_from_trusted_cert(&roots[0]).unwrap();
    let leaf = EndEntityCert::try_from(&chain[0]).unwrap();
    let day = UnixTime::since_unix_epoch(Duration::from_secs(DAY_S));
    leaf.verify_for_usage(
        &[RSA_PKCS1_2048_8192_SHA256],
        &[anchor],
        &chain[1..],
        day,
        KeyUsage::server_auth(),
        None,
        None,
    )
    .unwrap();
    let (_, parsed) = x509_parser::parse_x509_certificate(&chain[0]).unwrap();
    let names: Vec<&str> = parsed.subject().iter_common_name().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(names, ["messageverificationcerts.sandbox.paypal.com"]);
    RsaPublicKey::from_public_key_der(parsed.public_key().raw).unwrap()
}

fn is_signed(key: &RsaPublicKey, webhook: &Received) -> bool {
    let header = |name: &str| webhook.headers[name].as_str();
    let (id, time) = (header("paypal-transmission-id"), header("paypal-transmission-time"));
    let message = format!("{id}|{time}|{WEBHOOK_ID}|{}", crc32(&webhook.body));
    let signature = STANDARD.decode(header("paypal-transmission-sig")).unwrap();
    let padding = Pkcs1v15Sign { hash_len: Some(32), prefix: SHA256_PREFIX.into() };
    key.verify(padding, &Sha256::digest(message.as_bytes()), &signature).is_ok()
}

#[tokio::test]
async fn webhooks_are_signed_as_the_service_signs_them() {
    assert_eq!((crc32(b""), crc32(b"{}"), crc32(b"123456789")), (0, 2_745_614_147, 3_421_780_262));
    let world = World::new().await;
    world.paid_order("pay_1").await;
    world.inbox.of("CHECKOUT.ORDER.APPROVED", 1).await;
    let webhook = world.inbox.of("PAYMENT.CAPTURE.COMPLETED", 1).await.remove(0);
    assert_eq!(webhook.headers["paypal-auth-algo"], "SHA256withRSA");
    let url = &webhook.headers["paypal-cert-url"];
    assert!(url.starts_with(&format!("{}/v1/notifications/certs/CERT-", world.base)), "{url}");
    let chain = reqwest::get(url).await.unwrap().error_for_status().unwrap().text().await.unwrap();
    let key = proved_key(&chain, &world.running.ca_pem);
    assert!(is_signed(&key, &webhook));
    let mut changed = webhook.clone();
    changed.body[10] ^= 1;
    assert!(!is_signed(&key, &changed));

    let mut event: Value = world.control.http().get("/webhooks?event_type=PAYMENT.CAPTURE.COMPLETED").await.unwrap();
    let event = event["webhooks"][0].take();
    for how in ["body", "signature", "webhook_id"] {
        let before = world.inbox.all().len();
        world.control.tamper(&text(&event, "/id"), how).await.unwrap();
        let all = world.inbox.all();
        assert!(all.len() > before && !is_signed(&key, all.last().unwrap()), "{how}");
    }
    world.control.deliver(&text(&event, "/id"), 1).await.unwrap();
    assert!(is_signed(&key, world.inbox.all().last().unwrap()), "and the genuine one still is");
    let body = r#"{"id":"WH-1","amount":1.0}"#;
    let headers = world.control.sign(body).await.unwrap();
    let own = Received { headers: headers.into_iter().collect(), body: body.into() };
    assert!(is_signed(&key, &own));
}

#[tokio::test]
async fn the_service_proves_what_it_has_sent_byte_by_byte() {
    let world = World::new().await;
    let body = r#"{"id":"WH-1", "amount":1.0,"text":"\u00e4"}"#;
    let headers = world.control.sign(body).await.unwrap();
    let ask = async |event: &str, webhook_id: &str| {
        let header = |name: &str| headers[name].clone();
        let question = json!({
            "auth_algo": header("paypal-auth-algo"), "cert_url": header("paypal-cert-url"),
            "transmission_id": header("paypal-transmission-id"), "transmission_sig": header("paypal-transmission-sig"),
            "transmission_time": header("paypal-transmission-time"), "webhook_id": webhook_id,
        });
        let question = format!("{},\"webhook_event\":{event}}}", question.to_string().trim_end_matches('}'));
        text(&world.post_raw("/v1/notifications/verify-webhook-signature", question).await.1, "/verification_status")
    };
    assert_eq!(ask(body, WEBHOOK_ID).await, "SUCCESS");
    assert_eq!(ask(body, "OTHER").await, "FAILURE");
    let anew = serde_json::to_string(&serde_json::from_str::<Value>(body).unwrap()).unwrap();
    assert_eq!(ask(&anew, WEBHOOK_ID).await, "FAILURE", "written anew it is another one");
    let same: Box<RawValue> = serde_json::from_str(body).unwrap();
    assert_eq!(ask(same.get(), WEBHOOK_ID).await, "SUCCESS");
}
