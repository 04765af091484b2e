//! Reconciling a pair: the history of its source compared with the ledger, on demand, and the latest reports.

use chrono::{DateTime, Utc};
use domain::{PairId, ReconciliationId};
use salvo::prelude::*;
use serde::{Deserialize, Serialize};
use store::reconcile::{Lack, Missing, Report};

use super::find;
use crate::{
    auth::{Actor, PathId},
    body::JsonBody,
    error::{ApiError, Thing},
    routes::Accepted,
    state::AppState,
};

/// Reports that are told; older ones are kept for a month.
const REPORTS: i64 = 10;

/// How to reconcile.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = NewReconciliation))]
#[serde(deny_unknown_fields)]
pub(crate) struct ReconcileIn {
    /// Ingest what is missing, as if it had just been written. Only told by default.
    #[serde(default)]
    repair: bool,
}

/// Something of the source that the ledger did not have.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = MissingMessage))]
pub(crate) struct MissingOut {
    /// `message`: the message itself; `edit`: its last edit; `deletion`: that it was deleted.
    kind: &'static str,
    /// The source platform's id of the message.
    source_message_id: String,
    /// When it was written.
    #[salvo(schema(value_type = String, format = DateTime))]
    sent_at: DateTime<Utc>,
}

impl From<Missing> for MissingOut {
    fn from(missing: Missing) -> Self {
        let kind = match missing.kind {
            Lack::Message => "message",
            Lack::Edit => "edit",
            Lack::Deletion => "deletion",
        };
        Self { kind, source_message_id: missing.message_id.to_string(), sent_at: missing.sent_at }
    }
}

/// What a reconciliation found, so far or in the end.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Reconciliation))]
pub(crate) struct ReportOut {
    /// `rec_…`.
    #[salvo(schema(value_type = String))]
    id: ReconciliationId,
    /// `running`, `done` or `failed`.
    state: String,
    /// What is missing is ingested.
    repair: bool,
    /// Messages of the source that were compared.
    checked: i64,
    /// Of these, not in the ledger.
    missing: i64,
    /// Of these, in the ledger without their last edit.
    missing_edits: i64,
    /// Messages that were deleted at the source without the ledger's knowing.
    missing_deletions: i64,
    /// Of all that was missing, ingested by this reconciliation.
    repaired: i64,
    /// The first 100 of what was missing.
    missing_messages: Vec<MissingOut>,
    /// Stable code of why it failed: `account_not_online`, `pair_deleted`, `truncated` (only the first 100,000 messages
    /// were compared), or what the platform said.
    reason_code: Option<String>,
    /// Why, for people.
    reason: Option<String>,
    /// When it was asked for.
    #[salvo(schema(value_type = String, format = DateTime))]
    started_at: DateTime<Utc>,
    /// When it ended; null while it runs.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    finished_at: Option<DateTime<Utc>>,
}

impl From<Report> for ReportOut {
    fn from(report: Report) -> Self {
        Self {
            id: report.id,
            state: report.state,
            repair: report.repair,
            checked: report.checked,
            missing: report.missing,
            missing_edits: report.missing_edits,
            missing_deletions: report.missing_deletions,
            repaired: report.repaired,
            missing_messages: report.listed.into_iter().map(MissingOut::from).collect(),
            reason_code: report.reason_code,
            reason: report.reason,
            started_at: report.started_at,
            finished_at: report.finished_at,
        }
    }
}

/// The reconciliations of a pair.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Reconciliations))]
pub(crate) struct ReportsOut {
    /// The latest ten, newest first.
    reconciliations: Vec<ReportOut>,
}

/// Compares the source's history of the last seven days, and that of its threads, with the ledger. While a reconciliation of the pair runs, it is
/// that one.
#[endpoint(operation_id = "reconcile_pair", tags("pairs"))]
pub(crate) async fn begin(
    actor: Actor,
    app: AppState,
    id: PathId<PairId>,
    body: JsonBody<ReconcileIn>,
) -> Result<Accepted<ReportOut>, ApiError> {
    let mut database = app.database().await?;
    let begun = store::reconcile::begin(&mut database, actor.user, (id.0, body.0.repair), app.clock.as_ref()).await?;
    let begun = begun.ok_or(ApiError::NotFound(Thing::Pair))?;
    let reports = store::reconcile::list(&mut database, actor.user, id.0, REPORTS).await?;
    drop(database);
    if let Err(error) = app.temporal.start_reconciliation(begun).await {
        tracing::warn!(pair.id = %id.0, ?error, "A reconciliation could not be started; the sweep will do it.");
    }
    let report = reports.into_iter().find(|report| report.id == begun.id);
    Ok(Accepted(report.ok_or_else(|| ApiError::internal("a reconciliation is missing"))?.into()))
}

/// Lists the latest reconciliations of a pair, newest first.
#[endpoint(operation_id = "list_reconciliations", tags("pairs"))]
pub(crate) async fn list(actor: Actor, app: AppState, id: PathId<PairId>) -> Result<Json<ReportsOut>, ApiError> {
    find(&app, actor, id.0).await?;
    let reports = store::reconcile::list(&mut *app.database().await?, actor.user, id.0, REPORTS).await?;
    Ok(Json(ReportsOut { reconciliations: reports.into_iter().map(ReportOut::from).collect() }))
}
