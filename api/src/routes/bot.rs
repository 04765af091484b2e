//! The tenant's link to the Telegram bot.

use chrono::{DateTime, Utc};
use domain::bot::{LINK_TOKEN_BYTES, LINK_TOKEN_LASTS, LinkToken};
use salvo::prelude::*;
use serde::Serialize;
use store::StoreError;

use crate::{
    auth::Actor,
    error::ApiError,
    routes::{Created, Gone},
    state::AppState,
};

/// A link to the bot.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = BotInvitation))]
pub(crate) struct InvitationOut {
    /// Opens the bot on Telegram; pressing "start" there links it. Good once.
    url: String,
    /// Until when.
    #[salvo(schema(value_type = String, format = DateTime))]
    expires_at: DateTime<Utc>,
}

/// Who gets the tenant's messages on Telegram.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = BotLink))]
pub(crate) struct BotLinkOut {
    /// Messages go by the bot.
    linked: bool,
    /// The name of the person on Telegram; null when nobody was linked.
    name: Option<String>,
    /// Since when, or when the link was made that has ended.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    linked_at: Option<DateTime<Utc>>,
    /// When the person was found to have blocked the bot, which ended the link.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    blocked_at: Option<DateTime<Utc>>,
    /// The bot's name on Telegram, without the `@`; null while there is no bot.
    bot: Option<String>,
}

/// Makes a link to the bot, good once and for 15 minutes. A link that was made before is void.
#[endpoint(operation_id = "invite_bot", tags("bot"))]
pub(crate) async fn invite(actor: Actor, app: AppState) -> Result<Created<InvitationOut>, ApiError> {
    let mut random = [0; LINK_TOKEN_BYTES];
    getrandom::fill(&mut random).map_err(ApiError::internal)?;
    let token = LinkToken::new(random);
    let now = app.clock.now();
    let expires_at = now + LINK_TOKEN_LASTS;
    let mut transaction = app.transaction().await?;
    let bot = store::bot::present(&mut transaction, now).await?;
    let username = bot.and_then(|bot| bot.username).ok_or(ApiError::BotUnavailable)?;
    store::bot::issue_token(&mut transaction, actor.user, &token.hash(), expires_at, now).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    Ok(Created(InvitationOut { url: token.url(&username), expires_at }))
}

/// Is the bot linked, and with whom?
#[endpoint(operation_id = "read_bot", tags("bot"))]
pub(crate) async fn read(actor: Actor, app: AppState) -> Result<Json<BotLinkOut>, ApiError> {
    let mut database = app.database().await?;
    let link = store::bot::find(&mut database, actor.user).await?;
    let bot = store::bot::present(&mut database, app.clock.now()).await?;
    Ok(Json(BotLinkOut {
        linked: link.as_ref().is_some_and(|link| link.blocked_at.is_none()),
        linked_at: link.as_ref().map(|link| link.linked_at),
        blocked_at: link.as_ref().and_then(|link| link.blocked_at),
        name: link.map(|link| link.name),
        bot: bot.and_then(|bot| bot.username),
    }))
}

/// Ends the link. Where there is none, nothing happens.
#[endpoint(operation_id = "unlink_bot", tags("bot"))]
pub(crate) async fn unlink(actor: Actor, app: AppState) -> Result<Gone, ApiError> {
    let mut transaction = app.transaction().await?;
    store::bot::unlink(&mut transaction, actor.user, app.clock.now()).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    Ok(Gone)
}
