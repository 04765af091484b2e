//! Linking accounts, as a person would: phone, code, password; or a bot token.

use std::time::Duration;

use super::until;
use crate::client::{Account, CausewayClient, TelegramControl};

/// How long a login step may take: it passes through a workflow, a key exchange and, at the end, a hosted connection.
const LINK_PATIENCE: Duration = Duration::from_secs(60);

/// Links the Telegram account of `phone` and returns its id once it is online.
///
/// # Errors
/// When a step is refused or takes too long.
pub async fn link_telegram(
    api: &CausewayClient,
    telegram: &TelegramControl,
    phone: &str,
    password: Option<&str>,
) -> anyhow::Result<String> {
    let account = api.add_telegram(phone).await?.id;
    wait_for_status(api, &account, "awaiting_code").await?;
    let code = until("a login code", LINK_PATIENCE, async || Ok(telegram.code(phone).await.ok())).await?;
    api.submit_code(&account, &code).await?;
    if let Some(password) = password {
        wait_for_status(api, &account, "awaiting_password").await?;
        api.submit_password(&account, password).await?;
    }
    wait_for_status(api, &account, "online").await?;
    Ok(account)
}

/// Links the Discord bot of `token` and returns its id once it is online.
///
/// # Errors
/// When the token is refused or the bot does not come online.
pub async fn link_discord(api: &CausewayClient, token: &str) -> anyhow::Result<String> {
    let account = api.add_discord(token).await?.id;
    wait_for_status(api, &account, "online").await?;
    Ok(account)
}

/// Waits until an account has the status.
///
/// # Errors
/// When it does not get it in time; the message tells the status that it has.
pub async fn wait_for_status(api: &CausewayClient, account: &str, status: &str) -> anyhow::Result<Account> {
    let mut last = String::new();
    let found = until(&format!("account {account} is {status}"), LINK_PATIENCE, async || {
        let found = api.account(account).await?;
        last.clone_from(&found.status);
        Ok((found.status == status).then_some(found))
    })
    .await;
    found.map_err(|error| error.context(format!("the account is {last}")))
}
