//! Linking a Discord bot by its token.

use domain::{AccountId, Platform, gate::Action};
use salvo::prelude::*;
use secrecy::SecretString;
use serde::Deserialize;
use store::accounts::{Account, SecretColumn};
use workflows::account::{AccountSession, LoginStep};

use super::{AccountOut, find, settled};
use crate::{auth::Actor, body::JsonBody, error::ApiError, plans, routes::Created, state::AppState};

/// The longest token that is passed on, in characters: Discord's have about 72.
const TOKEN_CHARS_MAX: usize = 200;

/// A bot token.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = NewDiscordAccount))]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenIn {
    /// As Discord's developer portal shows it.
    token: String,
}

/// Adds a Discord bot. Its token is proven at once and kept sealed; a bot that is refused leaves nothing behind.
#[endpoint(operation_id = "add_discord_account", tags("accounts"))]
pub(crate) async fn add(actor: Actor, app: AppState, body: JsonBody<TokenIn>) -> Result<Created<AccountOut>, ApiError> {
    let token = parse(&body.0.token)?;
    let account = insert(&app, actor, &token).await?;
    let proven = prove(&app, actor, &account).await;
    if proven.is_err() {
        forget(&app, actor, &account).await?;
    }
    proven.map(Created)
}

fn parse(text: &str) -> Result<SecretString, ApiError> {
    let text = text.trim();
    let text = text.strip_prefix("Bot ").unwrap_or(text);
    let good = !text.is_empty() && text.len() <= TOKEN_CHARS_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
    if good { Ok(text.to_owned().into()) } else { Err(ApiError::TokenInvalid) }
}

async fn insert(app: &AppState, actor: Actor, token: &SecretString) -> Result<Account, ApiError> {
    let (id, now) = (AccountId::new(&*app.clock), app.clock.now());
    let mut transaction = app.transaction().await?;
    plans::pass(app, &mut transaction, actor.user, Action::LinkAccount(Platform::Discord)).await?;
    store::accounts::insert(&mut transaction, actor.user, id, Platform::Discord, None, now).await?;
    store::accounts::set_secret(&mut transaction, &app.sealer, id, SecretColumn::Secret, Some(token)).await?;
    transaction.commit().await.map_err(store::StoreError::from)?;
    find(app, actor, id).await
}

async fn prove(app: &AppState, actor: Actor, account: &Account) -> Result<AccountOut, ApiError> {
    let reply = app.temporal.log_in(account, &app.plan_code(actor.plan).await?, LoginStep::VerifyToken).await?;
    store::accounts::set_workflow_started(&mut *app.database().await?, account.id).await?;
    settled(app, actor, account.id, reply, "token").await
}

/// Ends an account whose token was not proven, or whose number was refused: its row first, then its workflow, if it can be told.
pub(super) async fn forget(app: &AppState, actor: Actor, account: &Account) -> Result<(), ApiError> {
    store::accounts::log_out(&mut *app.database().await?, account.id, app.clock.now()).await?;
    if let Err(error) =
        app.temporal.signal_account(account, &app.plan_code(actor.plan).await?, AccountSession::log_out).await
    {
        tracing::warn!(account.id = %account.id, ?error, "The workflow of a refused account could not be told to end.");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_parsed_or_refused() {
        for good in ["abc.def.ghi", " abc.def.ghi ", "Bot abc.def.ghi"] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in ["", "  ", "abc def", "abc\ndef", "äbc", &"x".repeat(201)] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
