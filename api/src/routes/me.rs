//! Leaving for good.

use salvo::prelude::*;
use serde::{Deserialize, Serialize};
use store::StoreError;

use super::auth::confirm_password;
use crate::{
    auth::Person,
    body::JsonBody,
    error::ApiError,
    proofs::{self, Origin},
    routes::Accepted,
    second_factor::{self, Answer},
    sign_in::Attempt,
    state::AppState,
};

/// Whoever leaves proves who they are.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = Leave))]
#[serde(deny_unknown_fields)]
pub(crate) struct LeaveIn {
    /// The password.
    password: String,
    /// Six digits of the authenticator app, or a recovery code; where the second factor is on.
    #[serde(default)]
    code: Option<String>,
}

/// It is on its way.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Leaving))]
pub(crate) struct LeavingOut {
    /// For people.
    detail: &'static str,
}

impl LeavingOut {
    /// `detail` says whose.
    pub(super) const fn new(detail: &'static str) -> Self {
        Self { detail }
    }
}

/// Deletes the user with everything of theirs: pairs, accounts, which are logged out, messages, files, settings. Every
/// session and API key ends at once; the rest takes a few minutes, and cannot be stopped. A message says when it is done.
#[endpoint(operation_id = "delete_me", tags("auth"))]
pub(crate) async fn delete(
    person: Person,
    app: AppState,
    body: JsonBody<LeaveIn>,
    req: &mut Request,
    depot: &mut Depot,
) -> Result<Accepted<LeavingOut>, ApiError> {
    let LeaveIn { password, code } = body.0;
    let attempt = Attempt::new(&person.user.to_string(), app.address(req));
    confirm_password(&app, &attempt, person.user, password).await?;
    match second_factor::check(&app, person.user, code.as_deref()).await? {
        Answer::Off | Answer::Right => (),
        Answer::Missing => return Err(ApiError::SecondFactorRequired),
        Answer::Wrong => return Err(attempt.fail(&app, ApiError::CodeWrong).await),
    }
    let (mut transaction, now) = (app.transaction().await?, app.clock.now());
    store::erasure::begin(&mut transaction, person.user, Some(person.user), None, now).await?;
    let origin = Origin::of(&app, req, depot);
    proofs::record(&app, &mut transaction, person.user, "user.delete", &origin).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    app.credentials.forget(Some(person.user));
    if app.temporal.start_delete_user(person.user, Some(person.user), None).await.is_err() {
        // The row says so, and the sweep starts what the row asks for.
        tracing::warn!(user.id = %person.user, "The deletion of a user waits for the sweep.");
    }
    Ok(Accepted(LeavingOut::new("everything of yours is being deleted")))
}
