//! Tokens for client credentials. They end.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::TimeDelta;
use salvo::prelude::{Depot, Request, handler};
use serde_json::{Value, json};

use crate::paypal::{clock, error::Reply, front, id};

#[handler]
pub async fn give_token(request: &mut Request, depot: &mut Depot) -> Reply {
    let Ok(sandbox) = front::sandbox(depot) else { return Reply::new(500, Value::Null) };
    let shown = request.header::<String>("authorization");
    let decoded =
        shown.as_deref().and_then(|shown| shown.strip_prefix("Basic ")).and_then(|text| STANDARD.decode(text).ok());
    let wanted = format!("{}:{}", sandbox.merchant.client_id, sandbox.merchant.client_secret);
    if decoded.as_deref() != Some(wanted.as_bytes()) {
        return refusal(401, "invalid_client", "Client Authentication failed");
    }
    let Ok(body) = front::body(request).await else {
        return refusal(400, "invalid_request", "The body cannot be read");
    };
    let mut form = url::form_urlencoded::parse(&body);
    if !form.any(|(name, value)| name == "grant_type" && value == "client_credentials") {
        return refusal(400, "unsupported_grant_type", "unsupported grant_type");
    }
    let (token, token_s) = (id::token(), sandbox.settings().token_s);
    let now = clock::now();
    let ends = now + TimeDelta::seconds(i64::try_from(token_s).unwrap_or(i64::from(u32::MAX)));
    let mut world = sandbox.world();
    world.tokens.retain(|_, ends| *ends > now);
    world.tokens.insert(token.clone(), ends);
    Reply::ok(json!({
        "scope": "https://uri.paypal.com/services/payments/payment https://uri.paypal.com/services/subscriptions",
        "access_token": token,
        "token_type": "Bearer",
        "app_id": "APP-80W284485P519543T",
        "expires_in": token_s,
        "nonce": format!("{}{}", clock::seconds(now), id::debug()),
    }))
}

fn refusal(status: u16, error: &str, description: &str) -> Reply {
    Reply::new(status, json!({ "error": error, "error_description": description }))
}
