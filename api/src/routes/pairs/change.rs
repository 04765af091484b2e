//! Changing, pausing, resuming and deleting a pair: the row first, then the workflow. What the workflow was not told,
//! the sweep and the next drain find in the row.

use domain::{
    CopyMode, PairId, PairStatus,
    gate::{self, Action},
    pair,
    plan::Features,
};
use salvo::prelude::*;
use serde::Deserialize;
use store::{
    StoreError,
    pairs::{Pair, PairChange},
};
use workflows::forwarding::PairForwarding;

use super::{
    PairOut, find,
    options::{self, Given, PairOptionsDoc},
};
use crate::{
    auth::{Actor, PathId},
    body::JsonBody,
    error::{ApiError, Thing},
    plans,
    routes::Gone,
    state::AppState,
    temporal::TemporalError,
};

/// What to change of a pair; what is absent or null stays.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = PairChange))]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeIn {
    /// 1 to 100 characters.
    name: Option<String>,
    /// `copy` or `forward`.
    #[salvo(schema(value_type = Option<crate::wire::CopyModeDoc>))]
    mode: Option<CopyMode>,
    /// Seconds between receipt and delivery, at most 86,400; for messages that come from now on.
    delay_seconds: Option<u32>,
    /// Without a notification sound.
    silent: Option<bool>,
    /// Options to change; what is absent stays, null goes back to its default.
    #[salvo(schema(value_type = Option<PairOptionsDoc>))]
    options: Option<Given>,
}

/// Changes a pair.
#[endpoint(operation_id = "change_pair", tags("pairs"))]
pub(crate) async fn update(
    actor: Actor,
    app: AppState,
    id: PathId<PairId>,
    body: JsonBody<ChangeIn>,
) -> Result<Json<PairOut>, ApiError> {
    let pair = find(&app, actor, id.0).await?;
    let ChangeIn { name, mode, delay_seconds, silent, options } = body.0;
    let name = name.as_deref().map(str::trim);
    let delay =
        delay_seconds.map_or(std::time::Duration::ZERO, |seconds| std::time::Duration::from_secs(seconds.into()));
    let end = |account, platform, chat, topic| pair::Endpoint { account, platform, chat, topic };
    pair::validate(
        name.unwrap_or(&pair.name),
        end(pair.source_account_id, pair.source_platform, pair.source_chat_id, pair.source_topic_id),
        end(
            pair.destination_account_id,
            pair.destination_platform,
            pair.destination_chat_id,
            pair.destination_topic_id,
        ),
        delay,
    )?;
    // `validate` has bounded it.
    let delay_seconds = delay_seconds.map(|seconds| i32::try_from(seconds).unwrap_or(i32::MAX));
    let read = options.map(|given| options::read(&given, &pair.options()?)).transpose()?;
    let stored = read.as_ref().map(|(options, _)| options::stored(options)).transpose()?;
    let change = PairChange { name, mode, delay_seconds, silent, options: stored.as_ref() };
    let now = app.clock.now();
    let before = needs(&pair);
    let after = match &read {
        Some((options, _)) => gate::needs(pair.way(), mode.unwrap_or(pair.mode), options),
        None => Features { copy_mode: mode.unwrap_or(pair.mode) == CopyMode::Copy, ..before },
    };
    let mut transaction = app.transaction().await?;
    plans::pass(&app, &mut transaction, actor.user, Action::ChangePair { before, after }).await?;
    if !store::pairs::update(&mut transaction, actor.user, id.0, &change, now).await? {
        return Err(ApiError::NotFound(Thing::Pair));
    }
    if let Some((_, rules)) = &read {
        // Messages that wait for the old hours wait for the new ones.
        store::rules::move_hours(&mut transaction, id.0, rules.open_at(now)).await?;
    }
    // It may have been paused for what it does not use any more.
    let applied = store::plans::give_room(&mut transaction, actor.user, now).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    told(id.0, app.temporal.signal_pair(id.0, PairForwarding::configure).await);
    plans::tell(&app, &applied, now).await;
    Ok(Json(find(&app, actor, id.0).await?.try_into()?))
}

/// What the pair uses by itself.
fn needs(pair: &Pair) -> Features {
    // Options that cannot be read are not carried either.
    gate::needs(pair.way(), pair.mode, &pair.options().unwrap_or_default())
}

/// Pauses a pair: messages are recorded and wait. The room that it leaves is given to the oldest one that the plan has
/// paused.
#[endpoint(operation_id = "pause_pair", tags("pairs"))]
pub(crate) async fn pause(actor: Actor, app: AppState, id: PathId<PairId>) -> Result<Json<PairOut>, ApiError> {
    let now = app.clock.now();
    let mut transaction = app.transaction().await?;
    store::plans::lock_user(&mut transaction, actor.user).await?;
    if !store::pairs::set_paused(&mut transaction, actor.user, id.0, true, now).await? {
        return Err(ApiError::NotFound(Thing::Pair));
    }
    let applied = store::plans::give_room(&mut transaction, actor.user, now).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    told(id.0, app.temporal.signal_pair(id.0, PairForwarding::pause).await);
    plans::tell(&app, &applied, now).await;
    Ok(Json(find(&app, actor, id.0).await?.try_into()?))
}

/// Resumes a pair: messages that waited are carried, and a destination that refused us is tried at once. `403 plan_limit`
/// when the plan has no room for it.
#[endpoint(operation_id = "resume_pair", tags("pairs"))]
pub(crate) async fn resume(actor: Actor, app: AppState, id: PathId<PairId>) -> Result<Json<PairOut>, ApiError> {
    let now = app.clock.now();
    let mut transaction = app.transaction().await?;
    store::plans::lock_user(&mut transaction, actor.user).await?;
    let pair = store::pairs::find(&mut transaction, actor.user, id.0).await?.ok_or(ApiError::NotFound(Thing::Pair))?;
    if pair.status == PairStatus::Paused {
        let chain = store::plans::chain(&mut transaction, actor.user, pair.way()).await?;
        let needs = Features { chain_forwarding: chain.follows, ..needs(&pair) };
        plans::pass(&app, &mut transaction, actor.user, Action::ResumePair { needs }).await?;
    }
    store::pairs::set_paused(&mut transaction, actor.user, id.0, false, now).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    told(id.0, app.temporal.signal_pair(id.0, PairForwarding::resume).await);
    Ok(Json(find(&app, actor, id.0).await?.try_into()?))
}

/// Deletes a pair; its history stays. The room that it leaves is given to the oldest one that the plan has paused.
#[endpoint(operation_id = "delete_pair", tags("pairs"))]
pub(crate) async fn delete(actor: Actor, app: AppState, id: PathId<PairId>) -> Result<Gone, ApiError> {
    let now = app.clock.now();
    let mut transaction = app.transaction().await?;
    store::plans::lock_user(&mut transaction, actor.user).await?;
    if !store::pairs::delete(&mut transaction, actor.user, id.0, now).await? {
        return Err(ApiError::NotFound(Thing::Pair));
    }
    let applied = store::plans::give_room(&mut transaction, actor.user, now).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    match app.temporal.signal_pair(id.0, PairForwarding::delete).await {
        // It was never started: there is nothing to end.
        Err(TemporalError::NotFound) => {
            store::pairs::set_workflow_started(&mut *app.database().await?, id.0, false).await?;
        }
        told_or_not => told(id.0, told_or_not),
    }
    plans::tell(&app, &applied, now).await;
    Ok(Gone)
}

/// The row has it; a workflow that could not be told reads it there.
pub(super) fn told(pair: PairId, signalled: Result<(), TemporalError>) {
    if let Err(error) = signalled {
        tracing::warn!(pair.id = %pair, ?error, "A pair's workflow could not be told of a change yet.");
    }
}
