//! Webhooks as merchants see them: the certificate, the proof of a signature, what was sent, and sending it again.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use salvo::{
    http::{StatusCode, header},
    prelude::{Depot, Request, Response, handler},
};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use crate::paypal::{
    delivery,
    error::{Answer, ApiError, Reply},
    front,
    world::Event,
};

/// Events of a page, unless told, and at most.
const PAGE_SIZE: usize = 10;
const PAGE_SIZE_MAX: usize = 300;

#[derive(Deserialize)]
struct Proof<'a> {
    auth_algo: String,
    cert_url: String,
    transmission_id: String,
    transmission_sig: String,
    transmission_time: String,
    webhook_id: String,
    #[serde(borrow)]
    webhook_event: &'a RawValue,
}

/// The certificate that webhooks are signed with, and its authority's: PEM, for anybody.
#[handler]
pub async fn show_certificate(
    request: &mut Request,
    depot: &mut Depot,
    response: &mut Response,
) -> Result<(), ApiError> {
    let sandbox = front::sandbox(depot)?;
    if front::param(request, "cert")? != sandbox.identity.id {
        return Err(ApiError::not_found());
    }
    response.status_code(StatusCode::OK);
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/x-pem-file"));
    drop(response.write_body(sandbox.identity.chain.clone()));
    Ok(())
}

/// Whether a webhook is genuine. The event counts as it stands in the request, byte by byte.
#[handler]
pub async fn verify(request: &mut Request, depot: &mut Depot) -> Answer {
    let sandbox = front::sandbox(depot)?;
    let body = front::body(request).await?;
    let proof: Proof<'_> = front::json_borrowed(&body)?;
    let own = format!("{}/v1/notifications/certs/{}", sandbox.base, sandbox.identity.id);
    let event = proof.webhook_event.get().as_bytes();
    let message = delivery::message(&proof.transmission_id, &proof.transmission_time, &proof.webhook_id, event);
    // The signature is deterministic: the genuine one is the one that we would make.
    let genuine = sandbox.identity.sign(message.as_bytes()).map(|signature| STANDARD.encode(signature)).ok();
    let good = genuine.as_deref() == Some(proof.transmission_sig.as_str())
        && proof.auth_algo == "SHA256withRSA"
        && proof.cert_url == own
        && proof.webhook_id == sandbox.settings().webhook_id;
    Ok(Reply::ok(json!({ "verification_status": if good { "SUCCESS" } else { "FAILURE" } })))
}

/// Where webhooks go.
#[handler]
pub async fn list_webhooks(depot: &mut Depot) -> Answer {
    let settings = front::sandbox(depot)?.settings();
    let webhooks: Vec<Value> = settings
        .webhook_url
        .iter()
        .map(|url| json!({ "id": settings.webhook_id, "url": url, "event_types": [{ "name": "*" }] }))
        .collect();
    Ok(Reply::ok(json!({ "webhooks": webhooks })))
}

/// What was sent, newest first. `next_page_token` is the sandbox's own; clients follow the link.
#[handler]
pub async fn list_events(request: &mut Request, depot: &mut Depot) -> Answer {
    let sandbox = front::sandbox(depot)?;
    let size = request.query::<usize>("page_size").unwrap_or(PAGE_SIZE).clamp(1, PAGE_SIZE_MAX);
    let (from, to) = (time(request, "start_time")?, time(request, "end_time")?);
    let (kind, about) = (request.query::<String>("event_type"), request.query::<String>("transaction_id"));
    let skipped = request.query::<usize>("next_page_token").unwrap_or(0);
    let wanted = |event: &&Event| {
        from.is_none_or(|from| from <= event.at)
            && to.is_none_or(|to| event.at <= to)
            && kind.as_ref().is_none_or(|kind| event.event_type == *kind)
            && about.as_ref().is_none_or(|id| event.resource == *id)
    };
    let world = sandbox.world();
    let found: Vec<&Event> = world.events.iter().rev().filter(wanted).skip(skipped).take(size + 1).collect();
    let shown: Vec<Value> = found.iter().take(size).map(|event| event.wire()).collect();
    let own = format!("{}/v1/notifications/webhooks-events", sandbox.base);
    let mut links = vec![json!({ "href": own, "rel": "self", "method": "GET" })];
    if found.len() > size {
        let query = request.uri().query().unwrap_or_default();
        let mut next = url::form_urlencoded::Serializer::new(String::new());
        next.extend_pairs(url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "next_page_token"));
        let next = next.append_pair("next_page_token", &(skipped + size).to_string()).finish();
        links.push(json!({ "href": format!("{own}?{next}"), "rel": "next", "method": "GET" }));
    }
    Ok(Reply::ok(json!({ "count": shown.len(), "events": shown, "links": links })))
}

#[handler]
pub async fn show_event(request: &mut Request, depot: &mut Depot) -> Answer {
    let id = front::param(request, "id")?;
    Ok(Reply::ok(front::sandbox(depot)?.world().event(&id)?.wire()))
}

/// Sends an event once more.
#[handler]
pub async fn resend(request: &mut Request, depot: &mut Depot) -> Answer {
    let (id, sandbox) = (front::param(request, "id")?, front::sandbox(depot)?);
    let shown = sandbox.world().event(&id)?.wire();
    delivery::send(&sandbox, id);
    Ok(Reply::new(202, shown))
}

fn time(request: &Request, name: &str) -> Result<Option<DateTime<Utc>>, ApiError> {
    let Some(text) = request.query::<String>(name) else { return Ok(None) };
    let text = text.parse();
    text.map(Some)
        .map_err(|_| ApiError::invalid(name, "INVALID_PARAMETER_SYNTAX", "The value of a field is not a time."))
}
