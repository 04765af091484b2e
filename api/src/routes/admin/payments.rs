//! Payments of all tenants: listed, looked at, given back, decided about.

pub(crate) mod events;
pub(crate) mod refunds;
mod wire;

pub(crate) use wire::{AdminPaymentOut, AgreementOut, FiguresOut};

use domain::{PaymentId, billing::PaymentState, payment::Decision};
use salvo::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{
    PgConnection,
    payments::{self as stored, Asked, Effects, agreements, receipts, refunds::Wanted, reversals},
};

use super::{
    ReasonIn,
    act::{Acting, Deed},
    page,
};
use crate::{
    auth::{PathId, Staff},
    body::JsonBody,
    error::{ApiError, Thing},
    payments as money,
    routes::payments::wire::PaymentStateDoc,
    state::AppState,
};
use wire::{DecisionDoc, PaymentDetailOut};

/// A page of payments.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = AdminPayments))]
pub(crate) struct AdminPaymentsOut {
    /// Newest first.
    payments: Vec<AdminPaymentOut>,
    /// What to pass as `before` for the next page; null on the last one.
    #[salvo(schema(value_type = Option<crate::wire::PaymentIdDoc>))]
    next: Option<PaymentId>,
}

/// Lists payments, newest first.
#[endpoint(
    operation_id = "admin_list_payments",
    tags("admin"),
    parameters(
        ("user" = Option<String>, Query, description = "Only this user's."),
        ("state" = Option<PaymentStateDoc>, Query, description = "Only those that stand so."),
        ("provider" = Option<String>, Query, description = "Only those of this provider's code."),
        ("plan" = Option<String>, Query, description = "Only those for this plan's code."),
        ("external" = Option<String>, Query, description = "Only those with this id at the provider: of the order, of money that came or went back."),
        ("undecided" = Option<bool>, Query, description = "`true`: only those with money that waits for a decision."),
        ("from" = Option<String>, Query, description = "Asked for since this time."),
        ("until" = Option<String>, Query, description = "Asked for before this time."),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 200, description = "Payments on a page: 1 to 200, 50 unless given."),
        ("before" = Option<crate::wire::PaymentIdDoc>, Query, description = "The `next` of the page before.")
    )
)]
pub(crate) async fn list(_staff: Staff, app: AppState, req: &mut Request) -> Result<Json<AdminPaymentsOut>, ApiError> {
    let limit = page::limit(req)?;
    let state: Option<PaymentState> = page::named(req, "state", "this is no state of a payment")?;
    let plan = page::text(req, "plan")?;
    let mut asked = Asked {
        user: page::parsed(req, "user", "`user` is a user's id")?,
        state,
        provider: page::text(req, "provider")?,
        plan: None,
        external: page::text(req, "external")?,
        undecided: page::flag(req, "undecided")?.unwrap_or(false),
        from: page::time(req, "from")?,
        until: page::time(req, "until")?,
        before: page::parsed(req, "before", "`before` is the `next` of the page before")?,
    };
    let mut database = app.database().await?;
    let catalogue = store::plans::catalogue(&mut database).await?;
    if let Some(code) = plan {
        let plan = catalogue.iter().find(|plan| plan.code == code).ok_or(ApiError::NotFound(Thing::Plan))?;
        asked.plan = Some(plan.id);
    }
    let found = stored::list_all(&mut database, &asked, limit + 1).await?;
    let (found, next) = page::cut(found, limit, |listed| listed.payment.id);
    Ok(Json(AdminPaymentsOut {
        payments: found.iter().map(|one| AdminPaymentOut::new(one, &catalogue)).collect(),
        next,
    }))
}

/// Reads one payment, whole: what has come and gone back, refunds, the agreement.
#[endpoint(operation_id = "admin_read_payment", tags("admin"))]
pub(crate) async fn read(
    _staff: Staff,
    app: AppState,
    id: PathId<PaymentId>,
) -> Result<Json<PaymentDetailOut>, ApiError> {
    Ok(Json(detail(&mut *app.database().await?, id.0).await?))
}

async fn detail(database: &mut PgConnection, id: PaymentId) -> Result<PaymentDetailOut, ApiError> {
    let payment = stored::find_any(database, id).await?.ok_or(ApiError::NotFound(Thing::Payment))?;
    let catalogue = store::plans::catalogue(database).await?;
    let receipts = receipts::of_payment(database, id).await?;
    let reversals = reversals::of_payment(database, id).await?;
    let refunds = stored::refunds::of_payment(database, id).await?;
    let agreement = match payment.agreement {
        Some(agreement) => agreements::find(database, agreement).await?,
        None => None,
    };
    Ok(PaymentDetailOut::new(&payment, &catalogue, (receipts, reversals, refunds, agreement)))
}

/// Has the provider asked about a payment now. What it says is taken in within moments.
#[endpoint(operation_id = "admin_check_payment", tags("admin"))]
pub(crate) async fn check(
    acting: Acting,
    app: AppState,
    id: PathId<PaymentId>,
    body: JsonBody<ReasonIn>,
) -> Result<Json<PaymentDetailOut>, ApiError> {
    let (id, now, reason) = (id.0, app.clock.now(), page::reason(&body.0.reason)?);
    let mut act = acting.begin(&app).await?;
    let payment = stored::lock(&mut act, id).await?.ok_or(ApiError::NotFound(Thing::Payment))?;
    let of = match payment.agreement {
        Some(agreement) => agreements::find(&mut act, agreement).await?.map_or(id, |agreement| agreement.payment),
        None => id,
    };
    stored::touch(&mut act, of, now).await?;
    let out = detail(&mut act, id).await?;
    act.commit(Deed { reason: Some(reason), ..deed("payment.check", id, payment.user) }).await?;
    money::wake_all(&app, &[of]).await;
    Ok(Json(out))
}

/// What is decided about money that does not fit.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = PaymentReview))]
#[serde(deny_unknown_fields)]
pub(crate) struct ReviewIn {
    /// `grant`: what was to be paid for is granted, whatever has come. `refund`: it is given back. `dismiss`: it is put on
    /// the user's balance.
    #[salvo(schema(value_type = DecisionDoc))]
    decision: Decision,
    /// What the payer is told with a refund, at most 500 characters.
    #[serde(default)]
    note: Option<String>,
    /// Why, 1 to 500 characters; it goes into the audit log.
    reason: String,
}

/// Decides about all money of a payment that waits for a decision. `409 nothing_to_decide` when none does, so that sent
/// twice it happens once.
#[endpoint(operation_id = "admin_review_payment", tags("admin"))]
pub(crate) async fn review(
    acting: Acting,
    app: AppState,
    id: PathId<PaymentId>,
    body: JsonBody<ReviewIn>,
) -> Result<Json<PaymentDetailOut>, ApiError> {
    let (id, now, reason) = (id.0, app.clock.now(), page::reason(&body.0.reason)?);
    let note = refunds::note(body.0.note.as_deref())?;
    let mut act = acting.begin(&app).await?;
    let payment = stored::lock(&mut act, id).await?.ok_or(ApiError::NotFound(Thing::Payment))?;
    let books = app.books(payment.provider.as_deref(), now);
    let wanted = Wanted {
        amount: None,
        note: &note,
        by: acting.actor(),
        by_hand: refunds::is_by_hand(&app, &payment),
        key: None,
    };
    let mut effects = Effects::default();
    stored::review::decide(&mut act, &books, &payment, (body.0.decision, &wanted), &mut effects).await?;
    let out = detail(&mut act, id).await?;
    let after = stored::find_any(&mut act, id).await?;
    act.commit(Deed {
        before: Some(json!({ "state": payment.state })),
        after: Some(json!({ "decision": body.0.decision, "state": after.map(|payment| payment.state) })),
        reason: Some(reason),
        ..deed("payment.review", id, payment.user)
    })
    .await?;
    money::follow_up(&app, &effects, now).await;
    Ok(Json(out))
}

/// What is written into the audit log of an act on a payment.
fn deed(action: &str, id: PaymentId, user: Option<domain::UserId>) -> Deed<'_> {
    Deed { action, subject: id.to_string(), user, ..Deed::default() }
}
