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
    limits::Caller,
    state::AppState,
};

/// The hoop of one route.
pub(crate) struct Door(pub(crate) Access);

#[async_trait]
impl Handler for Door {
    async fn handle(&self, req: &mut Request, depot: &mut Depot, res: &mut Response, ctrl: &mut FlowCtrl) {
        if let Err(error) = self.admit(req, depot, res).await {
            error.write(req, depot, res).await;
            ctrl.skip_rest();
        }
    }
}

impl Door {
    async fn admit(&self, req: &Request, depot: &mut Depot, res: &mut Response) -> Result<(), ApiError> {
        let app = AppState::of(depot)?;
        let found = match self.0 {
            Access::Probe | Access::Hook => return Ok(()),
            Access::Open | Access::Link => Ok(None),
            Access::Tenant(scope) => tenant(&app, req, Some(scope)).await.map(Some),
            Access::Person => tenant(&app, req, None).await.map(Some),
            Access::Staff(role) => staff(&app, req, role).await.map(Some),
            Access::Operator => operator(&app, req).map(Some),
        };
        // Whoever is turned away is counted like a stranger: guessing tokens is not free.
        let (caller, per_minute) = match &found {
            Ok(Some(found)) => (found.caller, found.requests_per_minute),
            Ok(None) | Err(_) => (Caller::Address(app.address(req)), app.limits.anonymous_per_minute()),
        };
        app.limits.take(caller, per_minute).await?.write(res);
        let found = found?;
        if self.waits_for_maintenance(req) {
            no_maintenance(&app).await?;
        }
        if let Some(found) = found {
            depot.insert_typed(found.identity);
        }
        if holds_nul(req) { Err(ApiError::NulInAddress) } else { Ok(()) }
    }

    /// True for what a tenant would change. Some who only read send what they ask about; signing out is safe, and somebody
    /// may need it.
    fn waits_for_maintenance(&self, req: &Request) -> bool {
        match self.0 {
            Access::Tenant(scope) => scope != Scope::Read && !req.method().is_safe(),
            Access::Person => !req.method().is_safe() && !is_sign_out(req),
            Access::Open | Access::Probe | Access::Hook | Access::Link | Access::Staff(_) | Access::Operator => false,
        }
    }
}

/// The path or the query holds U+0000, which PostgreSQL cannot look for and nobody means; bodies are read with the same
/// care.
fn holds_nul(req: &Request) -> bool {
    req.uri().path_and_query().is_some_and(|address| address.as_str().contains("%00"))
}

/// Who has come in, and how their requests are counted.
struct Admitted {
    identity: Identity,
    caller: Caller,
    /// 0 is no limit.
    requests_per_minute: u32,
}

impl Admitted {
    fn new(identity: Identity, caller: Caller, holder: &Holder) -> Self {
        let requests_per_minute =
            holder.requests_per_minute.map_or(0, |limit| u32::try_from(limit).unwrap_or(1).max(1));
        Self { identity, caller, requests_per_minute }
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
async fn tenant(app: &AppState, req: &Request, scope: Option<Scope>) -> Result<Admitted, ApiError> {
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
    let caller = match proof {
        Proof::Session(_) => Caller::User(user),
        Proof::Key(key) => Caller::Key(key.as_uuid()),
    };
    Ok(Admitted::new(Identity::Tenant { actor: Actor { user, plan }, proof }, caller, &found.holder))
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
async fn staff(app: &AppState, req: &Request, needed: Role) -> Result<Admitted, ApiError> {
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
    let identity = Identity::Staff(Staff { user: holder.user, role: holder.role, session: claim.session });
    Ok(Admitted::new(identity, Caller::User(holder.user), &holder))
}

/// The administration answers on these addresses only.
pub(crate) fn admit_address(app: &AppState, address: IpAddr) -> Result<(), ApiError> {
    let allowed = app.admin_allow.iter().any(|network| network.contains(&address));
    if allowed { Ok(()) } else { Err(ApiError::AddressNotAllowed) }
}

/// The operator is not counted: the token is guessed at by address.
fn operator(app: &AppState, req: &Request) -> Result<Admitted, ApiError> {
    let known = app.operator_token.expose_secret().as_bytes();
    let fits = bearer(req).is_some_and(|token| token.as_bytes().ct_eq(known).into());
    let caller = Caller::Address(app.address(req));
    if fits {
        Ok(Admitted { identity: Identity::Operator, caller, requests_per_minute: 0 })
    } else {
        Err(ApiError::Unauthorized)
    }
}
