//! What the operator settles for one tenant: their plan, and exceptions from it. Both take effect at once, on what is
//! queued too.

use chrono::{DateTime, Utc};
use domain::{AccountId, PairId, UserId, plan::REASON_CHARS_MAX};
use salvo::prelude::*;
use serde::{Deserialize, Serialize};
use store::{
    StoreError,
    plans::{Applied, Made},
};

use super::plans::{FeaturesIn, LimitsIn};
use crate::{
    auth::{Operator, PathId},
    body::JsonBody,
    error::{ApiError, Thing},
    plans,
    state::AppState,
};

/// A plan for a tenant.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = PlanChange))]
#[serde(deny_unknown_fields)]
pub(crate) struct PlanIn {
    /// The plan's code.
    plan: String,
    /// Why, 1 to 500 characters.
    reason: String,
    /// When the tenant falls back to `free`; absent or null: never by itself.
    #[serde(default)]
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    expires_at: Option<DateTime<Utc>>,
}

/// Exceptions for a tenant, instead of those that there may be.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = Exceptions))]
#[serde(deny_unknown_fields)]
pub(crate) struct ExceptionsIn {
    /// Other limits.
    #[serde(default)]
    limits: LimitsIn,
    /// Other features.
    #[serde(default)]
    features: FeaturesIn,
    /// Why, 1 to 500 characters.
    reason: String,
    /// When the plan's word holds again; absent or null: never by itself.
    #[serde(default)]
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    expires_at: Option<DateTime<Utc>>,
}

/// What a change has paused and resumed.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = PlanApplied))]
pub(crate) struct AppliedOut {
    /// Pairs that are paused now, because they are too many or use what is not included.
    #[salvo(schema(value_type = Vec<String>))]
    pairs_paused: Vec<PairId>,
    /// Pairs that were paused so, and are not any more.
    #[salvo(schema(value_type = Vec<String>))]
    pairs_resumed: Vec<PairId>,
    /// Accounts that are paused now, because they are too many.
    #[salvo(schema(value_type = Vec<String>))]
    accounts_paused: Vec<AccountId>,
    /// Accounts that were paused so, and are not any more.
    #[salvo(schema(value_type = Vec<String>))]
    accounts_resumed: Vec<AccountId>,
}

impl From<Applied> for AppliedOut {
    fn from(applied: Applied) -> Self {
        Self {
            pairs_paused: applied.pairs_paused,
            pairs_resumed: applied.pairs_resumed,
            accounts_paused: applied.accounts_paused,
            accounts_resumed: applied.accounts_resumed,
        }
    }
}

/// Gives a tenant a plan. Going down pauses the newest surplus, going up resumes it.
#[endpoint(operation_id = "set_user_plan", tags("operator"))]
pub(crate) async fn set_plan(
    _operator: Operator,
    app: AppState,
    id: PathId<UserId>,
    body: JsonBody<PlanIn>,
) -> Result<Json<AppliedOut>, ApiError> {
    let (PlanIn { plan, reason, expires_at }, now) = (body.0, app.clock.now());
    let made = made(&reason, expires_at, now)?;
    let mut transaction = app.transaction().await?;
    let found = store::plans::find(&mut transaction, &plan).await?;
    let found = found.ok_or(ApiError::NotFound(Thing::Plan))?;
    let applied = store::plans::set(&mut transaction, id.0, found.id, made, now).await?;
    tracing::info!(user.id = %id.0, plan = found.code, "The operator has changed a tenant's plan.");
    settled(&app, transaction, applied, now).await
}

/// Makes exceptions for a tenant, instead of those that there may be.
#[endpoint(operation_id = "set_user_limits", tags("operator"))]
pub(crate) async fn set_limits(
    _operator: Operator,
    app: AppState,
    id: PathId<UserId>,
    body: JsonBody<ExceptionsIn>,
) -> Result<Json<AppliedOut>, ApiError> {
    let (ExceptionsIn { limits, features, reason, expires_at }, now) = (body.0, app.clock.now());
    let made = made(&reason, expires_at, now)?;
    let exception = limits.with(features);
    if !exception.limits.has_rates() {
        return Err(ApiError::LimitTooLow);
    }
    let mut transaction = app.transaction().await?;
    let applied = store::plans::set_exception(&mut transaction, id.0, &exception, made, now).await?;
    tracing::info!(user.id = %id.0, "The operator has made exceptions for a tenant.");
    settled(&app, transaction, applied, now).await
}

/// Ends the exceptions that were made for a tenant.
#[endpoint(operation_id = "end_user_limits", tags("operator"))]
pub(crate) async fn end_limits(
    _operator: Operator,
    app: AppState,
    id: PathId<UserId>,
) -> Result<Json<AppliedOut>, ApiError> {
    let now = app.clock.now();
    let mut transaction = app.transaction().await?;
    let applied = store::plans::end_exception(&mut transaction, id.0, now).await?;
    tracing::info!(user.id = %id.0, "The operator has ended the exceptions for a tenant.");
    settled(&app, transaction, applied, now).await
}

fn made(reason: &str, until: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Result<Made<'_>, ApiError> {
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX {
        return Err(ApiError::ReasonLength);
    }
    if until.is_some_and(|until| until <= now) {
        return Err(ApiError::ExpiryPassed);
    }
    Ok(Made { reason, until })
}

async fn settled(
    app: &AppState,
    transaction: store::Transaction<'static, store::Postgres>,
    applied: Option<Applied>,
    now: DateTime<Utc>,
) -> Result<Json<AppliedOut>, ApiError> {
    let applied = applied.ok_or(ApiError::NotFound(Thing::User))?;
    transaction.commit().await.map_err(StoreError::from)?;
    plans::tell(app, &applied, now).await;
    Ok(Json(applied.into()))
}
