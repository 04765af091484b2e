//! The door of every route: who asks, and may they?

use std::net::IpAddr;

use domain::{Access, Role, Scope};
use salvo::prelude::*;
use secrecy::ExposeSecret as _;
use store::sessions::{Holder, SessionKind};
use subtle::ConstantTimeEq as _;

use crate::{
    auth::{Actor, Identity, Proof, Staff, bearer},
    credentials::{Credential, is_key},
    error::ApiError,
    state::AppState,
};

/// The hoop of one route.
pub(crate) struct Door(pub(crate) Access);

#[async_trait]
impl Handler for Door {
    async fn handle(&self, req: &mut Request, depot: &mut Depot, res: &mut Response, ctrl: &mut FlowCtrl) {
        if let Err(error) = self.admit(req, depot).await {
            error.write(req, depot, res).await;
            ctrl.skip_rest();
        }
    }
}

impl Door {
    async fn admit(&self, req: &Request, depot: &mut Depot) -> Result<(), ApiError> {
        let app = AppState::of(depot)?;
        let identity = match self.0 {
            Access::Open | Access::Probe | Access::Link => None,
            Access::Tenant(scope) => {
                let tenant = tenant(&app, req, Some(scope)).await?;
                // Some who only read send what they ask about.
                if scope != Scope::Read && !req.method().is_safe() {
                    no_maintenance(&app).await?;
                }
                Some(tenant)
            }
            Access::Person => {
                let person = tenant(&app, req, None).await?;
                // Signing out is safe, and somebody may need it.
                if !req.method().is_safe() && !is_sign_out(req) {
                    no_maintenance(&app).await?;
                }
                Some(person)
            }
            Access::Staff(role) => Some(staff(&app, req, role).await?),
            Access::Operator => Some(operator(&app, req)?),
        };
        if let Some(identity) = identity {
            depot.insert_typed(identity);
        }
        Ok(())
    }
}

/// Retry after so many seconds where nobody has said how long a maintenance takes.
const MAINTENANCE_RETRY_SECONDS: i64 = 300;

/// Refuses what a tenant would change while there is maintenance.
pub(crate) async fn no_maintenance(app: &AppState) -> Result<(), ApiError> {
    let (settings, now) = (app.settings().await?, app.clock.now());
    let maintenance = &settings.maintenance;
    if !maintenance.is_on(now) {
        return Ok(());
    }
    let left = maintenance.until.map_or(MAINTENANCE_RETRY_SECONDS, |until| (until - now).num_seconds());
    let message = match maintenance.message.as_str() {
        "" => "there is maintenance; nothing was lost, try again later",
        message => message,
    };
    let retry_after_seconds = u64::try_from(left.max(1)).unwrap_or(1);
    Err(ApiError::Maintenance { message: message.to_owned(), retry_after_seconds })
}

fn is_sign_out(req: &Request) -> bool {
    matches!(req.uri().path().trim_end_matches('/'), "/api/auth/logout" | "/api/auth/sessions")
        || req.uri().path().starts_with("/api/auth/sessions/")
}

/// A tenant, by an access token or an API key. `scope` is what a key needs; without one, a key is not enough.
async fn tenant(app: &AppState, req: &Request, scope: Option<Scope>) -> Result<Identity, ApiError> {
    let token = bearer(req).ok_or(ApiError::Unauthorized)?;
    let (proof, found) = if is_key(token) {
        let found = app.credentials.key(&app.pool, &*app.clock, token).await?;
        let (id, found) = found.ok_or(ApiError::Unauthorized)?;
        (Proof::Key(id), found)
    } else {
        // A token of staff opens the administration and nothing else.
        let claim = match app.tokens.read(SessionKind::Tenant, token) {
            Some(claim) => claim,
            None if app.tokens.read(SessionKind::Staff, token).is_some() => return Err(ApiError::Forbidden),
            None => return Err(ApiError::Unauthorized),
        };
        let found = app.credentials.session(&app.pool, &*app.clock, SessionKind::Tenant, claim).await?;
        (Proof::Session(claim.session), found.ok_or(ApiError::Unauthorized)?)
    };
    permit(&found, scope)?;
    let Holder { user, plan, .. } = found.holder;
    Ok(Identity::Tenant { actor: Actor { user, plan }, proof })
}

fn permit(found: &Credential, scope: Option<Scope>) -> Result<(), ApiError> {
    if found.holder.suspended {
        return Err(ApiError::Suspended);
    }
    match (&found.scopes, scope) {
        (None, _) => Ok(()),
        (Some(_), None) => Err(ApiError::SessionRequired),
        (Some(scopes), Some(scope)) if scopes.contains(&scope) => Ok(()),
        (Some(_), Some(scope)) => Err(ApiError::ScopeMissing(scope)),
    }
}

/// Staff, by an access token of the administration's own log-in, from an allowed address.
async fn staff(app: &AppState, req: &Request, needed: Role) -> Result<Identity, ApiError> {
    let token = bearer(req).ok_or(ApiError::Unauthorized)?;
    let Some(claim) = app.tokens.read(SessionKind::Staff, token) else {
        // Known, but not as staff.
        return match tenant(app, req, None).await {
            Ok(_) | Err(ApiError::SessionRequired | ApiError::Suspended) => Err(ApiError::Forbidden),
            Err(error) => Err(error),
        };
    };
    admit_address(app, app.address(req))?;
    let found = app.credentials.session(&app.pool, &*app.clock, SessionKind::Staff, claim).await?;
    let holder = found.ok_or(ApiError::Unauthorized)?.holder;
    if holder.suspended {
        return Err(ApiError::Suspended);
    }
    if !holder.role.is_staff() || holder.role < needed {
        return Err(ApiError::RoleMissing(needed));
    }
    Ok(Identity::Staff(Staff { user: holder.user, role: holder.role, session: claim.session }))
}

/// The administration answers on these addresses only.
pub(crate) fn admit_address(app: &AppState, address: IpAddr) -> Result<(), ApiError> {
    let allowed = app.admin_allow.iter().any(|network| network.contains(&address));
    if allowed { Ok(()) } else { Err(ApiError::AddressNotAllowed) }
}

fn operator(app: &AppState, req: &Request) -> Result<Identity, ApiError> {
    let known = app.operator_token.expose_secret().as_bytes();
    let fits = bearer(req).is_some_and(|token| token.as_bytes().ct_eq(known).into());
    if fits { Ok(Identity::Operator) } else { Err(ApiError::Unauthorized) }
}
