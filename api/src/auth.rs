//! Who asks: the extractors that a handler cannot forget, because it needs what they give.

use std::str::FromStr;

use domain::{AccountId, MediaId, PairId, PlanId, UserId};
use salvo::{
    Extractible,
    extract::Metadata,
    http::header::AUTHORIZATION,
    oapi::{
        BasicType, Components, EndpointArgRegister, Object, Operation, Parameter, ParameterIn, SecurityRequirement,
    },
    prelude::*,
};
use secrecy::ExposeSecret as _;
use subtle::ConstantTimeEq as _;

use crate::{
    error::{ApiError, Thing},
    state::AppState,
};

/// The signed-in tenant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Actor {
    /// Who.
    pub(crate) user: UserId,
    /// What they pay for.
    pub(crate) plan: PlanId,
}

fn bearer(req: &Request) -> Option<&str> {
    let header = req.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn secure(operation: &mut Operation, scheme: &str) {
    *operation = std::mem::take(operation).add_security(SecurityRequirement::new(scheme, Vec::<String>::new()));
}

static ACTOR: Metadata = Metadata::new("actor");

impl<'ex> Extractible<'ex> for Actor {
    fn metadata() -> &'static Metadata {
        &ACTOR
    }

    #[expect(refining_impl_trait, reason = "the caller may name the error")]
    async fn extract(req: &'ex mut Request, depot: &'ex mut Depot) -> Result<Self, ApiError> {
        let app = AppState::of(depot)?;
        let id = bearer(req).and_then(|token| app.tokens.read(token)).ok_or(ApiError::Unauthorized)?;
        let user = store::users::find(&mut *app.database().await?, id).await?.ok_or(ApiError::Unauthorized)?;
        Ok(Self { user: user.id, plan: user.plan })
    }
}

impl EndpointArgRegister for Actor {
    fn register(_components: &mut Components, operation: &mut Operation, _arg: &str) {
        secure(operation, "bearer");
    }
}

/// The operator, by the token of the process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operator;

static OPERATOR: Metadata = Metadata::new("operator");

impl<'ex> Extractible<'ex> for Operator {
    fn metadata() -> &'static Metadata {
        &OPERATOR
    }

    #[expect(refining_impl_trait, reason = "the caller may name the error")]
    async fn extract(req: &'ex mut Request, depot: &'ex mut Depot) -> Result<Self, ApiError> {
        let app = AppState::of(depot)?;
        let known = app.operator_token.expose_secret().as_bytes();
        let fits = bearer(req).is_some_and(|token| token.as_bytes().ct_eq(known).into());
        if fits { Ok(Self) } else { Err(ApiError::Unauthorized) }
    }
}

impl EndpointArgRegister for Operator {
    fn register(_components: &mut Components, operation: &mut Operation, _arg: &str) {
        secure(operation, "operator");
    }
}

/// An id that can stand in a path.
pub(crate) trait WireId: FromStr + Send {
    /// What a wrong one did not name.
    const THING: Thing;
}

impl WireId for AccountId {
    const THING: Thing = Thing::Account;
}

impl WireId for MediaId {
    const THING: Thing = Thing::Media;
}

impl WireId for UserId {
    const THING: Thing = Thing::User;
}

impl WireId for PairId {
    const THING: Thing = Thing::Pair;
}

/// The path parameter `id`. One of the wrong form names nothing, so it is a 404.
pub(crate) struct PathId<T>(pub(crate) T);

static PATH_ID: Metadata = Metadata::new("path_id");

impl<'ex, T: WireId> Extractible<'ex> for PathId<T> {
    fn metadata() -> &'static Metadata {
        &PATH_ID
    }

    #[expect(refining_impl_trait, reason = "the caller may name the error")]
    async fn extract(req: &'ex mut Request, _depot: &'ex mut Depot) -> Result<Self, ApiError> {
        let id = req.param::<String>("id").and_then(|text| text.parse().ok());
        id.map(Self).ok_or(ApiError::NotFound(T::THING))
    }
}

impl<T> EndpointArgRegister for PathId<T> {
    fn register(_components: &mut Components, operation: &mut Operation, _arg: &str) {
        let parameter = Parameter::new("id")
            .location(ParameterIn::Path)
            .required(true)
            .schema(Object::with_type(BasicType::String));
        operation.parameters.insert(parameter);
    }
}
