//! Acts on many things at once: asked for here, done by a workflow, seen and stopped here.

use chrono::{DateTime, Utc};
use domain::{
    BulkActId, PairId, UserId,
    bulk::{BulkKind, BulkScope, BulkState},
};
use salvo::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::bulk_acts::{BulkAct, Filter, NewBulkAct};

use super::{
    ReasonIn,
    act::{ActTransaction, Acting, Deed},
    page,
};
use crate::{
    auth::{PathId, Staff},
    body::JsonBody,
    error::{ApiError, Thing},
    routes::Accepted,
    state::AppState,
};

/// The longest code of a reason, in characters.
const CODE_CHARS_MAX: usize = 100;

/// Which dead letters, and why. Everything that is given must fit, and something must be given.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = DeadLetterScope))]
#[serde(deny_unknown_fields)]
pub(crate) struct LettersIn {
    /// Of this user.
    #[serde(default)]
    #[salvo(schema(value_type = Option<String>))]
    user: Option<UserId>,
    /// Of this pair.
    #[serde(default)]
    #[salvo(schema(value_type = Option<String>))]
    pair: Option<PairId>,
    /// Given up for this, as a stable code.
    #[serde(default)]
    code: Option<String>,
    /// Given up since this time.
    #[serde(default)]
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    from: Option<DateTime<Utc>>,
    /// Given up before this time.
    #[serde(default)]
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    until: Option<DateTime<Utc>>,
    /// Why, 1 to 500 characters.
    reason: String,
}

/// An act and how far it is.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = BulkAct))]
pub(crate) struct BulkActOut {
    /// `bulk_…`.
    #[salvo(schema(value_type = String))]
    id: BulkActId,
    /// `pause_pairs`, `resume_pairs`, `delete_pairs`, `retry_dead_letters` or `discard_dead_letters`.
    #[salvo(schema(value_type = String))]
    kind: BulkKind,
    /// Which things: `user`, `pair`, `code`, `from`, `until`, as far as they were given.
    #[salvo(schema(value_type = Object))]
    scope: Value,
    /// `pending`, `running`, `done`, `cancelled` or `failed`.
    #[salvo(schema(value_type = String))]
    state: BulkState,
    /// Why, as who asked for it said.
    reason: String,
    /// Who asked for it.
    #[salvo(schema(value_type = String))]
    started_by: UserId,
    /// How many things there are; null until they were counted.
    total: Option<i64>,
    /// How many were done.
    done: i64,
    /// How many could not be done, such as pairs for which the plan has no room.
    failed: i64,
    /// Why it cannot go on.
    error: Option<String>,
    /// When it was asked for.
    #[salvo(schema(value_type = String, format = DateTime))]
    created_at: DateTime<Utc>,
    /// When it began.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    started_at: Option<DateTime<Utc>>,
    /// When somebody asked for it to stop.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    cancel_requested_at: Option<DateTime<Utc>>,
    /// When it ended.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    finished_at: Option<DateTime<Utc>>,
}

impl From<BulkAct> for BulkActOut {
    fn from(act: BulkAct) -> Self {
        Self {
            id: act.id,
            kind: act.kind,
            scope: act.scope,
            state: act.state,
            reason: act.reason,
            started_by: act.started_by,
            total: act.total,
            done: act.done,
            failed: act.failed,
            error: act.error,
            created_at: act.created_at,
            started_at: act.started_at,
            cancel_requested_at: act.cancel_requested_at,
            finished_at: act.finished_at,
        }
    }
}

/// A page of acts.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = BulkActs))]
pub(crate) struct BulkActsOut {
    /// Newest first.
    bulk_acts: Vec<BulkActOut>,
    /// What to pass as `before` for the next page; null on the last one.
    #[salvo(schema(value_type = Option<String>))]
    next: Option<BulkActId>,
}

/// Pauses all pairs of a user.
#[endpoint(operation_id = "admin_pause_pairs", tags("admin"))]
pub(crate) async fn pause_pairs(
    acting: Acting,
    app: AppState,
    id: PathId<UserId>,
    body: JsonBody<ReasonIn>,
) -> Result<Accepted<BulkActOut>, ApiError> {
    of_user(&acting, &app, BulkKind::PausePairs, id.0, &body.0.reason).await
}

/// Resumes all paused pairs of a user, as far as their plan has room; also those that the user has paused.
#[endpoint(operation_id = "admin_resume_pairs", tags("admin"))]
pub(crate) async fn resume_pairs(
    acting: Acting,
    app: AppState,
    id: PathId<UserId>,
    body: JsonBody<ReasonIn>,
) -> Result<Accepted<BulkActOut>, ApiError> {
    of_user(&acting, &app, BulkKind::ResumePairs, id.0, &body.0.reason).await
}

/// Deletes all pairs of a user; their history stays.
#[endpoint(operation_id = "admin_delete_pairs", tags("admin"))]
pub(crate) async fn delete_pairs(
    acting: Acting,
    app: AppState,
    id: PathId<UserId>,
    body: JsonBody<ReasonIn>,
) -> Result<Accepted<BulkActOut>, ApiError> {
    of_user(&acting, &app, BulkKind::DeletePairs, id.0, &body.0.reason).await
}

/// Tries dead letters again, in their old order and before what came later.
#[endpoint(operation_id = "admin_retry_dead_letters", tags("admin"))]
pub(crate) async fn retry_dead_letters(
    acting: Acting,
    app: AppState,
    body: JsonBody<LettersIn>,
) -> Result<Accepted<BulkActOut>, ApiError> {
    of_letters(&acting, &app, BulkKind::RetryDeadLetters, body.0).await
}

/// Gives dead letters up: they become skipped, and their history says so.
#[endpoint(operation_id = "admin_discard_dead_letters", tags("admin"))]
pub(crate) async fn discard_dead_letters(
    acting: Acting,
    app: AppState,
    body: JsonBody<LettersIn>,
) -> Result<Accepted<BulkActOut>, ApiError> {
    of_letters(&acting, &app, BulkKind::DiscardDeadLetters, body.0).await
}

/// Lists acts, the newest first.
#[endpoint(
    operation_id = "admin_list_bulk_acts",
    tags("admin"),
    parameters(
        ("state" = Option<String>, Query, description = "Only those in this state, such as `running`."),
        ("kind" = Option<String>, Query, description = "Only those of this kind, such as `pause_pairs`."),
        ("limit" = Option<i64>, Query, description = "Entries on a page: 1 to 200, 50 unless given."),
        ("before" = Option<String>, Query, description = "Only those below this `id`.")
    )
)]
pub(crate) async fn list(_staff: Staff, app: AppState, req: &mut Request) -> Result<Json<BulkActsOut>, ApiError> {
    let limit = page::limit(req)?;
    let filter = Filter {
        state: page::named(req, "state", "this is a state of an act, such as `running`")?,
        kind: page::named(req, "kind", "this is a kind of act, such as `pause_pairs`")?,
        before: page::parsed(req, "before", "`before` is the `next` of the page before")?,
    };
    let rows = store::bulk_acts::list(&mut *app.database().await?, filter, limit + 1).await?;
    let (rows, next) = page::cut(rows, limit, |row| row.id);
    Ok(Json(BulkActsOut { bulk_acts: rows.into_iter().map(BulkActOut::from).collect(), next }))
}

/// Reads one act, with how far it is.
#[endpoint(operation_id = "admin_read_bulk_act", tags("admin"))]
pub(crate) async fn read(_staff: Staff, app: AppState, id: PathId<BulkActId>) -> Result<Json<BulkActOut>, ApiError> {
    let act = store::bulk_acts::find(&mut *app.database().await?, id.0).await?;
    Ok(Json(act.ok_or(ApiError::NotFound(Thing::BulkAct))?.into()))
}

/// Stops an act after the batch that is under way: what was done stays done. One that has ended stays what it is.
#[endpoint(operation_id = "admin_cancel_bulk_act", tags("admin"))]
pub(crate) async fn cancel(
    acting: Acting,
    app: AppState,
    id: PathId<BulkActId>,
    body: JsonBody<ReasonIn>,
) -> Result<Accepted<BulkActOut>, ApiError> {
    let (id, now, reason) = (id.0, app.clock.now(), page::reason(&body.0.reason)?);
    let missing = || ApiError::NotFound(Thing::BulkAct);
    let mut act = acting.begin(&app).await?;
    store::bulk_acts::request_cancel(&mut act, id, now).await?;
    let found = store::bulk_acts::find(&mut act, id).await?.ok_or_else(missing)?;
    let deed = Deed {
        action: "bulk.cancel",
        subject: id.to_string(),
        user: found.scope()?.user,
        before: None,
        after: Some(progress(&found)),
        reason: Some(reason),
    };
    act.commit(deed).await?;
    Ok(Accepted(found.into()))
}

async fn of_user(
    acting: &Acting,
    app: &AppState,
    kind: BulkKind,
    user: UserId,
    reason: &str,
) -> Result<Accepted<BulkActOut>, ApiError> {
    let reason = page::reason(reason)?;
    let mut act = acting.begin(app).await?;
    let found = store::users::find(&mut act, user).await?.ok_or(ApiError::NotFound(Thing::User))?;
    if kind == BulkKind::ResumePairs && found.suspended_at.is_some() {
        return Err(ApiError::UserSuspended);
    }
    let scope = BulkScope { user: Some(user), ..BulkScope::default() };
    begin(app, act, acting, (kind, &scope), reason).await
}

async fn of_letters(
    acting: &Acting,
    app: &AppState,
    kind: BulkKind,
    body: LettersIn,
) -> Result<Accepted<BulkActOut>, ApiError> {
    let LettersIn { user, pair, code, from, until, reason } = body;
    let reason = page::reason(&reason)?;
    let code = code.map(|code| code.trim().to_owned()).filter(|code| !code.is_empty());
    if code.as_ref().is_some_and(|code| code.chars().count() > CODE_CHARS_MAX || code.contains('\0')) {
        return Err(ApiError::CodeLength);
    }
    let scope = BulkScope { user, pair, code, from, until };
    if scope == BulkScope::default() {
        return Err(ApiError::ScopeEmpty);
    }
    let mut act = acting.begin(app).await?;
    if let Some(user) = user {
        store::users::find(&mut act, user).await?.ok_or(ApiError::NotFound(Thing::User))?;
    }
    if let Some(pair) = pair {
        store::pairs::load(&mut act, pair).await?.ok_or(ApiError::NotFound(Thing::Pair))?;
    }
    begin(app, act, acting, (kind, &scope), reason).await
}

/// The row first, then its workflow; a start that is lost is the sweep's.
async fn begin(
    app: &AppState,
    mut act: ActTransaction<'_>,
    acting: &Acting,
    (kind, scope): (BulkKind, &BulkScope),
    reason: &str,
) -> Result<Accepted<BulkActOut>, ApiError> {
    let by = acting.actor().ok_or_else(|| ApiError::internal("only staff acts on many things"))?;
    let new = NewBulkAct { id: BulkActId::new(&*app.clock), kind, scope, reason, started_by: by };
    let row = store::bulk_acts::insert(&mut act, &new, app.clock.now()).await?;
    let deed = Deed {
        action: kind.action(),
        subject: row.id.to_string(),
        user: scope.user,
        before: None,
        after: Some(json!({ "scope": row.scope })),
        reason: Some(reason),
    };
    act.commit(deed).await?;
    if let Err(error) = app.temporal.start_bulk_act(row.id).await {
        tracing::warn!(bulk.id = %row.id, ?error, "An act could not be started yet; the sweep will do it.");
    }
    Ok(Accepted(row.into()))
}

fn progress(act: &BulkAct) -> Value {
    json!({ "state": act.state, "total": act.total, "done": act.done, "failed": act.failed })
}
