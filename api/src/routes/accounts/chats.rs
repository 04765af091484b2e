//! Chats and guilds of an account, for choosing a source or a destination.

use std::collections::BTreeMap;

use domain::{AccountId, ChatFacts, ChatId, ChatKind};
use salvo::prelude::*;
use serde::Serialize;
use store::accounts::Account;
use workflows::{account::ChatReply, chats::AskChatsInput};

use super::find;
use crate::{
    auth::{Actor, PathId},
    error::ApiError,
    state::AppState,
};

/// A chat that an account knows.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Chat))]
pub(crate) struct ChatOut {
    /// The platform's id, decimal.
    #[salvo(schema(value_type = String))]
    id: ChatId,
    /// `direct`, `group`, `channel`, `text` or `thread`.
    #[salvo(schema(value_type = crate::wire::ChatKindDoc))]
    kind: ChatKind,
    /// Its title; a person's name for a private conversation.
    title: String,
    /// The Discord guild's id.
    guild_id: Option<String>,
    /// The Discord guild's name.
    guild_name: Option<String>,
    /// It can be a source.
    can_read: bool,
    /// It can be a destination.
    can_write: bool,
}

impl From<ChatFacts> for ChatOut {
    fn from(chat: ChatFacts) -> Self {
        Self {
            id: chat.id,
            kind: chat.kind,
            title: chat.title,
            guild_id: chat.guild_id,
            guild_name: chat.guild_name,
            can_read: chat.can_read,
            can_write: chat.can_write,
        }
    }
}

/// The chats of an account.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Chats))]
pub(crate) struct ChatsOut {
    /// By guild and title.
    chats: Vec<ChatOut>,
}

/// A Discord guild.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Guild))]
pub(crate) struct GuildOut {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
}

/// The guilds of an account.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Guilds))]
pub(crate) struct GuildsOut {
    /// By id.
    guilds: Vec<GuildOut>,
}

/// What the platform says of a chat of the account, or of all. An account that is between two hosts is waited for a little;
/// one that is not to be hosted, because it is paused or signed out, is not.
pub(crate) async fn ask(
    app: &AppState,
    actor: Actor,
    account: &Account,
    chat: Option<ChatId>,
) -> Result<ChatReply, ApiError> {
    if !account.status.wants_host() {
        return Ok(ChatReply::offline());
    }
    let host = store::leases::host_of(&mut *app.database().await?, account.id).await?;
    if host.is_none() {
        app.temporal.start_account(account, &app.plan_code(actor.plan).await?).await?;
    }
    Ok(app.temporal.ask_chats(AskChatsInput { account: account.id, chat, host }).await?)
}

/// Lists the chats of an account as they were last seen; with `refresh=true` the platform is asked first.
#[endpoint(
    operation_id = "list_chats",
    tags("accounts"),
    parameters(("refresh" = Option<bool>, Query, description = "Ask the platform first."))
)]
pub(crate) async fn list(
    actor: Actor,
    app: AppState,
    id: PathId<AccountId>,
    req: &mut Request,
) -> Result<Json<ChatsOut>, ApiError> {
    let account = find(&app, actor, id.0).await?;
    let refresh = match req.query::<String>("refresh").as_deref() {
        None | Some("false" | "0") => false,
        Some("" | "true" | "1") => true,
        Some(_) => return Err(ApiError::Query { field: "refresh", detail: "`refresh` is true or false" }),
    };
    if refresh && let Some(refusal) = ask(&app, actor, &account, None).await?.refusal {
        return Err(ApiError::Refused { refusal, field: None });
    }
    let chats = store::chats::list(&mut *app.database().await?, account.id).await?;
    Ok(Json(ChatsOut { chats: chats.into_iter().map(ChatOut::from).collect() }))
}

/// Lists the Discord guilds of an account as they were last seen.
#[endpoint(operation_id = "list_guilds", tags("accounts"))]
pub(crate) async fn list_guilds(
    actor: Actor,
    app: AppState,
    id: PathId<AccountId>,
) -> Result<Json<GuildsOut>, ApiError> {
    let account = find(&app, actor, id.0).await?;
    let chats = store::chats::list(&mut *app.database().await?, account.id).await?;
    let guilds: BTreeMap<String, String> =
        chats.into_iter().filter_map(|chat| Some((chat.guild_id?, chat.guild_name.unwrap_or_default()))).collect();
    Ok(Json(GuildsOut { guilds: guilds.into_iter().map(|(id, name)| GuildOut { id, name }).collect() }))
}
