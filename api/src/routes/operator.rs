//! What the operator settles for one tenant: their plan, and exceptions from it. Both take effect at once, on what is
//! queued too.

use chrono::{DateTime, Utc};
use domain::{AccountId, PairId, UserId, plan::Tenancy};
use salvo::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{
    PgConnection,
    plans::{Applied, Made},
};

use super::{
    admin::{
        act::{Acting, Deed},
        page,
    },
    plans::{FeaturesIn, LimitsIn, PlanLimits},
};
use crate::{
    auth::PathId,
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
    acting: Acting,
    app: AppState,
    id: PathId<UserId>,
    body: JsonBody<PlanIn>,
) -> Result<Json<AppliedOut>, ApiError> {
    change_plan(&acting, &app, id.0, body.0).await
}

/// Makes exceptions for a tenant, instead of those that there may be.
#[endpoint(operation_id = "set_user_limits", tags("operator"))]
pub(crate) async fn set_limits(
    acting: Acting,
    app: AppState,
    id: PathId<UserId>,
    body: JsonBody<ExceptionsIn>,
) -> Result<Json<AppliedOut>, ApiError> {
    make_exception(&acting, &app, id.0, body.0).await
}

/// Ends the exceptions that were made for a tenant.
#[endpoint(operation_id = "end_user_limits", tags("operator"))]
pub(crate) async fn end_limits(
    acting: Acting,
    app: AppState,
    id: PathId<UserId>,
) -> Result<Json<AppliedOut>, ApiError> {
    end_exception(&acting, &app, id.0).await
}

/// Gives a tenant a plan.
pub(super) async fn change_plan(
    acting: &Acting,
    app: &AppState,
    user: UserId,
    body: PlanIn,
) -> Result<Json<AppliedOut>, ApiError> {
    let (PlanIn { plan, reason, expires_at }, now) = (body, app.clock.now());
    let made = made(&reason, expires_at, now)?;
    let mut act = acting.begin(app).await?;
    let found = store::plans::find(&mut act, &plan).await?.ok_or(ApiError::NotFound(Thing::Plan))?;
    let before = tenancy(&mut act, user).await?;
    let applied = store::plans::set(&mut act, user, found.id, made, now).await?;
    let applied = applied.ok_or(ApiError::NotFound(Thing::User))?;
    let after = tenancy(&mut act, user).await?;
    let deed = Deed { before: Some(plan_json(&before)), after: Some(plan_json(&after)), ..deed("user.plan", user) };
    act.commit(Deed { reason: Some(made.reason), ..deed }).await?;
    plans::tell(app, &applied, now).await;
    Ok(Json(applied.into()))
}

/// Makes exceptions for a tenant.
pub(super) async fn make_exception(
    acting: &Acting,
    app: &AppState,
    user: UserId,
    body: ExceptionsIn,
) -> Result<Json<AppliedOut>, ApiError> {
    let (ExceptionsIn { limits, features, reason, expires_at }, now) = (body, app.clock.now());
    let made = made(&reason, expires_at, now)?;
    let exception = limits.with(features);
    if !exception.limits.has_rates() {
        return Err(ApiError::LimitTooLow);
    }
    let mut act = acting.begin(app).await?;
    let before = tenancy(&mut act, user).await?;
    let applied = store::plans::set_exception(&mut act, user, &exception, made, now).await?;
    let applied = applied.ok_or(ApiError::NotFound(Thing::User))?;
    let after = tenancy(&mut act, user).await?;
    let (before, after) = (exception_json(&before), exception_json(&after));
    let deed = Deed { before: Some(before), after: Some(after), ..deed("user.limits", user) };
    act.commit(Deed { reason: Some(made.reason), ..deed }).await?;
    plans::tell(app, &applied, now).await;
    Ok(Json(applied.into()))
}

/// Ends the exceptions that were made for a tenant.
pub(super) async fn end_exception(acting: &Acting, app: &AppState, user: UserId) -> Result<Json<AppliedOut>, ApiError> {
    let now = app.clock.now();
    let mut act = acting.begin(app).await?;
    let before = tenancy(&mut act, user).await?;
    let applied = store::plans::end_exception(&mut act, user, now).await?;
    let applied = applied.ok_or(ApiError::NotFound(Thing::User))?;
    act.commit(Deed { before: Some(exception_json(&before)), ..deed("user.limits_end", user) }).await?;
    plans::tell(app, &applied, now).await;
    Ok(Json(applied.into()))
}

fn deed(action: &str, user: UserId) -> Deed<'_> {
    Deed { action, subject: user.to_string(), user: Some(user), ..Deed::default() }
}

async fn tenancy(connection: &mut PgConnection, user: UserId) -> Result<Tenancy, ApiError> {
    store::plans::tenancy(connection, user).await?.ok_or(ApiError::NotFound(Thing::User))
}

fn plan_json(tenancy: &Tenancy) -> Value {
    json!({
        "plan": tenancy.plan.code, "expires_at": tenancy.plan_expires_at, "reason": tenancy.plan_reason,
    })
}

/// What was settled beside the plan, as far as something was.
fn exception_json(tenancy: &Tenancy) -> Value {
    let exception = &tenancy.exception;
    json!({
        "limits": PlanLimits::from(exception.limits),
        "features": {
            "copy_mode": exception.copy_mode, "chain_forwarding": exception.chain_forwarding,
            "discord_forwarding": exception.discord_forwarding, "webhook_identity": exception.webhook_identity,
            "filters": exception.filters, "reports": exception.reports,
        },
        "expires_at": tenancy.exception_expires_at,
    })
}

fn made(reason: &str, until: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Result<Made<'_>, ApiError> {
    let reason = page::reason(reason)?;
    if until.is_some_and(|until| until <= now) {
        return Err(ApiError::ExpiryPassed);
    }
    Ok(Made { reason, until })
}
