//! Dead letters: what a destination refused for good, tried again or discarded.

use chrono::{DateTime, Utc};
use domain::{DeliveryState, PairId};
use salvo::prelude::*;
use serde::Serialize;
use store::deliveries::{DeadLetters, Decision, Page};
use workflows::forwarding::PairForwarding;

use super::{change::told, find};
use crate::{
    auth::{Actor, PathId},
    error::{ApiError, Thing},
    state::AppState,
};

/// The dead letters of one pair, summed up.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = DeadLetters))]
pub(crate) struct LettersOut {
    /// `pair_…`; `GET /api/pairs/{id}/messages?state=dead` lists them one by one.
    #[salvo(schema(value_type = String))]
    pair: PairId,
    /// The pair's name.
    pair_name: String,
    /// How many.
    count: i64,
    /// When the oldest was given up.
    #[salvo(schema(value_type = String, format = DateTime))]
    oldest_at: DateTime<Utc>,
    /// When the newest was given up.
    #[salvo(schema(value_type = String, format = DateTime))]
    newest_at: DateTime<Utc>,
    /// Why the newest was, as a stable code.
    reason_code: Option<String>,
}

impl From<DeadLetters> for LettersOut {
    fn from(letters: DeadLetters) -> Self {
        Self {
            pair: letters.pair_id,
            pair_name: letters.pair_name,
            count: letters.count,
            oldest_at: letters.oldest_at,
            newest_at: letters.newest_at,
            reason_code: letters.reason_code,
        }
    }
}

/// The tenant's dead letters.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = DeadLettersList))]
pub(crate) struct ListOut {
    /// Pairs that have some, those with the newest first.
    dead_letters: Vec<LettersOut>,
}

/// How many dead letters a decision was about.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Decided))]
pub(crate) struct DecidedOut {
    /// 0 when there were none (any more).
    count: u64,
}

/// Lists the pairs that have dead letters.
#[endpoint(operation_id = "list_dead_letters", tags("dead letters"))]
pub(crate) async fn list(actor: Actor, app: AppState) -> Result<Json<ListOut>, ApiError> {
    let letters = store::deliveries::dead_letters(&mut *app.database().await?, actor.user).await?;
    Ok(Json(ListOut { dead_letters: letters.into_iter().map(LettersOut::from).collect() }))
}

/// Tries all dead letters of all pairs again.
#[endpoint(operation_id = "retry_dead_letters", tags("dead letters"))]
pub(crate) async fn retry_everywhere(actor: Actor, app: AppState) -> Result<Json<DecidedOut>, ApiError> {
    everywhere(&app, actor, Decision::Retry).await
}

/// Discards all dead letters of all pairs.
#[endpoint(operation_id = "discard_dead_letters", tags("dead letters"))]
pub(crate) async fn discard_everywhere(actor: Actor, app: AppState) -> Result<Json<DecidedOut>, ApiError> {
    everywhere(&app, actor, Decision::Discard).await
}

/// Tries all dead letters of a pair again, in their old order and before what came later.
#[endpoint(operation_id = "retry_dead_letters_of_pair", tags("dead letters"))]
pub(crate) async fn retry_all(actor: Actor, app: AppState, id: PathId<PairId>) -> Result<Json<DecidedOut>, ApiError> {
    find(&app, actor, id.0).await?;
    Ok(Json(DecidedOut { count: decide(&app, actor, id.0, None, Decision::Retry).await? }))
}

/// Discards all dead letters of a pair: they become skipped, and their history says so.
#[endpoint(operation_id = "discard_dead_letters_of_pair", tags("dead letters"))]
pub(crate) async fn discard_all(actor: Actor, app: AppState, id: PathId<PairId>) -> Result<Json<DecidedOut>, ApiError> {
    find(&app, actor, id.0).await?;
    Ok(Json(DecidedOut { count: decide(&app, actor, id.0, None, Decision::Discard).await? }))
}

/// Tries one dead letter again. `409 not_dead` when the message is none, also when it was decided about already.
#[endpoint(
    operation_id = "retry_message",
    tags("dead letters"),
    parameters(("seq" = i64, Path, description = "The message's place in the pair's order."))
)]
pub(crate) async fn retry_one(
    actor: Actor,
    app: AppState,
    id: PathId<PairId>,
    req: &mut Request,
) -> Result<Json<DecidedOut>, ApiError> {
    one(&app, actor, id.0, req, Decision::Retry).await
}

/// Discards one dead letter. `409 not_dead` when the message is none, also when it was decided about already.
#[endpoint(
    operation_id = "discard_message",
    tags("dead letters"),
    parameters(("seq" = i64, Path, description = "The message's place in the pair's order."))
)]
pub(crate) async fn discard_one(
    actor: Actor,
    app: AppState,
    id: PathId<PairId>,
    req: &mut Request,
) -> Result<Json<DecidedOut>, ApiError> {
    one(&app, actor, id.0, req, Decision::Discard).await
}

async fn everywhere(app: &AppState, actor: Actor, decision: Decision) -> Result<Json<DecidedOut>, ApiError> {
    let letters = store::deliveries::dead_letters(&mut *app.database().await?, actor.user).await?;
    let mut count = 0;
    for pair in letters {
        count += decide(app, actor, pair.pair_id, None, decision).await?;
    }
    Ok(Json(DecidedOut { count }))
}

async fn one(
    app: &AppState,
    actor: Actor,
    pair: PairId,
    req: &Request,
    decision: Decision,
) -> Result<Json<DecidedOut>, ApiError> {
    find(app, actor, pair).await?;
    let seq = req.param::<i64>("seq").ok_or(ApiError::NotFound(Thing::Message))?;
    let wanted = Page { seqs: Some(vec![seq]), ..Page::default() };
    let known = store::deliveries::list(&mut *app.database().await?, actor.user, pair, &wanted, 1).await?;
    match known.first() {
        None => Err(ApiError::NotFound(Thing::Message)),
        Some(message) if message.state != DeliveryState::Dead => Err(ApiError::NotDead),
        Some(_) => Ok(Json(DecidedOut { count: decide(app, actor, pair, Some(seq), decision).await? })),
    }
}

/// The rows first, then the workflow; a wake that is lost is the sweep's.
async fn decide(
    app: &AppState,
    actor: Actor,
    pair: PairId,
    seq: Option<i64>,
    decision: Decision,
) -> Result<u64, ApiError> {
    let (now, seqs) = (app.clock.now(), seq.map(|seq| [seq]));
    let count = store::deliveries::decide(
        &mut *app.database().await?,
        actor.user,
        pair,
        seqs.as_ref().map(|seqs| &seqs[..]),
        decision,
        now,
    )
    .await?;
    if count > 0 && decision == Decision::Retry {
        told(pair, app.temporal.signal_pair(pair, PairForwarding::configure).await);
    }
    Ok(count)
}
