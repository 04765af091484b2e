//! Proving that a webhook comes from `PayPal`: offline by its signature, or online by asking.
//!
//! What is signed is `{transmission id}|{transmission time}|{webhook id}|{CRC-32 of the body, as an unsigned decimal}`. The
//! body is what has come, byte by byte: written anew by a JSON library it would be another one.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chrono::DateTime;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use url::Url;

use super::{certificates::Certificates, client::Client, events, wire::is_id};
use crate::{
    error::WebhookError,
    provider::{Event, WebhookHeaders},
};

/// The one algorithm that is taken; a header does not choose.
const ALGORITHM: &str = "SHA256withRSA";
const TRANSMISSION_ID_CHARS_MAX: usize = 50;
const TRANSMISSION_TIME_CHARS_MAX: usize = 100;
const SIGNATURE_CHARS_MAX: usize = 500;

/// How webhooks are proved.
#[derive(Debug)]
pub(super) enum Proof {
    /// By the signature and the certificate that it names.
    Offline(Box<Certificates>),
    /// By asking `PayPal`.
    Online,
}

/// What the headers of a webhook say, as far as it was checked.
#[derive(Debug, PartialEq, Eq)]
struct Transmission {
    id: String,
    time: String,
    signature_text: String,
    signature: Vec<u8>,
    certificate: Url,
}

#[derive(Serialize)]
struct Question<'a> {
    auth_algo: &'static str,
    cert_url: &'a str,
    transmission_id: &'a str,
    transmission_sig: &'a str,
    transmission_time: &'a str,
    webhook_id: &'a str,
    /// As it has come.
    webhook_event: &'a RawValue,
}

#[derive(Deserialize)]
struct Answer {
    verification_status: String,
}

/// Proves a webhook, and only then reads it.
pub(super) async fn verify(
    client: &Client,
    proof: &Proof,
    webhook_id: &str,
    headers: &WebhookHeaders,
    body: &[u8],
) -> Result<Event, WebhookError> {
    let transmission = transmission(client, headers).map_err(WebhookError::Forged)?;
    match proof {
        Proof::Offline(certificates) => {
            let certificate = certificates.at(&transmission.certificate).await?;
            let message = message(&transmission.id, &transmission.time, webhook_id, body);
            if !certificate.has_signed(message.as_bytes(), &transmission.signature) {
                return Err(WebhookError::Forged("the signature is another one"));
            }
        }
        Proof::Online => ask(client, &transmission, webhook_id, body).await?,
    }
    events::read(body)
}

fn transmission(client: &Client, headers: &WebhookHeaders) -> Result<Transmission, &'static str> {
    let header = |name: &str| headers.get(name).ok_or("a header is missing, or there twice");
    if header("paypal-auth-algo")? != ALGORITHM {
        return Err("the signature has another algorithm");
    }
    let id = header("paypal-transmission-id")?;
    if id.len() > TRANSMISSION_ID_CHARS_MAX || !is_id(id) {
        return Err("the transmission's id is none");
    }
    let time = header("paypal-transmission-time")?;
    if time.len() > TRANSMISSION_TIME_CHARS_MAX || DateTime::parse_from_rfc3339(time).is_err() {
        return Err("the transmission's time is none");
    }
    let signature_text = header("paypal-transmission-sig")?;
    if signature_text.len() > SIGNATURE_CHARS_MAX {
        return Err("the signature is too long");
    }
    let signature = BASE64_STANDARD.decode(signature_text).map_err(|_| "the signature is no base64")?;
    let certificate = client.environment().certificate(header("paypal-cert-url")?)?;
    Ok(Transmission {
        id: id.to_owned(),
        time: time.to_owned(),
        signature_text: signature_text.to_owned(),
        signature,
        certificate,
    })
}

fn message(id: &str, time: &str, webhook_id: &str, body: &[u8]) -> String {
    format!("{id}|{time}|{webhook_id}|{}", crc32fast::hash(body))
}

async fn ask(client: &Client, transmission: &Transmission, webhook_id: &str, body: &[u8]) -> Result<(), WebhookError> {
    // One whole value, so that nothing in it can end the field that it is put into.
    let webhook_event: &RawValue =
        serde_json::from_slice(body).map_err(|_| WebhookError::Forged("the body is no JSON"))?;
    let question = Question {
        auth_algo: ALGORITHM,
        cert_url: transmission.certificate.as_str(),
        transmission_id: &transmission.id,
        transmission_sig: &transmission.signature_text,
        transmission_time: &transmission.time,
        webhook_id,
        webhook_event,
    };
    let path = ["v1", "notifications", "verify-webhook-signature"];
    match client.post::<Answer>(&path, &transmission.id, &question).await {
        // Both answers are a 200.
        Ok(answer) if answer.verification_status == "SUCCESS" => Ok(()),
        Ok(_) => Err(WebhookError::Forged("PayPal did not send it")),
        Err(failure) if matches!(failure.status.map(|status| status.as_u16()), Some(400 | 422)) => {
            Err(WebhookError::Forged("PayPal cannot read what it is said to have sent"))
        }
        Err(failure) => Err(WebhookError::Unproved(failure.error.to_string())),
    }
}

#[cfg(test)]
mod tests;
