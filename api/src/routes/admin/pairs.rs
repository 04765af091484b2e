//! The pairs of all users, live, and starting a failed queue anew.

use chrono::{DateTime, Utc};
use domain::{AccountId, AccountStatus, PairId, PairStatus, PlanId, Platform, UserId};
use salvo::prelude::*;
use serde::Serialize;
use serde_json::json;
use store::admin::{PairFilter, PairRow};
use workflows::forwarding::PairForwarding;

use super::{
    LastErrorOut, ReasonIn,
    act::{Acting, Deed},
    page,
};
use crate::{
    auth::{PathId, Staff},
    body::JsonBody,
    error::{ApiError, Thing},
    routes::Accepted,
    state::AppState,
    temporal::TemporalError,
};

/// One pair's queue.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = AdminPair))]
pub(crate) struct AdminPairOut {
    /// `pair_…`.
    #[salvo(schema(value_type = String))]
    id: PairId,
    /// Whose: `user_…`.
    #[salvo(schema(value_type = String))]
    user: UserId,
    /// Their address.
    user_email: String,
    /// The user's name for it.
    name: String,
    /// `active`, `paused` or `blocked`.
    #[salvo(schema(value_type = String))]
    status: PairStatus,
    /// Stable code of why.
    reason_code: Option<String>,
    /// Why, for people.
    reason: Option<String>,
    /// The account that reads.
    #[salvo(schema(value_type = String))]
    source_account: AccountId,
    /// Where it lives.
    #[salvo(schema(value_type = String))]
    source_platform: Platform,
    /// The account that writes.
    #[salvo(schema(value_type = String))]
    destination_account: AccountId,
    /// Where it lives.
    #[salvo(schema(value_type = String))]
    destination_platform: Platform,
    /// The state of the account that writes.
    #[salvo(schema(value_type = String))]
    destination_status: AccountStatus,
    /// The worker that hosts it, where the pair is drained.
    host: Option<String>,
    /// Messages that wait, at most 10,000.
    open: i64,
    /// Dead letters, at most 10,000.
    dead: i64,
    /// When the oldest message that waits was received.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    oldest_received_at: Option<DateTime<Utc>>,
    /// When it could have been sent; later ones wait for it.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    oldest_due_at: Option<DateTime<Utc>>,
    /// For how long it could have been sent, in seconds; 0 when it is not due.
    lag_seconds: f64,
    /// Why it waits, if something was in its way.
    waiting_for: Option<String>,
    /// The pair's latest trouble.
    last_error: Option<LastErrorOut>,
}

impl AdminPairOut {
    pub(super) fn new(row: PairRow, now: DateTime<Utc>) -> Self {
        Self {
            id: row.id,
            user: row.user_id,
            user_email: row.user_email,
            name: row.name,
            status: row.status,
            reason_code: row.reason_code,
            reason: row.reason,
            source_account: row.source_account_id,
            source_platform: row.source_platform,
            destination_account: row.destination_account_id,
            destination_platform: row.destination_platform,
            destination_status: row.destination_status,
            host: row.host,
            open: row.open,
            dead: row.dead,
            oldest_received_at: row.oldest_received_at,
            oldest_due_at: row.oldest_due_at,
            lag_seconds: page::lag_seconds(row.oldest_due_at, now),
            waiting_for: row.waiting_for,
            last_error: row.last_error.map(LastErrorOut::from),
        }
    }
}

/// A page of pairs.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = AdminPairs))]
pub(crate) struct AdminPairsOut {
    /// Newest first.
    pairs: Vec<AdminPairOut>,
    /// What to pass as `before` for the next page; null on the last one.
    #[salvo(schema(value_type = Option<String>))]
    next: Option<PairId>,
}

/// Lists the pairs of all users with their queues, the newest first.
#[endpoint(
    operation_id = "admin_list_pairs",
    tags("admin"),
    parameters(
        ("state" = Option<String>, Query, description = "`active`, `paused` or `blocked`."),
        ("platform" = Option<String>, Query, description = "Only those with an end there: `telegram` or `discord`."),
        ("host" = Option<String>, Query, description = "Only those that this worker drains."),
        ("user" = Option<String>, Query, description = "Only those of this user."),
        ("account" = Option<String>, Query, description = "Only those that this account reads or writes."),
        ("min_lag_seconds" = Option<i64>, Query, description = "Only those whose oldest message could have been sent for so long."),
        ("limit" = Option<i64>, Query, description = "Entries on a page: 1 to 200, 50 unless given."),
        ("before" = Option<String>, Query, description = "Only those below this `id`.")
    )
)]
pub(crate) async fn list(_staff: Staff, app: AppState, req: &mut Request) -> Result<Json<AdminPairsOut>, ApiError> {
    let (limit, now) = (page::limit(req)?, app.clock.now());
    let host = page::text(req, "host")?;
    let filter = PairFilter {
        status: page::named(req, "state", "this is `active`, `paused` or `blocked`")?,
        platform: page::named(req, "platform", "this is `telegram` or `discord`")?,
        host: host.as_deref(),
        user: page::parsed(req, "user", "`user` is a user's id")?,
        account: page::parsed(req, "account", "`account` is an account's id")?,
        due_before: page::due_before(req, now)?,
        before: page::parsed(req, "before", "`before` is the `next` of the page before")?,
    };
    let rows = store::admin::pairs(&mut *app.database().await?, &filter, limit + 1).await?;
    let (rows, next) = page::cut(rows, limit, |row| row.id);
    Ok(Json(AdminPairsOut { pairs: rows.into_iter().map(|row| AdminPairOut::new(row, now)).collect(), next }))
}

/// A pair that begins anew.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = PairRestarted))]
pub(crate) struct RestartedOut {
    /// `pair_…`.
    #[salvo(schema(value_type = String))]
    id: PairId,
    /// `active`.
    #[salvo(schema(value_type = String))]
    status: PairStatus,
}

/// Has a pair begin anew: it is not blocked any more, whoever drains it now may claim nothing from now on, and it is drained
/// at once, whatever it waited for. `409 pair_paused` when it is paused.
#[endpoint(operation_id = "admin_restart_pair", tags("admin"))]
pub(crate) async fn restart(
    acting: Acting,
    app: AppState,
    id: PathId<PairId>,
    body: JsonBody<ReasonIn>,
) -> Result<Accepted<RestartedOut>, ApiError> {
    let (id, now, reason) = (id.0, app.clock.now(), page::reason(&body.0.reason)?);
    let mut act = acting.begin(&app).await?;
    let pair = store::pairs::load(&mut act, id).await?.ok_or(ApiError::NotFound(Thing::Pair))?;
    let owner = store::users::find(&mut act, pair.user_id).await?.ok_or(ApiError::NotFound(Thing::User))?;
    if !store::pairs::restart(&mut act, id, now).await? {
        return Err(ApiError::PairPaused);
    }
    let deed = Deed {
        action: "pair.restart",
        subject: id.to_string(),
        user: Some(pair.user_id),
        before: Some(json!({ "status": pair.status, "reason_code": pair.reason_code })),
        after: Some(json!({ "status": PairStatus::Active })),
        reason: Some(reason),
    };
    act.commit(deed).await?;
    if let Err(error) = rouse(&app, pair.user_id, owner.plan, id).await {
        tracing::warn!(pair.id = %id, ?error, "A pair could not be roused yet; the sweep will do it.");
    }
    Ok(Accepted(RestartedOut { id, status: PairStatus::Active }))
}

/// Makes the pair's workflow drain now; one that is missing is started.
async fn rouse(app: &AppState, user: UserId, plan: PlanId, pair: PairId) -> Result<(), ApiError> {
    match app.temporal.signal_pair(pair, PairForwarding::configure).await {
        Err(TemporalError::NotFound) => {
            app.temporal.start_pair(user, &app.plan_code(plan).await?, pair).await?;
            app.temporal.signal_pair(pair, PairForwarding::configure).await?;
        }
        told => told?,
    }
    Ok(())
}
