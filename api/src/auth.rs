//! Who asks: what the door has found out, as extractors that a handler cannot forget, because it needs what they give.

use std::str::FromStr;

use domain::{
    AccountId, AnnouncementId, ApiKeyId, BulkActId, CouponId, InvoiceId, MediaId, PairId, PaymentEventId, PaymentId,
    PlanId, RefundId, Role, SessionId, UserId,
};
use salvo::{
    Extractible,
    extract::Metadata,
    http::header::AUTHORIZATION,
    oapi::{Components, EndpointArgRegister, Operation, Parameter, ParameterIn},
    prelude::*,
};

use crate::error::{ApiError, Thing};

/// The tenant who asks, signed in or by an API key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Actor {
    /// Who.
    pub(crate) user: UserId,
    /// What they pay for.
    pub(crate) plan: PlanId,
}

/// A tenant who is signed in, and with which session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Person {
    /// Who.
    pub(crate) user: UserId,
    /// With which session.
    pub(crate) session: SessionId,
}

/// Somebody signed in as staff.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Staff {
    /// Who.
    pub(crate) user: UserId,
    /// As what.
    pub(crate) role: Role,
    /// With which session.
    pub(crate) session: SessionId,
}

/// The operator, by the token of the process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operator;

/// How somebody has proven who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// An access token of a session.
    Session(SessionId),
    /// An API key.
    Key(ApiKeyId),
}

/// What the door has found out about who asks, for the extractors below.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Identity {
    /// A tenant.
    Tenant {
        /// Who, and what they pay for.
        actor: Actor,
        /// How they have proven it.
        proof: Proof,
    },
    /// Staff.
    Staff(Staff),
    /// The operator.
    Operator,
}

/// The token of the header `authorization: Bearer …`.
pub(crate) fn bearer(req: &Request) -> Option<&str> {
    let header = req.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Gives a handler what the door has found. A route whose door asks for somebody else is a mistake of ours.
macro_rules! from_the_door {
    ($extractor:ident, $name:literal, $found:pat => $value:expr) => {
        impl<'ex> Extractible<'ex> for $extractor {
            fn metadata() -> &'static Metadata {
                static METADATA: Metadata = Metadata::new($name);
                &METADATA
            }

            #[expect(refining_impl_trait, reason = "the caller may name the error")]
            async fn extract(_req: &'ex mut Request, depot: &'ex mut Depot) -> Result<Self, ApiError> {
                match depot.get_typed::<Identity>() {
                    Ok($found) => Ok($value),
                    _ => Err(ApiError::internal(concat!("the door has let nobody in who is a ", $name))),
                }
            }
        }

        impl EndpointArgRegister for $extractor {
            fn register(_components: &mut Components, _operation: &mut Operation, _arg: &str) {}
        }
    };
}

from_the_door!(Actor, "tenant", Identity::Tenant { actor, .. } => *actor);
from_the_door!(
    Person,
    "person",
    Identity::Tenant { actor, proof: Proof::Session(session) } => Person { user: actor.user, session: *session }
);
from_the_door!(Staff, "staff", Identity::Staff(staff) => *staff);
from_the_door!(Operator, "operator", Identity::Operator => Operator);

/// An id that can stand in a path.
pub(crate) trait WireId: FromStr + Send {
    /// What a wrong one did not name.
    const THING: Thing;
    /// What it begins with.
    const PREFIX: &'static str;
}

macro_rules! wire_id {
    ($($id:ty => $thing:ident),* $(,)?) => {
        $(impl WireId for $id {
            const THING: Thing = Thing::$thing;
            const PREFIX: &'static str = <$id>::PREFIX;
        })*
    };
}

wire_id! {
    AccountId => Account,
    AnnouncementId => Announcement,
    ApiKeyId => ApiKey,
    BulkActId => BulkAct,
    CouponId => Coupon,
    InvoiceId => Invoice,
    MediaId => Media,
    PairId => Pair,
    PaymentEventId => PaymentEvent,
    PaymentId => Payment,
    RefundId => Refund,
    SessionId => Session,
    UserId => User,
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

impl<T: WireId> EndpointArgRegister for PathId<T> {
    fn register(_components: &mut Components, operation: &mut Operation, _arg: &str) {
        let parameter =
            Parameter::new("id").location(ParameterIn::Path).required(true).schema(crate::wire::id(T::PREFIX));
        operation.parameters.insert(parameter);
    }
}
