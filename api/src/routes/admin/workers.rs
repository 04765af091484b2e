//! The workers: what they host, and draining one for maintenance.

use chrono::{DateTime, Utc};
use salvo::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::workers::Worker;

use super::{
    ReasonIn,
    act::{Acting, Deed},
    page,
};
use crate::{
    auth::Staff,
    body::JsonBody,
    error::{ApiError, Thing},
    routes::Accepted,
    state::AppState,
};

/// How to drain a worker.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = WorkerDrain))]
#[serde(deny_unknown_fields)]
pub(crate) struct DrainIn {
    /// Why, 1 to 500 characters.
    reason: String,
    /// Give the accounts away although no other worker has room for them: they wait until one has.
    #[serde(default)]
    force: bool,
}

/// One worker.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Worker))]
pub(crate) struct WorkerOut {
    /// Its name, stable over restarts.
    name: String,
    /// Its version.
    version: String,
    /// It was heard of within the last 20 seconds, and has not stopped.
    alive: bool,
    /// Accounts that have it as their host; `GET /api/admin/accounts?host=` lists them.
    accounts: i64,
    /// Those of them that are online.
    accounts_online: i64,
    /// Accounts that it can host at once.
    capacity: i32,
    /// The part of its capacity that is in use, from 0 to 1.
    load: f64,
    /// Drains that run.
    drains: i32,
    /// Drains that it can run at once.
    drain_capacity: i32,
    /// When its process began.
    #[salvo(schema(value_type = String, format = DateTime))]
    started_at: DateTime<Utc>,
    /// When it was last heard of.
    #[salvo(schema(value_type = String, format = DateTime))]
    last_seen_at: DateTime<Utc>,
    /// Since when it takes no more accounts and gives away those that it has; null: it does not.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    draining_since: Option<DateTime<Utc>>,
    /// It gives them away although nobody may take them.
    drain_forced: bool,
    /// It is being drained and hosts nothing any more: it can be stopped without anybody noticing.
    drained: bool,
}

impl WorkerOut {
    fn new(worker: Worker, now: DateTime<Utc>) -> Self {
        // Far below the numbers that a float cannot tell apart.
        let count = |number: i64| f64::from(i32::try_from(number).unwrap_or(i32::MAX));
        Self {
            alive: worker.is_alive(now),
            load: if worker.hosting_slots > 0 { count(worker.accounts) / f64::from(worker.hosting_slots) } else { 0.0 },
            drained: worker.draining_since.is_some() && worker.accounts == 0,
            name: worker.name,
            version: worker.version,
            accounts: worker.accounts,
            accounts_online: worker.online,
            capacity: worker.hosting_slots,
            drains: worker.drains,
            drain_capacity: worker.drain_slots,
            started_at: worker.started_at,
            last_seen_at: worker.last_seen_at,
            draining_since: worker.draining_since,
            drain_forced: worker.drain_forced,
        }
    }
}

/// All workers.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Workers))]
pub(crate) struct WorkersOut {
    /// By name.
    workers: Vec<WorkerOut>,
}

/// Lists the workers that were seen in the last week.
#[endpoint(operation_id = "admin_list_workers", tags("admin"))]
pub(crate) async fn list(_staff: Staff, app: AppState) -> Result<Json<WorkersOut>, ApiError> {
    let (workers, now) = (store::workers::list(&mut *app.database().await?).await?, app.clock.now());
    Ok(Json(WorkersOut { workers: workers.into_iter().map(|worker| WorkerOut::new(worker, now)).collect() }))
}

/// Drains a worker: it takes no more accounts and gives away those that it has, a few at a time; nothing is lost. It stays so,
/// also over restarts, until that is ended. `409 no_other_worker` when the others have no room for its accounts.
#[endpoint(
    operation_id = "admin_drain_worker",
    tags("admin"),
    parameters(("name" = String, Path, description = "The worker's name."))
)]
pub(crate) async fn drain(
    acting: Acting,
    app: AppState,
    req: &mut Request,
    body: JsonBody<DrainIn>,
) -> Result<Accepted<WorkerOut>, ApiError> {
    let (DrainIn { reason, force }, now) = (body.0, app.clock.now());
    let (name, reason) = (name(req)?, page::reason(&reason)?);
    let mut act = acting.begin(&app).await?;
    store::workers::lock(&mut act).await?;
    let workers = store::workers::list(&mut act).await?;
    let accounts = workers.iter().find(|worker| worker.name == name).map(|worker| worker.accounts);
    let accounts = accounts.ok_or(ApiError::NotFound(Thing::Worker))?;
    let others = || workers.iter().filter(|worker| worker.name != name);
    let room: i64 = others().map(|worker| worker.room(now)).sum();
    if !force && (room < accounts || others().all(|worker| worker.room(now) == 0)) {
        return Err(ApiError::NoOtherWorker { accounts });
    }
    let before = workers.iter().find(|worker| worker.name == name).map(orders);
    store::workers::drain(&mut act, &name, force, now).await?;
    let after = find(&store::workers::list(&mut act).await?, &name)?;
    let deed = Deed {
        action: "worker.drain",
        subject: name,
        user: None,
        before,
        after: Some(orders(&after)),
        reason: Some(reason),
    };
    act.commit(deed).await?;
    Ok(Accepted(WorkerOut::new(after, now)))
}

/// Ends the draining of a worker: it takes accounts again. Those that it gave away stay where they are.
#[endpoint(
    operation_id = "admin_undrain_worker",
    tags("admin"),
    parameters(("name" = String, Path, description = "The worker's name."))
)]
pub(crate) async fn undrain(
    acting: Acting,
    app: AppState,
    req: &mut Request,
    body: JsonBody<ReasonIn>,
) -> Result<Accepted<WorkerOut>, ApiError> {
    let (name, reason, now) = (name(req)?, page::reason(&body.0.reason)?, app.clock.now());
    let mut act = acting.begin(&app).await?;
    store::workers::lock(&mut act).await?;
    let before = find(&store::workers::list(&mut act).await?, &name)?;
    store::workers::undrain(&mut act, &name).await?;
    let after = find(&store::workers::list(&mut act).await?, &name)?;
    let deed = Deed {
        action: "worker.undrain",
        subject: name,
        user: None,
        before: Some(orders(&before)),
        after: Some(orders(&after)),
        reason: Some(reason),
    };
    act.commit(deed).await?;
    Ok(Accepted(WorkerOut::new(after, now)))
}

fn name(req: &Request) -> Result<String, ApiError> {
    req.param::<String>("name").filter(|name| !name.contains('\0')).ok_or(ApiError::NotFound(Thing::Worker))
}

fn find(workers: &[Worker], name: &str) -> Result<Worker, ApiError> {
    workers.iter().find(|worker| worker.name == name).cloned().ok_or(ApiError::NotFound(Thing::Worker))
}

fn orders(worker: &Worker) -> Value {
    json!({
        "draining_since": worker.draining_since, "forced": worker.drain_forced, "accounts": worker.accounts,
    })
}
