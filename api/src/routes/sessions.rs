//! The tenant's sign-ins: seen and ended.

use chrono::{DateTime, Utc};
use domain::SessionId;
use salvo::prelude::*;
use serde::Serialize;
use store::sessions::{Session, SessionKind};

use crate::{
    auth::{PathId, Person},
    error::{ApiError, Thing},
    routes::Gone,
    state::AppState,
};

/// A sign-in that is good.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = SignIn))]
pub(crate) struct SignInOut {
    /// `ses_…`.
    #[salvo(schema(value_type = String))]
    id: SessionId,
    /// It is the one that asks.
    current: bool,
    /// It opens the administration.
    staff: bool,
    /// The network address that it was begun from.
    address: String,
    /// The program that it was begun with, as it called itself.
    user_agent: Option<String>,
    /// When it was begun.
    #[salvo(schema(value_type = String, format = DateTime))]
    created_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    #[salvo(schema(value_type = String, format = DateTime))]
    last_used_at: DateTime<Utc>,
    /// When it ends unless it is renewed.
    #[salvo(schema(value_type = String, format = DateTime))]
    expires_at: DateTime<Utc>,
}

impl SignInOut {
    /// As it is shown to whoever asks with the session `current`.
    pub(crate) fn new(session: Session, current: Option<SessionId>) -> Self {
        Self {
            id: session.id,
            current: Some(session.id) == current,
            staff: session.kind == SessionKind::Staff,
            address: session.address,
            user_agent: session.user_agent,
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            expires_at: session.expires_at,
        }
    }
}

/// The tenant's sign-ins.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = SignIns))]
pub(crate) struct SignInsOut {
    /// Newest first.
    sessions: Vec<SignInOut>,
}

/// Lists the tenant's sign-ins that are good.
#[endpoint(operation_id = "list_sessions", tags("auth"))]
pub(crate) async fn list(person: Person, app: AppState) -> Result<Json<SignInsOut>, ApiError> {
    let sessions = store::sessions::list(&mut *app.database().await?, person.user, app.clock.now()).await?;
    let sessions = sessions.into_iter().map(|session| SignInOut::new(session, Some(person.session)));
    Ok(Json(SignInsOut { sessions: sessions.collect() }))
}

/// Ends the session that asks.
#[endpoint(operation_id = "log_out_session", tags("auth"))]
pub(crate) async fn log_out(person: Person, app: AppState) -> Result<Gone, ApiError> {
    end(&app, person, person.session).await?;
    Ok(Gone)
}

/// Ends one session.
#[endpoint(operation_id = "revoke_session", tags("auth"))]
pub(crate) async fn revoke(person: Person, app: AppState, id: PathId<SessionId>) -> Result<Gone, ApiError> {
    if end(&app, person, id.0).await? { Ok(Gone) } else { Err(ApiError::NotFound(Thing::Session)) }
}

/// Ends every session, also the one that asks.
#[endpoint(operation_id = "revoke_all_sessions", tags("auth"))]
pub(crate) async fn revoke_all(person: Person, app: AppState) -> Result<Gone, ApiError> {
    let now = app.clock.now();
    store::sessions::revoke_all(&mut *app.database().await?, person.user, None, "logged_out", now).await?;
    app.credentials.forget(Some(person.user));
    Ok(Gone)
}

async fn end(app: &AppState, person: Person, session: SessionId) -> Result<bool, ApiError> {
    let (mut database, now) = (app.database().await?, app.clock.now());
    let ended = store::sessions::revoke(&mut database, person.user, session, "logged_out", now).await?;
    app.credentials.forget(Some(person.user));
    Ok(ended)
}
