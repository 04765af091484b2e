//! What payment providers have told: listed, read, attached to a payment, dismissed.

use chrono::{DateTime, Utc};
use domain::{PaymentEventId, PaymentId, payment::EventState};
use salvo::{
    oapi::{Components, RefOr, Schema},
    prelude::*,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{
    payment_events::{self, Asked, Event},
    payments as stored,
};

use crate::{
    auth::{PathId, Staff},
    body::JsonBody,
    error::{ApiError, Thing},
    payments as money,
    routes::admin::{
        ReasonIn,
        act::{Acting, Deed},
        page,
    },
    state::AppState,
    wire::one_of,
};

/// What became of an event.
pub(crate) struct EventStateDoc;

impl ToSchema for EventStateDoc {
    fn to_schema(_components: &mut Components) -> RefOr<Schema> {
        one_of(EventState::ALL)
    }
}

/// An event of a payment provider.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = PaymentEvent))]
pub(crate) struct EventOut {
    /// `pev_…`.
    #[salvo(schema(value_type = crate::wire::PaymentEventIdDoc))]
    id: PaymentEventId,
    /// The provider's code.
    provider: String,
    /// The provider's name for what has happened.
    kind: String,
    /// What became of it.
    #[salvo(schema(value_type = EventStateDoc))]
    state: EventState,
    /// Ids of the provider that it has.
    externals: Vec<String>,
    /// The payment that it names.
    #[salvo(schema(value_type = Option<crate::wire::PaymentIdDoc>))]
    names: Option<PaymentId>,
    /// The payment that it was passed on to.
    #[salvo(schema(value_type = Option<crate::wire::PaymentIdDoc>))]
    payment: Option<PaymentId>,
    /// When it happened, as the provider says.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    happened_at: Option<DateTime<Utc>>,
    /// When it was received first.
    #[salvo(schema(value_type = String, format = DateTime))]
    received_at: DateTime<Utc>,
    /// When it was passed on or decided about.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    decided_at: Option<DateTime<Utc>>,
}

impl From<Event> for EventOut {
    fn from(event: Event) -> Self {
        Self {
            id: event.id,
            provider: event.provider,
            kind: event.kind,
            state: event.state,
            externals: event.externals,
            names: event.names_payment,
            payment: event.payment,
            happened_at: event.happened_at,
            received_at: event.received_at,
            decided_at: event.decided_at,
        }
    }
}

/// A page of events.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = PaymentEvents))]
pub(crate) struct EventsOut {
    /// Newest first.
    events: Vec<EventOut>,
    /// What to pass as `before` for the next page; null on the last one.
    #[salvo(schema(value_type = Option<crate::wire::PaymentEventIdDoc>))]
    next: Option<PaymentEventId>,
}

/// One event with its body.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = PaymentEventDetail))]
pub(crate) struct EventDetailOut {
    /// The event.
    event: EventOut,
    /// What the provider sent, as text; null: it is old, or of somebody who has left.
    body: Option<String>,
}

/// Lists what payment providers have told, newest first. Those that are `unmatched` wait for staff.
#[endpoint(
    operation_id = "admin_list_payment_events",
    tags("admin"),
    parameters(
        ("provider" = Option<String>, Query, description = "Only those of this provider's code."),
        ("state" = Option<EventStateDoc>, Query, description = "Only those of which this became."),
        ("payment" = Option<crate::wire::PaymentIdDoc>, Query, description = "Only those that were passed on to this payment."),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 200, description = "Events on a page: 1 to 200, 50 unless given."),
        ("before" = Option<crate::wire::PaymentEventIdDoc>, Query, description = "The `next` of the page before.")
    )
)]
pub(crate) async fn list(_staff: Staff, app: AppState, req: &mut Request) -> Result<Json<EventsOut>, ApiError> {
    let limit = page::limit(req)?;
    let asked = Asked {
        provider: page::text(req, "provider")?,
        state: page::named(req, "state", "this is no state of an event")?,
        payment: page::parsed(req, "payment", "`payment` is a payment's id")?,
        before: page::parsed(req, "before", "`before` is the `next` of the page before")?,
    };
    let found = payment_events::list(&mut *app.database().await?, &asked, limit + 1).await?;
    let (found, next) = page::cut(found, limit, |event| event.id);
    Ok(Json(EventsOut { events: found.into_iter().map(EventOut::from).collect(), next }))
}

/// Reads an event with what the provider sent.
#[endpoint(operation_id = "admin_read_payment_event", tags("admin"))]
pub(crate) async fn read(
    _staff: Staff,
    app: AppState,
    id: PathId<PaymentEventId>,
) -> Result<Json<EventDetailOut>, ApiError> {
    let mut database = app.database().await?;
    let event = payment_events::find(&mut database, id.0).await?.ok_or(ApiError::NotFound(Thing::PaymentEvent))?;
    let body = payment_events::body(&mut database, &app.sealer, id.0).await?;
    let body = body.map(|body| String::from_utf8_lossy(&body).into_owned());
    Ok(Json(EventDetailOut { event: event.into(), body }))
}

/// To which payment an event belongs.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = PaymentEventAttach))]
#[serde(deny_unknown_fields)]
pub(crate) struct AttachIn {
    /// The payment.
    #[salvo(schema(value_type = crate::wire::PaymentIdDoc))]
    payment: PaymentId,
    /// Why, 1 to 500 characters; it goes into the audit log.
    reason: String,
}

/// Passes an event on to the payment that it belongs to, of which the provider is asked then. It can be called again.
#[endpoint(operation_id = "admin_attach_payment_event", tags("admin"))]
pub(crate) async fn attach(
    acting: Acting,
    app: AppState,
    id: PathId<PaymentEventId>,
    body: JsonBody<AttachIn>,
) -> Result<Json<EventOut>, ApiError> {
    let (id, now, reason) = (id.0, app.clock.now(), page::reason(&body.0.reason)?);
    let mut act = acting.begin(&app).await?;
    let before = payment_events::find(&mut act, id).await?.ok_or(ApiError::NotFound(Thing::PaymentEvent))?;
    let payment = stored::lock(&mut act, body.0.payment).await?.ok_or(ApiError::NotFound(Thing::Payment))?;
    payment_events::attach(&mut act, id, payment.id, now).await?;
    let after = payment_events::find(&mut act, id).await?.ok_or(ApiError::NotFound(Thing::PaymentEvent))?;
    act.commit(Deed {
        action: "payment_event.attach",
        subject: id.to_string(),
        user: payment.user,
        before: Some(json!({ "state": before.state, "payment": before.payment })),
        after: Some(json!({ "state": after.state, "payment": after.payment })),
        reason: Some(reason),
    })
    .await?;
    money::wake_all(&app, &[payment.id]).await;
    Ok(Json(after.into()))
}

/// Says that an event is none of our business. `409 event_matched` when it was passed on. It can be called again.
#[endpoint(operation_id = "admin_dismiss_payment_event", tags("admin"))]
pub(crate) async fn dismiss(
    acting: Acting,
    app: AppState,
    id: PathId<PaymentEventId>,
    body: JsonBody<ReasonIn>,
) -> Result<Json<EventOut>, ApiError> {
    let (id, now, reason) = (id.0, app.clock.now(), page::reason(&body.0.reason)?);
    let mut act = acting.begin(&app).await?;
    let before = payment_events::find(&mut act, id).await?.ok_or(ApiError::NotFound(Thing::PaymentEvent))?;
    if !payment_events::dismiss(&mut act, id, now).await? {
        return Err(ApiError::EventMatched);
    }
    let after = payment_events::find(&mut act, id).await?.ok_or(ApiError::NotFound(Thing::PaymentEvent))?;
    act.commit(Deed {
        action: "payment_event.dismiss",
        subject: id.to_string(),
        user: None,
        before: Some(json!({ "state": before.state })),
        after: Some(json!({ "state": after.state })),
        reason: Some(reason),
    })
    .await?;
    Ok(Json(after.into()))
}
