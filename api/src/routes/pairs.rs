//! Forwarding pairs.

mod change;
pub(crate) mod create;
pub(crate) mod dead_letters;
mod dry_run;
mod messages;
mod options;
pub(crate) mod reconcile;

pub(crate) use change::{delete, pause, resume, update};
pub(crate) use dry_run::try_message;
pub(crate) use messages::{DeliveryOut, list as list_messages};

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use domain::{AccountId, ChatId, CopyMode, PairId, PairStatus, Platform};
use salvo::prelude::*;
use serde::Serialize;
use serde_json::value::RawValue;
use store::pairs::{ListedPair, Pair};
use workflows::forwarding::PairView;

use self::options::PairOptionsDoc;
use crate::{
    auth::{Actor, PathId},
    error::{ApiError, Thing},
    state::AppState,
};

/// One end of a pair.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Endpoint))]
pub(crate) struct EndpointOut {
    /// `acc_…`.
    #[salvo(schema(value_type = String))]
    account: AccountId,
    /// `telegram` or `discord`.
    #[salvo(schema(value_type = crate::wire::PlatformDoc))]
    platform: Platform,
    /// The platform's id of the chat, decimal.
    #[salvo(schema(value_type = String))]
    chat: ChatId,
    /// The Telegram topic, decimal; null for the whole chat.
    topic_id: Option<String>,
}

/// A forwarding pair, as the database has it.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Pair))]
pub(crate) struct PairOut {
    /// `pair_…`.
    #[salvo(schema(value_type = String))]
    id: PairId,
    /// The user's name for it.
    name: String,
    /// Where messages come from.
    source: EndpointOut,
    /// Where they go.
    destination: EndpointOut,
    /// `copy` or `forward`.
    #[salvo(schema(value_type = crate::wire::CopyModeDoc))]
    mode: CopyMode,
    /// Seconds between receipt and delivery.
    delay_seconds: i32,
    /// Without a notification sound.
    silent: bool,
    /// What it is told about the messages that it carries; all fields.
    #[salvo(schema(value_type = PairOptionsDoc))]
    options: Cow<'static, RawValue>,
    /// `active`, `paused` or `blocked`.
    #[salvo(schema(value_type = crate::wire::PairStatusDoc))]
    status: PairStatus,
    /// Stable code of why.
    reason_code: Option<String>,
    /// Why, for people.
    reason: Option<String>,
    /// When it was made.
    #[salvo(schema(value_type = String, format = DateTime))]
    created_at: DateTime<Utc>,
    /// When it was last changed.
    #[salvo(schema(value_type = String, format = DateTime))]
    updated_at: DateTime<Utc>,
}

impl TryFrom<Pair> for PairOut {
    type Error = ApiError;

    fn try_from(pair: Pair) -> Result<Self, ApiError> {
        ListedPair::from(pair).try_into()
    }
}

impl TryFrom<ListedPair> for PairOut {
    type Error = ApiError;

    fn try_from(pair: ListedPair) -> Result<Self, ApiError> {
        let options = options::shown(&pair.options_json)?;
        Ok(Self {
            id: pair.id,
            name: pair.name,
            source: EndpointOut {
                account: pair.source_account_id,
                platform: pair.source_platform,
                chat: pair.source_chat_id,
                topic_id: pair.source_topic_id.map(|topic| topic.to_string()),
            },
            destination: EndpointOut {
                account: pair.destination_account_id,
                platform: pair.destination_platform,
                chat: pair.destination_chat_id,
                topic_id: pair.destination_topic_id.map(|topic| topic.to_string()),
            },
            mode: pair.mode,
            delay_seconds: pair.delay_seconds,
            silent: pair.silent,
            options,
            status: pair.status,
            reason_code: pair.reason_code,
            reason: pair.reason,
            created_at: pair.created_at,
            updated_at: pair.updated_at,
        })
    }
}

/// All of the tenant's pairs.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Pairs))]
pub(crate) struct PairsOut {
    /// Oldest first.
    pairs: Vec<PairOut>,
}

/// What a pair's workflow says of itself just now.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = PairLive))]
pub(crate) struct LiveOut {
    /// `idle`, `draining`, `waiting`, `blocked` or `paused`.
    state: String,
    /// Why, for people.
    reason: Option<String>,
    /// Messages sent since the pair was made.
    sent: u64,
    /// Messages that the destination refused for good.
    dead: u64,
    /// Failures in a row.
    failures: u32,
}

impl LiveOut {
    /// The workflow's word, and the totals of all drains, of which it sees only those that it asked for.
    fn new(view: PairView, (sent, dead): (u64, u64)) -> Self {
        Self { state: view.state, reason: view.reason, sent, dead, failures: view.failures }
    }
}

/// A pair with what its workflow says.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = PairDetail))]
pub(crate) struct DetailOut {
    /// As the database has it.
    #[serde(flatten)]
    pair: PairOut,
    /// As the workflow has it; null when it cannot be asked.
    live: Option<LiveOut>,
    /// Why `live` is null: `temporal_unavailable`, `worker_unavailable` or `not_started`.
    live_reason: Option<&'static str>,
}

/// Lists the tenant's pairs.
#[endpoint(operation_id = "list_pairs", tags("pairs"))]
pub(crate) async fn list(actor: Actor, app: AppState) -> Result<Json<PairsOut>, ApiError> {
    let pairs = store::pairs::list(&mut *app.database().await?, actor.user).await?;
    let pairs = pairs.into_iter().map(PairOut::try_from).collect::<Result<_, _>>()?;
    Ok(Json(PairsOut { pairs }))
}

/// Reads one pair, with what its workflow says of itself.
#[endpoint(operation_id = "read_pair", tags("pairs"))]
pub(crate) async fn read(actor: Actor, app: AppState, id: PathId<PairId>) -> Result<Json<DetailOut>, ApiError> {
    let pair = find(&app, actor, id.0).await?;
    let (live, live_reason) = match app.temporal.pair_view(id.0).await {
        Ok(view) => {
            let totals = store::deliveries::totals(&mut *app.database().await?, id.0).await?;
            (Some(LiveOut::new(view, totals)), None)
        }
        Err(error) => (None, Some(error.as_reason())),
    };
    Ok(Json(DetailOut { pair: pair.try_into()?, live, live_reason }))
}

/// The tenant's pair.
async fn find(app: &AppState, actor: Actor, id: PairId) -> Result<Pair, ApiError> {
    let pair = store::pairs::find(&mut *app.database().await?, actor.user, id).await?;
    pair.ok_or(ApiError::NotFound(Thing::Pair))
}
