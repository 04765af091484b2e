//! What admins change of a user: suspension, plan, limits, role; and the end.

use chrono::{DateTime, Utc};
use domain::{Role, UserId};
use salvo::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{PgConnection, suspension::Suspension};

use super::{
    ReasonIn,
    act::{Acting, Deed},
    page,
};
use crate::{
    auth::PathId,
    body::JsonBody,
    error::{ApiError, Thing},
    plans,
    routes::{
        Accepted,
        me::LeavingOut,
        operator::{self, AppliedOut, ExceptionsIn, PlanIn},
    },
    state::AppState,
};

/// A role for a user.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = RoleChange))]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleIn {
    /// `user`, `support` or `admin`.
    #[salvo(schema(value_type = String))]
    role: Role,
    /// Why, 1 to 500 characters.
    reason: String,
}

/// Whether a user is suspended, and what that has paused or resumed.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = SuspensionChanged))]
pub(crate) struct SuspensionOut {
    /// Since when; null: they are not.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    suspended_at: Option<DateTime<Utc>>,
    /// Why.
    suspended_reason: Option<String>,
    /// What this request has changed; nothing when it was so before.
    applied: AppliedOut,
}

/// A user's role.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = RoleChanged))]
pub(crate) struct RoleOut {
    /// `user`, `support` or `admin`.
    #[salvo(schema(value_type = String))]
    role: Role,
}

/// Suspends a user: at once they may do nothing, nothing of theirs is hosted or carried. What comes in is not recorded
/// while they are; it is fetched after the suspension is lifted, as far as the platforms keep it.
#[endpoint(operation_id = "admin_suspend_user", tags("admin"))]
pub(crate) async fn suspend(
    acting: Acting,
    app: AppState,
    id: PathId<UserId>,
    body: JsonBody<ReasonIn>,
) -> Result<Json<SuspensionOut>, ApiError> {
    let (user, now, reason) = (id.0, app.clock.now(), page::reason(&body.0.reason)?);
    let mut act = acting.begin(&app).await?;
    keep_an_admin(&mut act, &acting, user).await?;
    let changed = store::suspension::suspend(&mut act, user, reason, now).await?;
    let changed = changed.ok_or(ApiError::NotFound(Thing::User))?;
    let after = store::suspension::find(&mut act, user).await?;
    let deed = Deed {
        before: Some(suspension_json(changed.before.as_ref())),
        after: Some(suspension_json(after.as_ref())),
        reason: Some(reason),
        ..deed("user.suspend", user)
    };
    act.commit(deed).await?;
    app.credentials.forget(Some(user));
    plans::tell(&app, &changed.applied, now).await;
    Ok(Json(suspension_out(after, changed.applied)))
}

/// Lifts a user's suspension: everything is as it was before, and what waited is carried. What they had paused themselves
/// stays paused.
#[endpoint(operation_id = "admin_lift_suspension", tags("admin"))]
pub(crate) async fn lift(
    acting: Acting,
    app: AppState,
    id: PathId<UserId>,
    body: JsonBody<ReasonIn>,
) -> Result<Json<SuspensionOut>, ApiError> {
    let (user, now, reason) = (id.0, app.clock.now(), page::reason(&body.0.reason)?);
    let mut act = acting.begin(&app).await?;
    let changed = store::suspension::lift(&mut act, user, now).await?;
    let changed = changed.ok_or(ApiError::NotFound(Thing::User))?;
    let deed = Deed {
        before: Some(suspension_json(changed.before.as_ref())),
        after: Some(suspension_json(None)),
        reason: Some(reason),
        ..deed("user.lift", user)
    };
    act.commit(deed).await?;
    app.credentials.forget(Some(user));
    plans::tell(&app, &changed.applied, now).await;
    Ok(Json(suspension_out(None, changed.applied)))
}

/// Gives a user a plan. Going down pauses the newest surplus, going up resumes it.
#[endpoint(operation_id = "admin_set_plan", tags("admin"))]
pub(crate) async fn set_plan(
    acting: Acting,
    app: AppState,
    id: PathId<UserId>,
    body: JsonBody<PlanIn>,
) -> Result<Json<AppliedOut>, ApiError> {
    operator::change_plan(&acting, &app, id.0, body.0).await
}

/// Makes exceptions from a user's plan, instead of those that there may be.
#[endpoint(operation_id = "admin_set_limits", tags("admin"))]
pub(crate) async fn set_limits(
    acting: Acting,
    app: AppState,
    id: PathId<UserId>,
    body: JsonBody<ExceptionsIn>,
) -> Result<Json<AppliedOut>, ApiError> {
    operator::make_exception(&acting, &app, id.0, body.0).await
}

/// Ends the exceptions that were made for a user.
#[endpoint(operation_id = "admin_end_limits", tags("admin"))]
pub(crate) async fn end_limits(
    acting: Acting,
    app: AppState,
    id: PathId<UserId>,
) -> Result<Json<AppliedOut>, ApiError> {
    operator::end_exception(&acting, &app, id.0).await
}

/// Gives a user a role. `409 last_admin` when there would be no admin any more.
#[endpoint(operation_id = "admin_set_role", tags("admin"))]
pub(crate) async fn set_role(
    acting: Acting,
    app: AppState,
    id: PathId<UserId>,
    body: JsonBody<RoleIn>,
) -> Result<Json<RoleOut>, ApiError> {
    let (user, role, reason) = (id.0, body.0.role, page::reason(&body.0.reason)?);
    let mut act = acting.begin(&app).await?;
    let admins = store::users::lock_admins(&mut act).await?;
    if role != Role::Admin && admins.iter().all(|admin| *admin == user) {
        return Err(ApiError::LastAdmin);
    }
    let former = store::users::set_role(&mut act, user, role).await?.ok_or(ApiError::NotFound(Thing::User))?;
    if !role.is_staff() {
        let now = app.clock.now();
        store::sessions::revoke_staff(&mut act, user, "role_taken", now).await?;
    }
    let deed = Deed {
        before: Some(json!({ "role": former })),
        after: Some(json!({ "role": role })),
        reason: Some(reason),
        ..deed("user.role", user)
    };
    act.commit(deed).await?;
    app.credentials.forget(Some(user));
    Ok(Json(RoleOut { role }))
}

/// Deletes a user with everything of theirs: pairs, accounts, which are logged out, messages, files, settings. Every session
/// and API key ends at once; the rest takes a few minutes, and cannot be stopped.
#[endpoint(operation_id = "admin_delete_user", tags("admin"))]
pub(crate) async fn delete(
    acting: Acting,
    app: AppState,
    id: PathId<UserId>,
    body: JsonBody<ReasonIn>,
) -> Result<Accepted<LeavingOut>, ApiError> {
    let (user, now, reason) = (id.0, app.clock.now(), page::reason(&body.0.reason)?);
    let mut act = acting.begin(&app).await?;
    keep_an_admin(&mut act, &acting, user).await?;
    if !store::erasure::begin(&mut act, user, acting.actor(), Some(reason), now).await? {
        return Err(ApiError::NotFound(Thing::User));
    }
    act.commit(Deed { reason: Some(reason), ..deed("user.delete", user) }).await?;
    app.credentials.forget(Some(user));
    if app.temporal.start_delete_user(user, acting.actor(), Some(reason)).await.is_err() {
        // The row says so, and the sweep starts what the row asks for.
        tracing::warn!(user.id = %user, "The deletion of a user waits for the sweep.");
    }
    Ok(Accepted(LeavingOut::new("everything of theirs is being deleted")))
}

/// Nobody takes themselves away, nor the last admin.
async fn keep_an_admin(connection: &mut PgConnection, acting: &Acting, user: UserId) -> Result<(), ApiError> {
    if acting.actor() == Some(user) {
        return Err(ApiError::Yourself);
    }
    let admins = store::users::lock_admins(connection).await?;
    if !admins.is_empty() && admins.iter().all(|admin| *admin == user) {
        return Err(ApiError::LastAdmin);
    }
    Ok(())
}

fn deed(action: &str, user: UserId) -> Deed<'_> {
    Deed { action, subject: user.to_string(), user: Some(user), ..Deed::default() }
}

fn suspension_json(suspension: Option<&Suspension>) -> Value {
    json!({
        "suspended_at": suspension.map(|it| it.since),
        "suspended_reason": suspension.and_then(|it| it.reason.as_deref()),
    })
}

fn suspension_out(suspension: Option<Suspension>, applied: store::plans::Applied) -> SuspensionOut {
    let (suspended_at, suspended_reason) = suspension.map(|it| (it.since, it.reason)).unzip();
    SuspensionOut { suspended_at, suspended_reason: suspended_reason.flatten(), applied: applied.into() }
}
