//! Money that staff gives back.

use domain::{
    Money, PaymentId, RefundId,
    payment::{REASON_CHARS_MAX, RefundState},
};
use salvo::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::payments::{
    self as stored, Effects, Payment,
    admin::{self, ByHand, Known},
    refunds::{self, Wanted},
};

use super::{
    deed,
    wire::{RefundOut, RefundStateDoc},
};
use crate::{
    auth::{PathId, Staff},
    body::JsonBody,
    error::{ApiError, Thing},
    idempotency::RequestKey,
    money::MoneyIn,
    payments,
    routes::admin::{
        act::{Acting, Deed},
        page,
    },
    state::AppState,
};

/// What payers are told with a refund, unless staff has words of their own.
const NOTE_DEFAULT: &str = "Refund";
/// The longest reference of a refund by hand, in characters: it is part of a key of the ledger.
const REFERENCE_CHARS_MAX: usize = 100;

/// What is to be given back.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = RefundWanted))]
#[serde(deny_unknown_fields)]
pub(crate) struct RefundIn {
    /// How much, in the payment's currency; null: all that is left, and what was paid for ends.
    #[serde(default)]
    amount: Option<MoneyIn>,
    /// What the payer is told, at most 500 characters.
    #[serde(default)]
    note: Option<String>,
    /// Why, 1 to 500 characters; it goes into the audit log.
    reason: String,
}

/// Refunds.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Refunds))]
pub(crate) struct RefundsOut {
    /// In a list, newest first.
    refunds: Vec<RefundOut>,
    /// What to pass as `before` for the next page; null on the last one.
    #[salvo(schema(value_type = Option<crate::wire::RefundIdDoc>))]
    next: Option<RefundId>,
}

/// What the payer is told.
pub(super) fn note(note: Option<&str>) -> Result<String, ApiError> {
    let note = note.map(str::trim).filter(|note| !note.is_empty()).unwrap_or(NOTE_DEFAULT);
    let fits = note.chars().count() <= REASON_CHARS_MAX && !note.contains('\0');
    if fits { Ok(note.to_owned()) } else { Err(ApiError::RefundNoteLength) }
}

/// True for a provider that gives nothing back by itself.
pub(super) fn is_by_hand(app: &AppState, payment: &Payment) -> bool {
    let provider = payment.provider.as_deref().and_then(|code| app.payments.get(code));
    provider.is_none_or(|provider| !provider.has_refunds())
}

/// Gives a payment back, in part or whole, once for each `Idempotency-Key`: what came through a provider goes back through it,
/// what the balance had paid goes back to the balance at once. What was paid for ends with the last of it. A provider that
/// gives nothing back by itself leaves it to staff: such a refund is `by_hand`.
#[endpoint(operation_id = "admin_refund_payment", tags("admin"))]
pub(crate) async fn create(
    acting: Acting,
    app: AppState,
    id: PathId<PaymentId>,
    key: RequestKey,
    body: JsonBody<RefundIn>,
) -> Result<Json<RefundsOut>, ApiError> {
    let (id, now, reason) = (id.0, app.clock.now(), page::reason(&body.0.reason)?);
    let note = note(body.0.note.as_deref())?;
    let mut act = acting.begin(&app).await?;
    let payment = stored::lock(&mut act, id).await?.ok_or(ApiError::NotFound(Thing::Payment))?;
    let amount = body.0.amount.as_ref().map(MoneyIn::read).transpose()?;
    let books = app.books(payment.provider.as_deref(), now);
    let wanted =
        Wanted { amount, note: &note, by: acting.actor(), by_hand: is_by_hand(&app, &payment), key: Some(&key.0) };
    match admin::known_refunds(&mut act, id, &wanted).await? {
        Known::Nothing => (),
        Known::Same(refunds) => {
            return Ok(Json(RefundsOut { refunds: refunds.into_iter().map(RefundOut::from).collect(), next: None }));
        }
        Known::Other => return Err(ApiError::IdempotencyKeyReused),
    }
    let mut effects = Effects::default();
    let asked = refunds::ask(&mut act, &books, &payment, &wanted, &mut effects).await?;
    let mut found = Vec::new();
    for refund in &asked {
        found.extend(refunds::find(&mut act, *refund).await?);
    }
    let sum: i64 = found.iter().map(|refund| refund.amount.minor).sum();
    let sum = Money::new(sum, payment.currency());
    act.commit(Deed {
        before: Some(json!({ "state": payment.state, "refunded": payment.refunded.to_string() })),
        after: Some(json!({ "amount": sum.to_string(), "refunds": asked })),
        reason: Some(reason),
        ..deed("payment.refund", id, payment.user)
    })
    .await?;
    payments::follow_up(&app, &effects, now).await;
    Ok(Json(RefundsOut { refunds: found.into_iter().map(RefundOut::from).collect(), next: None }))
}

/// Lists refunds, newest first.
#[endpoint(
    operation_id = "admin_list_refunds",
    tags("admin"),
    parameters(
        ("state" = Option<RefundStateDoc>, Query, description = "Only those that stand so: `by_hand` wait for staff."),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 200, description = "Refunds on a page: 1 to 200, 50 unless given."),
        ("before" = Option<crate::wire::RefundIdDoc>, Query, description = "The `next` of the page before.")
    )
)]
pub(crate) async fn list(_staff: Staff, app: AppState, req: &mut Request) -> Result<Json<RefundsOut>, ApiError> {
    let limit = page::limit(req)?;
    let state: Option<RefundState> = page::named(req, "state", "this is no state of a refund")?;
    let before = page::parsed(req, "before", "`before` is the `next` of the page before")?;
    let found = refunds::list(&mut *app.database().await?, state, before, limit + 1).await?;
    let (found, next) = page::cut(found, limit, |refund| refund.id);
    Ok(Json(RefundsOut { refunds: found.into_iter().map(RefundOut::from).collect(), next }))
}

/// Money that staff has given back by hand.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = RefundDone))]
#[serde(deny_unknown_fields)]
pub(crate) struct DoneIn {
    /// How the bank or the provider calls it, 1 to 100 characters: a transaction's number. No other movement of
    /// money has it.
    reference: String,
    /// Why, 1 to 500 characters; it goes into the audit log.
    reason: String,
}

/// Says that the money of a refund was given back by hand: books and credit note follow. It can be called again with the same
/// reference; `409 refund_not_by_hand` when the refund does not wait for that.
#[endpoint(operation_id = "admin_finish_refund", tags("admin"))]
pub(crate) async fn done(
    acting: Acting,
    app: AppState,
    id: PathId<RefundId>,
    body: JsonBody<DoneIn>,
) -> Result<Json<RefundOut>, ApiError> {
    let (id, now, reason) = (id.0, app.clock.now(), page::reason(&body.0.reason)?);
    let reference = body.0.reference.trim();
    if !(1..=REFERENCE_CHARS_MAX).contains(&reference.chars().count()) || reference.chars().any(char::is_control) {
        return Err(ApiError::ReferenceLength);
    }
    let mut act = acting.begin(&app).await?;
    let refund = refunds::find(&mut act, id).await?.ok_or(ApiError::NotFound(Thing::Refund))?;
    let payment = stored::lock(&mut act, refund.payment).await?.ok_or(ApiError::NotFound(Thing::Payment))?;
    let books = app.books(payment.provider.as_deref(), now);
    let mut effects = Effects::default();
    let made = admin::made_by_hand(&mut act, &books, (id, reference), &mut effects).await?;
    let after = match made.ok_or(ApiError::NotFound(Thing::Refund))? {
        ByHand::Done(after) => after,
        ByHand::Known(after) => return Ok(Json(after.into())),
        ByHand::Refused(_) => return Err(ApiError::RefundNotByHand),
        ByHand::ReferenceTaken => return Err(ApiError::ReferenceTaken),
    };
    // It may be the last that the workflow has waited for.
    effects.payments.push(payment.id);
    act.commit(Deed {
        before: Some(json!({ "refund": id, "state": refund.state })),
        after: Some(json!({ "refund": id, "state": after.state, "reference": reference })),
        reason: Some(reason),
        ..deed("payment.refund_by_hand", refund.payment, payment.user)
    })
    .await?;
    payments::follow_up(&app, &effects, now).await;
    Ok(Json(after.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_bounded_and_has_a_default() {
        assert_eq!(note(None).unwrap(), "Refund");
        assert_eq!(note(Some("  sorry ")).unwrap(), "sorry");
        assert!(matches!(note(Some(&"x".repeat(501))), Err(ApiError::RefundNoteLength)));
    }
}
