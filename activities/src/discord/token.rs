//! Proves a bot token before it is stored.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serenity::all::CurrentUser;
use serenity::http::Route;

use crate::platform::{Identity, PlatformError, RateObserver};

use super::endpoint::DiscordConfig;
use super::errors::{input, intent_missing};
use super::rest::Rest;
use super::snowflake;

/// Application flags `GATEWAY_MESSAGE_CONTENT` and `GATEWAY_MESSAGE_CONTENT_LIMITED`: without one of them messages
/// arrive empty.
const MESSAGE_CONTENT_FLAGS: u64 = (1 << 18) | (1 << 19);

/// Asks Discord whose token this is and whether the bot may read message content. `rates` hears of answers that count as
/// invalid.
///
/// Errors: [`PlatformError::Input`] `token_malformed` without asking Discord; [`PlatformError::Revoked`]
/// `token_invalid` or `intent_missing`; [`PlatformError::Retryable`] or [`PlatformError::Wait`] when Discord cannot say
/// now.
pub async fn verify_token(
    config: &DiscordConfig,
    token: &SecretString,
    rates: Arc<dyn RateObserver>,
) -> Result<Identity, PlatformError> {
    let rest = Rest::new(config, well_formed(token)?, rates)?;
    let identity = whoami(&rest).await?;
    let application: Application = rest.get(Route::Oauth2ApplicationCurrent, Vec::new()).await?;
    if application.flags & MESSAGE_CONTENT_FLAGS == 0 {
        return Err(intent_missing());
    }
    Ok(identity)
}

/// Asks Discord who we are.
pub(super) async fn whoami(rest: &Rest) -> Result<Identity, PlatformError> {
    let user: CurrentUser = rest.get(Route::UserMe, Vec::new()).await?;
    Ok(Identity { external_id: snowflake::signed(user.id.get()), display_name: display_name(&user) })
}

/// The token without surrounding space and without a pasted `Bot ` prefix, if it can be one at all.
pub(super) fn well_formed(token: &SecretString) -> Result<&str, PlatformError> {
    let text = token.expose_secret().trim();
    let text = text.strip_prefix("Bot ").unwrap_or(text).trim_start();
    let parts: Vec<&str> = text.split('.').collect();
    let clean = |part: &&str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    if parts.len() == 3 && parts.iter().all(clean) && names_a_bot(parts[0]) {
        return Ok(text);
    }
    Err(input("token_malformed", "this is not a Discord bot token: it has three parts, separated by dots"))
}

/// The first part of a token is the bot's id in base64.
fn names_a_bot(part: &str) -> bool {
    URL_SAFE_NO_PAD.decode(part).is_ok_and(|id| !id.is_empty() && id.len() <= 20 && id.iter().all(u8::is_ascii_digit))
}

fn display_name(user: &CurrentUser) -> String {
    user.global_name.clone().unwrap_or_else(|| user.name.clone())
}

/// The part of `GET /oauth2/applications/@me` that matters here.
#[derive(Deserialize)]
struct Application {
    #[serde(default)]
    flags: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_token_is_told_apart_before_any_call() {
        let check = |token: &str, expected: Option<&str>| {
            let token = SecretString::from(token.to_owned());
            assert_eq!(well_formed(&token).ok(), expected);
        };
        check("OTAw.sandbox.bot", Some("OTAw.sandbox.bot"));
        check("  Bot OTAw.sandbox.b-_t \n", Some("OTAw.sandbox.b-_t"));
        check("", None);
        check("OTAw.sandbox", None);
        check("OTAw.sandbox.bot.more", None);
        check("OTAw..bot", None);
        check("YWJj.sandbox.bot", None);
        check("!!!.sandbox.bot", None);
        check("OTAw.sand box.bot", None);
        check("OTAw.sändbox.bot", None);
    }
}
