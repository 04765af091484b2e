//! Tenants who may have as much as a test or a measurement needs.

use anyhow::Context as _;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::{CausewayClient, Http},
    stack::Stack,
};

/// More than anybody here makes.
const PLENTY: u32 = 1_000_000;

/// Registers a user and lifts what their plan limits, but for messages: those are only limited by exceptions of a test's
/// own, because the stack runs without assumed limits.
///
/// # Errors
/// When the API refuses.
pub async fn register_unlimited(stack: &Stack, email: &str, password: &str) -> anyhow::Result<CausewayClient> {
    let api = CausewayClient::register(&stack.urls().api, email, password).await?;
    lift_limits(stack, &api).await?;
    Ok(api)
}

/// Makes an exception from what the plan of a signed-in user limits.
///
/// # Errors
/// When the API refuses.
pub async fn lift_limits(stack: &Stack, api: &CausewayClient) -> anyhow::Result<()> {
    let exceptions = json!({
        "limits": {
            "pairs": PLENTY, "telegram_accounts": PLENTY, "discord_accounts": PLENTY,
            "media_bytes": 1_u64 << 40,
        },
        "features": {
            "copy_mode": true, "chain_forwarding": true, "discord_forwarding": true, "webhook_identity": true,
            "filters": true, "reports": true,
        },
        "reason": "a sandbox",
    });
    except(stack, api, &exceptions).await
}

async fn except(stack: &Stack, api: &CausewayClient, exceptions: &Value) -> anyhow::Result<()> {
    let path = format!("/operator/users/{}/limits", user_id(api).await?);
    let _: Value = operator(stack)?.call(Method::PUT, &path, Some(exceptions)).await?;
    Ok(())
}

/// The id of a signed-in user.
///
/// # Errors
/// When the API does not say.
pub async fn user_id(api: &CausewayClient) -> anyhow::Result<String> {
    let user: Value = api.http().get("/auth/me").await?;
    Ok(user["id"].as_str().context("the API does not say who is signed in")?.to_owned())
}

/// The API as the operator sees it.
///
/// # Errors
/// When the HTTP client cannot be built.
pub fn operator(stack: &Stack) -> anyhow::Result<Http> {
    Ok(Http::new(format!("{}/api", stack.urls().api))?.with_token(stack.operator_token()))
}
